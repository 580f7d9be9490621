"""Pictures of the pages for the documentation: `make pictures`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.browser.scene import set_up
from tests.browser.visitor import chromium, sign_in
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


if __name__ == "__main__":
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(pictures))
