"""Delivers pending reminders by mail: at least once, always with the same Message-ID."""

import asyncio
import random
import secrets
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import aiosmtplib
import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.reminders import domain
from services.reminders.config import Settings
from services.reminders.domain import Reminder
from services.reminders.repository import Pending, Repository
from shared import smtp
from shared.caused import by_itself
from shared.contracts.event import EventData
from shared.contracts.reminders import ReminderFailed, ReminderSent
from shared.errors import Transient
from shared.mongo import Session, server_time, transaction
from shared.outbox import Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

log = structlog.get_logger(__name__)

BATCH = 50
IDLE = 0.25  # seconds between looks when nothing is pending
CHANNEL = "email"


class _Undeliverable(Exception):
    """This message will never be taken."""


class Delivery:
    """Any number of replicas may run it: a reminder is claimed before it is sent."""

    def __init__(
        self, *, settings: Settings, repository: Repository, outbox: Outbox, relay: Relay
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._outbox = outbox
        self._relay = relay
        self._chance = random.Random()  # noqa: S311 - jitter, no secret
        self._templates = Environment(  # noqa: S701 - plain text, nothing to escape
            loader=PackageLoader("services.reminders"), undefined=StrictUndefined, trim_blocks=True
        )

    async def run(self) -> None:
        """Deliver what is pending, for ever."""
        while True:
            try:
                delivered = await self.deliver_pending()
            except Transient as error:
                log.warning("delivery.waiting", reason=str(error))
                delivered = 0
            if not delivered:
                await asyncio.sleep(IDLE)

    async def deliver_pending(self) -> int:
        """Send one batch and record what became of each; how many there were."""
        claim = secrets.token_hex(8)
        now = await server_time(self._repository.database)
        pending = await self._repository.claim(claim, now, BATCH)
        if not pending:
            return 0
        people = await self._repository.people(p.reminder.recipient_id for p in pending)
        failures = await self._send(pending, people)
        done = await server_time(self._repository.database)
        states: dict[str, dict[str, Any]] = {}
        published: list[tuple[Reminder, EventData]] = []
        for item in pending:
            state, data = self._record(item, failures.get(item.reminder.id), done)
            states[item.reminder.id] = state
            if data:
                published.append((item.reminder, data))

        async def record(session: Session) -> list[Row]:
            if await self._repository.finish(states, claim, session) != len(states):
                raise Transient("reminders were taken over while they were being sent")
            messages = [
                to_message(event)
                for reminder, data in published
                for event in by_itself(reminder.id, "reminders", [data], done)
            ]
            return await self._outbox.add(messages, done, session=session)

        await self._relay.submit(await transaction(self._repository.database, record))
        return len(pending)

    async def _send(
        self, pending: list[Pending], people: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Exception]:
        """Send all over one connection; what failed, by reminder."""
        failures: dict[str, Exception] = {}
        try:
            async with smtp.connected(self._settings) as connection:
                for item in pending:
                    try:
                        person = people.get(item.reminder.recipient_id, {})
                        await connection.send_message(self.compose(item.reminder, person))
                    except (_Undeliverable, aiosmtplib.SMTPException) as error:
                        failures[item.reminder.id] = error
        except smtp.REFUSALS as error:
            log.warning("mail.waiting", reason=type(error).__name__)
            for item in pending:  # what was sent before the connection broke is sent again
                failures.setdefault(item.reminder.id, error)
        return failures

    def compose(self, reminder: Reminder, person: Mapping[str, Any]) -> EmailMessage:
        """Write the mail of a reminder."""
        if not person.get("email"):
            raise _Undeliverable("the directory has no address of this person")
        zone = ZoneInfo(person["time_zone"])
        text = self._templates.get_template(f"reminder.{person['language']}.txt").render(
            reminder=reminder,
            name=person["name"],
            due=reminder.due_at and f"{reminder.due_at.astimezone(zone):%Y-%m-%d %H:%M} ({zone})",
        )
        subject, _, body = text.partition("\n")
        mail = EmailMessage()
        mail["From"] = self._settings.mail_from
        mail["To"] = person["email"]
        mail["Subject"] = subject.strip()
        mail["Message-ID"] = f"<{reminder.id}@tahvil>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(body.lstrip("\n"))
        return mail

    def _record(
        self, item: Pending, failure: Exception | None, at: datetime
    ) -> tuple[dict[str, Any], EventData | None]:
        reminder = item.reminder
        about = {
            "reminder_id": reminder.id,
            "recipient_id": reminder.recipient_id,
            "channel": CHANNEL,
            "kind": reminder.kind,
            "deadline_id": reminder.deadline_id,
            "account_id": reminder.account_id,
        }
        if failure is None:
            return {"state": "sent", "sent_at": at}, ReminderSent(**about, sent_at=at)
        refused = isinstance(failure, aiosmtplib.SMTPRecipientsRefused) and all(
            recipient.code >= 500 for recipient in failure.recipients
        )
        wait = None if refused else domain.next_attempt(item.attempts, self._chance)
        if wait is None:
            reason = f"{type(failure).__name__.lstrip('_')}: {failure}"[:500]
            log.warning("reminder.failed", reminder=reminder.id, reason=type(failure).__name__)
            failed = ReminderFailed(**about, reason=reason, failed_at=at)
            return {"state": "failed", "failed_at": at}, failed
        return {"next_at": at + wait}, None
