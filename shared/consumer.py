"""aiokafka's consumer, made safe against two things it does (aiokafka 0.14, `Fetcher`).

When it fails at one partition it forgets what it had taken from others for the same answer, and
goes on behind it. And it fails for ever at a header name that is not UTF-8, which any client of
another language can send.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from faststream.kafka import KafkaBroker
from typing_extensions import override

FETCH_BYTES = 2 * 1024 * 1024
"""Of one partition at once, by the fetcher and without it."""
FETCH_WAIT = 500  # milliseconds

_LENGTH = struct.Struct(">qi")  # base offset of a record batch, and the bytes that follow

Records = dict[TopicPartition, list["ConsumerRecord[bytes | None, bytes | None]"]]


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Hands out every record once and in order, whatever fails in between."""

    def __init__(
        self, *topics: str, told: Callable[[str | None], None] = lambda _: None, **options: Any
    ) -> None:
        super().__init__(*topics, **options)
        self._next: dict[TopicPartition, int] = {}
        """Offset after the last record handed out, or where somebody sought to."""
        self._lost = False
        """Records may have been taken that nobody was given."""
        self._told = told

    @override
    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._next[partition] = offset
        super().seek(partition, offset)

    @override
    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Records:
        if self._lost:
            await self._go_back()
        self._lost = True
        taken: Records
        try:
            taken = await super().getmany(
                *partitions, timeout_ms=timeout_ms, max_records=max_records
            )
        except UnicodeDecodeError:
            await self._go_back()
            taken = await self._leniently(max_records or 1)
        except ConsumerStoppedError:
            raise
        except Exception as error:
            self._told(f"Kafka: {type(error).__name__}: {error}")
            await asyncio.sleep(1)
            raise  # FastStream asks again
        self._lost = False
        for partition, records in taken.items():
            self._next[partition] = records[-1].offset + 1
        self._told(None)
        return taken

    async def _go_back(self) -> None:
        """To where each partition was before the answer that failed."""
        for partition in self.assignment():
            offset = self._next.get(partition)
            if offset is None:  # nothing of it was handed out
                offset = await self.committed(partition)
            if offset is None:
                await self.seek_to_beginning(partition)
            else:
                super().seek(partition, offset)

    async def _leniently(self, most: int) -> Records:
        """Fetch without the fetcher, from each partition in turn; at most so many records."""
        taken: Records = {}
        for partition in sorted(self.assignment() - self.paused()):
            end, position = self.highwater(partition), await self.position(partition)
            if most and (end is None or position < end):
                records = (await self._fetch(partition, position))[:most]
                if records:
                    taken[partition] = records
                    super().seek(partition, records[-1].offset + 1)
                    most -= len(records)
        return taken

    async def _fetch(
        self, partition: TopicPartition, offset: int
    ) -> list["ConsumerRecord[bytes | None, bytes | None]"]:
        wanted = [(partition.topic, [(partition.partition, offset, FETCH_BYTES)])]
        request = FetchRequest(FETCH_WAIT, 1, FETCH_BYTES, 0, wanted)
        leader = self._client.cluster.leader_for_partition(partition)
        response = await self._client.send(leader, request)
        ((_, ((_, code, *_, content),)),) = response.topics
        if code:
            raise for_code(code)
        return [
            ConsumerRecord(
                topic=partition.topic,
                partition=partition.partition,
                offset=record.offset,
                timestamp=record.timestamp,
                timestamp_type=record.timestamp_type,
                key=record.key,
                value=record.value,
                checksum=None,
                serialized_key_size=len(record.key or b""),
                serialized_value_size=len(record.value or b""),
                headers=tuple(record.headers),
            )
            for batch in _batches(content)
            for record in batch
            if record.offset >= offset and not batch.is_control_batch
        ]


async def start(broker: KafkaBroker, told: Callable[[str | None], None]) -> None:
    """Start a broker with this consumer in place of aiokafka's; `told`: why nothing is read."""
    await broker.connect()
    config = broker.config.broker_config
    options = config.builder.keywords  # type: ignore[attr-defined]
    config.builder = partial(Consumer, told=told, **options)
    await broker.start()


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A record batch whose header names may be any bytes."""

    @override
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Lenient(self._buffer)


class _Lenient(bytearray):
    """Its slices are decoded whatever they hold."""

    @override
    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Slice(found) if isinstance(key, slice) else found


class _Slice(bytes):
    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")


def _batches(content: bytes) -> Iterator[_Batch]:
    """The whole batches of an answer: its last one may be cut off."""
    start = 0
    while start + _LENGTH.size <= len(content):
        _, length = _LENGTH.unpack_from(content, start)
        end = start + _LENGTH.size + length
        if end > len(content):
            return
        yield _Batch(content[start:end])
        start = end
