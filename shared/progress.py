"""Tells Kafka how far a service came, for whoever watches the group's lag.

Nothing depends on it and no batch waits for it: where to go on is decided by MongoDB.
"""

import asyncio
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from shared.metrics import Metrics
from shared.records import Partition

log = structlog.get_logger(__name__)


class Consumer(Protocol):
    """What is needed of aiokafka's consumer. All but `assignment` raise at what is not assigned."""

    def assignment(self) -> AbstractSet[TopicPartition]: ...  # noqa: D102
    def seek(self, partition: TopicPartition, offset: int) -> None: ...  # noqa: D102
    def pause(self, *partitions: TopicPartition) -> None: ...  # noqa: D102
    def highwater(self, partition: TopicPartition) -> int | None: ...  # noqa: D102
    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None: ...  # noqa: D102


class Progress:
    """The offsets that Kafka has not heard of yet; only the latest of each partition."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._untold: dict[TopicPartition, int] = {}
        self._telling: asyncio.Task[None] | None = None

    def show(
        self,
        partitions: Iterable[Partition],
        positions: Mapping[Partition, int],
        consumer: Consumer,
    ) -> None:
        """Show the positions of these partitions soon, as far as they are still assigned."""
        ours = consumer.assignment()
        for partition in partitions:
            offset = positions.get(partition)
            if offset is not None and partition in ours:
                self._untold[TopicPartition(*partition)] = offset
                end = consumer.highwater(TopicPartition(*partition))
                if end is not None:
                    self._metrics.lag.labels(*partition).set(end - offset)
        if self._untold and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(consumer))

    async def shown(self) -> None:
        """Wait until Kafka has heard, or could not be told."""
        if self._telling:
            await self._telling

    async def _tell(self, consumer: Consumer) -> None:
        while self._untold:
            ours = consumer.assignment()
            offsets = {p: offset for p, offset in self._untold.items() if p in ours}
            self._untold.clear()
            try:
                async with asyncio.timeout(5):
                    await consumer.commit(offsets)
            except (KafkaError, ConsumerStoppedError, TimeoutError) as error:
                log.info("offsets.not_shown", reason=type(error).__name__)
