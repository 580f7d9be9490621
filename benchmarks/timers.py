"""Timers of reminders: how many are fired a second beside bare loops, and how late they are.

    python -m benchmarks.timers [WAITING]

WAITING: open deadlines that are not due while lateness is measured, 100,000 if not said. Each
timer makes one message and one event; the events are published to nowhere.
"""

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psutil
import structlog
from rich.console import Console
from rich.table import Table

from benchmarks.peers import firing as peers
from benchmarks.replica import WORLD, Others, Replica
from services.reminders import escalation, timers
from services.reminders.cases import Case
from services.reminders.documents import case_update, from_case, from_reminder
from services.reminders.repository import INDEXES, Book
from services.reminders.shards import SHARDS, shard_of
from shared import mongo
from shared.caused import by_itself
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.directory import PersonUpserted, Role
from shared.mongo import InsertOne, Session, UpdateMany, UpdateOne
from shared.processor import to_message
from shared.runtime import ensure_indexes, spare_collector
from tahvil.servers.mongo import EmbeddedMongo

ROUNDS = 3
TIMERS = 20_000
REPLICAS = 2
OF_PEERS = 5_000
PEOPLE = 500
A_SECOND, SECONDS = 500, 10
WAITING = 100_000
DAY = timedelta(days=1)
console = Console()

Fire = Callable[[list[str], datetime, Session], Awaitable[None]]


