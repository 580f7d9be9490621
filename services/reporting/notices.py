"""What people were told of, in MongoDB: beside the slots, so that a rebuild tells nobody again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.reporting.alerts import Watched
from services.reporting.facts import Fact, Key
from services.reporting.issues import RHYTHMS, Rhythm
from shared.mongo import (
    Collection as Stored,
)
from shared.mongo import (
    Database,
    Document,
    IndexModel,
    InsertOne,
    Session,
    UpdateOne,
    delete,
    find,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {"digests": [], "alerts": [], "marks": []}

WATCHED = frozenset({"budget", "spending", "satisfaction"})
"""Kinds of facts that alerts about accounts follow from."""
AT_ONCE = 100
"""Marks that are read together; each is of one batch of events."""


class Mark(NamedTuple):
    """Accounts of which something watched has changed."""

    id: object
    accounts: frozenset[str]


class Notices:
    """Knows these documents."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._digests: Stored = database["digests"]
        self._alerts: Stored = database["alerts"]
        self._marks: Stored = database["marks"]

    async def mark(self, changed: Mapping[Key, Fact], session: Session) -> None:
        """Note in a batch's transaction which accounts are to be looked at: one document a batch.

        Batches without anything that is watched write nothing.
        """
        accounts = {f.account for key, f in changed.items() if key.kind in WATCHED and f.account}
        if accounts:
            row: Document = {"accounts": sorted(accounts)}
            await write(self._marks, [InsertOne(row)], session=session)

    async def marks(self) -> list[Mark]:
        """Some that were not looked at yet, the oldest first."""
        rows = await find(self._marks, {}, sort=[("_id", 1)], limit=AT_ONCE)
        return [Mark(row["_id"], frozenset(row["accounts"])) for row in rows]

    async def unmark(self, marks: Iterable[Mark]) -> None:
        """They were looked at."""
        await delete(self._marks, {"_id": {"$in": [mark.id for mark in marks]}})

    async def told(self, session: Session | None = None) -> dict[str, dict[Rhythm, date]]:
        """Up to which day everybody has had each digest."""
        rows = await find(self._digests, {}, session=session)
        return {
            row["_id"]: {one: date.fromisoformat(row[one]) for one in RHYTHMS if one in row}
            for row in rows
        }

    async def begin(self, latest: Mapping[str, Mapping[Rhythm, date]]) -> None:
        """Digests of these people begin after these days: what is before is told to nobody."""
        writes: list[UpdateOne] = []
        for person, days in latest.items():
            row = {rhythm: until.isoformat() for rhythm, until in days.items()}
            writes.append(UpdateOne({"_id": person}, {"$setOnInsert": row}, upsert=True))
            writes += [
                UpdateOne({"_id": person, rhythm: {"$exists": False}}, {"$set": {rhythm: until}})
                for rhythm, until in row.items()
            ]
        await write(self._digests, writes)

    async def tell(
        self, person: str, rhythm: Rhythm, before: date, until: date, session: Session
    ) -> bool:
        """Note that somebody is told up to a day; false: another process has."""
        query = {"_id": person, rhythm: before.isoformat()}
        update = UpdateOne(query, {"$set": {rhythm: until.isoformat()}})
        return await write(self._digests, [update], session=session) == 1

    async def watched(self, ids: Collection[str], session: Session) -> dict[str, Watched]:
        """What is known of things that are watched; of those that were ever raised."""
        rows = await find(self._alerts, {"_id": {"$in": sorted(ids)}}, session=session)
        return {row["_id"]: Watched(raised=row["raised"], turn=row["turn"]) for row in rows}

    async def watch(self, now: Mapping[str, Watched], session: Session) -> None:
        """Keep what is known of them. Two processes that do collide, and one begins again."""
        await write(
            self._alerts,
            [
                UpdateOne(
                    {"_id": name}, {"$set": {"raised": one.raised, "turn": one.turn}}, upsert=True
                )
                for name, one in sorted(now.items())
            ],
            session=session,
        )

    async def begun(self, what: str) -> bool:
        """Whether it was begun to watch something before; it is from now on."""
        found = await find(self._alerts, {"_id": f"begun {what}"})
        update = UpdateOne(
            {"_id": f"begun {what}"}, {"$set": {"raised": False, "turn": 0}}, upsert=True
        )
        if not found:
            await write(self._alerts, [update])
        return bool(found)
