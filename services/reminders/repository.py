"""Deadlines, timers, reminders and people in MongoDB."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from services.reminders import outgoing
from services.reminders.domain import Deadline, Fired, Reminder, Status, Timer
from shared.contracts.directory import PersonRemoved, PersonUpserted
from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.mongo import (
    Collection,
    Database,
    Document,
    IndexModel,
    InsertOne,
    ReplaceOne,
    Session,
    UpdateOne,
    delete,
    find,
    server_time,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "deadlines": [IndexModel("owner_id")],
    "timers": [IndexModel("at"), IndexModel("deadline_id")],
    **outgoing.INDEXES,
    "people": [],
}


@dataclass(slots=True)
class Book:
    """What one batch needs to know, and what it changed."""

    deadlines: dict[str, Deadline] = field(default_factory=dict)
    changed: dict[str, tuple[Deadline, list[Timer]]] = field(default_factory=dict)
    reminders: list[Reminder] = field(default_factory=list)
    people: dict[str, PersonUpserted | PersonRemoved] = field(default_factory=dict)

    def keep(self, deadline: Deadline, timers: list[Timer]) -> None:
        """Take over a deadline's new state and the timers it has from now on."""
        self.deadlines[deadline.id] = deadline
        self.changed[deadline.id] = deadline, timers


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._deadlines: Collection = database["deadlines"]
        self._timers: Collection = database["timers"]
        self._reminders: Collection = database["reminders"]
        self._people: Collection = database["people"]

    async def load(self, events: Sequence[EventData], session: Session) -> Book:
        """The deadlines these events are about."""
        ids = {
            str(getattr(event, "deadline_id", ""))
            for event in events
            if event.topic == Topic.DEADLINES
        }
        return Book(deadlines=await self._load(ids, session) if ids else {})

    async def save(self, book: Book, session: Session) -> None:
        """Write what changed; a changed deadline's timers are made anew."""
        if book.changed:
            changed = list(book.changed.values())
            await self._replace((deadline for deadline, _ in changed), session)
            await delete(
                self._timers, {"deadline_id": {"$in": list(book.changed)}}, session=session
            )
            await write(
                self._timers,
                [InsertOne(_timer_document(timer)) for _, timers in changed for timer in timers],
                session=session,
            )
        if book.reminders:
            now = await server_time(self.database)
            await self._add(book.reminders, now, session)
        await write(
            self._people, [_person(person) for person in book.people.values()], session=session
        )

    async def next_timer(self) -> datetime | None:
        """When the next timer is due."""
        rows = await find(self._timers, {}, sort=[("at", 1)], limit=1)
        return rows[0]["at"] if rows else None

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Ids of timers that are due, the oldest first."""
        rows = await find(
            self._timers,
            {"at": {"$lte": now}},
            projection={"_id": 1},
            sort=[("at", 1)],
            limit=limit,
        )
        return [row["_id"] for row in rows]

    async def take(
        self, ids: Sequence[str], now: datetime, session: Session
    ) -> list[tuple[Timer, Deadline]]:
        """Remove these timers, those that are still there and due, with their deadlines."""
        rows = await find(self._timers, {"_id": {"$in": ids}, "at": {"$lte": now}}, session=session)
        taken = [_timer(row) for row in rows]
        await delete(self._timers, {"_id": {"$in": [timer.id for timer in taken]}}, session=session)
        deadlines = await self._load({timer.deadline_id for timer in taken}, session)
        return [(timer, deadlines[timer.deadline_id]) for timer in taken]

    async def fired(self, results: Sequence[Fired], now: datetime, session: Session) -> None:
        """Write what timers brought about."""
        # Of two timers of one deadline the later word holds: it comes last.
        await self._replace({r.deadline.id: r.deadline for r in results}.values(), session)
        await self._add([r.reminder for r in results if r.reminder], now, session)

    async def _load(self, ids: Iterable[str], session: Session) -> dict[str, Deadline]:
        rows = await find(self._deadlines, {"_id": {"$in": list(ids)}}, session=session)
        return {row["_id"]: _deadline(row) for row in rows}

    async def _replace(self, deadlines: Iterable[Deadline], session: Session) -> None:
        await write(
            self._deadlines,
            [ReplaceOne({"_id": d.id}, _document(d), upsert=True) for d in deadlines],
            session=session,
        )

    async def _add(self, reminders: Iterable[Reminder], now: datetime, session: Session) -> None:
        await outgoing.add(self._reminders, reminders, now, session)


def _document(state: Deadline) -> Document:
    fields: Document = {name: getattr(state, name) for name in state.__slots__}
    return {"_id": fields.pop("id"), **fields}


def _deadline(row: Document) -> Deadline:
    return Deadline(id=row.pop("_id"), **row | {"status": Status(row["status"])})


def _timer_document(timer: Timer) -> Document:
    return {"_id": timer.id, **asdict(timer)}


def _timer(row: Document) -> Timer:
    return Timer(**{name: row[name] for name in ("deadline_id", "kind", "at")})


def _person(person: PersonUpserted | PersonRemoved) -> UpdateOne:
    if isinstance(person, PersonRemoved):
        return UpdateOne({"_id": person.person_id}, {"$set": {"active": False}}, upsert=True)
    known = {
        "name": person.name,
        "email": person.email,
        "language": person.language,
        "time_zone": person.time_zone,
        "reports_to": person.reports_to,
        "channels": [channel.model_dump() for channel in person.channels],
        "quiet_hours": [hours.model_dump() for hours in person.quiet_hours],
        # As pairs: a kind may hold characters that the names of fields may not.
        "digest": [[kind, every] for kind, every in person.digest.items()],
        "digest_at": person.digest_at,
        "active": True,
    }
    return UpdateOne({"_id": person.person_id}, {"$set": known}, upsert=True)
