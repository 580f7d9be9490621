"""Reads the topics that figures are made of from wherever a rebuild stands."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, TypeAlias

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.reporting.told import SAYS
from shared.config import KafkaSettings
from shared.consumer import FETCH_BYTES, Consumer
from shared.contracts.topics import COMPACTED
from shared.errors import Misconfigured, Transient
from shared.kafka import connection
from shared.records import Partition, Record

Records: TypeAlias = list["Record[Any, Any]"]


class Topics:
    """The records of all partitions, in batches."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._assigned: dict[Partition, int] = {}
        """Where this reader is, of the partitions it reads just now."""
        self.partitions: frozenset[Partition] = frozenset()

    async def open(
        self, partitions: Iterable[Partition], at: Mapping[Partition, int], *, partial: bool
    ) -> None:
        """Look what is there; `Misconfigured` when the beginning is gone and still needed."""
        self.partitions = frozenset(partitions)
        self._go(set(self.partitions), at)
        begins = await self._consumer.beginning_offsets(
            [TopicPartition(*p) for p in self.partitions]
        )
        gone = sorted(
            f"{topic}/{number} ({begin - at.get((topic, number), 0)})"
            for (topic, number), begin in begins.items()
            if begin > at.get((topic, number), 0) and topic not in COMPACTED
        )
        if gone and not partial:
            raise Misconfigured(
                f"Kafka has deleted records of {', '.join(gone)}: a rebuild would lose what they "
                "said. Keep the figures you have, or rebuild from what is left with --partial"
            )

    async def ends(self) -> dict[Partition, int]:
        """Where each partition ends now."""
        found = await self._consumer.end_offsets([TopicPartition(*p) for p in self.partitions])
        return {tuple(partition): end for partition, end in found.items()}

    async def batch(
        self, at: Mapping[Partition, int], until: Mapping[Partition, int], most: int
    ) -> tuple[Records, dict[Partition, int]]:
        """Records from there on, and how far they reach; nothing when all is read."""
        left = {p for p, end in until.items() if at.get(p, 0) < end}
        if not left:
            return [], {}
        self._go(left, at)
        while True:
            taken = await self._consumer.getmany(timeout_ms=500, max_records=most)
            found: Records = []
            reached: dict[Partition, int] = {}
            for partition, records in taken.items():
                kept = [r for r in records if r.offset < until[tuple(partition)]]
                found += kept
                self._assigned[tuple(partition)] = records[-1].offset + 1
                reached[tuple(partition)] = min(records[-1].offset + 1, until[tuple(partition)])
            if not taken:  # what is left may be gaps: compacted, or marks of transactions
                for partition in left:
                    if (
                        await self._consumer.position(TopicPartition(*partition))
                        >= until[partition]
                    ):
                        reached[partition] = until[partition]
            if reached:
                return found, reached

    def _go(self, left: set[Partition], at: Mapping[Partition, int]) -> None:
        wanted = {partition: at.get(partition, 0) for partition in left}
        if wanted.keys() != self._assigned.keys():
            self._consumer.assign([TopicPartition(*partition) for partition in sorted(left)])
            self._assigned = {}
        for partition, offset in wanted.items():
            if self._assigned.get(partition) != offset:
                self._consumer.seek(TopicPartition(*partition), offset)
        self._assigned = wanted


async def uncounted(settings: KafkaSettings, applied: Mapping[Partition, int]) -> int:
    """How many records there are that figures do not have yet, over all replicas."""
    try:
        async with _consumer(settings, "tahvil-reporting-ends") as consumer:
            partitions = [TopicPartition(*one) for one in await _partitions(settings)]
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
    except KafkaError as error:
        raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
    return sum(
        max(0, end - max(begins[one], applied.get(tuple(one), 0))) for one, end in ends.items()
    )


@contextlib.asynccontextmanager
async def _consumer(settings: KafkaSettings, name: str) -> AsyncIterator[Consumer]:
    """One that belongs to no group and commits nothing."""
    consumer = Consumer(
        **connection(settings),
        client_id=name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def topics(
    settings: KafkaSettings, at: Mapping[Partition, int], *, partial: bool
) -> AsyncIterator[Topics]:
    """A reader of the topics."""
    partitions = await _partitions(settings)
    async with _consumer(settings, "tahvil-reporting-rebuild") as consumer:
        found = Topics(consumer)
        await found.open(partitions, at, partial=partial)
        yield found


async def _partitions(settings: KafkaSettings) -> list[Partition]:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        described = await admin.describe_topics(sorted({data.topic for data in SAYS}))
    except KafkaError as error:
        raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
    finally:
        await admin.close()
    if missing := [topic["topic"] for topic in described if not topic["partitions"]]:
        raise Misconfigured(f"Kafka has no topic {', '.join(missing)}: run `tahvil provision`")
    return [(t["topic"], one["partition"]) for t in described for one in t["partitions"]]
