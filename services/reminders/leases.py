"""The leases of shards in MongoDB, by the server's clock only: the host's decides nothing."""

import asyncio
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from services.reminders.shards import SHARDS, Lease, moves
from shared.errors import Fenced
from shared.mongo import (
    Collection,
    Database,
    Document,
    Session,
    UpdateMany,
    UpdateOne,
    aggregate,
    delete,
    is_duplicate_key,
    write,
)

log = structlog.get_logger(__name__)

RENEWALS = 5  # in the time a lease lasts: so many in a row may fail before it is lost
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

_OVER = {"$lte": ["$until", "$$NOW"]}


class Leases:
    """The shards of one replica."""

    def __init__(self, database: Database, lasting: timedelta) -> None:
        self.me = secrets.token_hex(8)
        self.held: dict[int, int] = {}
        """Epoch by shard, as of the last renewal."""
        self._shards: Collection = database["shards"]
        self._replicas: Collection = database["replicas"]
        self._every = lasting.total_seconds() / RENEWALS
        milliseconds = lasting // timedelta(milliseconds=1)
        self._until = {"until": {"$add": ["$$NOW", milliseconds]}}
        self._renewed: float | None = None

    @property
    def due_in(self) -> float:
        """Seconds until leases are to be renewed."""
        since = time.monotonic() - self._renewed if self._renewed is not None else self._every
        return max(0.0, self._every - since)

    async def renew(self) -> None:
        """Say that this replica lives, keep its leases, and take or give to have its share."""
        begun = time.monotonic()
        me, lives = {"_id": self.me}, [{"$set": self._until}]
        await asyncio.gather(  # timers that are due wait for all this
            write(self._replicas, [UpdateOne(me, lives, upsert=True)]),
            write(self._shards, [UpdateMany({"owner": self.me}, lives)]),
        )
        leases, living = await asyncio.gather(self._read(), self._living())
        if len(leases) < SHARDS:
            await self._make()
            leases = await self._read()
        change = moves(leases, self.me, living)
        await self._shed(change.shed)
        if change.claim:
            await self._claim(change.claim)
            await self._read()
        self._renewed = begun

    async def fence(self, session: Session) -> None:
        """Make a transaction fail, with `Fenced`, unless it ends while all of them are still held.

        They are written, not only read: a transaction that reads sees a snapshot, and would commit
        after another replica has claimed what it read.
        """
        by_epoch: dict[int, list[int]] = {}
        for shard, epoch in sorted(self.held.items()):
            by_epoch.setdefault(epoch, []).append(shard)
        there = await write(
            self._shards,
            [
                UpdateMany(
                    {"_id": {"$in": those}, "owner": self.me, "epoch": epoch},
                    [{"$set": self._until}],
                )
                for epoch, those in by_epoch.items()
            ],
            session=session,
        )
        if there != len(self.held):
            raise Fenced

    def forget(self) -> None:
        """Hold nothing until the next renewal has shown what is still this replica's."""
        self.held = {}
        self._renewed = None

    async def release(self) -> None:
        """Give all back, so that others need not wait until the leases are over."""
        self.forget()
        await write(self._shards, [_freed({"owner": self.me})])
        await delete(self._replicas, {"_id": self.me})

    async def _read(self) -> list[Lease]:
        rows = await aggregate(
            self._shards,
            [
                {"$match": {"_id": {"$lt": SHARDS}}},  # there were more, in releases before
                {"$project": {"owner": 1, "epoch": 1, "free": _OVER}},
            ],
        )
        self.held = {row["_id"]: row["epoch"] for row in rows if row["owner"] == self.me}
        return [Lease(row["_id"], row["owner"], row["free"]) for row in rows]

    async def _living(self) -> list[str]:
        """The replicas that there are. MongoDB deletes the others some time."""
        living = {"$match": {"$expr": {"$not": [_OVER]}}}
        rows = await aggregate(self._replicas, [living, {"$project": {"_id": 1}}])
        return [row["_id"] for row in rows]

    async def _shed(self, shards: Iterable[int]) -> None:
        shed = list(shards)
        if shed:
            await write(self._shards, [_freed({"_id": {"$in": shed}, "owner": self.me})])
            for shard in shed:
                del self.held[shard]
            log.info("shards.shed", shards=len(shed))

    async def _claim(self, shards: Iterable[int]) -> None:
        query: Document = {"_id": {"$in": list(shards)}, "$expr": _OVER}
        taken: dict[str, Any] = {
            "owner": self.me,
            "epoch": {"$add": ["$epoch", 1]},
            **self._until,
        }
        claimed = await write(self._shards, [UpdateMany(query, [{"$set": taken}])])
        log.info("shards.claimed", shards=claimed)

    async def _make(self) -> None:
        free: Document = {"$setOnInsert": {"owner": None, "epoch": 0, "until": LONG_AGO}}
        rows = [UpdateOne({"_id": shard}, free, upsert=True) for shard in range(SHARDS)]
        try:
            await write(self._shards, rows)
        except Exception as error:
            if not is_duplicate_key(error):  # another replica makes them at the same time
                raise


def _freed(query: Document) -> UpdateMany:
    return UpdateMany(query, [{"$set": {"owner": None, "until": "$$NOW"}}])
