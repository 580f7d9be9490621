"""Facts as documents."""

from services.reporting.facts import Fact, Key, Stamp
from services.reporting.standing import standing
from services.reporting.told import SEPARATOR
from shared.mongo import Document, UpdateOne


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
