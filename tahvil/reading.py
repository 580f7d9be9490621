"""Reads a topic from its beginning to where it ends now."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.config import KafkaSettings
from shared.contracts.cloudevents import Skipped, Unreadable, decode
from shared.contracts.event import Event
from shared.errors import Misconfigured
from shared.kafka import connection

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"


async def records(settings: KafkaSettings, topic: str) -> list[Record]:
    """All records of a topic, in the order of their timestamps."""
    found = [record async for record in stream(settings, topic)]
    return sorted(found, key=lambda record: record.timestamp)


async def stream(settings: KafkaSettings, *topics: str) -> AsyncIterator[Record]:
    """All records of these topics, one after the other, in no order between partitions."""
    consumer = AIOKafkaConsumer(
        **connection(settings), auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = await _partitions(settings, topics)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        # By position, not by count: compaction and retention leave gaps.
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for some in (await consumer.getmany(timeout_ms=500)).values():
                for record in some:
                    yield record
    finally:
        await consumer.stop()


async def events(settings: KafkaSettings, topic: str) -> list[Event]:
    """The events of a topic in the order they happened; what is none is left out.

    What happened at the same time stays in the order in which Kafka has it.
    """
    return sorted(_decoded(await records(settings, topic)), key=lambda event: event.time)


def _decoded(found: list[Record]) -> Iterator[Event]:
    for record in found:
        try:
            yield decode(record.topic, record.value, record.headers)
        except (Unreadable, Skipped):
            continue


async def _partitions(settings: KafkaSettings, topics: Sequence[str]) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    if missing := [topic["topic"] for topic in described if not topic["partitions"]]:
        raise Misconfigured(f"Kafka has no topic {', '.join(missing)}: run `tahvil provision`")
    return [
        TopicPartition(t["topic"], one["partition"]) for t in described for one in t["partitions"]
    ]
