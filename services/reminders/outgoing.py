"""Messages on their way, in MongoDB: from pending to sent, and what has to be known to send one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from services.reminders.documents import from_reminder, to_reminder
from services.reminders.domain import Reminder, Status
from services.reminders.sending import (
    DIGEST,
    DeadlineNow,
    Gather,
    Pending,
    Recipient,
)
from shared.contracts.directory import Channel, QuietHours
from shared.contracts.event import EventData
from shared.mongo import (
    Collection,
    Database,
    Document,
    IndexModel,
    InsertOne,
    Session,
    UpdateOne,
    aggregate,
    find,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "reminders": [
        IndexModel("next_at", partialFilterExpression={"state": "pending"}),
        # A new message is in one index besides that of ids.
        IndexModel(
            "claim", partialFilterExpression={"state": "pending", "claim": {"$exists": True}}
        ),
        IndexModel(
            [("recipient_id", 1), ("sent_at", 1)], partialFilterExpression={"state": "sent"}
        ),
        IndexModel("digest_id", partialFilterExpression={"state": "gathered"}),
    ],
    "gone": [],
}

OVER = ("sent", "failed", "dropped")
"""States of messages with which nothing happens any more."""


def kept(life: timedelta) -> IndexModel:
    """Messages that are over go this long after they were made."""
    return IndexModel(
        "made_at",
        expireAfterSeconds=int(life.total_seconds()),
        partialFilterExpression={"state": {"$in": list(OVER)}},
    )


CLAIM = timedelta(seconds=60)
"""How long a reminder is in one process's hands; after that another sends it, with the same id."""
HOUR = timedelta(hours=1)
GATHERED_AT_ONCE = 1000
"""Messages one digest takes; the rest come in the next."""

