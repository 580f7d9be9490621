"""Erases people from a service's database, and proves it: the same in every service.

The transaction that reads an erasure only keeps its mark and its record. What is stored is swept
afterwards, page by page, and once more when no transaction can be open that began before the mark
was there. What is left to do follows from the records, so a process that dies leaves nothing to
be mended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog

from shared.contracts.directory import ContactErased, PersonErased
from shared.contracts.event import Event
from shared.erasure import Mark, Sought, account_of, emptied, mark_of, remaining
from shared.errors import Transient
from shared.identities import Keys, Search
from shared.mongo import (
    Database,
    Document,
    IndexModel,
    ReplaceOne,
    Session,
    UpdateOne,
    delete,
    find,
    server_time,
    transaction,
    write,
)
from shared.outbox import Outbox

log = structlog.get_logger(__name__)

SWEEP = 1.0  # seconds
SETTLED = timedelta(seconds=10)
"""Twice what the server lets a transaction last: see docs/operations.md."""
AT_ONCE = 50  # documents; a dead letter may have a megabyte

RECORDS, MARKS, LETTERS = "erasures", "erasure_marks", "dead_letters"
DELETED: Mapping[str, Any] = {}
"""The change of a document that is to go."""


def indexes(kept: timedelta) -> dict[str, list[IndexModel]]:
    """`kept`: how long a mark is known, from when it was heard of."""
    return {
        MARKS: [
            IndexModel("heard_at", expireAfterSeconds=int(kept.total_seconds())),
            IndexModel("until"),
        ],
        RECORDS: [IndexModel("done_at")],
    }


Where = Callable[[Mark, Database], Awaitable[Document | None]]


class Place(NamedTuple):
    """Where a service keeps something of people."""

    collection: str
    where: Where
    """Which documents an erasure may concern; None: none at all."""
    clean: Callable[[Document, Sought], Mapping[str, Any] | None]
    """The update that a document needs, `DELETED`, or None."""


Widen = Callable[[Sought, Database], Awaitable[Search]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """What a service has of people."""

    places: Sequence[Place] = ()
    widen: Widen | None = None
    """By what else, which the request did not name, somebody is known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a service did about an erasure. Nothing in it is personal."""

    id: str
    kind: str
    of: str
    asked_by: str | None
    heard_at: datetime
    removed: Mapping[str, int]
    """Documents changed or deleted, by collection."""
    done_at: datetime | None


class Eraser:
    """One a process; any number of replicas may sweep the same erasure."""

    def __init__(
        self,
        *,
        database: Database,
        outbox: Outbox,
        keys: Keys,
        erasing: Erasing,
        kept: timedelta = timedelta(days=400),
        settled: timedelta = SETTLED,
    ) -> None:
        """`kept`: how long a mark counts; a key that made older ones only may be thrown away."""
        self._kept = kept
        self._database = database
        self._outbox = outbox
        self._keys = keys
        self._settled = settled
        self._widen = erasing.widen
        self._places = (*erasing.places, Place(LETTERS, everywhere, _letter))

    async def passed(
        self, events: Sequence[Event], at: datetime, session: Session
    ) -> Sequence[Event]:
        """The events as the service is to hear them. Erasures among them are kept.

        `Transient` where an erasure was made with a key that this service does not have: to go
        on would be to forget nobody.
        """
        new = [(event, mark) for event in events if (mark := mark_of(event))]
        marks = [*await self._marks(events, session), *(mark for _, mark in new)]
        if not marks:
            return events
        sought = self._sought(marks, at)
        for event, mark in new:
            await self._keep(event, mark, at, session)
        return [left for event in events if (left := remaining(event, sought))]

    async def letters(self, documents: Sequence[Document], session: Session) -> list[Document]:
        """Dead letters as they may be kept, whoever was erased before."""
        if not documents:
            return []
        rows = await find(self._database[MARKS], {}, session=session)
        sought = self._sought([_mark(row) for row in rows], documents[0]["at"])
        return [row | (emptied(row, sought) or {}) for row in documents]

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except Transient as error:
                log.warning("erasing.waiting", reason=str(error))
            await asyncio.sleep(SWEEP)

    async def sweep(self) -> None:
        """Whatever is not done, in every place; what is settled after that is done."""
        for row in await find(self._database[RECORDS], {"done_at": None}):
            began = await server_time(self._database)
            marks = await find(self._database[MARKS], {"_id": row["_id"]})
            if not marks:  # it was not known long enough to be worked off
                log.error("erasure.expired", erasure=row["_id"])
                continue
            (sought,) = self._sought([_mark(marks[0])], began)
            sought = await self._wider(sought)
            for place in self._places:
                await self._swept(place, sought)
            if began - row["heard_at"] >= self._settled and await self._published(row["heard_at"]):
                done = {"$set": {"done_at": await server_time(self._database)}}
                where = {"_id": row["_id"], "done_at": None}
                if await write(self._database[RECORDS], [UpdateOne(where, done)]):
                    log.info("erasure.done", erasure=row["_id"])

    async def records(self, erasure_id: str | None = None) -> list[Record]:
        """What was done about one erasure, or all of them."""
        query = {"_id": erasure_id} if erasure_id else {}
        rows = await find(self._database[RECORDS], query, sort=[("heard_at", 1)])
        return [Record(id=row.pop("_id"), **row) for row in rows]

    async def _marks(self, events: Sequence[Event], session: Session) -> list[Mark]:
        """Marks that can concern these events. Mostly none: what comes is mostly new."""
        if not events:
            return []
        earliest = min(event.time for event in events)
        accounts = sorted({one for event in events if (one := account_of(event.data))})
        query = {
            "until": {"$gte": earliest},
            "$or": [{"kind": "person"}, {"of": {"$in": accounts}}],
        }
        rows = await find(self._database[MARKS], query, session=session)
        return [_mark(row) for row in rows]

    def _sought(self, marks: Iterable[Mark], now: datetime) -> list[Sought]:
        found = []
        for mark in marks:
            digests = self._keys.named(mark.key_name)
            if digests is None and now - mark.until >= self._kept:
                found.append(Sought(mark, self._keys.first.search(frozenset())))
                continue
            if digests is None:
                raise Transient(
                    f"erasure {mark.id} was made with another TAHVIL_ERASURE_KEY than this service "
                    "has: give it that key as well, behind a space"
                )
            found.append(Sought(mark, digests.search(mark.digests, mark.least)))
        return found

    async def _keep(self, event: Event, mark: Mark, at: datetime, session: Session) -> None:
        said = event.data
        assert isinstance(said, PersonErased | ContactErased)  # noqa: S101 - it has a mark
        row = {**asdict(mark), "digests": sorted(mark.digests), "heard_at": at}
        row["_id"] = row.pop("id")
        kept = ReplaceOne[Document]({"_id": mark.id}, row, upsert=True)
        await write(self._database[MARKS], [kept], session=session)
        record: Document = {
            "kind": mark.kind, "of": mark.of, "asked_by": said.asked_by, "heard_at": at,
            "removed": {}, "done_at": None,
        }  # fmt: skip
        begun = UpdateOne({"_id": mark.id}, {"$setOnInsert": record}, upsert=True)
        await write(self._database[RECORDS], [begun], session=session)

    async def _wider(self, sought: Sought) -> Sought:
        """What is found out about somebody is kept before the only place that tells it is swept."""
        if self._widen is None:
            return sought
        search = await self._widen(sought, self._database)
        if more := sorted(search.wanted - sought.mark.digests):
            known = UpdateOne({"_id": sought.mark.id}, {"$addToSet": {"digests": {"$each": more}}})
            await write(self._database[MARKS], [known])
        return sought._replace(search=search)

    async def _swept(self, place: Place, sought: Sought) -> None:
        query = await place.where(sought.mark, self._database)
        if query is None:
            return
        last: Any = None
        while True:
            beyond = {"$and": [query, {"_id": {"$gt": last}}]} if last is not None else query
            rows = await find(
                self._database[place.collection], beyond, sort=[("_id", 1)], limit=AT_ONCE
            )
            # Looking through text takes its time, which leases and answers do not have.
            changes = await asyncio.to_thread(_changes, place, rows, sought)
            if changes:
                await self._write(place.collection, changes, sought.mark.id)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1]["_id"]

    async def _write(
        self, collection: str, changes: Sequence[tuple[Document, Mapping[str, Any]]], id_: str
    ) -> None:
        """Change documents that are still as they were looked at; count them with it."""

        async def body(session: Session) -> None:
            rows = self._database[collection]
            gone = [row["_id"] for row, change in changes if change is DELETED]
            deleted = await delete(rows, {"_id": {"$in": gone}}, session=session) if gone else 0
            updates = [UpdateOne(_as_seen(row, c), dict(c)) for row, c in changes if c]
            count = deleted + await write(rows, updates, session=session)
            counted = UpdateOne({"_id": id_}, {"$inc": {f"removed.{collection}": count}})
            await write(self._database[RECORDS], [counted], session=session)

        await transaction(self._database, body)

    async def _published(self, heard_at: datetime) -> bool:
        """Whether nothing waits any more that was written before."""
        oldest = await self._outbox.oldest()
        return oldest is None or oldest > heard_at


def _changes(
    place: Place, rows: Sequence[Document], sought: Sought
) -> list[tuple[Document, Mapping[str, Any]]]:
    return [(row, c) for row in rows if (c := place.clean(row, sought)) is not None]


def _as_seen(row: Document, change: Mapping[str, Any]) -> Document:
    """Only this document, and only while what is changed is what was looked at."""
    names = change.get("$set", {})
    seen = {n: row.get(n) for n in names if not isinstance(row.get(n), bytes)}
    return {"_id": row["_id"], **seen}


async def themselves(mark: Mark, _: Database) -> Document | None:
    """The document of a person, which has the person's id."""
    return {"_id": mark.of} if mark.kind == "person" else None


async def about_customers(mark: Mark, _: Database) -> Document | None:
    """What has an `account_id`: of staff, who may be mentioned at any customer, all of it."""
    return {"account_id": mark.of} if mark.kind == "contact" else {}


async def everywhere(_: Mark, __: Database) -> Document | None:
    """All documents: what people write may mention anybody."""
    return {}


def _letter(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    changed = emptied(row, [sought])
    return {"$set": changed} if changed else None


def _mark(row: Document) -> Mark:
    names = ("kind", "of", "until", "key_name")
    known = {name: row[name] for name in names}
    return Mark(id=row["_id"], digests=frozenset(row["digests"]), **known)
