"""Replicas of the timers, in this process or in others."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from typing_extensions import override

from services.reminders.cases import Case
from services.reminders.documents import from_case
from services.reminders.domain import Reminder
from services.reminders.leases import Leases
from services.reminders.policies import Policy, Step
from services.reminders.repository import Repository
from services.reminders.timers import Timers
from services.reminders.world import World
from shared import mongo
from shared.config import ServiceSettings
from shared.mongo import Database, InsertOne, Session
from shared.outbox import Message, Outbox
from shared.relay import Relay
from shared.runtime import spare_collector

LANES = 12
LEASE = timedelta(seconds=5)
WORLD = World(otherwise=Policy(name="due", version=1, steps=(Step(at="due", to=("owner",)),)))


class Nowhere:
    """Takes the place of Kafka, which is not what is measured; counts what is published."""

    def __init__(self) -> None:
        self.published = 0

    async def publish(self, messages: Sequence[Message]) -> None:
        """Acknowledge at once."""
        self.published += len(messages)


class Noting(Timers):
    """Notes how long after its time the effect of each timer is stored."""

    noted: list[asyncio.Task[list[float]]]

    @override
    async def fire_due(self, now: datetime) -> int:
        repository = self._repository
        assert isinstance(repository, Seen)
        count = await super().fire_due(now)
        if count:  # beside the loop: it would not ask
            self.noted.append(asyncio.create_task(self._late_by(repository.times)))
        return count

    async def _late_by(self, times: Sequence[datetime]) -> list[float]:
        stored = await mongo.server_time(self._repository.database)
        return [(stored - at).total_seconds() * 1000 for at in times]


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

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.database = database = _connect(uri)
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
        self.timers.noted = []

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


def _connect(uri: str) -> Database:
    """The database of the benchmark."""
    settings = ServiceSettings(
        kafka_bootstrap="none:1",
        mongo_uri=SecretStr(uri),
        http_password=SecretStr("a password of the benchmarks"),
    )
    return mongo.connect(settings, "timers")


class Others:
    """Replicas, each in a process of its own. They have their shards before they begin."""

    def __init__(self, uri: str, count: int) -> None:
        context = get_context("spawn")
        self._go, self._stop = context.Event(), context.Event()
        self._fired = [context.Value("i", 0) for _ in range(count)]
        self._processes = [
            context.Process(target=_run, args=(uri, self._go, self._stop, fired), daemon=True)
            for fired in self._fired
        ]

    @asynccontextmanager
    async def running(self, database: Database) -> AsyncIterator[None]:
        """From when all have their shares; they fire once they are told to."""
        for process in self._processes:
            process.start()
        try:
            while await self._owners(database) != len(self._processes):  # noqa: ASYNC110 - it is asked of MongoDB
                await asyncio.sleep(0.1)
            yield
        finally:
            self._stop.set()
            for process in self._processes:
                await asyncio.to_thread(process.join)

    def go(self) -> None:
        """Fire."""
        self._go.set()

    @property
    def fired(self) -> int:
        """Timers fired so far by all of them; at the end, events published."""
        return sum(fired.value for fired in self._fired)

    async def _owners(self, database: Database) -> int:
        """How many replicas own their share of the shards, if all shards are owned."""
        owners = [row["owner"] for row in await mongo.find(database["shards"], {})]
        fair = len(owners) / len(self._processes)
        return sum(owners.count(one) == fair for one in {*owners} - {None})


def _run(uri: str, go: Event, stop: Event, fired: "Synchronized[int]") -> None:
    spare_collector()
    asyncio.run(_fire(Replica(uri), go, stop, fired))


async def _fire(replica: Replica, go: Event, stop: Event, fired: "Synchronized[int]") -> None:
    while not go.is_set() and not stop.is_set():
        if not replica.leases.due_in:
            await replica.leases.renew()
        await asyncio.sleep(0.005)
    async with replica.running():
        while not stop.is_set():
            await asyncio.sleep(0.005)
            fired.value = replica.fired
    fired.value = replica.nowhere.published
