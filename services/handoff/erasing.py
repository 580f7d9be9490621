"""Where handoff has something of people, and what is left of it when they are erased."""

import json
from collections.abc import Mapping
from typing import Any

from shared.contracts.deals import Contact, Package
from shared.eraser import DELETED, Erasing, Place, about_customers, themselves
from shared.erasure import Mark, Sought, parted, scrub, without_texts
from shared.identities import ERASED, Search
from shared.mongo import Database, Document, find

_PLACES = ("regions", "countries", "cities", "speaks", "industries", "absences")
"""What the directory told of a manager besides capacity and level."""
_TOLD = ("email", "address", "roles", "reports_to", "language", "time_zone")
"""What it told of anybody, besides the name."""


def _package(row: Document) -> Package | None:
    told = row.get("package")
    return Package.model_validate_json(json.dumps(told)) if told else None


def _handoff(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    package = _package(row)
    if package is None:
        return None
    left = package
    mark, search = sought
    if mark.kind == "contact":
        contacts, search = parted(package.contacts, search)
        left = package.model_copy(update={"contacts": contacts})
    left = without_texts(left, search)
    if left == package:
        return None
    return {"$set": {"package": left.model_dump(mode="json", exclude_none=True)}}


def _did(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    changed = scrub(row, sought.search, ("said", "title"))
    return {"$set": changed} if changed else None


def _owed(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    changed = scrub(row, sought.search, ("title",))
    return {"$set": changed} if changed else None


def _person(row: Document, _: Sought) -> Mapping[str, Any] | None:
    """Who is active has come again since."""
    if row["active"] or (row.get("name") == ERASED and not any(row.get(n) for n in _TOLD)):
        return None
    return {"$set": {"name": ERASED}, "$unset": dict.fromkeys(_TOLD, "")}


def _manager(row: Document, _: Sought) -> Mapping[str, Any] | None:
    if row["active"] or not any(row[name] for name in _PLACES):
        return None
    return {"$set": {name: [] for name in _PLACES}}


def _link(_: Document, __: Sought) -> Mapping[str, Any] | None:
    return DELETED


async def _links(mark: Mark, _: Database) -> Document | None:
    return {"person_id": mark.of} if mark.kind == "person" else None


async def _history(mark: Mark, database: Database) -> Document | None:
    if mark.kind == "person":
        return {}
    query = {"account_id": mark.of}
    rows = await find(database["handoffs"], query, projection={"_id": 1})
    return {"handoff_id": {"$in": [row["_id"] for row in rows]}}


async def _widen(sought: Sought, database: Database) -> Search:
    """A contact is one in all handoffs of an account, by whatever each of them knows it."""
    mark, search = sought
    if mark.kind == "person":
        return search
    contacts: list[Contact] = []
    for row in await find(database["handoffs"], {"account_id": mark.of}, projection={"package": 1}):
        package = _package(row)
        contacts += package.contacts if package else ()
    return parted(contacts, search)[1]


ERASING = Erasing(
    places=(
        Place("people", themselves, _person),
        Place("managers", themselves, _manager),
        Place("login_links", _links, _link),
        Place("handoffs", about_customers, _handoff),
        Place("history", _history, _did),
        Place("obligations", about_customers, _owed),
    ),
    widen=_widen,
)