State = Literal["pending", "sent", "failed", "dropped", "gathered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known at the moment of sending."""

    people: Mapping[str, Recipient] = field(default_factory=dict)
    deadlines: Mapping[str, DeadlineNow] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)
    """Messages a person got in the last hour; a digest is one."""
    gone: frozenset[str] = frozenset()
    """Channels whose endpoint has said that it is no more."""
    members: Mapping[str, tuple[Reminder, ...]] = field(default_factory=dict)
    """What each digest has gathered."""

    def deadline(self, reminder: Reminder) -> DeadlineNow | None:
        """How the deadline of a message stands."""
        return self.deadlines.get(reminder.deadline_id) if reminder.deadline_id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a message that is in hand, and of what it gathered."""

    item: Pending
    claim: str
    state: State
    fields: Mapping[str, Any] = field(default_factory=dict)
    gather: Gather | None = None
    new: tuple[Reminder, ...] = ()
    gone: str | None = None
    publish: tuple[tuple[str, EventData], ...] = ()
    """Events, each with the id of the message it is about."""


class Outgoing:
    """Knows the documents of messages on their way."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._reminders: Collection = database["reminders"]
        self._people: Collection = database["people"]
        self._deadlines: Collection = database["deadlines"]
        self._gone: Collection = database["gone"]

    async def claim(self, claim: str, now: datetime, limit: int) -> list[Pending]:
        """Take pending messages into this process's hands, for a bounded time."""
        open_rows = await find(
            self._reminders,
            {"state": "pending", "next_at": {"$lte": now}},
            projection={"next_at": 1},
            sort=[("next_at", 1)],
            limit=limit,
        )
        await write(
            self._reminders,
            [
                UpdateOne(
                    {"_id": row["_id"], "state": "pending", "next_at": row["next_at"]},
                    {"$set": {"next_at": now + CLAIM, "claim": claim}, "$inc": {"attempts": 1}},
                )
                for row in open_rows
            ],
        )
        mine = await find(self._reminders, {"state": "pending", "claim": claim})
        return [_pending(row) for row in mine] if open_rows else []

    async def known(self, items: Sequence[Pending], now: datetime) -> Known:
        """All that has to be known to decide about these messages."""
        digests = [item.reminder.id for item in items if item.reminder.gathers]
        members = await self._members(digests) if digests else {}
        reminders = [item.reminder for item in items]
        every = [*reminders, *(one for gathered in members.values() for one in gathered)]
        wanted = {r.recipient_id for r in reminders} | {
            person for r in every for person in r.unreached
        }
        people = await self.recipients(wanted)
        heads = {p.reports_to for p in people.values() if p.reports_to} - people.keys()
        people |= await self.recipients(heads)
        return Known(
            people=people,
            deadlines=await self._standing({r.deadline_id for r in every if r.deadline_id}),
            sent=await self._sent({r.recipient_id for r in reminders}, now),
            gone=frozenset(row["_id"] for row in await find(self._gone, {})),
            members=members,
        )

    async def record(self, fates: Sequence[Fate], now: datetime, session: Session) -> list[Fate]:
        """Write what became of messages; of those that are still in this process's hands."""
        rows = await find(
            self._reminders,
            {"_id": {"$in": [fate.item.reminder.id for fate in fates]}, "state": "pending"},
            projection={"claim": 1},
            session=session,
        )
        claims = {row["_id"]: row.get("claim") for row in rows}
        held = [fate for fate in fates if claims.get(fate.item.reminder.id) == fate.claim]
        closed = await self._closed([f.gather for f in held if f.gather], session)
        writes = [update for fate in held for update in _updates(fate, closed)]
        writes += await self._left_over([f for f in held if f.state != "pending"], now, session)
        await write(self._reminders, writes, session=session)
        new = [one for fate in held for one in fate.new]
        await add(self._reminders, new, now, session)
        # Whom a message is brought to has been told, and so may act on it.
        told = [
            UpdateOne({"_id": one.deadline_id}, {"$addToSet": {"told": one.recipient_id}})
            for one in new
            if one.deadline_id
        ]
        await write(self._deadlines, told, session=session)
        await write(
            self._gone,
            [
                UpdateOne({"_id": fate.gone}, {"$setOnInsert": {"at": now}}, upsert=True)
                for fate in held
                if fate.gone
            ],
            session=session,
        )
        return held

    async def recipients(self, ids: Iterable[str]) -> dict[str, Recipient]:
        """Those of these people whom the directory knows."""
        wanted = sorted(ids)
        rows = await find(self._people, {"_id": {"$in": wanted}}) if wanted else []
        return {row["_id"]: _recipient(row) for row in rows if "name" in row}

    async def _members(self, digests: Sequence[str]) -> dict[str, tuple[Reminder, ...]]:
        gathered: dict[str, list[Reminder]] = {digest: [] for digest in digests}
        for digest in digests:
            rows = await find(
                self._reminders,
                {"digest_id": digest, "state": "gathered"},
                sort=[("_id", 1)],
                limit=GATHERED_AT_ONCE,
            )
            gathered[digest] = sorted(
                (to_reminder(row) for row in rows), key=lambda r: (r.due_at is None, r.due_at, r.id)
            )
        return {digest: tuple(reminders) for digest, reminders in gathered.items()}

    async def _standing(self, ids: Iterable[str]) -> dict[str, DeadlineNow]:
        rows = await find(
            self._deadlines, {"_id": {"$in": sorted(ids)}}, projection={"status": 1, "due_at": 1}
        )
        return {row["_id"]: DeadlineNow(Status(row["status"]), row["due_at"]) for row in rows}

    async def _sent(self, ids: Iterable[str], now: datetime) -> dict[str, int]:
        counts = await aggregate(
            self._reminders,
            [
                {
                    "$match": {
                        "recipient_id": {"$in": sorted(ids)},
                        "state": "sent",
                        "sent_at": {"$gt": now - HOUR},
                        "digest_id": None,
                    }
                },
                {"$group": {"_id": "$recipient_id", "count": {"$sum": 1}}},
            ],
        )
        return {row["_id"]: row["count"] for row in counts}

    async def _closed(self, gathers: Iterable[Gather], session: Session) -> set[str]:
        """Digests that are sent already: nothing is added to them."""
        ids = {gather.digest_id for gather in gathers}
        if not ids:
            return set()
        rows = await find(
            self._reminders,
            {"_id": {"$in": sorted(ids)}, "state": {"$ne": "pending"}},
            projection={"_id": 1},
            session=session,
        )
        return {row["_id"] for row in rows}

    async def _left_over(
        self, ended: Sequence[Fate], now: datetime, session: Session
    ) -> list[UpdateOne]:
        """Messages that were gathered too late for a digest that ends here: on their own again."""
        digests = [f.item.reminder.id for f in ended if f.item.reminder.gathers]
        if not digests:
            return []
        told = {one.id for f in ended for one in (*f.item.members, *f.item.dropped)}
        rows = await find(
            self._reminders,
            {"digest_id": {"$in": digests}, "state": "gathered"},
            projection={"_id": 1},
            session=session,
        )
        again = {"state": "pending", "next_at": now, "digest_id": None, "attempts": 0}
        return [
            UpdateOne({"_id": row["_id"]}, {"$set": again})
            for row in rows
            if row["_id"] not in told
        ]


