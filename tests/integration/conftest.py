"""Real servers for the tests of this folder."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.contracts.directory import PersonRemoved, Role
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import manager, soon
from tests.support.links import KEY, Office
from tests.support.system import System, running_system


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with running_system(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mongod() -> AsyncIterator[EmbeddedMongo]:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedMongo(Path(folder))
        await server.start()
        yield server
        await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory() as folder:
        async with running_system(Path(folder)) as system:
            system.extra |= {"TAHVIL_LINK_KEY": KEY, "TAHVIL_MESSAGES_PER_HOUR": "500"}
            for rate in ("CLIENT", "WRONG"):  # all tests are one client
                system.extra[f"TAHVIL_LINK_RATE_{rate}"] = "10000 per minute"
            await system.start("reminders")
            office = Office(system)
            await office.say(
                manager(name="Mia Rahimi", reports_to="hana"),
                manager("noah", name="Noah Miller", reports_to="hana"),
                manager("reza", name="رضا کاظمی", language="fa", time_zone="Asia/Tehran"),
                manager("hana", name="Hana Head", roles=(Role.HEAD,)),
                manager("gone", name="Gone Already"),
                manager("many", name="Many Things"),
                PersonRemoved(person_id="gone", removed_at=soon()),
            )
            yield office
