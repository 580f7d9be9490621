"""One running company for all tests of this folder, and one browser."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.scene import set_up
from tests.browser.visitor import CHROMIUM, chromium
from tests.support.system import System, running_system


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "no Chromium on this machine (Debian: apt install chromium)"
    for item in items:
        if "browser" in item.path.parts and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def company() -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory() as folder:
        async with running_system(Path(folder)) as system:
            await set_up(system)
            yield system


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running
