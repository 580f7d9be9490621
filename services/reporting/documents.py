"""Facts and changes of counters as documents."""

from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from typing import Any

from services.reporting.domain import Shares
from services.reporting.facts import Fact, Key, Stamp
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Amount
from services.reporting.standing import standing
from services.reporting.told import SEPARATOR
from shared.mongo import Decimal128, Document, InsertOne, UpdateOne

_PRECISE = Context(prec=60)
_BIAS = 6176
"""Of the exponent in IEEE 754: 128 bits are a sign, 14 of the exponent, and the digits."""


def id_of(key: Key) -> str:
    """As facts are found."""
    return SEPARATOR.join(key)


def held(key: Key) -> UpdateOne:
    """Writes a fact as it is, so that who changes it in another transaction collides."""
    nothing = from_fact(Fact(key))
    return UpdateOne(
        {"_id": nothing.pop("_id")}, {"$inc": {"held": 1}, "$setOnInsert": nothing}, upsert=True
    )


def from_fact(fact: Fact) -> Document:
    """A fact as it is stored."""
    stamps = list({id(stamp): stamp for stamp in fact.stamps.values()}.values())
    numbers = {id(stamp): number for number, stamp in enumerate(stamps)}
    document: Document = {
        "_id": id_of(fact.key),
        "kind": fact.key.kind,
        "values": fact.values,
        "stamps": [list(stamp) for stamp in stamps],
        # Most of a fact was said by one event: only what others said names its stamp.
        "by": {name: n for name, stamp in fact.stamps.items() if (n := numbers[id(stamp)])}
        if len(stamps) > 1
        else {},
    }
    if fact.account:
        document["account"] = fact.account
    if fact.key.kind == "account":
        stands = standing(fact)  # by whose accounts they are, and by name, they are looked for
        document |= {"manager": stands.manager, "search": stands.name.casefold()}
    return document


def to_fact(row: Document) -> Fact:
    """The fact of a document."""
    kind, _, id_ = row["_id"].partition(SEPARATOR)
    stamps = [Stamp(*stamp) for stamp in row["stamps"]]
    by = row["by"]
    values = row["values"]
    return Fact(Key(kind, id_), values, {name: stamps[by.get(name, 0)] for name in values})


@dataclass(slots=True)
class Change:
    """What is added to the counters of one month, which are one document."""

    id: str
    about: Document
    month: dict[str, Amount]
    """By measure."""
    days: dict[str, dict[str, Amount]] = field(default_factory=dict)
    """By day of the month and measure; no measure that is nothing."""

    def update(self) -> UpdateOne:
        """Adds it to what is there, or to nothing."""
        change = dict(self.month)
        for day, measures in self.days.items():
            change |= {f"days.{day}.{name}": value for name, value in measures.items()}
        increments = {name: _stored(value) for name, value in change.items()}
        changes = {"$inc": increments, "$setOnInsert": self.about}
        return UpdateOne({"_id": self.id}, changes, upsert=True)

    def insert(self) -> InsertOne[Document]:
        """The document where nothing is there, which costs MongoDB a fifth."""
        days = {
            day: {name: _stored(value) for name, value in measures.items()}
            for day, measures in self.days.items()
        }
        month = {name: _stored(value) for name, value in self.month.items()}
        return InsertOne({"_id": self.id, **self.about, **month, "days": days})


def changes_of(changes: Shares) -> list[Change]:
    """By month: what a batch changes is in few of them."""
    found: dict[str, Change] = {}
    with localcontext(prec=60):
        for (name, cube, day, values), measures in sorted(changes.items()):
            figure, month = FIGURES[name], day[:7]
            id_ = SEPARATOR.join([name, str(cube), month, *values])
            change = found.get(id_)
            if change is None:
                names = (*figure.always, *figure.cubes[cube])
                dimensions = dict(zip(names, values, strict=True))
                about = {"figure": name, "cube": cube, "month": month, **dimensions}
                nothing: dict[str, Amount] = dict.fromkeys((m.name for m in figure.measures), 0)
                change = found[id_] = Change(id_, about, nothing)
            change.days[day[8:]] = of_day = {}
            for measure, value in zip(figure.measures, measures, strict=True):
                if value:
                    change.month[measure.name] += value
                    of_day[measure.name] = value
    return list(found.values())


def amount(value: Any) -> Amount:
    """As it was before MongoDB kept it; `to_decimal` takes four times as long."""
    if isinstance(value, int):
        return int(value)
    bits = int.from_bytes(value.bid, "little")
    exponent, digits = bits >> 113 & 0x3FFF, bits & (1 << 113) - 1
    if exponent >> 12 == 3 or digits >= 10**34:  # no number, or nothing
        found: Decimal = value.to_decimal()
        return found
    size = Decimal(digits).scaleb(exponent - _BIAS, _PRECISE)
    return size.copy_negate() if bits >> 127 else size


def _stored(value: Amount) -> int | Decimal128:
    """As MongoDB keeps it.

    `Decimal128(value)` is the same and takes four times as long; there are hundreds in a batch.
    """
    if isinstance(value, int):
        return value
    exponent = int(value.as_tuple().exponent)
    digits = int(value.scaleb(-exponent, _PRECISE))
    bits = (digits < 0) << 127 | (exponent + _BIAS) << 113 | abs(digits)
    return Decimal128.from_bid(bits.to_bytes(16, "little"))
