"""A manager's accounts in an order, page by page: as queries, and what of them has an index.

A page is found through an index of the order, so it takes as long among ten accounts as among ten
thousand. Only a search reads on until the page is full. Pure.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from services.handoff.candidates import Tier
from services.handoff.rights import Viewer
from services.handoff.states import Account
from shared import persian

Order: TypeAlias = Literal["name", "weight", "satisfaction", "contacted"]
Key: TypeAlias = str | int | datetime | None
Query: TypeAlias = Mapping[str, Any]

FIELDS: Mapping[Order, str] = {
    "name": "sort_name",
    "weight": "weight",
    "satisfaction": "satisfaction",
    "contacted": "contacted_at",
}
"""Where a document keeps what is sorted by. What is unknown comes before everything known."""

_LARGEST = 2**31
_SEARCHED = ("name", "_id", "city", "region", "country", "industry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which accounts, in which order, from where on."""

    search: str = ""
    """Somewhere in the name, the id, a place or the industry; capital letters are as small."""
    tier: Tier | None = None
    order: Order = "name"
    down: bool = False
    after: str = ""
    """Where the page before ended, as `ends` told; what is none is the beginning."""

    @property
    def sort(self) -> Sequence[tuple[str, int]]:
        """As MongoDB takes it."""
        way = -1 if self.down else 1
        return ((FIELDS[self.order], way), ("_id", way))

    def steps(self, query: Query) -> Iterator[Query]:
        """Queries for those that match `query`, one after the other until enough are found.

        Each is one range of an index, so that MongoDB has nothing to choose and nothing to sort.
        """
        for rest in self._rests():
            yield {"$and": [query, rest, self._fits()]}

    def place(self, account: Account) -> tuple[bool, Any, str]:
        """Where an account stands among others."""
        key = self.sorts_by(account)
        return (key is not None, 0 if key is None else key, account.id)

    def sorts_by(self, account: Account) -> Key:
        """What an account is sorted by."""
        match self.order:
            case "name":
                return sort_name(account.name)
            case "weight":
                return account.weight
            case "satisfaction":
                return account.satisfaction
            case "contacted":
                return account.contacted_at

    def ends(self, account: Account) -> str:
        """The place after an account, as an address holds it."""
        key = self.sorts_by(account)
        told = key.isoformat() if isinstance(key, datetime) else key
        return json.dumps([told, account.id], ensure_ascii=False, separators=(",", ":"))

    def _rests(self) -> Iterator[Query]:
        """What lies after the place: at the same key by id, then beyond it."""
        place = _place(self.after, self.order)
        if place is None:
            yield {}
            return
        field, key, beyond = FIELDS[self.order], place.key, "$lt" if self.down else "$gt"
        yield {field: key, "_id": {beyond: place.id}}
        # MongoDB compares values of one type only, so what is unknown is asked for by itself.
        if key is not None:
            yield {field: {beyond: key}}
            if self.down:
                yield {field: None}
        elif not self.down:
            yield {field: {"$ne": None}}

    def _fits(self) -> Query:
        fits: dict[str, Any] = {"tier": self.tier.value} if self.tier else {}
        if wanted := self.search.replace("\0", "").strip():
            found = {"$regex": re.escape(wanted), "$options": "i"}
            fits["$or"] = [{name: found} for name in _SEARCHED]
        return fits


def sort_name(name: str) -> str:
    """By what accounts are sorted by name: capital letters as small, Persian in its own order."""
    return persian.sorting(name.casefold())


def own(viewer: Viewer) -> list[Query]:
    """What `rights.is_own` says, as a query."""
    whose = {"$in": sorted(viewer.whose)}
    return [{"manager_id": whose}, {"salesperson_id": whose}, {"deadlines.owner_id": whose}]


def owing(viewer: Viewer) -> Query:
    """What somebody owes customers, as a query of obligations."""
    return {"owner_id": {"$in": sorted(viewer.whose)}}


def ids_reached(viewer: Viewer, **of: Any) -> list[Query]:
    """A pipeline over handoffs: ids of accounts of own ones, and of those owed something.

    `of`: what handoffs and obligations must match besides.
    """
    ids = {"$group": {"_id": "$account_id"}}
    owed = {"coll": "obligations", "pipeline": [{"$match": {**owing(viewer), **of}}, ids]}
    return [
        {"$match": {"$or": own(viewer), **of}},
        ids,
        {"$unionWith": owed},
        {"$group": {"_id": "$_id"}},
    ]


def reached(viewer: Viewer, wanted: Wanted, query: Query, limit: int) -> Sequence[Query]:
    """A pipeline over handoffs: accounts of `ids_reached`, as wanted.

    The server brings them together and keeps the page's alone: however many there are, none is
    left out, and no list of ids travels. It takes as long as there are of them.
    """
    return [
        *ids_reached(viewer),
        {"$lookup": {"from": "accounts", "localField": "_id", "foreignField": "_id", "as": "a"}},
        {"$unwind": "$a"},
        {"$replaceRoot": {"newRoot": "$a"}},
        {"$match": {"$or": list(wanted.steps(query))}},
        {"$sort": dict(wanted.sort)},
        {"$limit": limit},
    ]


def managed(viewer: Viewer) -> list[Query]:
    """What `rights.manages` says, as a query. The type lets the partial index be used."""
    whose = sorted(viewer.whose)
    return [
        {"manager_id": {"$in": whose}},
        {"home_manager_id": {"$in": whose, "$type": "string"}},
    ]


def index(whose: str, field: str) -> Sequence[tuple[str, int]]:
    """For an order of one manager's accounts. By the tier at its end one is told without a look."""
    return ((whose, 1), (field, 1), ("_id", 1), ("tier", 1))


def of_manager(manager: str | None) -> Mapping[str, Query]:
    """Accounts managed, and those kept by another during an absence, by the field that says so.

    None: those of nobody.
    """
    home: Query = {"home_manager_id": {"$eq": manager, "$type": "string"}}
    return {"manager_id": {"manager_id": manager}} | ({"home_manager_id": home} if manager else {})


@dataclass(frozen=True, slots=True)
class _Place:
    key: Key
    id: str


def _place(text: str, order: Order) -> _Place | None:
    try:
        key, id_ = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    found: Key = _moment(key) if order == "contacted" and isinstance(key, str) else key
    return _Place(found, id_) if isinstance(id_, str) and _is_key(found, order) else None


def _is_key(key: object, order: Order) -> bool:
    match order:
        case "name":
            return isinstance(key, str)
        case "weight":
            return isinstance(key, int) and abs(key) < _LARGEST
        case "satisfaction":
            return key is None or (isinstance(key, int) and abs(key) < _LARGEST)
        case "contacted":
            return key is None or isinstance(key, datetime)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
