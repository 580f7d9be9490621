"""Which of the two slots is live, and how far a rebuild of the other one has come."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.reporting.repository import OF_SLOT, SLOTS, Place
from shared.errors import Fenced, Misconfigured, Transient
from shared.mongo import (
    Database,
    Document,
    Session,
    UpdateOne,
    create_collection,
    delete,
    drop_collection,
    find,
    index,
    write,
)
from shared.records import Partition

OUTDATED = (
    "the figures that are stored were declared or set up otherwise (another release, "
    "TAHVIL_TIME_ZONE or TAHVIL_CALENDAR): run `tahvil reporting rebuild`, with the same settings"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """A rebuild under way: what it has told to its slot."""

    slot: str
    turn: int = 0
    """Counts its transactions: a second process that rebuilds, too, is fenced off."""
    next: Mapping[Partition, int] = field(default_factory=dict)
    """First offset not told yet, of each partition."""
    counted: bool = False
    """Whether its facts are counted; from then on they are whenever they change."""
    counted_to: Place = field(default_factory=Place)
    """How far they are."""


class Generations:
    """The pointer document, and the documents of a rebuild."""

    def __init__(self, database: Database, defined: str) -> None:
        self._database = database
        self._defined = defined
        """Name of the declarations and settings of this process: see `domain.defined`."""

    async def begin(self) -> None:
        """At the first start of all, the first slot is live, for what is declared now.

        Where events were applied before there were slots, nothing is live that could be gone on.
        """
        applied = await find(self._database["offsets"], {"next": {"$gt": 0}}, limit=1)
        first = {"slot": SLOTS[0], "defined": "" if applied else self._defined}
        await write(
            self._database["generations"],
            [UpdateOne({"_id": "live"}, {"$setOnInsert": first}, upsert=True)],
        )

    async def live(self, session: Session) -> str:
        """The slot to write to, read in the transaction that writes; `Transient` if outdated."""
        (found,) = await find(self._database["generations"], {"_id": "live"}, session=session)
        if found["defined"] != self._defined:
            raise Transient(OUTDATED)
        return str(found["slot"])

    async def resume(self) -> Progress:
        """The rebuild that was interrupted, or a new one in an emptied slot."""
        generations = self._database["generations"]
        documents = {row["_id"]: row for row in await find(generations, {})}
        if "live" not in documents:
            raise Misconfigured("the reporting service was never started: there is no figure yet")
        begun = documents.get("rebuild")
        if begun and begun["defined"] == self._defined:
            reached = {(topic, number): offset for topic, number, offset in begun["next"]}
            place = Place(*begun.get("counted_to", ()))
            counted = begun.get("counted", True)  # as releases before did, while they told
            return Progress(begun["slot"], begun["turn"], reached, counted, place)
        (slot,) = {*SLOTS} - {documents["live"]["slot"]}
        return await self._begun(slot, counted=False)

    async def again(self, progress: Progress) -> Progress:
        """Begin it again, and count what is told at once."""
        return await self._begun(progress.slot, counted=True)

    async def _begun(self, slot: str, *, counted: bool) -> Progress:
        generations = self._database["generations"]
        await delete(generations, {"_id": "rebuild"})
        for name, models in OF_SLOT.items():
            await drop_collection(self._database, f"{name}_{slot}")
            await create_collection(self._database, f"{name}_{slot}")
            await index(self._database[f"{name}_{slot}"], models)
        begun = Progress(slot, counted=counted)
        first = {"slot": slot, "defined": self._defined, **_kept(begun)}
        await write(generations, [UpdateOne({"_id": "rebuild"}, {"$set": first}, upsert=True)])
        return begun

    async def advance(self, progress: Progress, session: Session, **changes: Any) -> Progress:
        """Note in a transaction what it changes; `Fenced` when another process rebuilds, too."""
        after = replace(progress, turn=progress.turn + 1, **changes)
        swapped = await write(
            self._database["generations"],
            [UpdateOne({"_id": "rebuild", "turn": progress.turn}, {"$set": _kept(after)})],
            session=session,
        )
        if not swapped:
            raise Fenced
        return after

    async def applied(self, session: Session | None = None) -> dict[Partition, int]:
        """How far the live figures have come."""
        rows = await find(self._database["offsets"], {}, session=session)
        return {
            (topic, int(number)): row["next"]
            for row in rows
            for topic, _, number in [row["_id"].rpartition("/")]
        }

    async def hold(self, partitions: Collection[Partition], session: Session) -> None:
        """From here to the end of the transaction no batch is applied to the live figures.

        Every batch swaps the offsets of its partitions, so touching them collides with it.
        """
        await write(
            self._database["offsets"],
            [
                UpdateOne(
                    {"_id": f"{topic}/{number}"},
                    {"$inc": {"held": 1}, "$setOnInsert": {"next": 0, "received": 0}},
                    upsert=True,
                )
                for topic, number in sorted(partitions)
            ],
            session=session,
        )

    async def switch(self, progress: Progress, at: datetime, session: Session) -> None:
        """Make the rebuilt slot live. The other one stays until the next rebuild begins."""
        generations = self._database["generations"]
        live = {"slot": progress.slot, "defined": self._defined, "since": at}
        await write(generations, [UpdateOne({"_id": "live"}, {"$set": live})], session=session)
        await delete(generations, {"_id": "rebuild"}, session=session)


def _kept(progress: Progress) -> Document:
    return {
        "turn": progress.turn,
        "next": [[*partition, offset] for partition, offset in sorted(progress.next.items())],
        "counted": progress.counted,
        "counted_to": list(progress.counted_to),
    }
