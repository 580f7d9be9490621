"""`tahvil reporting rebuild` beside the real service, while it runs."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.reporting.generations import Generations
from services.reporting.repository import INDEXES
from shared import mongo
from shared.contracts.event import Event
from shared.contracts.handoffs import AccountTransferred, HandoffAssigned
from shared.errors import Fenced
from shared.kafka import connection
from shared.runtime import ensure_indexes
from tahvil import crm, team
from tests.support.builders import NOON, deal, event
from tests.support.system import System
from tests.support.telling import say

EXAMPLE = Path("examples/crm")
MONEY = {"value": "1", "currency": "EUR"}
ASKED = (
    "deals?by=outcome", "deals?by=sales_manager&by=jalali_month", "deals?by=manager&by=tier",
    "deals?by=manager_now", "portfolio?by=manager", "handoffs?by=event", "targets?by=manager",
)  # fmt: skip


def history() -> list[Event]:
    """The CRM's deals, a manager for each account, and some transfers, in no order at all."""
    deals = crm.read(EXAMPLE)
    accounts = sorted({e.data.key for e in deals})
    given = [
        event(HandoffAssigned(handoff_id=a, account_id=a, manager_id=f"m{n % 5}", reason="r",
                              assigned_at=deals[0].time), time=deals[0].time)
        for n, a in enumerate(accounts)
    ]  # fmt: skip
    moved = [
        event(AccountTransferred(account_id=a, to_manager_id="m9", reason="r", at=deals[3000].time))
        for a in accounts[::7]
    ]
    found = [*deals, *given, *moved, *team.read(EXAMPLE / "team.yaml", NOON)]
    random.Random(3).shuffle(found)
    return found


async def figures(system: System) -> list[dict[tuple[str, ...], tuple[int, Decimal]]]:
    return [await system.figure_table(path) for path in ASKED]


async def slot(system: System) -> str:
    document = await system.mongo["reporting"]["generations"].find_one({"_id": "live"})
    assert document
    return str(document["slot"])


async def turn_of(system: System) -> int:
    """How many transactions the rebuild under way has committed."""
    document = await system.mongo["reporting"]["generations"].find_one({"_id": "rebuild"})
    return document["turn"] if document else 0


async def published(system: System, events: Sequence[Event]) -> None:
    await system.publish(events)
    await system.settled()


@pytest.mark.timeout(240)
async def test_a_rebuild_gives_the_same_figures_and_goes_on_from_there(system: System) -> None:
    (process,) = await system.start("reporting")
    events = history()
    target = say("target.set", NOON, manager_id="m1", period="2026", amount=MONEY)
    bad = say("target.set", NOON, manager_id="m2", period="soonish", amount=MONEY)
    lower = say("target.set", NOON, manager_id="m1", period="2026", amount=MONEY | {"value": "0"})
    await published(system, [*events, target, lower, bad])
    before = await figures(system)
    assert before[0][("won",)][0] == 4238
    assert before[-1] == {("m1",): (0, Decimal(1))}  # the other content of its id is set aside
    assert all(before)
    assert await slot(system) == "a"

    code, output = await system.rebuild("--check")
    assert (code, await slot(system)) == (0, "a"), output
    (place,) = [letter.id for letter in await system.dead_letters("reporting")
                if "data.period: 'soonish' is no period" in letter.about["reason"]]  # fmt: skip
    assert f"not counted: {place}: Refused: data.period: 'soonish' is no period" in output

    # it has come to the end, so only what follows is replayed
    code, output = await system.rebuild()
    assert code == 0, output
    assert await slot(system) == "b"
    assert await figures(system) == before

    await published(system, [event(deal("after", amount={"value": "1.00", "currency": "USD"}))])
    assert (await figures(system))[0][("won",)][0] == 4239
    await system.kill(process)
    await system.start("reporting")
    code, output = await system.rebuild()
    assert (code, await slot(system)) == (0, "a"), output
    assert (await figures(system))[0][("won",)][0] == 4239
    totals = await system.accounts_add_up("reporting")
    assert totals["dead_lettered"] == 2


@pytest.mark.timeout(240)
async def test_differences_are_told_figure_by_figure_and_switched_to_on_demand(
    system: System,
) -> None:
    await system.start("reporting")
    await published(system, history())
    before = await figures(system)
    counters = system.mongo["reporting"]["counters_a"]
    await counters.update_one({"figure": "deals", "cube": 0}, {"$inc": {"count": 7}})
    await counters.delete_one({"figure": "portfolio", "cube": 0})
    wrong = await figures(system)
    assert wrong != before

    code, output = await system.rebuild()
    assert code == 1
    deals = next(line for line in output.splitlines() if "deals" in line)
    assert [cell.strip() for cell in deals.split("│")][3] == "1", output
    assert "Nothing is switched" in output
    assert await figures(system) == wrong

    code, output = await system.rebuild("--yes")
    assert code == 0, output
    assert await figures(system) == before