@asynccontextmanager
async def fresh() -> AsyncIterator[Replica]:
    """A database of its own with people in it, and nothing due."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedMongo(Path(folder))
        await server.start()
        replica = Replica(server.uri)
        await ensure_indexes(replica.database, INDEXES, DAY)
        people = [
            PersonUpserted(person_id=f"m-{n}", name="M", roles=(Role.ACCOUNT_MANAGER,))
            for n in range(PEOPLE)
        ]
        book = Book(WORLD, said=list(people))
        await mongo.transaction(replica.database, partial(replica.repository.save, book))
        try:
            yield replica
        finally:
            await mongo.close(replica.database)
            await server.stop()


def opened(due: Sequence[datetime], set_at: datetime) -> list[Case]:
    """Open deadlines of all people in turn."""
    return [
        escalation.begin(
            DeadlineSet(
                deadline_id=f"deal-{n}:welcome-call",
                subject_id=f"handoff-{n}",
                account_id=f"account-{n % 2000}",
                account_name=f"Account {n % 2000}",
                title="Call the customer and introduce yourself",
                owner_id=f"m-{n % PEOPLE}",
                due_at=at,
                set_at=set_at,
            ),
            "/bench",
            WORLD,
        ).case
        for n, at in enumerate(due)
    ]


def backlog(now: datetime) -> list[Case]:
    """What an outage of an hour leaves."""
    due = [now - timedelta(seconds=1 + n * 7919 % 3600) for n in range(TIMERS)]
    return opened(due, now - 30 * DAY)


async def ours() -> float:
    """Timers a second, from the first look to the last commit."""
    async with fresh() as replica:
        await replica.store(backlog(await mongo.server_time(replica.database)))
        began = time.perf_counter()
        async with replica.running():
            await replica.until_fired(TIMERS)
            rate = TIMERS / (time.perf_counter() - began)
        await replica.check(TIMERS)
        return rate


async def together() -> float:
    """Likewise of two processes, as there are two cores."""
    async with fresh() as replica:
        others = Others(replica.uri, REPLICAS)
        async with others.running(replica.database):
            await replica.store(backlog(await mongo.server_time(replica.database)))
            began = time.perf_counter()
            others.go()
            while others.fired < TIMERS:  # noqa: ASYNC110 - a counter tells nobody
                await asyncio.sleep(0.005)
            rate = TIMERS / (time.perf_counter() - began)
        replica.nowhere.published = others.fired
        await replica.check(TIMERS)
        return rate


async def bare() -> float:
    """A loop that only writes its leases and that timers are fired: no message, no event."""
    async with fresh() as replica:
        cases = backlog(await mongo.server_time(replica.database))

        async def fire(ids: list[str], _now: datetime, session: Session) -> None:
            update = {"$set": {"status": "missed", "next_at": None}, "$unset": {"shard": ""}}
            done = UpdateMany({"_id": {"$in": ids}}, update)
            await mongo.write(replica.database["deadlines"], [done], session=session)

        return await loop_rate(replica, cases, fire)


async def same_writes() -> float:
    """A loop that writes all that ours writes, decided beforehand."""
    async with fresh() as replica:
        database, now = replica.database, await mongo.server_time(replica.database)
        cases = backlog(now)
        world = await mongo.transaction(database, partial(replica.repository.knowing, WORLD, cases))
        turns = {case.deadline.id: escalation.fire(case, now, world) for case in cases}
        updates = {
            case.deadline.id: UpdateOne(
                {"_id": case.deadline.id}, case_update(case, turns[case.deadline.id].case)
            )
            for case in cases
        }
        rows = {
            name: [
                InsertOne(from_reminder(one) | {"state": "pending", "next_at": now, "attempts": 0})
                for one in turn.reminders
            ]
            for name, turn in turns.items()
        }
        events = {
            name: [
                to_message(event)
                for identity, data in turn.said
                for event in by_itself(identity, "reminders", [data], now)
            ]
            for name, turn in turns.items()
        }

        async def fire(ids: list[str], at: datetime, session: Session) -> None:
            changed = [updates[name] for name in ids]
            await mongo.write(database["deadlines"], changed, session=session)
            made = [row for name in ids for row in rows[name]]
            await mongo.write(database["reminders"], made, session=session)
            said = [message for name in ids for message in events[name]]
            await replica.outbox.add(said, at, session=session)

        return await loop_rate(replica, cases, fire)


async def loop_rate(replica: Replica, cases: Sequence[Case], fire: Fire) -> float:
    """Timers a second of a loop with leases, batches and transactions as ours has them."""
    database = replica.database
    await replica.store(cases)
    await replica.leases.renew()
    fired, began = 0, time.perf_counter()
    while fired < TIMERS:
        now = await mongo.server_time(database)

        async def body(session: Session, now: datetime = now) -> int:
            rows = await mongo.find(
                database["deadlines"],
                {"shard": {"$in": list(range(SHARDS))}, "next_at": {"$lte": now}},
                projection={"_id": 1},
                sort=[("next_at", 1)],
                limit=timers.BATCH,
                session=session,
            )
            await replica.leases.fence(session)
            await fire([row["_id"] for row in rows], now, session)
            return len(rows)

        fired += await mongo.transaction(database, body)
        if not replica.leases.due_in:
            await replica.leases.renew()
    rate = TIMERS / (time.perf_counter() - began)
    left = await mongo.find(database["deadlines"], {"status": {"$ne": "missed"}}, limit=1)
    if fired != TIMERS or left:
        sys.exit(f"void: the bare loop fired {fired} of {TIMERS}")
    return rate


async def lateness(waiting: int) -> dict[str, float]:
    """At 500 a second, with many others waiting: how late, in milliseconds; start and memory."""
    async with fresh() as replica:
        now = await mongo.server_time(replica.database)
        with console.status(f"storing {waiting:,} deadlines…"):
            await store_waiting(replica, waiting, now)
            # Those were stored long ago: writing them to the disk is not what is measured.
            await replica.database.client.admin.command("fsync")
        before, started = psutil.Process().memory_info().rss, time.perf_counter()
        count = A_SECOND * SECONDS
        async with replica.running():
            while not replica.leases.held:  # noqa: ASYNC110 - nor does this
                await asyncio.sleep(0.01)
            start = time.perf_counter() - started
            begin = await mongo.server_time(replica.database) + timedelta(seconds=5)
            due = [begin + timedelta(seconds=n / A_SECOND) for n in range(count)]
            await replica.store(opened(due, now))
            await replica.until_fired(count)
        await replica.check(count)
        late = sorted(one for batch in await asyncio.gather(*replica.timers.noted) for one in batch)
        return {
            "half": late[count // 2],
            "99 of 100": late[count * 99 // 100],
            "all": late[-1],
            "start": start * 1000,
            "memory": (psutil.Process().memory_info().rss - before) / 2**20,
        }


async def store_waiting(replica: Replica, count: int, now: datetime) -> None:
    """Open deadlines whose times come in the next year, from tomorrow on."""
    (case,) = opened([now + DAY], now)
    row = from_case(case)
    for start in range(0, count, 5000):
        rows = []
        for n in range(start, min(start + 5000, count)):
            at = now + DAY + timedelta(seconds=n * 7919 % (365 * 86400))
            own = {"_id": f"w-{n}", "shard": shard_of(f"w-{n}"), "next_at": at, "due_at": at}
            rows.append(InsertOne(row | own))
        await mongo.write(replica.database["deadlines"], rows)


async def main() -> None:
    """Run all rounds and print the medians."""
    spare_collector()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    waiting = int(sys.argv[1]) if len(sys.argv) > 1 else WAITING
    rounds = []
    for number in range(ROUNDS):
        with console.status(f"round {number + 1} of {ROUNDS}…"):
            rounds.append((await ours(), await together(), await same_writes(), await bare()))
    one, two, same, ceiling = (statistics.median(rate) for rate in zip(*rounds, strict=True))
    table = Table("timers fired, majority written (1/s)", "", "one against it", "two", "aim")

    def add(name: str, rate: float, aim: str) -> None:
        table.add_row(name, f"{rate:,.0f}", f"{one / rate:.2f}", f"{two / rate:.2f}", aim)

    add("one process of ours, with a message and an event each", one, "≥ 15,000/s")
    add("two of them", two, "-")
    add("bare loop, the same writes", same, "≥ 0.9")
    add("bare loop, leases and timers only", ceiling, "-")
    with console.status("Agenda, APScheduler, BullMQ…"):
        others = await peers.fires(OF_PEERS)
    for name, found in others.items():
        if isinstance(found, str):
            table.add_row(name, found)
        else:
            add(f"{name}, which only counts", found, "ahead")
    console.print(table)
    late = await lateness(waiting)
    table = Table(f"at {A_SECOND} a second, {waiting:,} waiting", "", "aim")
    table.add_row("late: half at most (ms)", f"{late['half']:.0f}", "-")
    table.add_row("late: 99 of 100 at most (ms)", f"{late['99 of 100']:.0f}", "< 100")
    table.add_row("late: all at most (ms)", f"{late['all']:.0f}", "-")
    table.add_row("shards held after a start (ms)", f"{late['start']:.0f}", "< 5,000")
    table.add_row("memory since the start (MiB)", f"{late['memory']:.0f}", "flat")
    console.print(table)


if __name__ == "__main__":
    asyncio.run(main())
