"""Has Kafka acknowledge what requests bring, many requests at once.

While one batch is on its way the next one gathers: under load a batch serves hundreds of requests,
a lone request waits for nobody. Only one is: with four, batches held so few messages that Kafka's
requests cost 130 us a webhook more.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from shared.errors import Transient
from shared.outbox import Message

log = structlog.get_logger(__name__)

WAIT = 4.0
"""Seconds that a request waits for Kafka. HubSpot hangs up after five."""

MOST_BYTES = 16 * 1024 * 1024
"""What may wait at once; beyond it is answered at once that it cannot be taken just now."""

AT_ONCE = 1000  # messages in one batch, so that its time stays far below WAIT


class Publisher(Protocol):
    """Where messages go. `publish` returns once all are acknowledged, or raises `Transient`."""

    async def start(self) -> None: ...  # noqa: D102
    async def stop(self) -> None: ...  # noqa: D102
    async def publish(self, messages: Sequence[Message]) -> None: ...  # noqa: D102


class Batches:
    """One a process. `publish` waits for Kafka; `run` is what talks to it."""

    def __init__(self, publisher: Publisher, wait: float = WAIT) -> None:
        self._publisher = publisher
        self._wait = wait
        self._waiting: dict[asyncio.Future[None], Sequence[Message]] = {}
        self._bytes = 0
        self._some = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when Kafka has all of them; `Transient`: it may have none, some or all."""
        size = sum(len(message.value or b"") for message in messages)
        if self._bytes + size > MOST_BYTES:
            raise Transient("too much waits for Kafka already")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting[done] = messages
        self._bytes += size
        self._some.set()
        timer = loop.call_later(self._wait, _give_up, done, self._wait)
        try:
            await done
        finally:
            timer.cancel()
            self._bytes -= size
            self._waiting.pop(done, None)

    async def run(self) -> None:
        """Publish for ever; end it by cancelling."""
        try:
            await self._until_started()
            while True:
                await self._some.wait()
                if self._waiting:
                    await self._publish(self._next())
                else:
                    self._some.clear()
        finally:
            await self._publisher.stop()

    async def _until_started(self) -> None:
        while True:
            try:
                return await self._publisher.start()
            except Transient as error:
                log.warning("intake.waiting", reason=str(error))
                await self._publisher.stop()
                await asyncio.sleep(1)

    def _next(self) -> dict[asyncio.Future[None], Sequence[Message]]:
        batch: dict[asyncio.Future[None], Sequence[Message]] = {}
        count = 0
        for done, messages in self._waiting.items():
            if batch and count + len(messages) > AT_ONCE:
                break
            batch[done] = messages
            count += len(messages)
        for done in batch:
            del self._waiting[done]
        return batch

    async def _publish(self, batch: dict[asyncio.Future[None], Sequence[Message]]) -> None:
        failed: Transient | None = None
        try:
            await self._publisher.publish([one for some in batch.values() for one in some])
        except Transient as error:
            log.warning("intake.not_published", reason=str(error))
            failed = error
        for done in batch:
            if not done.done():  # who has waited too long is gone
                if failed:
                    done.set_exception(failed)
                else:
                    done.set_result(None)


def _give_up(done: asyncio.Future[None], wait: float) -> None:
    if not done.done():
        done.set_exception(Transient(f"Kafka did not answer in {wait:.0f} s"))
