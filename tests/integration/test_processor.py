"""The processing loop on a real MongoDB: fencing, gaps, bugs, and the account of all records."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from pydantic import SecretStr

from shared import mongo
from shared.caused import caused_by
from shared.config import ServiceSettings
from shared.contracts.cloudevents import encode
from shared.contracts.event import Event
from shared.contracts.handoffs import HandoffCompleted
from shared.eraser import Eraser, Erasing
from shared.identities import Keys
from shared.metrics import Metrics
from shared.mongo import Database, IndexModel, Session, UpdateOne
from shared.outbox import Message, Outbox
from shared.processor import Processor
from shared.records import Work
from shared.relay import Relay
from shared.runtime import ensure_indexes
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import deal, event
from tests.support.system import PASSWORD

TOPIC = "deals"


class Counting(Work):
    """Counts deals; deals titled "bug" raise in the rules, those titled "bad state" when saved."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._deals: list[str] = []

    async def load(self, events: Sequence[Event], session: Session) -> None:
        self._deals = []

    def apply(self, event: Event) -> Sequence[Event]:
        data: Any = event.data
        if data.title == "bug":
            raise ZeroDivisionError("a bug")
        self._deals.append("$bad" if data.title == "bad state" else data.deal_id)
        done = HandoffCompleted(handoff_id="h", account_id=data.key, completed_at=event.time)
        return caused_by(event, "test", [done])

    async def save(self, session: Session) -> None:
        if "$bad" in self._deals:
            raise TypeError("a document that cannot be written")
        writes: list[Any] = [
            UpdateOne({"_id": name}, {"$inc": {"times": 1}}, upsert=True) for name in self._deals
        ]
        await mongo.write(self._database["counted"], writes, session=session)


