"""Messages that wait in MongoDB until Kafka has them.

They are written in the transaction that decided them, so nothing is published that was not
committed and nothing committed is forgotten. Order is kept per key, by *lanes*: a key belongs to
one lane, a lane numbers its rows without gaps inside the transaction, and whoever publishes a
lane publishes every row of it in that order. Two publishers of one lane are therefore harmless:
each message comes twice, with one id, and its first coming is in order.

A row holds all messages of one lane of one transaction: a thousand deals make some dozen rows. It
is compressed: MongoDB writes a row three times (journal, oplog, collection), and messages about
one deal repeat each other, so a tenth is left of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from aiokafka.partitioner import murmur2

from shared.mongo import (
    Collection,
    Database,
    Document,
    InsertOne,
    Session,
    UpdateOne,
    delete,
    find,
    pack,
    server_time,
    unpack,
    write,
)

ROW_BYTES = 2 * 1024 * 1024
"""A row is closed when it passes this, to stay far below MongoDB's 16 MiB a document."""

ROW_MESSAGES = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka record to be."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Row:
    """The messages of one lane of one transaction."""

    lane: int
    number: int
    messages: list[Message]

    @property
    def id(self) -> str:
        """Sorts as (lane, number)."""
        return f"{self.lane:03d}:{self.number:012d}"


@lru_cache(maxsize=16_384)  # an account's messages are hashed twice each: for lane and partition
def key_hash(key: bytes) -> int:
    """Hash as Kafka's own partitioner does, so a lane and a partition of a key agree."""
    hashed: int = murmur2(key) & 0x7FFFFFFF
    return hashed


class Outbox:
    """The rows of one service.

    With as many lanes as partitions, replicas that own different partitions write different
    lanes and never collide; with another number they collide now and then and try again.
    """

    def __init__(self, database: Database, lanes: int) -> None:
        self._database = database
        self._rows: Collection = database["outbox"]
        self._counters: Collection = database["outbox_lanes"]
        self._lanes = lanes

    async def add(
        self, messages: Iterable[Message], at: datetime, *, session: Session
    ) -> list[Row]:
        """Append messages inside a transaction; the rows may be published once it commits.

        `at`: by the server's clock, which is the one that the age of rows is told by.
        """
        lanes: dict[int, list[Message]] = {}
        for message in messages:
            lanes.setdefault(key_hash(message.key) % self._lanes, []).append(message)
        if not lanes:
            return []
        last = {
            counter["_id"]: counter["number"]
            for counter in await find(
                self._counters, {"_id": {"$in": list(lanes)}}, session=session
            )
        }
        rows = [
            Row(lane, last.get(lane, 0) + index, part)
            for lane, lane_messages in sorted(lanes.items())
            for index, part in enumerate(_parts(lane_messages), start=1)
        ]
        reached = {row.lane: row.number for row in rows}
        await write(
            self._counters,
            [
                UpdateOne(
                    {"_id": lane, "number": last.get(lane, 0)},
                    {"$set": {"number": number}},
                    upsert=lane not in last,
                )
                for lane, number in reached.items()
            ],
            session=session,
        )
        await write(self._rows, [InsertOne(_to_document(row, at)) for row in rows], session=session)
        return rows

    async def now(self) -> datetime:
        """The server's time."""
        return await server_time(self._database)

    async def waiting(self, lanes: Sequence[int], limit: int) -> list[Row]:
        """The oldest rows of these lanes, in order."""
        query = {"lane": {"$in": list(lanes)}}
        documents = await find(self._rows, query, sort=[("_id", 1)], limit=limit)
        return [_from_document(document) for document in documents]

    async def numbers(self) -> dict[int, int]:
        """How far each lane has come: every row up to there is waiting here or was published."""
        counters = {row["_id"]: row["number"] for row in await find(self._counters, {})}
        return {lane: counters.get(lane, 0) for lane in range(self._lanes)}

    async def lanes_older_than(self, moment: datetime) -> list[int]:
        """Lanes with rows that a healthy publisher would have published by now."""
        rows = await find(self._rows, {"at": {"$lt": moment}}, projection={"lane": 1}, limit=1000)
        return sorted({row["lane"] for row in rows})

    async def oldest(self) -> datetime | None:
        """When the oldest waiting row was written."""
        rows = await find(self._rows, {}, projection={"at": 1}, sort=[("at", 1)], limit=1)
        return rows[0]["at"] if rows else None

    async def forget(self, rows: Sequence[Row]) -> None:
        """Delete rows that Kafka has acknowledged."""
        await delete(self._rows, {"_id": {"$in": [row.id for row in rows]}})


def _parts(messages: Sequence[Message]) -> Iterable[list[Message]]:
    part: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.value or b"") + 300
        if part and (size + length > ROW_BYTES or len(part) == ROW_MESSAGES):
            yield part
            part, size = [], 0
        part.append(message)
        size += length
    yield part


def _to_document(row: Row, at: datetime) -> Document:
    return {
        "_id": row.id,
        "lane": row.lane,
        "number": row.number,
        "at": at,
        "packed": pack([[m.topic, m.key, m.value, m.headers] for m in row.messages]),
    }


def _from_document(document: Document) -> Row:
    return Row(
        document["lane"],
        document["number"],
        [
            Message(topic, key, value, [(name, content) for name, content in headers])
            for topic, key, value, headers in unpack(document["packed"])
        ],
    )
