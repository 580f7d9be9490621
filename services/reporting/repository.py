"""Facts and counters in MongoDB, in two slots of which one is live (see `generations`)."""

import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.reporting.domain import Fold, Shares, counter_id
from services.reporting.facts import Fact, Key, Stamp, digest
from services.reporting.figures.catalogue import FIGURES, OF_STANDING
from services.reporting.figures.declaration import Amount, Figure, Unit
from services.reporting.periods import months
from services.reporting.questions import Row
from services.reporting.standing import standing
from services.reporting.told import SEPARATOR
from shared.mongo import (
    Database,
    Decimal128,
    Document,
    IndexModel,
    InsertOne,
    ReplaceOne,
    Session,
    UpdateOne,
    aggregate,
    find,
    stream,
    write,
)

SLOTS = ("a", "b")

OF_SLOT: Mapping[str, Sequence[IndexModel]] = {
    "facts": [
        IndexModel(
            [("account", 1), ("kind", 1)], partialFilterExpression={"account": {"$exists": True}}
        ),
        IndexModel(
            [("manager", 1), ("search", 1)],
            partialFilterExpression={"manager": {"$exists": True}},
        ),
        IndexModel("search", partialFilterExpression={"manager": {"$exists": True}}),
    ],
    "counters": [IndexModel([("figure", 1), ("cube", 1), ("day", 1)])],
}
INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "generations": [],
    **{f"{name}_{slot}": models for slot in SLOTS for name, models in OF_SLOT.items()},
}


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live(self, session: Session | None = None) -> str:
        """The slot that is live. Read inside the transaction that writes to it."""
        found = await find(self._database["generations"], {"_id": "live"}, session=session)
        return str(found[0]["slot"]) if found else SLOTS[0]

    async def facts(
        self, slot: str, keys: Iterable[Key], session: Session | None = None
    ) -> dict[Key, Fact]:
        """Those of these facts of which something is known."""
        ids = [_id(key) for key in keys]
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
        first = f"{kind}{SEPARATOR}"
        return await self._facts(slot, {"_id": {"$gte": first, "$lt": f"{first}\U0010ffff"}})

    async def _facts(
        self, slot: str, query: Mapping[str, Any], session: Session | None = None
    ) -> dict[Key, Fact]:
        rows = await find(self._database[f"facts_{slot}"], query, session=session)
        found = (_fact(row) for row in rows)
        return {fact.key: fact for fact in found}

    async def save(self, slot: str, fold: Fold, session: Session) -> None:
        """Replace the facts that changed; add the changes to the counters."""
        await write(
            self._database[f"facts_{slot}"],
            [
                ReplaceOne({"_id": _id(key)}, _document(fact))
                if key in fold.facts
                else InsertOne(_document(fact))
                for key, fact in sorted(fold.changed.items())
            ],
            session=session,
        )
        await write(
            self._database[f"counters_{slot}"], _increments(fold.changes()), session=session
        )

    async def rows(  # noqa: PLR0917
        self,
        slot: str,
        figure: Figure,
        cube: int,
        by: Sequence[str],
        where: Mapping[str, Iterable[str]],
        days: tuple[str | None, str | None] = (None, None),
    ) -> list[Row]:
        """Sums of a figure's counters. Rows that are nothing are there, too."""
        pipeline = _sums(figure, cube, by, where, days)
        return [
            _row(row, figure)
            for row in await aggregate(self._database[f"counters_{slot}"], pipeline)
        ]

    async def stream(  # noqa: PLR0917
        self,
        slot: str,
        figure: Figure,
        cube: int,
        by: Sequence[str],
        where: Mapping[str, Iterable[str]],
        days: tuple[str | None, str | None] = (None, None),
        after: Sequence[str] | None = None,
    ) -> AsyncIterator[Row]:
        """Likewise one by one, in order, from behind these values on; none that is nothing."""
        pipeline = [
            *_sums(figure, cube, by, where, days),
            {"$match": {"$or": [{measure.name: {"$ne": 0}} for measure in figure.measures]}},
            *([{"$match": {"_id": {"$gt": dict(zip(by, after, strict=True))}}}] if after else []),
            {"$sort": {"_id": 1}},
        ]
        async for row in stream(self._database[f"counters_{slot}"], pipeline):
            yield _row(row, figure)

    async def position(self) -> str:
        """Names all that is stored as it is now: it changes with every batch and rebuild."""
        # the slot first: what is read after it can only be newer than what it says
        slot = await self.live()
        offsets = await find(self._database["offsets"], {}, projection={"next": 1})
        return digest(repr((slot, sorted((row["_id"], row.get("next")) for row in offsets))))

    async def managed(self, slot: str, managers: Collection[str] | None) -> set[str]:
        """Ids of accounts that these people manage now; None: of all accounts."""
        query = {"manager": {"$exists": True} if managers is None else {"$in": sorted(managers)}}
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
        query: Document = {
            "manager": {"$exists": True} if managers is None else {"$in": sorted(managers)}
        }
        if search:
            query["search"] = {"$regex": f"^{re.escape(search.casefold())}"}
        if after:
            name, id_ = after
            query["$or"] = [
                {"search": {"$gt": name}},
                {"search": name, "_id": {"$gt": _id(Key("account", id_))}},
            ]
        order = [("search", 1), ("_id", 1)]
        rows = await find(self._database[f"facts_{slot}"], query, sort=order, limit=limit)
        return [_fact(row) for row in rows]


