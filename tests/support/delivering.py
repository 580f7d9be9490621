"""The delivery of reminders in this process, on a real mongod, mail server and receivers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message as MailMessage
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.reminders import outgoing
from services.reminders.app import build
from services.reminders.config import Settings
from services.reminders.domain import Reminder, Status
from services.reminders.repository import INDEXES, Book, Repository
from services.reminders.world import World
from shared import mongo
from shared.clock import utc_now
from shared.contracts.cloudevents import decode
from shared.contracts.directory import PersonUpserted
from shared.contracts.event import EventData
from shared.metrics import Metrics
from shared.mongo import Database, Session, transaction
from shared.outbox import Message, Outbox
from shared.relay import Relay
from shared.runtime import Plumbing, ensure_indexes
from tahvil.demo import read_mails
from tahvil.servers.smtp import EmbeddedSmtp

PASSWORD = SecretStr("a password of the tests")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Published:
    """Takes the place of Kafka: what is published is kept."""

    def __init__(self) -> None:
        self.events: list[EventData] = []
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, messages: Sequence[Message]) -> None:
        await self.open.wait()
        for message in messages:
            event = decode(message.topic, message.value or b"", message.headers)
            self.events.append(event.data)


class Desk:
    """A database of reminders, and deliveries that run on it."""

    def __init__(self, uri: str, name: str, folder: Path) -> None:
        self.uri, self.name = uri, name
        self.smtp = EmbeddedSmtp(folder / "smtp")
        self.published = Published()
        self.settings = self._settings()
        self.database: Database = mongo.connect(self.settings, name)

    def _settings(self, **more: Any) -> Settings:
        fields: dict[str, Any] = {
            "kafka_bootstrap": "none:1",
            "mongo_uri": SecretStr(self.uri),
            "mongo_database": self.name,
            "http_password": PASSWORD,
            "link_key": SecretStr("k" * 32),
            "smtp_host": self.smtp.host,
            "smtp_port": self.smtp.port or 1,
            "smtp_security": "none",
        }
        return Settings.model_validate(fields | more)

    async def __aenter__(self) -> "Desk":
        await self.smtp.start()
        await ensure_indexes(self.database, INDEXES, timedelta(days=1))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.smtp.stop()
        await mongo.close(self.database)

    @contextlib.asynccontextmanager
    async def delivering(self, **settings: Any) -> AsyncIterator[None]:
        """One replica of the delivery, as the service builds it."""
        outbox = Outbox(self.database, 4)
        relay = Relay(outbox, self.published, utc_now)
        service = build(
            Plumbing(
                settings=self._settings(**settings),
                database=self.database,
                outbox=outbox,
                relay=relay,
                metrics=Metrics(),
            )
        )
        publishing = asyncio.create_task(relay.run())
        delivery = asyncio.create_task(service.loops[-1]())  # type: ignore[arg-type]
        try:
            yield
        finally:
            delivery.cancel()
            await asyncio.gather(delivery, return_exceptions=True)
            await relay.drained(5)
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)

    async def people(self, *people: PersonUpserted) -> None:
        repository, book = Repository(self.database), Book(World(), said=list(people))
        await transaction(self.database, lambda session: repository.save(book, session))

    async def deadline(self, name: str, due_at: datetime, status: Status = Status.OPEN) -> None:
        """As far as messages look at it."""
        row = {"status": status, "due_at": due_at}
        await self.database["deadlines"].replace_one({"_id": name}, row, upsert=True)

    async def add(self, *reminders: Reminder) -> None:
        async def write(session: Session) -> None:
            now = await mongo.server_time(self.database)
            await outgoing.add(self.database["reminders"], reminders, now, session)

        await transaction(self.database, write)

    async def rows(self, **query: Any) -> dict[str, dict[str, Any]]:
        rows = await mongo.find(self.database["reminders"], query)
        return {row["_id"]: row for row in rows}

    async def pass_time(self, **query: Any) -> None:
        """As if the time had come at which messages are looked at again."""
        await self.database["reminders"].update_many(
            {"state": "pending", **query}, {"$set": {"next_at": LONG_AGO}}
        )

    async def until(self, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Wait until something holds of the rows."""
        for _ in range(300):
            rows = await self.rows()
            if holds(rows):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came about: {rows}")

    async def settled(self) -> dict[str, dict[str, Any]]:
        """Wait until nothing is in hand or due; the rows."""

        def quiet(rows: dict[str, dict[str, Any]]) -> bool:
            return not any(
                row["state"] == "pending" and ("claim" in row or row["next_at"] <= utc_now())
                for row in rows.values()
            )

        await self.until(quiet)
        return await self.rows()

    def mails(self) -> list[MailMessage]:
        return read_mails(self.smtp.maildir)
