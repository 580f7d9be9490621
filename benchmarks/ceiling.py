"""The raw ceilings: what MongoDB takes when nothing is read, decided or published."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pymongo import AsyncMongoClient, InsertOne, UpdateOne
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared import mongo
from shared.mongo import Database, Decimal128, IndexModel, Session

BATCH = 1000
Operations = dict[str, list[Any]]


def deal_operations(start: int, count: int) -> Operations:
    """What handoff writes for `count` won deals of as many accounts: states, 12 outbox rows."""
    key, headers = b"account-1", [["ce_type", b"handoff.created.v1"]] * 9
    messages = [  # a tenth is left of them, as of real ones
        ["handoffs", key, b"x" * 240 + os.urandom(90), headers] for _ in range(5 * count // 12)
    ]
    packed = mongo.pack(messages)
    return {
        "inbox": [
            InsertOne({"_id": os.urandom(16), "digest": os.urandom(8)}) for _ in range(count)
        ],
        "handoffs": [
            InsertOne(
                {
                    "_id": f"h-{start + n}",
                    "deal_id": f"d-{n}",
                    "account_id": "a",
                    "round": 1,
                    "status": "assigned",
                    "closed_at": None,
                    "manager_id": "mia",
                },
            )
            for n in range(count)
        ],
        "accounts": [
            UpdateOne(
                {"_id": f"a-{(start + n) % 2000}"},
                {"$set": {"deal_id": f"d-{start + n}", "revision": start + n}},
                upsert=True,
            )
            for n in range(count)
        ],
        "managers": [
            UpdateOne({"_id": f"m-{n}"}, {"$inc": {"load": 1}}, upsert=True) for n in range(50)
        ],
        "outbox_lanes": [
            UpdateOne({"_id": lane}, {"$set": {"number": start}}, upsert=True) for lane in range(12)
        ],
        "outbox": [
            InsertOne({"_id": f"{lane:03d}:{start}", "lane": lane, "packed": packed})
            for lane in range(12)
        ],
        "offsets": [
            UpdateOne({"_id": f"deals/{n}"}, {"$set": {"next": start}}, upsert=True)
            for n in range(12)
        ],
    }


def fold_operations(start: int, count: int) -> Operations:
    """What reporting writes for `count` deals: inbox, two facts each, some counters, offsets."""
    return {
        "inbox": [
            InsertOne({"_id": os.urandom(16), "digest": os.urandom(8)}) for _ in range(count)
        ],
        **rebuild_operations(start, count),
    }


def rebuild_operations(start: int, count: int) -> Operations:
    """The same as a rebuild writes it, which keeps no inbox."""
    stamps = [[1_488_369_600_000_000, 0, "/bench", "deal.closed.v1:d-1"]]
    deal = {
        "account": "known-1",
        "outcome": "won",
        "closed_at": 1_488_369_600_000_000,
        "salesperson": "s-1",
        "amount": "10.01 EUR",
        "products": ["GTX Pro"],
        "region": "Central",
    }
    account = {"name": "Account known-1", "region": "Central"}
    return {
        "facts": [
            InsertOne(
                {"_id": f"{kind}\x1f{start + n}", "kind": kind, "values": values,
                 "stamps": stamps, "by": {}, "account": f"{start + n}"}
            )
            for n in range(count)
            for kind, values in (("deal", deal), ("account", account))
        ],
        "counters": [
            UpdateOne(
                {"_id": f"deals\x1f0\x1f2017-03\x1f{n}"},
                {
                    "$inc": {
                        "count": 1,
                        "amount": Decimal128("10.01"),
                        "days.15.count": 1,
                        "days.15.amount": Decimal128("10.01"),
                    },
                    "$setOnInsert": {"figure": "deals", "cube": 0, "month": "2017-03"},
                },
                upsert=True,
            )
            for n in range(min(count, 120))
        ],
        "offsets": [
            UpdateOne({"_id": f"deals/{n % 12}"}, {"$set": {"next": start}}, upsert=True)
            for n in range(min(count, 12))
        ],
    }  # fmt: skip


async def raw_rate(
    database: Database,
    operations: Callable[[int, int], Operations],
    events: int,
    batch: int,
    indexes: Mapping[str, Sequence[IndexModel]] = MappingProxyType({}),
) -> float:
    """Events a second, in batches of one transaction each. The documents are made beforehand."""
    prepared = [operations(start, batch) for start in range(0, events, batch)]
    for collection in prepared[0]:
        await mongo.create_collection(database, collection)
        if models := indexes.get(collection):
            await database[collection].create_indexes(list(models))
    began = time.perf_counter()
    for part in prepared:

        async def body(session: Session, part: Operations = part) -> None:
            for collection, writes in part.items():
                await mongo.write(database[collection], writes, session=session)

        await mongo.transaction(database, body)
    return events / (time.perf_counter() - began)


async def pymongo_rate(
    uri: str, name: str, operations: Callable[[int, int], Operations], events: int, batch: int
) -> float:
    """The same with PyMongo's own async client, to compare drivers."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(uri, w="majority", readConcernLevel="majority")
    database = client[name]
    prepared = [operations(start, batch) for start in range(0, events, batch)]
    for collection in prepared[0]:
        await database.create_collection(collection)
    began = time.perf_counter()
    for part in prepared:
        async with (
            client.start_session() as session,
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
            ),
        ):
            for collection, writes in part.items():
                await database[collection].bulk_write(writes, ordered=False, session=session)
    rate = events / (time.perf_counter() - began)
    await client.close()
    return rate
