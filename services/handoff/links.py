"""Login links: made for who asks for one and is in the directory, sent by mail, good for one use.

They do not go through Kafka, which would keep them for a year (docs/decisions/0009).
"""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import make_msgid
from typing import NamedTuple

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.handoff.config import Settings
from services.handoff.directory import Directory
from services.handoff.people import Person
from shared import smtp
from shared.errors import Transient
from shared.mongo import Database, IndexModel, InsertOne, delete, find, server_time, write

log = structlog.get_logger(__name__)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "login_links": [IndexModel("expires_at", expireAfterSeconds=0), IndexModel("person_id")],
}

WAITING = 1000  # asked for and not sent yet, at most; half a minute of a slow mail server
TRIES = 4
AGAIN = 2.0  # seconds before the second try; doubled for each after that


class Asked(NamedTuple):
    """Somebody asked for a link."""

    address: str
    back: str
    """Where to go after signing in."""


class Used(NamedTuple):
    """Whom a link signs in, and where to."""

    person: Person
    back: str


class Links:
    """Asking answers at once and says nothing: looking up and sending happen behind it.

    What was asked for and not sent is lost when the process ends: people ask again.
    """

    def __init__(self, *, database: Database, directory: Directory, settings: Settings) -> None:
        self._database = database
        self._links = database["login_links"]
        self._directory = directory
        self._settings = settings
        self._waiting: asyncio.Queue[Asked] = asyncio.Queue(WAITING)
        self._templates = Environment(
            loader=PackageLoader("services.handoff"),
            undefined=StrictUndefined,
            autoescape=select_autoescape(),
            trim_blocks=True,
        )

    def ask(self, asked: Asked) -> bool:
        """Send a link to whoever has this address, if anybody has; false: too many wait."""
        try:
            self._waiting.put_nowait(asked)
        except asyncio.QueueFull:
            log.warning("login.crowded", waiting=WAITING)
            return False
        return True

    async def run(self) -> None:
        """Send what is asked for, for ever."""
        while True:
            asked = await self._waiting.get()
            for attempt in range(TRIES):
                try:
                    await self._send(asked)
                    break
                except (Transient, *smtp.REFUSALS) as error:
                    log.warning("login.not_sent", reason=type(error).__name__, attempt=attempt + 1)
                    await asyncio.sleep(AGAIN * 2**attempt)

    async def use(self, token: str) -> Used | None:
        """Take a link; None when it is unknown, expired or used. Its person's others go, too."""
        now = await server_time(self._database)
        query = {"_id": _hash(token), "expires_at": {"$gt": now}}
        rows = await find(self._links, query)
        # Of two that come at the same time one deletes it.
        if not rows or not await delete(self._links, query):
            return None
        person = await self._directory.person(rows[0]["person_id"])
        if person is None or not person.active:
            return None
        await delete(self._links, {"person_id": person.id})
        return Used(person, rows[0]["back"])

    async def _send(self, asked: Asked) -> None:
        people = await self._directory.at(asked.address)
        if not people:
            return
        mails = [self.compose(one, await self._make(one, asked.back)) for one in people]
        async with smtp.connected(self._settings) as connection:
            for mail in mails:
                await connection.send_message(mail)
        log.info("login.sent", people=len(mails))

    async def _make(self, person: Person, back: str) -> str:
        token = secrets.token_urlsafe(32)
        expires_at = await server_time(self._database) + self._settings.login_link_life
        link = {
            "_id": _hash(token), "person_id": person.id, "back": back, "expires_at": expires_at,
        }  # fmt: skip
        await write(self._links, [InsertOne(link)])
        return token

    def compose(self, person: Person, token: str) -> EmailMessage:
        """Write the mail in the person's language."""
        settings = self._settings
        told = {
            "name": person.name,
            "link": f"{str(settings.handoff_url).rstrip('/')}/login/{token}",
            "minutes": int(settings.login_link_life.total_seconds() // 60),
        }
        text = self._templates.get_template(f"login.{person.language}.txt").render(told)
        subject, _, body = text.partition("\n")
        mail = EmailMessage()
        mail["From"] = settings.mail_from
        mail["To"] = person.email
        mail["Subject"] = subject.strip()
        mail["Message-ID"] = make_msgid(domain="tahvil")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(body.lstrip("\n"))
        html = self._templates.get_template(f"login.{person.language}.html").render(told)
        mail.add_alternative(html, subtype="html")
        return mail


def _hash(token: str) -> str:
    """Only this is stored: who reads the database cannot sign in."""
    return hashlib.sha256(token.encode()).hexdigest()
