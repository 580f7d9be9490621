"""reporting's app over a real MongoDB; no Kafka: events are applied by hand."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.reporting.app import build
from services.reporting.config import Settings
from shared import http, mongo
from shared.clock import utc_now
from shared.contracts.event import Event, EventData
from shared.metrics import Metrics
from shared.mongo import Database, Session, UpdateOne
from shared.outbox import Message, Outbox
from shared.passes import Bearer, Passes
from shared.relay import Relay
from shared.runtime import Plumbing, ensure_indexes
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import event
from tests.support.system import PASSWORD

KEY = "k" * 32
NOW = datetime.now(UTC)


class Nowhere:
    async def publish(self, messages: Sequence[Message]) -> None:
        pass


class Reports:
    def __init__(self, database: Database, **changes: Any) -> None:
        outbox = Outbox(database, 2)
        self.database = database
        values: dict[str, Any] = {"session_key": SecretStr(KEY)} | changes
        settings = Settings(
            kafka_bootstrap="none",
            mongo_uri=SecretStr("none"),
            http_password=SecretStr(PASSWORD),
            **values,
        )
        self.service = build(
            Plumbing(
                settings=settings,
                database=database,
                outbox=outbox,
                relay=Relay(outbox, Nowhere()),
                metrics=Metrics(),
            )
        )
        self.app = http.build_http(
            "reporting", password=SecretStr(PASSWORD), metrics=Metrics(), not_ready=list
        )
        assert self.service.router
        self.app.include_router(self.service.router)
        self._told = 0

    async def say(self, *datas: EventData, at: datetime = NOW) -> None:
        await self.hear(
            event(data, id=f"{data.type}:{data.subject}:{at}:{n}", time=at)
            for n, data in enumerate(datas)
        )

    async def hear(self, events: Any) -> None:
        found: list[Event] = list(events)
        self._told += len(found)

        async def apply(session: Session) -> None:
            work = self.service.work()
            await work.load(found, session)
            for one in found:
                work.apply(one)
            await work.save(session)
            at = {"$set": {"next": self._told}}
            topics = sorted({one.data.topic for one in found})
            offsets = [UpdateOne({"_id": f"{topic}/0"}, at, upsert=True) for topic in topics]
            await mongo.write(self.database["offsets"], offsets, session=session)

        await mongo.transaction(self.database, apply)

    def client(self, who: str | None, language: str = "en") -> httpx.AsyncClient:
        """A browser, or `ops`; None: nobody."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://tahvil",
            auth=("ops", PASSWORD) if who == "ops" else None,
        )
        if who not in (None, "ops"):
            signed = Passes([KEY], "reporting cookie").write(Bearer(who, language), utc_now())
            client.cookies["tahvil_reporting"] = signed
        return client

    async def get(self, who: str, path: str) -> Any:
        async with self.client(who) as client:
            return (await client.get(path)).raise_for_status().json()


@contextlib.asynccontextmanager
async def reports(folder: Path, **changes: Any) -> AsyncIterator[Reports]:
    server = EmbeddedMongo(folder)
    await server.start()
    database = mongo.connect(
        Settings(
            kafka_bootstrap="none",
            mongo_uri=SecretStr(server.uri),
            http_password=SecretStr(PASSWORD),
        ),
        "reporting",
    )
    found = Reports(database, **changes)
    await ensure_indexes(database, found.service.indexes, timedelta(days=1))
    assert found.service.check
    await found.service.check()
    try:
        yield found
    finally:
        await mongo.close(database)
        await server.stop()
