"""The outbox on a real MongoDB: order per key, and a crash at any line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared import mongo
from shared.config import ServiceSettings
from shared.errors import Transient
from shared.mongo import Database, Session
from shared.outbox import Message, Outbox, Row
from shared.relay import LEFT_BEHIND, Relay
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.system import PASSWORD

LANES = 4


class Kafka:
    """Keeps what is published; fails when told, before or after it was kept."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.fail_before = 0
        self.fail_after = 0

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.fail_before:
            self.fail_before -= 1
            raise Transient("away")
        self.published += messages
        if self.fail_after:
            self.fail_after -= 1
            raise Transient("the answer is lost")

    def first_comings(self, key: bytes) -> list[int]:
        """Numbers of a key's messages, each when it came first."""
        numbers = [int(m.value or b"0") for m in self.published if m.key == key]
        return list(dict.fromkeys(numbers))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    server = EmbeddedMongo(tmp_path)
    await server.start()
    settings = ServiceSettings(
        kafka_bootstrap="none", mongo_uri=SecretStr(server.uri), http_password=SecretStr(PASSWORD)
    )
    database = mongo.connect(settings, "outbox_test")
    for name in ("outbox", "outbox_lanes"):
        await mongo.create_collection(database, name)
    yield database
    await mongo.close(database)
    await server.stop()


async def commit(
    database: Database, outbox: Outbox, numbers: Sequence[int], at: datetime | None = None
) -> list[Row]:
    messages = [
        Message("t", f"key-{key}".encode(), str(number).encode(), [])
        for number in numbers
        for key in range(10)
    ]

    async def body(session: Session) -> list[Row]:
        return await outbox.add(messages, at or await outbox.now(), session=session)

    return await mongo.transaction(database, body)


@contextlib.asynccontextmanager
async def relaying(outbox: Outbox, kafka: Kafka) -> AsyncIterator[Relay]:
    relay = Relay(outbox, kafka)
    task = asyncio.create_task(relay.run())
    yield relay
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def nothing_waits(outbox: Outbox) -> None:
    async with asyncio.timeout(20):
        while await outbox.waiting(range(LANES), 1):  # noqa: ASYNC110 - what is asked is remote
            await asyncio.sleep(0.02)


def in_order(kafka: Kafka, count: int) -> None:
    for key in range(10):
        assert kafka.first_comings(f"key-{key}".encode()) == list(range(count))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 0), (0, 3), (2, 2)])
async def test_order_is_kept_whatever_fails(database: Database, before: int, after: int) -> None:
    outbox, kafka = Outbox(database, LANES), Kafka()
    kafka.fail_before, kafka.fail_after = before, after
    async with relaying(outbox, kafka) as relay:
        for number in range(12):
            await relay.submit(await commit(database, outbox, [number]))
        await nothing_waits(outbox)
    in_order(kafka, 12)
    if not after:
        assert len(kafka.published) == 120, "nothing failed after publishing: nothing comes twice"


async def test_what_a_dead_process_left_is_published_before_what_follows(
    database: Database,
) -> None:
    outbox, kafka = Outbox(database, LANES), Kafka()
    for number in range(3):
        await commit(database, outbox, [number])  # and the process dies here
    async with relaying(outbox, kafka) as relay:
        await relay.submit(await commit(database, outbox, [3]))
        await nothing_waits(outbox)
    in_order(kafka, 4)


async def test_a_crash_between_publishing_and_forgetting_repeats_in_order(
    database: Database,
) -> None:
    outbox, kafka = Outbox(database, LANES), Kafka()
    rows = [row for number in range(3) for row in await commit(database, outbox, [number])]
    await kafka.publish([message for row in rows for message in row.messages])
    async with relaying(outbox, kafka) as relay:
        await relay.submit(await commit(database, outbox, [3]))
        await nothing_waits(outbox)
    in_order(kafka, 4)
    assert len(kafka.published) == 30 + 40


async def test_rows_of_a_replica_that_died_are_swept_by_another(database: Database) -> None:
    outbox, kafka = Outbox(database, LANES), Kafka()
    relay = Relay(outbox, kafka)
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0.3)
    written = await outbox.now() - LEFT_BEHIND
    await commit(database, outbox, [0], written)  # by a replica that dies before it publishes
    await nothing_waits(outbox)
    task.cancel()
    in_order(kafka, 1)


async def test_two_relays_of_one_lane_do_no_harm(database: Database) -> None:
    outbox, kafka = Outbox(database, LANES), Kafka()
    async with relaying(outbox, kafka) as one, relaying(outbox, kafka) as other:
        for number in range(20):
            rows = await commit(database, outbox, [number])
            await (one if number % 3 else other).submit(rows)
        await nothing_waits(outbox)
    in_order(kafka, 20)


async def test_transactions_that_collide_number_their_rows_without_gaps(
    database: Database,
) -> None:
    outbox = Outbox(database, LANES)
    rows = await asyncio.gather(*(commit(database, outbox, [n]) for n in range(15)))
    for lane in range(LANES):
        numbers = sorted(row.number for part in rows for row in part if row.lane == lane)
        assert numbers == list(range(1, len(numbers) + 1))
