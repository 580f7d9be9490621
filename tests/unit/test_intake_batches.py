"""Requests are answered when Kafka has acknowledged, and not before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from services.handoff.intake import batches
from services.handoff.intake.batches import Batches
from shared.errors import Transient
from shared.outbox import Message


class Kafka:
    """Takes batches, and acknowledges when it is told to."""

    def __init__(self) -> None:
        self.taken: list[list[Message]] = []
        self.there = asyncio.Event()
        self.there.set()
        self.broken = False

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def publish(self, messages: Sequence[Message]) -> None:
        self.taken.append(list(messages))
        await self.there.wait()
        if self.broken:
            raise Transient("gone")


@contextlib.asynccontextmanager
async def running(kafka: Kafka, wait: float = 5) -> AsyncIterator[Batches]:
    made = Batches(kafka, wait)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def message(name: str, size: int = 1) -> Message:
    return Message("deals", name.encode(), b"x" * size, [])


async def test_nobody_is_answered_before_kafka_acknowledged() -> None:
    kafka = Kafka()
    kafka.there.clear()
    async with running(kafka) as made:
        requests = [asyncio.create_task(made.publish([message(str(n))])) for n in range(50)]
        await asyncio.sleep(0.05)
        assert not any(one.done() for one in requests)
        kafka.there.set()
        await asyncio.gather(*requests)
    assert sorted(one.key for some in kafka.taken for one in some) == sorted(
        str(n).encode() for n in range(50)
    )
    assert len(kafka.taken) < 10, "requests share batches"


async def test_a_failed_batch_is_told_to_all_of_it_and_the_next_goes_on() -> None:
    kafka = Kafka()
    kafka.broken = True
    async with running(kafka) as made:
        for _ in range(10):  # no task that publishes ends by it
            with pytest.raises(Transient):
                await made.publish([message("a")])
        kafka.broken = False
        await made.publish([message("b")])


async def test_the_wait_is_bounded_and_who_gave_up_is_not_published_later() -> None:
    kafka = Kafka()
    kafka.there.clear()
    async with running(kafka, wait=0.05) as made:
        sent = [made.publish([message(str(n))]) for n in range(4)]
        started = [asyncio.create_task(one) for one in sent[:1]]
        await asyncio.sleep(0)
        results = await asyncio.gather(*started, *sent[1:], return_exceptions=True)
        assert all(isinstance(one, Transient) for one in results)
        before = sum(len(some) for some in kafka.taken)
        kafka.there.set()
        await asyncio.sleep(0.05)
        assert sum(len(some) for some in kafka.taken) == before


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_BYTES", 100)
    kafka = Kafka()
    kafka.there.clear()
    async with running(kafka) as made:
        first = asyncio.create_task(made.publish([message("a", 90)]))
        await asyncio.sleep(0.01)
        with pytest.raises(Transient, match="too much waits"):
            await made.publish([message("b", 20)])
        kafka.there.set()
        await first
        await made.publish([message("c", 90)])
