"""Links of messages: found in real mail, and made with the key of the tests."""

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import httpx

from services.reminders.pages.gate import Gate
from services.reminders.tokens import Links
from shared.clients import Limit
from shared.clock import utc_now
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.event import EventData
from tahvil.demo import plain_text, read_mails
from tests.support.builders import event, soon
from tests.support.system import System

KEY = "k" * 32


def deadline(name: str, owner: str = "mia", **due: Any) -> DeadlineSet:
    titles, page = due.pop("titles", None), due.pop("done_only_on", None)
    return DeadlineSet(
        deadline_id=name,
        subject_id="handoff-1",
        account_id="acme",
        account_name="Acme",
        title=f"Step {name}",
        titles=titles,
        owner_id=owner,
        done_only_on=page,
        due_at=soon(**due),
        set_at=soon(),
    )


def gate(any_link: str = "1000/second", wrong_link: str = "1000/second", **more: Any) -> Gate:
    """Of the addresses under which links are opened."""
    return Gate(any_link=Limit(any_link, utc_now), wrong_link=Limit(wrong_link, utc_now), **more)


class Office:
    """A running reminders service, and people before its door."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.links = Links(self.door, [KEY], timedelta(days=30))
        self.database = system.mongo["reminders"]

    @property
    def door(self) -> str:
        return next(one.door for one in self.system.processes if one.name == "reminders")

    def browser(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.door, headers={"Accept": "text/html"} | headers)

    async def say(self, *data: EventData) -> None:
        await self.system.publish(
            [event(one, id=f"{one.type}:{one.subject}:{soon()}", time=soon()) for one in data]
        )
        await self.system.settled()

    async def mail(self, person: str, about: str) -> Message:
        """The last mail to somebody whose subject holds this."""
        for _ in range(200):
            for mail in reversed(read_mails(Path(self.system.servers.smtp.maildir))):
                address = parseaddr(str(mail["To"]))[1]
                subject = str(make_header(decode_header(str(mail["Subject"]))))
                if address == f"{person}@example.com" and about in subject:
                    return mail
            await asyncio.sleep(0.1)
        raise AssertionError(f"no mail to {person} about {about}")

    async def act_link(self, name: str, person: str = "mia", **more: Any) -> str:
        """The link in the mail about a deadline that is made for it, and late already."""
        await self.say(deadline(name, person, minutes=-5, **more))
        mail = await self.mail(person, f"Step {name}")
        return next(one for one in links_of(mail) if "/act/" in one).partition("?")[0]

    async def case(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] | None = await self.database["deadlines"].find_one({"_id": name})
        assert found is not None
        return found

    async def everything(self) -> Mapping[str, list[Any]]:
        """All that reminders knows and says."""
        return {
            name: await self.database[name].find().sort("_id").to_list(None)
            for name in ("deadlines", "timers", "reminders", "people", "outbox")
        }


def links_of(mail: Message) -> list[str]:
    """Of its text and its HTML."""
    found: list[str] = re.findall(r"https?://\S+", plain_text(mail))
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if part.get_content_type() == "text/html" and isinstance(payload, bytes):
            found += re.findall(r'href="([^"]+)"', payload.decode())
    return found
