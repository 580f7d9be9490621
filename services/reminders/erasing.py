"""Where reminders has something of people, and what is left of it when they are erased."""

from collections.abc import Mapping
from typing import Any

from shared.eraser import DELETED, Erasing, Place, about_customers, everywhere, themselves
from shared.erasure import Sought, scrub
from shared.identities import ERASED
from shared.mongo import Document

_NOTHING: Mapping[str, Any] = {
    "name": ERASED, "email": None, "language": "en", "time_zone": None, "own_time_zone": False,
    "hours": None, "absences": [], "channels": [], "quiet_hours": [], "digest": [],
}  # fmt: skip
"""Of an entry of the directory. Whom the person reported to stays, and the calendar: by them the
chains of deadlines go on that are still the person's."""
_TEXTS = ("title", "titles", "body", "reason", "because", "reasons", "figures")


def _person(row: Document, _: Sought) -> Mapping[str, Any] | None:
    """Who is active has come again since. All links that were made for the person are closed."""
    if row.get("active", True) or all(row.get(n, value) == value for n, value in _NOTHING.items()):
        return None
    return {"$set": dict(_NOTHING), "$inc": {"addresses": 1}}


def _message(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    mark, search = sought
    changed = scrub(row, search, _TEXTS)
    if row.get("owner_name") and search.named(row["owner_name"]):
        changed["owner_name"] = ERASED
    if mark.kind == "person" and row["recipient_id"] == mark.of:
        if row["state"] in ("pending", "gathered"):
            changed["state"] = "dropped"
        # How it was tried to reach the person: addresses, and what endpoints said of them.
        changed |= {name: [] for name in ("tried", "reasons") if row.get(name)}
    return {"$set": changed} if changed else None


def _deadline(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    changed = scrub(row, sought.search, ("title", "titles"))
    return {"$set": changed} if changed else None


def _endpoint(row: Document, sought: Sought) -> Mapping[str, Any] | None:
    """An endpoint that is no more, by its channel and address."""
    _, _, address = row["_id"].partition(":")
    return DELETED if sought.search.holds(address) else None


ERASING = Erasing(
    places=(
        Place("people", themselves, _person),
        Place("reminders", about_customers, _message),
        Place("deadlines", about_customers, _deadline),
        Place("gone", everywhere, _endpoint),
    )
)
