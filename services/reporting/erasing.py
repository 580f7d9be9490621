"""Where reporting has something of people, and what is left of it when they are erased.

Of the live figures and of those of a rebuild the event itself takes the name out, whenever it
comes; here also the slot that was live before loses it.
"""

from collections.abc import Mapping
from typing import Any

from services.reporting.documents import id_of
from services.reporting.facts import Key
from services.reporting.repository import SLOTS, Repository
from services.reporting.told import FORGOTTEN
from shared.eraser import Erasing, Place
from shared.erasure import Mark, Sought
from shared.identities import ERASED
from shared.mongo import Database, Document


def _person(row: Document, _: Sought) -> Mapping[str, Any] | None:
    values = row["values"]
    if values.get("name") in (None, ERASED):
        return None
    return {"$set": {"values": {**values, **FORGOTTEN}}}


def _place(slot: str) -> Place:
    async def where(mark: Mark, database: Database) -> Document | None:
        if mark.kind != "person" or await Repository(database).live() == slot:
            return None
        return {"_id": id_of(Key("person", mark.of))}

    return Place(f"facts_{slot}", where, _person)


ERASING = Erasing(places=[_place(slot) for slot in SLOTS])
