"""Reads the dead-letter topics, and publishes a dead letter again."""

from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.config import KafkaSettings
from shared.contracts.topics import dead_letters
from shared.dead_letters import PREFIX, REPLAY_FOR, without_marks
from shared.errors import Misconfigured
from shared.kafka import connection
from shared.outbox import Message


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that a service set aside."""

    about: dict[str, str]
    """service, topic, partition, offset, cause, reason, at."""
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def id(self) -> str:
        """Where the record stands in its topic."""
        return "/".join(self.about.get(name, "?") for name in ("topic", "partition", "offset"))

    def replay(self) -> Message:
        """The record as it was, for the one service that set it aside."""
        return Message(
            self.about["topic"],
            self.key,
            self.value,
            [
                *((name, value or b"") for name, value in self.headers),
                (REPLAY_FOR, self.about["service"].encode()),
            ],
        )


async def read(settings: KafkaSettings, service: str) -> list[Letter]:
    """All dead letters of a service, in the order they were published."""
    topic = dead_letters(service)
    consumer = AIOKafkaConsumer(
        **connection(settings), auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = await _partitions(settings, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        letters: list[tuple[int, Letter]] = []
        left = sum(ends.values()) - sum((await consumer.beginning_offsets(partitions)).values())
        while len(letters) < left:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                letters += [(record.timestamp, _letter(record)) for record in records]
        return [letter for _, letter in sorted(letters, key=lambda pair: pair[0])]
    finally:
        await consumer.stop()


async def find(settings: KafkaSettings, service: str, identity: str) -> Letter:
    """One dead letter, by where its record stands."""
    for letter in await read(settings, service):
        if letter.id == identity:
            return letter
    raise Misconfigured(
        f"{service} has no dead letter {identity}: `tahvil dead-letters list` shows what it has"
    )


async def _partitions(settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    if not described["partitions"]:
        raise Misconfigured(f"Kafka has no topic {topic}: run `tahvil provision`")
    return [TopicPartition(topic, one["partition"]) for one in described["partitions"]]


def _letter(record: object) -> Letter:
    headers: list[tuple[str, bytes | None]] = list(record.headers)  # type: ignore[attr-defined]
    about = {
        name.removeprefix(PREFIX): (value or b"").decode(errors="replace")
        for name, value in headers
        if name.startswith(PREFIX)
    }
    return Letter(
        about,
        record.key or b"",  # type: ignore[attr-defined]
        record.value,  # type: ignore[attr-defined]
        without_marks(headers),
    )
