"""Pictures of the pages for the documentation: `make pictures`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.browser.scene import set_up
from tests.browser.test_reports import drawn, reader
from tests.browser.visitor import chromium, sign_in
from tests.browser.year import year
from tests.support.system import running_system


async def take(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with running_system(Path(data)) as system, chromium() as browser:
            await set_up(system)
            for person, account, name in (
                ("mia", "late", "handoff-en"),
                ("sara", "fa-late", "handoff-fa"),
            ):
                visitor = await sign_in(system, browser, person)
                await visitor.go(await visitor.path(account))
                clip = {"x": 0, "y": 0, "width": 1280, "height": 900}
                await visitor.page.screenshot(path=folder / f"{name}.png", clip=clip)  # type: ignore[arg-type]
                await visitor.context.close()


async def take_reports(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with running_system(Path(data)) as system, chromium() as browser:
            await system.start("handoff", "reporting")
            await system.publish(year())
            await system.settled()
            for person, scheme, name in (
                ("carla", "light", "overview-en"),
                ("kaveh", "dark", "overview-fa"),
            ):
                visitor = await reader(system, browser, person)
                await visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await drawn(visitor)
                await asyncio.sleep(1)  # bars grow
                clip = {"x": 0, "y": 0, "width": 1280, "height": 900}
                await visitor.page.screenshot(path=folder / f"{name}.png", clip=clip)  # type: ignore[arg-type]
                await visitor.context.close()


if __name__ == "__main__":
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(pictures))
    asyncio.run(take_reports(pictures))
