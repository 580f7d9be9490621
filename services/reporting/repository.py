"""Facts and counters in MongoDB, in two slots of which one is live (see `generations`)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.reporting.domain import Fold, Shares, counter_id
from services.reporting.facts import Fact, Key, Stamp
from services.reporting.figures.catalogue import FIGURES, OF_STANDING
from services.reporting.figures.declaration import Amount, Figure, Unit
from services.reporting.periods import months
from services.reporting.questions import Row
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
    write,
)

SLOTS = ("a", "b")

OF_SLOT: Mapping[str, Sequence[IndexModel]] = {
    "facts": [
        IndexModel(
            [("account", 1), ("kind", 1)], partialFilterExpression={"account": {"$exists": True}}
        )
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
        match: Document = {"figure": figure.name, "cube": cube}
        since, until = days
        if bounds := {k: v for k, v in (("$gte", since), ("$lte", until)) if v}:
            match["day"] = bounds
        match |= {name: {"$in": sorted(values)} for name, values in where.items()}
        sums = {measure.name: {"$sum": f"${measure.name}"} for measure in figure.measures}
        found = await aggregate(
            self._database[f"counters_{slot}"],
            [{"$match": match}, {"$group": {"_id": {n: f"${n}" for n in by}, **sums}}],
        )
        return [
            Row(row["_id"], {m.name: _amount(row[m.name], m.unit) for m in figure.measures})
            for row in found
        ]


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
    return document


def _fact(row: Document) -> Fact:
    kind, _, id_ = row["_id"].partition(SEPARATOR)
    stamps = [Stamp(*stamp) for stamp in row["stamps"]]
    by = row["by"]
    values = row["values"]
    return Fact(Key(kind, id_), values, {name: stamps[by.get(name, 0)] for name in values})
