"""Facts and counters in MongoDB, in two slots of which one is live (see `generations`)."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from services.reporting.documents import amount, changes_of, from_fact, held, id_of, to_fact
from services.reporting.domain import Fold, Shares
from services.reporting.facts import Fact, Key, digest, micros
from services.reporting.figures.catalogue import FIGURES, OF_STANDING
from services.reporting.figures.declaration import Amount, Figure, Unit
from services.reporting.periods import months
from services.reporting.pipelines import OF, Sums, parts, pipeline, together
from services.reporting.questions import Row
from services.reporting.standing import NONE
from services.reporting.told import SEPARATOR
from shared.contracts.topics import Topic
from shared.mongo import (
    Database,
    Document,
    IndexModel,
    InsertOne,
    ReplaceOne,
    Session,
    UpdateOne,
    aggregate,
    aggregated,
    find,
    stream,
    write,
)

SLOTS = ("a", "b")

_BY_NAME = [("search", 1), ("_id", 1)]
_BY_MANAGER = [("manager", 1), *_BY_NAME]
FEW = 100
"""Managers whose accounts are merged from as many places of an index. Those of more are most of
all: they are found sooner by going through all by name. MongoDB merges 200 at most."""
AT_ONCE = 1000  # facts that are read together
NOBODYS = "\U0010ffff"
"""In the order of managers, what is about no account comes behind all of them."""
WHEN: Mapping[str, Sequence[str]] = {
    "deal": ("closed_at",),
    "dispute": ("opened_at", "resolved_at"),
    "satisfaction": ("at",),
    "deadline": ("due_at",),
}
"""Fields of facts that say when they count."""

OF_SLOT: Mapping[str, Sequence[IndexModel]] = {
    "facts": [
        IndexModel(
            [("account", 1), ("kind", 1)], partialFilterExpression={"account": {"$exists": True}}
        ),
        *(
            IndexModel(order, partialFilterExpression={"manager": {"$exists": True}})
            for order in (_BY_MANAGER, _BY_NAME)
        ),
    ],
    "counters": [
        # What has no outcome is found as well: MongoDB skips from one to the next.
        IndexModel([("figure", 1), ("cube", 1), ("outcome", 1), ("month", 1)]),
        *(  # whoever sees a team's figures asks for few of many managers
            IndexModel(
                [("figure", 1), ("cube", 1), (manager, 1), ("month", 1)],
                partialFilterExpression={manager: {"$exists": True}},
            )
            for manager in ("manager", "manager_now")
        ),
    ],
}
INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "generations": [],
    **{f"{name}_{slot}": models for slot in SLOTS for name, models in OF_SLOT.items()},
}


class Place(NamedTuple):
    """How far facts are read, in the order of `in_turn`."""

    manager: str = ""
    account: str = ""
    """Or the id of a fact about none."""


class Positions(NamedTuple):
    """The live slot, and names of what was told so far."""

    slot: str
    all: str
    """Another one with every batch and rebuild."""
    of_directory: str
    """Another one when the directory is, or what is live."""


class Stored(NamedTuple):
    """The counters of a month as they are stored; measures by day and name."""

    id: str
    figure: str
    measures: Mapping[str, Amount]


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live(self, session: Session | None = None) -> str:
        """The slot to read from."""
        found = await find(self._database["generations"], {"_id": "live"}, session=session)
        return str(found[0]["slot"]) if found else SLOTS[0]

    async def facts(
        self, slot: str, keys: Iterable[Key], session: Session | None = None
    ) -> dict[Key, Fact]:
        """Those of these facts of which something is known."""
        ids = [id_of(key) for key in keys]
        if not ids:
            return {}
        return await self._facts(slot, {"_id": {"$in": ids}}, session)

    async def of_accounts(
        self,
        slot: str,
        accounts: Collection[str],
        session: Session | None = None,
        kinds: Collection[str] = OF_STANDING - {"account"},
    ) -> dict[Key, Fact]:
        """All facts of these kinds about accounts."""
        if not accounts:
            return {}
        query = {"account": {"$in": sorted(accounts)}, "kind": {"$in": sorted(kinds)}}
        return await self._facts(slot, query, session)

    async def of_kind(self, slot: str, kind: str) -> dict[Key, Fact]:
        """All facts of a kind."""
        return await self._facts(slot, {"_id": _of_kind(kind)})

    async def _facts(
        self, slot: str, query: Mapping[str, Any], session: Session | None = None
    ) -> dict[Key, Fact]:
        rows = await find(self._database[f"facts_{slot}"], query, session=session)
        found = (to_fact(row) for row in rows)
        return {fact.key: fact for fact in found}

    async def save(self, slot: str, fold: Fold, session: Session) -> None:
        """Replace the facts that changed; add the changes to the counters."""
        writing = asyncio.create_task(
            self.keep(slot, fold.facts, fold.changed, session, fold.leaned_on())
        )
        await asyncio.sleep(0)  # MongoDB writes the facts while the counters are reckoned
        try:
            updates = [change.update() for change in changes_of(fold.changes())]
        finally:
            await writing
        await write(self._database[f"counters_{slot}"], updates, session=session)

    async def keep(
        self,
        slot: str,
        known: Collection[Key],
        changed: Mapping[Key, Fact],
        session: Session,
        leaned_on: Iterable[Key] = (),
    ) -> None:
        """Write facts, of which these were known before."""
        facts: list[ReplaceOne[Document] | InsertOne[Document] | UpdateOne] = [
            ReplaceOne({"_id": id_of(key)}, from_fact(fact))
            if key in known
            else InsertOne(from_fact(fact))
            for key, fact in sorted(changed.items())
        ]
        facts += [held(key) for key in sorted(leaned_on)]
        await write(self._database[f"facts_{slot}"], facts, session=session)

    async def add(self, slot: str, changes: Shares, session: Session) -> None:
        """Add to counters most of which are not there yet."""
        counters, found = self._database[f"counters_{slot}"], changes_of(changes)
        query = {"_id": {"$in": [change.id for change in found]}}
        rows = await find(counters, query, projection={"_id": 1}, session=session)
        known = {row["_id"] for row in rows}
        writes = [one.update() if one.id in known else one.insert() for one in found]
        await write(counters, writes, session=session)

    async def in_turn(self, slot: str, after: Place) -> AsyncIterator[tuple[Place, list[Fact]]]:
        """All facts from behind a place on, of each account first its own; to where they reach.

        Manager by manager, since most counters are of one manager; last what is about no account.
        """
        facts = self._database[f"facts_{slot}"]
        if after.manager < NOBODYS:
            async for places in self._customers(slot, after):
                whose = {"account": {"$in": sorted(place.account for place in places)}}
                rows = await find(facts, whose, sort=[("account", 1), ("kind", 1)])
                yield places[-1], [to_fact(row) for row in rows]
            after = Place(NOBODYS, "")
        while True:
            further = {"account": {"$exists": False}, "_id": {"$gt": after.account}}
            rows = await find(facts, further, sort=[("_id", 1)], limit=AT_ONCE)
            if not rows:
                return
            after = Place(NOBODYS, rows[-1]["_id"])
            yield after, [to_fact(row) for row in rows]

    async def _customers(self, slot: str, after: Place) -> AsyncIterator[list[Place]]:
        """Accounts about which there are some thousand facts, or one of which there are more."""
        pipeline: list[Document] = [
            {"$match": {"account": {"$exists": True}}},
            {
                "$group": {
                    "_id": "$account",
                    "manager": {"$max": {"$ifNull": ["$manager", NONE]}},
                    "facts": {"$sum": 1},
                }
            },
            {
                "$match": {
                    "$or": [
                        {"manager": {"$gt": after.manager}},
                        {"manager": after.manager, "_id": {"$gt": after.account}},
                    ]
                }
            },
            {"$sort": {"manager": 1, "_id": 1}},
        ]
        places: list[Place] = []
        count = 0
        async for row in aggregated(self._database[f"facts_{slot}"], pipeline):
            if places and count + row["facts"] > AT_ONCE:
                yield places
                places, count = [], 0
            places.append(Place(row["manager"], row["_id"]))
            count += row["facts"]
        if places:
            yield places

    async def size(self, slot: str) -> int:
        """How many facts there are."""
        rows = await aggregate(self._database[f"facts_{slot}"], [{"$count": "count"}])
        return rows[0]["count"] if rows else 0

    async def counters(self, slot: str, session: Session | None = None) -> AsyncIterator[Stored]:
        """All counters that are not nothing, in one order whatever the slot, a month each."""
        rows = stream(self._database[f"counters_{slot}"], {}, sort=[("_id", 1)], session=session)
        async for row in rows:
            figure, month = row["figure"], row["month"]
            names = [m.name for m in FIGURES[figure].measures] if figure in FIGURES else []
            of_month = {month: {name: row.get(name, 0) for name in names}}
            known = {
                f"{at} {name}": plain
                for at, measures in (of_month | _days(row)).items()
                for name, value in measures.items()
                if (plain := amount(value))
            }
            if known:
                yield Stored(row["_id"], figure, known)

    async def rows(self, slot: str, wanted: Sequence[Sums]) -> list[list[Row]]:
        """Rows of each, in one command. Some may be nothing, or the same but for their measures."""
        asked = [(n, steps) for n, one in enumerate(wanted) for steps in parts(one)]
        if not asked:
            return []
        counters = self._database[f"counters_{slot}"]
        steps = together(counters.name, [steps for _, steps in asked])
        found: list[list[Row]] = [[] for _ in wanted]
        for document in await aggregate(counters, steps):
            n, _ = asked[document[OF]]
            row = _row(document, wanted[n].figure)
            found[n].append(_labelled(row, wanted[n].by) if wanted[n].by_day else row)
        return found

    async def stream(
        self, slot: str, wanted: Sums, after: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Likewise one by one, in order, from behind these values on; none that is nothing.

        Not by Jalali months: MongoDB does not know them.
        """
        figure, by = wanted.figure, wanted.by
        steps = [
            *pipeline(wanted, by, wanted.days),
            {"$match": {"$or": [{measure.name: {"$ne": 0}} for measure in figure.measures]}},
            *([{"$match": {"_id": {"$gt": dict(zip(by, after, strict=True))}}}] if after else []),
            {"$sort": {"_id": 1}},
        ]
        async for row in aggregated(self._database[f"counters_{slot}"], steps):
            yield _row(row, figure)

    async def between(
        self, slot: str, kind: str, since: date, until: date, accounts: Collection[str] | None
    ) -> AsyncIterator[Fact]:
        """Facts of these accounts, or all, that may count on these days anywhere in the world."""
        day = timedelta(days=1)
        first, last = (
            micros(datetime.combine(on, time(), UTC)) for on in (since - day, until + 2 * day)
        )
        bounds = {"$gte": first, "$lt": last}
        query: Document = {"$or": [{f"values.{name}": bounds} for name in WHEN[kind]]}
        if accounts is None:
            query["_id"] = _of_kind(kind)
        else:
            query |= {"account": {"$in": sorted(accounts)}, "kind": kind}
        async for row in stream(self._database[f"facts_{slot}"], query, sort=[("_id", 1)]):
            yield to_fact(row)

    async def positions(self) -> Positions:
        """Of what is stored now."""
        live = {"coll": "generations", "pipeline": [{"$match": {"_id": "live"}}]}
        steps: list[Document] = [{"$project": {"next": 1}}, {"$unionWith": live}]
        rows = {row["_id"]: row for row in await aggregate(self._database["offsets"], steps)}
        pointer = rows.pop("live", None)
        reached = sorted((name, row.get("next")) for name, row in rows.items())
        of_directory = [one for one in reached if one[0].startswith(f"{Topic.DIRECTORY}/")]
        return Positions(
            pointer["slot"] if pointer else SLOTS[0],
            digest(repr((pointer, reached))),
            digest(repr((pointer, of_directory))),
        )

    async def managed(self, slot: str, managers: Collection[str] | None) -> set[str]:
        """Ids of accounts that these people manage now; None: of all accounts."""
        query = _managed_by(managers)
        found = await find(self._database[f"facts_{slot}"], query, projection={"_id": 1})
        return {row["_id"].partition(SEPARATOR)[2] for row in found}

    async def accounts(
        self,
        slot: str,
        managers: Collection[str] | None,
        search: str,
        after: tuple[str, str] | None,
        limit: int,
    ) -> list[Fact]:
        """Accounts that these people manage now, by name; `after`: the name and id before."""
        query = _managed_by(managers)
        if search:
            query["search"] = {"$regex": f"^{re.escape(search.casefold())}"}
        if after:
            name, id_ = after
            query["search"] = {**query.get("search", {}), "$gte": name}
            further = {"$gt": id_of(Key("account", id_))}
            query["$or"] = [{"search": {"$gt": name}}, {"_id": further}]
        few = managers is not None and len(managers) <= FEW
        rows = await find(
            self._database[f"facts_{slot}"],
            query,
            sort=_BY_NAME,
            limit=limit,
            hint=_BY_MANAGER if few else _BY_NAME,
        )
        return [to_fact(row) for row in rows]


def _of_kind(kind: str) -> Document:
    first = f"{kind}{SEPARATOR}"
    return {"$gte": first, "$lt": f"{first}\U0010ffff"}


def _managed_by(managers: Collection[str] | None) -> Document:
    """Accounts of these people; None: of anybody."""
    return {"manager": {"$exists": True} if managers is None else {"$in": sorted(managers)}}


def _row(row: Document, figure: Figure) -> Row:
    return Row(row["_id"], {m.name: _amount(row[m.name], m.unit) for m in figure.measures})


def _amount(value: Any, unit: Unit) -> Amount:
    found = amount(value)
    return Decimal(found) if unit is Unit.MONEY else found


def _days(row: Document) -> dict[str, Document]:
    return {f"{row['month']}-{day}": measures for day, measures in row["days"].items()}


def _labelled(row: Row, by: Sequence[str]) -> Row:
    _, jalali_month = months(row.by["day"])
    return Row({n: jalali_month if n == "jalali_month" else row.by[n] for n in by}, row.measures)
