"""reporting and its rebuilds, killed again and again while events come: figures stay exact.

`ROUNDS=50` in the environment makes it the long run.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.reporting.domain import Counter
from services.reporting.facts import Fact, Key
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Amount
from services.reporting.repository import Repository
from shared import mongo
from tests.integration.test_rebuild import slot, turn_of
from tests.support.story import Chance, Story, by_document
from tests.support.system import System
from tests.support.telling import Stored

ROUNDS = int(os.environ.get("ROUNDS", "4"))
BEFORE = 1500  # events that are there when the first rebuild begins
EVENTS = 300  # a round
SEED = 20261128


@asynccontextmanager
async def repository(system: System) -> AsyncIterator[Repository]:
    database = mongo.connect(system.settings, "reporting")
    try:
        yield Repository(database)
    finally:
        await mongo.close(database)


async def holds(system: System, story: Story) -> None:
    """Every counter on every day, and every fact, is what follows from the events."""
    expected = await story.reckoned()
    async with repository(system) as found:
        live = await found.live()
        counters = {one.id: dict(one.measures) async for one in found.counters(live)}
        facts: dict[Key, Fact] = {}
        for kind in {key.kind for key in expected.facts_kept}:
            facts |= await found.of_kind(live, kind)
    known = {key: fact for key, fact in facts.items() if fact.values}  # others are only held on to
    assert known == expected.facts_kept
    assert counters == by_document(expected.counters)
    won = {
        values: (measures[0], measures[1])
        for (name, cube, _, values), measures in _whole(expected).items()
        if (name, cube) == ("deals", FIGURES["deals"].cubes.index(("salesperson",)))
    }
    asked = "deals?by=outcome&by=currency&by=salesperson"
    assert await system.figure_table(asked) == dict(sorted(won.items()))


def _whole(stored: Stored) -> dict[Counter, tuple[Amount, ...]]:
    """Counters of all days together."""
    found: dict[Counter, tuple[Amount, ...]] = {}
    for (name, cube, _, values), measures in stored.counters.items():
        whole = (name, cube, "", values)
        now = found.get(whole, (0,) * len(measures))
        found[whole] = tuple(a + b for a, b in zip(now, measures, strict=True))
    return found


async def kill_a_rebuild(system: System, chance: Chance) -> bool:
    """Begin one, or go on with it, and kill it on its way; false if it was sooner done."""
    process = await system.rebuilding()
    turn = await turn_of(system)
    until = turn + chance.randrange(1, 5)  # of its transactions
    while process.returncode is None and turn < until:
        turn = await turn_of(system)
    if process.returncode is None:
        process.kill()
    output, _ = await process.communicate()
    assert process.returncode in (0, -9), output.decode()
    return process.returncode != 0 and await turn_of(system) > 0


async def kill_a_service(system: System, chance: Chance, within: float) -> None:
    await asyncio.sleep(chance.uniform(0, within))
    victim = chance.choice(system.processes)
    await system.kill(victim)
    await asyncio.sleep(chance.uniform(0, 0.5))
    await system.start(victim.name)


@pytest.mark.timeout(600 + 60 * ROUNDS)
async def test_figures_are_exact_after_kills_of_the_service_and_of_rebuilds(
    system: System,
) -> None:
    chance = random.Random(SEED)
    story = Story(chance)
    await system.publish(story.events)
    await system.start("reporting", "reporting")
    await system.publish(story.goes_on(BEFORE))
    await system.settled()
    killed = 0
    for number in range(ROUNDS):
        coming = asyncio.create_task(system.publish(story.goes_on(EVENTS)))
        killing = asyncio.create_task(kill_a_service(system, chance, within=4))
        killed += await kill_a_rebuild(system, chance)
        was = await slot(system)
        code, output = await system.rebuild()  # goes on, compares and switches
        assert code == 0, f"round {number}: {output}"
        assert await slot(system) != was
        await coming
        await killing
        await system.settled()
        try:
            await holds(system, story)
        except AssertionError as error:
            raise AssertionError(f"round {number}: {error}") from error
    assert killed > ROUNDS / 2, "rebuilds were killed too late"
    code, output = await system.rebuild("--check")
    assert code == 0, output
    for name in FIGURES:
        assert f"│ {name} " in output, name
    totals = await system.accounts_add_up("reporting")
    assert totals["dead_lettered"] == 0
    assert totals["applied"] == len(story.events)
    assert totals["duplicate"] > 0