@pytest.mark.timeout(300)
async def test_a_rebuild_that_is_killed_again_and_again_resumes_while_events_come(
    system: System,
) -> None:
    await system.start("reporting")
    events = history()
    await published(system, events[:5000])
    coming = asyncio.create_task(_trickle(system, events[5000:]))
    turns = [0]
    for _ in range(4):
        process = await system.rebuilding()
        turn = turns[-1]
        while process.returncode is None and turn <= turns[-1]:
            turn = await turn_of(system)
        if process.returncode is None:
            process.kill()
            turns.append(turn)
        await process.communicate()
    assert turns[1:], "it was never killed on its way"
    code, output = await system.rebuild()
    assert code == 0, output
    await coming
    await system.settled()
    found = await figures(system)
    code, output = await system.rebuild()
    assert code == 0, output
    assert await figures(system) == found
    assert found[0][("won",)][0] == 4238
    await system.accounts_add_up("reporting")


async def _trickle(system: System, events: Sequence[Event]) -> None:
    for start in range(0, len(events), 20):
        await system.publish(events[start : start + 20])
        await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_what_kafka_has_deleted_is_said_and_not_lost_by_mistake(system: System) -> None:
    await system.start("reporting")
    await published(system, [event(deal(f"d{n}", "acme")) for n in range(10)])
    admin = AIOKafkaAdminClient(**connection(system.kafka))
    await admin.start()
    offsets = await system.mongo["reporting"]["offsets"].find().to_list()
    (partition,) = [row["_id"] for row in offsets if row["next"] and row["_id"][:5] == "deals"]
    number = int(partition.split("/")[1])
    await admin.delete_records({TopicPartition("deals", number): RecordsToDelete(4)})
    await admin.close()

    code, output = await system.rebuild()
    assert code == 1
    assert f"Kafka has deleted records of deals/{number} (4)" in output
    code, output = await system.rebuild("--partial")
    assert code == 1, output  # the figures differ: four deals are gone
    assert await system.figure_table("deals?by=outcome") == {("won",): (10, Decimal("1005.00"))}


@pytest.mark.timeout(120)
async def test_figures_of_other_settings_wait_for_a_rebuild(system: System) -> None:
    (process,) = await system.start("reporting")
    late = NOON.replace(day=30, hour=22)
    await published(system, [event(deal("d1", closed_at=late))])
    await system.kill(process)
    system.extra["TAHVIL_TIME_ZONE"] = "Asia/Tehran"
    (process,) = await system.start("reporting")
    await system.publish([event(deal("d2", closed_at=late))])
    for _ in range(100):
        if "run `tahvil reporting rebuild`" in process.log.read_text():
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError(process.log.read_text())
    assert await system.figure_table("deals?by=month") == {("2026-11",): (1, Decimal("100.50"))}


@asynccontextmanager
async def prepared(system: System) -> AsyncIterator[mongo.Database]:
    """The service's database as after its first start."""
    database = mongo.connect(system.settings, "reporting")
    try:
        await ensure_indexes(database, INDEXES, system.settings.inbox_kept)
        await Generations(database, "as declared now").begin()
        yield database
    finally:
        await mongo.close(database)


async def test_a_batch_under_way_never_lands_in_the_figures_that_were_replaced(
    system: System,
) -> None:
    seen: list[str] = []
    async with prepared(system) as database:
        generations = Generations(database, "as declared now")
        progress = await generations.resume()

        async def switch(session: mongo.Session) -> None:
            await generations.hold([("deals", 0)], session)
            await generations.switch(progress, NOON, session)

        async def batch(session: mongo.Session) -> None:
            seen.append(await generations.live(session))
            if len(seen) == 1:
                await mongo.transaction(database, switch)
            swap = mongo.UpdateOne(
                {"_id": "deals/0", "next": 0}, {"$set": {"next": 5}}, upsert=True
            )
            await mongo.write(database["offsets"], [swap], session=session)

        await mongo.transaction(database, batch)
    assert seen == ["a", "b"]


async def test_of_two_rebuilds_at_once_one_is_fenced_off(system: System) -> None:
    async with prepared(system) as database:
        generations = Generations(database, "as declared now")
        progress, other = await generations.resume(), await generations.resume()

        async def advance(session: mongo.Session) -> None:
            after = await generations.advance(progress, session, next={("deals", 3): 7})
            assert (after.turn, after.next) == (1, {("deals", 3): 7})

        async def too_late(session: mongo.Session) -> None:
            await generations.advance(other, session, next={("deals", 3): 9})

        await mongo.transaction(database, advance)
        with pytest.raises(Fenced):
            await mongo.transaction(database, too_late)
        assert (await generations.resume()).next == {("deals", 3): 7}