def _sums(
    figure: Figure,
    cube: int,
    by: Sequence[str],
    where: Mapping[str, Iterable[str]],
    days: tuple[str | None, str | None],
) -> list[Document]:
    match: Document = {"figure": figure.name, "cube": cube}
    since, until = days
    if bounds := {k: v for k, v in (("$gte", since), ("$lte", until)) if v}:
        match["day"] = bounds
    match |= {name: {"$in": sorted(values)} for name, values in where.items()}
    sums = {measure.name: {"$sum": f"${measure.name}"} for measure in figure.measures}
    return [{"$match": match}, {"$group": {"_id": {n: f"${n}" for n in by}, **sums}}]


def _row(row: Document, figure: Figure) -> Row:
    return Row(row["_id"], {m.name: _amount(row[m.name], m.unit) for m in figure.measures})


def _amount(value: Any, unit: Unit) -> Amount:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return Decimal(value) if unit is Unit.MONEY else int(value)


def _increments(changes: Shares) -> list[UpdateOne]:
    operations = []
    for counter, values in sorted(changes.items()):
        name, cube, day, dimensions = counter
        figure = FIGURES[name]
        month, jalali_month = months(day)
        about = {
            "figure": name,
            "cube": cube,
            "day": day,
            "month": month,
            "jalali_month": jalali_month,
            **dict(zip((*figure.always, *figure.cubes[cube]), dimensions, strict=True)),
        }
        change = {
            measure.name: Decimal128(value) if isinstance(value, Decimal) else value
            for measure, value in zip(figure.measures, values, strict=True)
        }
        operations.append(
            UpdateOne(
                {"_id": counter_id(counter)}, {"$inc": change, "$setOnInsert": about}, upsert=True
            )
        )
    return operations


def _id(key: Key) -> str:
    return SEPARATOR.join(key)


def _document(fact: Fact) -> Document:
    stamps = list(dict.fromkeys(fact.stamps.values()))
    numbers = {stamp: number for number, stamp in enumerate(stamps)}
    document: Document = {
        "_id": _id(fact.key),
        "kind": fact.key.kind,
        "values": dict(fact.values),
        "stamps": [list(stamp) for stamp in stamps],
        # Most of a fact was said by one event: only what others said names its stamp.
        "by": {name: number for name, stamp in fact.stamps.items() if (number := numbers[stamp])},
    }
    if fact.account:
        document["account"] = fact.account
    if fact.key.kind == "account":
        stands = standing(fact)  # by whose accounts they are, and by name, they are looked for
        document |= {"manager": stands.manager, "search": stands.name.casefold()}
    return document


def _fact(row: Document) -> Fact:
    kind, _, id_ = row["_id"].partition(SEPARATOR)
    stamps = [Stamp(*stamp) for stamp in row["stamps"]]
    by = row["by"]
    values = row["values"]
    return Fact(Key(kind, id_), values, {name: stamps[by.get(name, 0)] for name in values})
