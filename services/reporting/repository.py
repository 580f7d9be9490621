"""Figures, the facts they are sums of, and people, in MongoDB."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from services.reporting.domain import DealFact, Fold
from shared.contracts.deals import DealAmended, DealClosed, DealReopened
from shared.contracts.directory import PersonRemoved, PersonUpserted
from shared.contracts.event import EventData
from shared.mongo import (
    Collection,
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

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "figures": [IndexModel("figure")],
    "deals": [],
    "people": [],
}


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database, time_zone: ZoneInfo) -> None:
        self._figures: Collection = database["figures"]
        self._deals: Collection = database["deals"]
        self._people: Collection = database["people"]
        self._time_zone = time_zone

    async def load(self, events: Sequence[EventData], session: Session) -> Fold:
        """A fold that knows the facts these events may correct."""
        deals = [
            event.deal_id
            for event in events
            if isinstance(event, DealClosed | DealAmended | DealReopened)
        ]
        fold = Fold(self._time_zone)
        if deals:
            rows = await find(self._deals, {"_id": {"$in": deals}}, session=session)
            fold.deals = {row["_id"]: _fact(row) for row in rows}
        return fold

    async def save(
        self, fold: Fold, people: Iterable[PersonUpserted | PersonRemoved], session: Session
    ) -> None:
        """Add the changes to the figures; replace the facts."""
        await write(
            self._figures,
            [
                UpdateOne(
                    {"_id": figure.id},
                    {
                        "$inc": {"count": change.count, "amount": Decimal128(change.amount)},
                        "$setOnInsert": {"figure": figure.name, **dict(figure.dimensions)},
                    },
                    upsert=True,
                )
                for figure, change in sorted(fold.changes.items())
            ],
            session=session,
        )
        await write(
            self._deals,
            [
                InsertOne(_document(fold.deals[deal]))
                if deal in fold.new_deals
                else ReplaceOne({"_id": deal}, _document(fold.deals[deal]))
                for deal in sorted(fold.changed_deals)
            ],
            session=session,
        )
        await write(self._people, [_person(person) for person in people], session=session)

    async def figures(self, name: str, by: Sequence[str]) -> list[Document]:
        """Count and amount of a figure, summed over all dimensions but these."""
        group = {field: f"${field}" for field in by}
        rows = await aggregate(
            self._figures,
            [
                {"$match": {"figure": name}},
                {
                    "$group": {
                        "_id": group,
                        "count": {"$sum": "$count"},
                        "amount": {"$sum": "$amount"},
                    }
                },
                {"$match": {"$or": [{"count": {"$ne": 0}}, {"amount": {"$ne": Decimal128("0")}}]}},
                {"$sort": {"_id": 1}},
            ],
        )
        return [
            {**row["_id"], "count": row["count"], "amount": row["amount"].to_decimal()}
            for row in rows
        ]

    async def people(self) -> dict[str, Document]:
        """Everybody in the directory, those who left too."""
        return {row["_id"]: row for row in await find(self._people, {})}


def _person(person: PersonUpserted | PersonRemoved) -> UpdateOne:
    if isinstance(person, PersonRemoved):
        return UpdateOne({"_id": person.person_id}, {"$set": {"active": False}}, upsert=True)
    known = {"name": person.name, "reports_to": person.reports_to, "active": True}
    return UpdateOne({"_id": person.person_id}, {"$set": known}, upsert=True)


def _document(fact: DealFact) -> Document:
    fields: Document = {name: getattr(fact, name) for name in fact.__slots__}
    return {"_id": fields.pop("id"), **fields, "amount": Decimal128(fact.amount)}


def _fact(row: Document) -> DealFact:
    amount: Decimal = row["amount"].to_decimal()
    return DealFact(id=row.pop("_id"), **row | {"amount": amount})