async def add(
    collection: Collection,
    reminders: Iterable[Reminder],
    now: datetime,
    session: Session,
    *,
    new: bool = False,
) -> None:
    """New messages, to be sent at once. One that was made before is left as it is.

    Two transactions that make the same one collide, and the second finds it there. `new`: none is
    looked for; one that is there makes the transaction fail by a duplicate key.
    """
    made = {reminder.id: reminder for reminder in reminders}
    if made and not new:
        query = {"_id": {"$in": list(made)}}
        for row in await find(collection, query, projection={"_id": 1}, session=session):
            del made[row["_id"]]
    rows = [InsertOne({"_id": name, **_new(reminder, now)}) for name, reminder in made.items()]
    await write(collection, rows, session=session)


def _new(reminder: Reminder, at: datetime) -> Document:
    fields = {name: value for name, value in from_reminder(reminder).items() if name != "_id"}
    return fields | {"state": "pending", "made_at": at, "next_at": at, "attempts": 0}


def _updates(fate: Fate, closed: set[str]) -> list[UpdateOne]:
    identity, gather = fate.item.reminder.id, fate.gather
    if gather and gather.digest_id in closed:  # decided anew then, for the digest after it
        fields: Mapping[str, Any] = {"next_at": gather.at, "attempts": 0}
        return [UpdateOne({"_id": identity}, {"$set": fields, "$unset": {"claim": ""}})]
    updates = [
        UpdateOne(
            {"_id": identity},
            {"$set": {"state": fate.state, **fate.fields}, "$unset": {"claim": ""}},
        )
    ]
    if gather:
        digest = Reminder(
            id=gather.digest_id,
            recipient_id=fate.item.reminder.recipient_id,
            kind=DIGEST,
            title=gather.topic,
            gathers=True,
            due_at=gather.at,
        )
        # Both this and the digest's end write its document: of the two, one happens first.
        inserted = {"$setOnInsert": _new(digest, gather.at), "$inc": {"gathered": 1}}
        updates.append(UpdateOne({"_id": digest.id}, inserted, upsert=True))
    if fate.state != "pending":
        ended = {"state": fate.state, **fate.fields}
        updates += [UpdateOne({"_id": one.id}, {"$set": ended}) for one in fate.item.members]
    updates += [
        UpdateOne({"_id": one.id}, {"$set": {"state": "dropped"}}) for one in fate.item.dropped
    ]
    return updates


def _pending(row: Document) -> Pending:
    return Pending(
        reminder=to_reminder(row),
        attempts=row["attempts"],
        made_at=row.get("made_at"),
        since=row.get("since"),
        tried=tuple(row.get("tried", ())),
        reasons=tuple(row.get("reasons", ())),
    )


def _recipient(row: Document) -> Recipient:
    return Recipient(
        id=row["_id"],
        name=row["name"],
        email=row.get("email"),
        language=row.get("language", "en"),
        time_zone=row.get("time_zone") or "UTC",
        active=row.get("active", True),
        reports_to=row.get("reports_to"),
        channels=tuple(Channel.model_validate(one) for one in row.get("channels", ())),
        quiet_hours=tuple(QuietHours.model_validate(one) for one in row.get("quiet_hours", ())),
        digest=dict(row.get("digest", ())),
        digest_at=row.get("digest_at", "08:00"),
        addresses=row.get("addresses", 0),
    )
