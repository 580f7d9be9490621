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
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from typing_extensions import override

from benchmarks.peers import firing as peers
from services.reminders import escalation, timers
from services.reminders.cases import Case
from services.reminders.documents import case_update, from_case, from_reminder
from services.reminders.domain import Reminder
from services.reminders.leases import Leases
from services.reminders.policies import Policy, Step
from services.reminders.repository import INDEXES, Book, Repository
from services.reminders.shards import SHARDS, shard_of
from services.reminders.timers import Timers
from services.reminders.world import World
from shared import mongo
from shared.caused import by_itself
from shared.config import ServiceSettings
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.directory import PersonUpserted, Role
from shared.mongo import Database, InsertOne, Session, UpdateMany, UpdateOne
from shared.outbox import Message, Outbox
from shared.processor import to_message
from shared.relay import Relay
from shared.runtime import ensure_indexes, spare_collector
from tahvil.servers.mongo import EmbeddedMongo

ROUNDS = 3
TIMERS = 20_000
OF_PEERS = 5_000
PEOPLE = 500
A_SECOND, SECONDS = 500, 10
WAITING = 100_000
LANES = 12
LEASE, DAY = timedelta(seconds=5), timedelta(days=1)
WORLD = World(otherwise=Policy(name="due", version=1, steps=(Step(at="due", to=("owner",)),)))
console = Console()

Fire = Callable[[list[str], datetime, Session], Awaitable[None]]


class Nowhere:
    """Takes the place of Kafka, which is not what is measured; counts what is published."""

    def __init__(self) -> None:
        self.published = 0

    async def publish(self, messages: Sequence[Message]) -> None:
        """Acknowledge at once."""
        self.published += len(messages)


class Noting(Timers):
    """Notes how long after its time the effect of each timer is stored."""

    late: list[float]

    @override
    async def fire_due(self, now: datetime) -> int:
        repository = self._repository
        assert isinstance(repository, Seen)
        count = await super().fire_due(now)
        stored = await mongo.server_time(repository.database)
        self.late += [(stored - at).total_seconds() * 1000 for at in repository.times]
        return count


class Seen(Repository):
    """Remembers the times of the last batch."""

    times: list[datetime]

    @override
    async def fired(
        self,
        cases: Sequence[tuple[Case, Case]],
        reminders: Sequence[Reminder],
        now: datetime,
        session: Session,
        *,
        new: bool = False,
    ) -> None:
        self.times = [before.next_at for before, _ in cases if before.next_at]
        await super().fired(cases, reminders, now, session, new=new)


class Replica:
    """The timers of one process as the service puts them together, and no other part of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.repository = Seen(database)
        self.leases = Leases(database, LEASE)
        self.nowhere = Nowhere()
        self.outbox = Outbox(database, LANES)
        self.relay = Relay(self.outbox, self.nowhere)
        self.registry = CollectorRegistry()
        self.timers = Noting(
            repository=self.repository,
            leases=self.leases,
            outbox=self.outbox,
            relay=self.relay,
            world=WORLD,
            registry=self.registry,
        )
        self.timers.late = []

    @property
    def fired(self) -> int:
        """Timers fired so far, as the service counts them."""
        return int(self.registry.get_sample_value("tahvil_timers_fired_total") or 0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the loops."""
        tasks = [asyncio.create_task(loop()) for loop in (self.relay.run, self.timers.run)]
        try:
            yield
        finally:
            await self.relay.drained(30)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until_fired(self, count: int) -> None:
        """Wait until so many timers were fired."""
        while self.fired < count:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.01)

    async def store(self, made: Sequence[Case]) -> None:
        """Write open cases."""
        for start in range(0, len(made), 2000):
            rows = [InsertOne(from_case(case)) for case in made[start : start + 2000]]
            await mongo.write(self.database["deadlines"], rows)

    async def check(self, count: int) -> None:
        """Each timer once: one step told, one message and one event a case."""
        rows = await mongo.find(self.database["deadlines"], {"status": "missed"})
        reminders = await mongo.find(self.database["reminders"], {}, projection={"deadline_id": 1})
        about = {row["deadline_id"] for row in reminders}
        if [len(row["log"]) for row in rows] != [1] * count or len(reminders) != count:
            sys.exit(f"void: {len(rows)} fired, {len(reminders)} messages, not {count}")
        if about != {row["_id"] for row in rows}:
            sys.exit("void: messages are about other deadlines than were fired")
        published = self.nowhere.published
        if published != count or await self.outbox.waiting(range(LANES), 1):
            sys.exit(f"void: {published} events published, not {count}")


@asynccontextmanager
async def fresh() -> AsyncIterator[Replica]:
    """A database of its own with people in it, and nothing due."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedMongo(Path(folder))
        await server.start()
        settings = ServiceSettings(
            kafka_bootstrap="none:1",
            mongo_uri=SecretStr(server.uri),
            http_password=SecretStr("a password of the benchmarks"),
        )
        replica = Replica(mongo.connect(settings, "timers"))
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
                projection={"shard": 1},
                sort=[("next_at", 1)],
                limit=timers.BATCH,
                session=session,
            )
            await replica.leases.fence({row["shard"] for row in rows}, session)
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
        late = sorted(replica.timers.late)
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
            rounds.append((await ours(), await same_writes(), await bare()))
    rate, same, ceiling = (statistics.median(one) for one in zip(*rounds, strict=True))
    table = Table("timers fired, majority written (1/s)", "", "ours against it", "aim")
    table.add_row("ours, with a message and an event each", f"{rate:,.0f}", "-", "≥ 15,000/s")
    table.add_row("bare loop, the same writes", f"{same:,.0f}", f"{rate / same:.2f}", "≥ 0.9")
    table.add_row(
        "bare loop, leases and timers only", f"{ceiling:,.0f}", f"{rate / ceiling:.2f}", "-"
    )
    with console.status("Agenda, APScheduler, BullMQ…"):
        others = await peers.fires(OF_PEERS)
    for name, found in others.items():
        told = (found, "-") if isinstance(found, str) else (f"{found:,.0f}", f"{rate / found:.1f}")
        table.add_row(f"{name}, which only counts", *told, "ahead")
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