class Consumer:
    """Remembers where it was sent."""

    def __init__(self) -> None:
        self.ours = {TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)}
        self.sought: dict[int, int] = {}
        self.paused: set[int] = set()
        self.shown: dict[int, int] = {}

    def assignment(self) -> set[TopicPartition]:
        return self.ours

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert partition in self.ours
        self.sought[partition.partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        assert self.ours.issuperset(partitions)
        self.paused |= {partition.partition for partition in partitions}

    def highwater(self, partition: TopicPartition) -> int | None:
        assert partition in self.ours
        return None

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        assert self.ours.issuperset(offsets)
        self.shown |= {partition.partition: offset for partition, offset in offsets.items()}


class Nowhere:
    async def publish(self, messages: Sequence[Message]) -> None:
        raise AssertionError("no relay runs in these tests")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    server = EmbeddedMongo(tmp_path)
    await server.start()
    settings = ServiceSettings(
        kafka_bootstrap="none", mongo_uri=SecretStr(server.uri), http_password=SecretStr(PASSWORD)
    )
    database = mongo.connect(settings, "processor_test")
    await ensure_indexes(database, {"counted": []}, settings.inbox_kept)
    yield database
    await mongo.close(database)
    await server.stop()


def processor(database: Database, **changes: Any) -> Processor:
    outbox = Outbox(database, 4)
    relay = Relay(outbox, Nowhere())
    relay._submitted = asyncio.Queue()  # unbounded: nobody takes from it here
    fields = {
        "service": "handoff",
        "database": database,
        "eraser": Eraser(database=database, outbox=outbox, keys=Keys([]), erasing=Erasing()),
        "work": lambda: Counting(database),
        "outbox": outbox,
        "relay": relay,
        "metrics": Metrics(),
        "dead_letters_in_a_row": 100,
    } | changes
    return Processor(**fields)


def record(offset: int, name: str | None = None, partition: int = 0, **data: Any) -> Any:
    value, headers = encode(event(deal(name or f"d{offset}", **data), id=f"e-{name or offset}"))
    return ConsumerRecord(
        TOPIC, partition, offset, 0, 0, b"acme", value, None, 4, len(value), tuple(headers)
    )


async def counted(database: Database) -> dict[str, int]:
    return {row["_id"]: row["times"] for row in await mongo.find(database["counted"], {})}


async def totals(database: Database) -> dict[str, Any]:
    (row,) = await mongo.find(database["offsets"], {})
    return row


async def test_a_zombie_that_ran_ahead_skips_nothing(database: Database) -> None:
    """Its fetch stands at 4 when another process has stored 2: it goes back instead of on."""
    zombie, consumer = processor(database), Consumer()
    await zombie.on_batch([record(0), record(1)], consumer)
    zombie._positions[TOPIC, 0] = 4  # what it believes after a batch that was never committed
    await zombie.on_batch([record(4), record(5)], consumer)

    assert consumer.sought == {0: 2}
    assert await counted(database) == {"d0": 1, "d1": 1}
    await zombie.on_batch([record(offset) for offset in (2, 3, 4, 5)], consumer)
    assert await counted(database) == {f"d{n}": 1 for n in range(6)}
    assert (await totals(database))["next"] == 6


async def test_two_processes_on_one_partition_apply_each_record_once(database: Database) -> None:
    one, other = processor(database), processor(database)
    consumer = Consumer()
    await one.on_batch([record(0), record(1)], consumer)
    await other.on_batch([record(0), record(1), record(2)], consumer)
    await one.on_batch([record(2), record(3)], consumer)
    await other.on_batch([record(3), record(4)], consumer)

    assert await counted(database) == {f"d{n}": 1 for n in range(5)}
    row = await totals(database)
    assert (row["next"], row["received"], row["applied"]) == (5, 5, 5)
    await other.progress_shown()
    assert consumer.shown == {0: 5}


async def test_a_new_process_goes_where_mongodb_says(database: Database) -> None:
    await processor(database).on_batch([record(0), record(1)], Consumer())
    consumer, fresh = Consumer(), processor(database)
    await fresh.on_batch([record(7)], consumer)  # Kafka's offset was ahead: it decides nothing
    assert consumer.sought == {0: 2}
    await fresh.on_batch([record(5)], consumer)  # 2 to 4 were compacted away: that is no loss
    assert (await totals(database))["next"] == 6


async def test_what_was_given_to_another_meanwhile_is_left_to_it(database: Database) -> None:
    """Kafka takes a partition away while its batch is in hand: only the rest is gone on with."""
    mine, consumer = processor(database), Consumer()
    await mine.on_batch([record(0)], consumer)
    await mine.progress_shown()
    consumer.ours.remove(TopicPartition(TOPIC, 0))
    await mine.on_batch([record(1), record(0, "other", partition=1)], consumer)
    await mine.progress_shown()

    assert await counted(database) == {"d0": 1, "other": 1}
    assert consumer.shown == {0: 1, 1: 1}
    consumer.ours.add(TopicPartition(TOPIC, 0))
    await mine.on_batch([record(2)], consumer)  # given back: what was left is missing before it
    assert consumer.sought == {0: 1}


async def test_a_partition_taken_away_during_the_transaction(database: Database) -> None:
    consumer = Consumer()

    class Taken(Counting):
        async def save(self, session: Session) -> None:
            await super().save(session)
            consumer.ours.clear()

    mine = processor(database, work=lambda: Taken(database))
    async with asyncio.timeout(4):  # a failure of the runtime waits longer before it tries again
        await mine.on_batch([record(0), record(1)], consumer)
        await mine.progress_shown()
    assert await counted(database) == {"d0": 1, "d1": 1}, "what is committed stands"
    assert consumer.shown == {}


async def test_a_bug_at_a_partition_taken_away_is_left_to_its_new_owner(
    database: Database,
) -> None:
    consumer = Consumer()

    class Taken(Counting):
        async def load(self, events: Sequence[Event], session: Session) -> None:
            await super().load(events, session)
            consumer.ours.clear()

    mine = processor(database, work=lambda: Taken(database))
    async with asyncio.timeout(4):
        await mine.on_batch([record(0, title="bug")], consumer)
    assert await mongo.find(database["dead_letters"], {}) == []


async def test_a_bug_sets_aside_its_record_and_no_other(database: Database) -> None:
    records = [record(n) for n in range(9)]
    records[3] = record(3, title="bug")
    records[6] = record(6, title="bad state")
    await processor(database).on_batch(records, Consumer())

    assert await counted(database) == {f"d{n}": 1 for n in range(9) if n not in (3, 6)}
    letters = await mongo.find(database["dead_letters"], {}, sort=[("_id", 1)])
    assert [(row["offset"], row["cause"]) for row in letters] == [(3, "bug"), (6, "bug")]
    assert letters[0]["reason"] == "ZeroDivisionError: a bug"
    assert bytes(letters[0]["value"]) == records[3].value
    row = await totals(database)
    assert (row["received"], row["applied"], row["dead_lettered"]) == (9, 7, 2)


async def test_a_release_with_a_bug_everywhere_stops_the_partition(database: Database) -> None:
    broken = processor(database, dead_letters_in_a_row=5)
    consumer = Consumer()
    bad = [record(n, title="bug") for n in range(20)]
    await broken.on_batch([*bad, record(0, "fine", partition=1)], consumer)

    assert consumer.paused == {0}
    assert consumer.sought == {0: 5}
    assert await counted(database) == {"fine": 1}
    assert len(await mongo.find(database["dead_letters"], {})) == 5

    mended, later = processor(database), Consumer()
    await mended.on_batch([record(n) for n in range(5, 20)], later)
    assert len(await counted(database)) == 1 + 15, "after the mend nothing is missing"


async def test_a_duplicate_in_the_same_batch_and_in_a_later_one(database: Database) -> None:
    mine = processor(database)
    twice = record(1, "d0")
    await mine.on_batch([record(0, "d0"), twice], Consumer())
    await mine.on_batch([record(2, "d0")], Consumer())
    row = await totals(database)
    assert (row["applied"], row["duplicate"]) == (1, 2)
    assert await counted(database) == {"d0": 1}
    rows = await mongo.find(database["outbox"], {})
    assert sum(len(mongo.unpack(row["packed"])) for row in rows) == 1, "what follows is said once"


async def test_a_start_asks_once_for_all_indexes_of_a_collection(database: Database) -> None:
    async def asked() -> int:
        status = await database.command("serverStatus")
        return int(status["metrics"]["commands"]["createIndexes"]["total"])

    def models(*names: str, kept: int) -> list[IndexModel]:
        return [IndexModel(one) for one in names] + [IndexModel("at", expireAfterSeconds=kept)]

    counted = database["counted"]
    before = await asked()
    await mongo.index(counted, models("a", "b", kept=60))
    await mongo.index(counted, models("a", "b", kept=60))
    await mongo.index(database["none"], [])
    assert await asked() == before + 2
    await mongo.index(counted, models("a", "c", kept=120))  # and what is new beside a change
    found = await counted.index_information()
    assert found.keys() == {"_id_", "a_1", "b_1", "c_1", "at_1"}
    assert found["at_1"]["expireAfterSeconds"] == 120
    with pytest.raises(Exception, match="a_1"):
        await mongo.index(counted, [IndexModel("d"), IndexModel("a", unique=True)])
