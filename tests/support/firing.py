"""Replicas of the timers in this process, on a real mongod; no Kafka, no mail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from services.reminders import escalation
from services.reminders.leases import Leases
from services.reminders.repository import INDEXES, Book, Repository
from services.reminders.timers import Timers
from services.reminders.world import World
from shared import mongo
from shared.config import ServiceSettings
from shared.contracts.deadlines import DeadlineSet
from shared.metrics import Metrics
from shared.mongo import Database, Session, transaction
from shared.outbox import Outbox
from shared.relay import Relay
from shared.runtime import ensure_indexes
from tests.support.builders import manager
from tests.support.delivering import Published
from tests.support.system import PASSWORD

WORLD = World()


class Replica:
    """One process's timers. `run` is what the service runs."""

    def __init__(self, uri: str, name: str, lasting: timedelta) -> None:
        settings = ServiceSettings(
            kafka_bootstrap="none:1",
            mongo_uri=SecretStr(uri),
            mongo_database=name,
            http_password=SecretStr(PASSWORD),
        )
        self.database: Database = mongo.connect(settings, name)
        self.published = Published()
        self.metrics = Metrics()
        self.outbox = Outbox(self.database, 12)
        self.relay = Relay(self.outbox, self.published)
        self.repository = Repository(self.database)
        self.leases = Leases(self.database, lasting)
        self.timers = Timers(
            repository=self.repository,
            leases=self.leases,
            outbox=self.outbox,
            relay=self.relay,
            world=WORLD,
            registry=self.metrics.registry,
        )
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def fired(self) -> float:
        return self.metrics.registry.get_sample_value("tahvil_timers_fired_total") or 0.0

    def start(self) -> None:
        self.tasks = [
            asyncio.create_task(self.timers.run()),
            asyncio.create_task(self.relay.run()),
        ]

    async def stop(self) -> None:
        """In order: shards are given back."""
        await self.relay.drained(5)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def die(self) -> None:
        """At once: nothing is given back."""

        async def nothing() -> None:
            """A process that was killed says no more."""

        self.leases.release = nothing  # type: ignore[method-assign]
        await self.stop()


class Firing:
    """A database of cases, and replicas on it."""

    def __init__(self, uri: str, name: str) -> None:
        self.uri, self.name = uri, name
        self.replicas: list[Replica] = []
        self.first = self.replica()

    def replica(self, lasting: timedelta = timedelta(seconds=1)) -> Replica:
        """Not started yet."""
        self.replicas.append(Replica(self.uri, self.name, lasting))
        return self.replicas[-1]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["Firing"]:
        await ensure_indexes(self.first.database, INDEXES, timedelta(days=1))
        book = Book(WORLD, said=[manager()])
        await transaction(
            self.first.database, lambda session: self.first.repository.save(book, session)
        )
        yield self
        for replica in self.replicas:
            await replica.stop()
            await mongo.close(replica.database)

    async def now(self) -> datetime:
        return await mongo.server_time(self.first.database)

    async def deadlines(self, due: Iterable[datetime]) -> None:
        """Open cases `d0`, `d1`, ... of mia's. Whoever adds more names them anew."""
        set_at = await self.now() - timedelta(days=30)
        world = WORLD.knowing({}, None)
        cases = [
            escalation.begin(
                DeadlineSet(
                    deadline_id=f"d{number}",
                    subject_id="handoff-1",
                    account_id=f"acme-{number % 200}",
                    title=f"Step {number}",
                    owner_id="mia",
                    due_at=at,
                    set_at=set_at,
                ),
                "/test",
                world,
            ).case
            for number, at in enumerate(due)
        ]

        async def write(session: Session) -> None:
            await self.first.repository.keep(cases, session)

        await transaction(self.first.database, write)

    async def rows(self) -> list[dict[str, Any]]:
        return await mongo.find(self.first.database["deadlines"], {})

    async def all_told_once(self, count: int) -> None:
        """Each case was fired once: the log would show a second time."""
        rows = await self.rows()
        assert len(rows) == count
        for row in rows:
            codes = [entry["code"] for entry in row["log"]]
            assert codes == ["overtaken", "told"], row
        assert len(await mongo.find(self.first.database["reminders"], {})) == count
        assert sum(replica.fired for replica in self.replicas) == count

    async def until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        for _ in range(int(seconds * 50)):
            if holds():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("never came about")
