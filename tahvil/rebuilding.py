"""`tahvil reporting rebuild`: figures made anew from the topics, compared and switched to."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.reporting.config import Settings
from services.reporting.domain import defined
from services.reporting.figures.catalogue import FIGURES
from services.reporting.generations import Generations
from services.reporting.rebuild import Compared, Rebuild
from services.reporting.replay import topics
from services.reporting.repository import INDEXES
from shared import mongo
from shared.clock import utc_now
from shared.errors import Fenced, Misconfigured
from shared.runtime import ensure_indexes
from tahvil.demo import bar
from tahvil.running import Running

NEAR = 1000
"""Records that may be left for the comparison, which stands still at one moment."""


def settings(data: Path) -> Settings:
    """Of the environment, as the service has them; where they lack, of what runs here."""
    running = Running.find(data)
    if running is None:
        return Settings.read()
    return Settings(
        kafka_bootstrap=running.kafka,
        mongo_uri=SecretStr(running.mongo),
        http_password=SecretStr(running.password),
    )


async def rebuild(
    values: Settings, console: Console, *, check: bool, partial: bool, yes: bool
) -> bool:
    """Replay, compare, switch; whether the figures are the same or were switched to."""
    async with _opened(values, partial=partial) as made:
        with bar() as progress:
            while not made.counted or await made.left() > NEAR:
                await _catch_up(made, progress)
        with console.status("Comparing…"):
            found = await made.compare()
        console.print(compared(found))
        for aside in made.aside:
            console.print(f"not counted: {aside.record}: {aside.reason}", markup=False)
        differing = sum(figure.differing for figure in found.values())
        if check:
            return not differing
        if differing and not yes:
            console.print(
                "Nothing is switched. With --yes the figures made anew become the live ones."
            )
            return False
        await made.switch(utc_now())
        console.print("The figures made anew are live.")
        return True


async def _catch_up(made: Rebuild, progress: Progress) -> None:
    replaying = progress.add_task("Replaying", total=await made.left())
    await made.catch_up(lambda count: progress.advance(replaying, count))
    if not made.counted:
        counting = progress.add_task("Counting", total=await made.facts())
        await made.count(lambda count: progress.advance(counting, count))


def compared(found: Mapping[str, Compared]) -> Table:
    """What was compared, figure by figure, and the first differences of each."""
    table = Table("figure", "counters", "differing", "for example")
    for name in sorted(found, key=list(FIGURES).index):
        figure = found[name]
        examples = "\n".join(
            f"{' '.join(d.id.split(chr(0x1F))[2:])}: {_shown(d.live)} → {_shown(d.rebuilt)}"
            for d in figure.examples
        )
        table.add_row(name, f"{figure.counters:,}", f"{figure.differing:,}", examples)
    return table


def _shown(measures: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in measures.items() if value) or "nothing"


@contextlib.asynccontextmanager
async def _opened(values: Settings, *, partial: bool) -> AsyncIterator[Rebuild]:
    database = mongo.connect(values, "reporting")
    world = values.world()
    generations = Generations(database, defined(FIGURES.values(), world))
    try:
        await mongo.ping(database)
        await ensure_indexes(database, INDEXES, values.inbox_kept)
        progress = await generations.resume()
        async with topics(values, progress.next, partial=partial) as reader:
            yield Rebuild(database, world, generations, reader, progress)
    except Fenced:
        raise Misconfigured("another process rebuilds the figures just now") from None
    finally:
        await mongo.close(database)
