"""Facts and changes of counters as documents."""

from decimal import Decimal, localcontext

from services.reporting.domain import Shares
from services.reporting.facts import Fact, Key, Stamp
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Amount
from services.reporting.standing import standing
from services.reporting.told import SEPARATOR
from shared.mongo import Decimal128, Document, UpdateOne


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


def changes_of(changes: Shares) -> list[UpdateOne]:
    """Counters of one month are one document: what a batch changes is in few of them."""
    sums: dict[str, dict[str, Amount]] = {}
    about: dict[str, Document] = {}
    with localcontext(prec=60):
        for (name, cube, day, values), measures in sorted(changes.items()):
            figure, month = FIGURES[name], day[:7]
            id_ = SEPARATOR.join([name, str(cube), month, *values])
            if id_ not in sums:
                names = (*figure.always, *figure.cubes[cube])
                dimensions = dict(zip(names, values, strict=True))
                about[id_] = {"figure": name, "cube": cube, "month": month, **dimensions}
                sums[id_] = dict.fromkeys((m.name for m in figure.measures), 0)
            change = sums[id_]
            for measure, value in zip(figure.measures, measures, strict=True):
                change[measure.name] += value
                if value:
                    change[f"days.{day[8:]}.{measure.name}"] = value
    return [
        UpdateOne(
            {"_id": id_},
            {
                "$inc": {
                    name: Decimal128(value) if isinstance(value, Decimal) else value
                    for name, value in change.items()
                },
                "$setOnInsert": about[id_],
            },
            upsert=True,
        )
        for id_, change in sums.items()
    ]
