"""What people see of their deadlines: read from MongoDB, nothing changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.reminders.cases import Case
from services.reminders.documents import to_case
from services.reminders.domain import ENDED, Reminder, Status
from services.reminders.outgoing import Outgoing
from services.reminders.repository import Repository
from services.reminders.sending import Recipient
from services.reminders.world import World
from shared.mongo import Session, find, server_time, transaction

LIVE = sorted(set(Status) - set(ENDED))
COLLEAGUES = 200
"""Shown by name to who hands something on; anybody else is named by mail address."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A case, and what decides about it just now."""

    case: Case
    world: World
    now: datetime


class Place(NamedTuple):
    """Where a page of somebody's deadlines ends."""

    due_at: datetime
    deadline_id: str


class Reading:
    """Whoever asks has made sure who that is."""

    def __init__(self, repository: Repository, outgoing: Outgoing, world: World) -> None:
        self._repository = repository
        self._outgoing = outgoing
        self._world = world
        self._deadlines = repository.database["deadlines"]
        self._people = repository.database["people"]

    async def now(self) -> datetime:
        """By the clock of the server, as everything else."""
        return await server_time(self._repository.database)

    async def person(self, person_id: str) -> Recipient | None:
        """Somebody; None: in no directory, or has left."""
        person = (await self._outgoing.recipients([person_id])).get(person_id)
        return person if person and person.active else None

    async def reminder(self, reminder_id: str) -> Reminder | None:
        """A message."""

        async def read(session: Session) -> Reminder | None:
            return await self._repository.reminder(reminder_id, session)

        return await transaction(self._repository.database, read)

    async def seen(self, deadline_id: str, person_id: str) -> Seen | None:
        """A case, as far as somebody acts on it; None: there is no such deadline."""
        now = await self.now()

        async def read(session: Session) -> Seen | None:
            case = (await self._repository.cases([deadline_id], session)).get(deadline_id)
            if case is None:
                return None
            people = [person_id, *case.told]
            return Seen(
                case, await self._repository.knowing(self._world, [case], session, people), now
            )

        return await transaction(self._repository.database, read)

    async def mine(self, person_id: str, after: Place | None, limit: int) -> Sequence[Case]:
        """Somebody's own deadlines that are not done, the first one due first."""
        beyond = {}
        if after:
            due_at, deadline_id = after
            beyond = {
                "due_at": {"$gte": due_at},
                "$or": [{"due_at": {"$gt": due_at}}, {"_id": {"$gt": deadline_id}}],
            }
        rows = await find(
            self._deadlines,
            {"owner_id": person_id, "status": {"$in": LIVE}, **beyond},
            sort=[("due_at", 1), ("_id", 1)],
            limit=limit,
        )
        return [to_case(row) for row in rows]

    async def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """What these people are called."""
        return {one.id: one.name for one in (await self._outgoing.recipients(ids)).values()}

    async def colleagues(self, person: Recipient) -> Mapping[str, str]:
        """Names by id of who is nearest in the company: same head, the head, own people."""
        near: list[dict[str, object]] = [{"reports_to": person.id}]
        if person.reports_to:
            near += [{"reports_to": person.reports_to}, {"_id": person.reports_to}]
        rows = await find(
            self._people,
            {"$or": near, "active": True, "_id": {"$ne": person.id}},
            projection={"name": 1},
            sort=[("name", 1), ("_id", 1)],
            limit=COLLEAGUES,
        )
        return {row["_id"]: row["name"] for row in rows}

    async def named(self, text: str) -> str | None:
        """The id of who has this mail address or id; None: nobody, or more than one."""
        spellings = sorted({text, text.lower()})
        rows = await find(
            self._people,
            {"$or": [{"_id": text}, {"email": {"$in": spellings}}], "active": True},
            projection={"_id": 1},
            limit=2,
        )
        return rows[0]["_id"] if len(rows) == 1 else None
