"""Publishes the outbox, in order per lane, and deletes what Kafka has acknowledged."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from shared.errors import Transient
from shared.outbox import Message, Outbox, Row

log = structlog.get_logger(__name__)

SWEEP = timedelta(seconds=1)
"""How often rows are looked for that no healthy publisher is about to publish."""

LEFT_BEHIND = timedelta(seconds=3)
"""A row this old belongs to a process that died or stopped: anybody may publish its lane."""

WAITING_BATCHES = 4
"""Transactions whose rows may wait here before the processor has to wait: back-pressure."""

DRAINED_AT_ONCE = 64  # rows of up to 2 MiB each


class Publisher(Protocol):
    """Where messages go. `publish` returns once all are acknowledged, or raises `Transient`."""

    async def publish(self, messages: Sequence[Message]) -> None: ...  # noqa: D102


class Relay:
    """One a process. `submit` what was committed; `run` publishes it.

    A row is published from memory when the row before it in its lane was published by this
    relay; otherwise the lane is read from MongoDB, from its oldest row on.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._submitted: asyncio.Queue[list[Row]] = asyncio.Queue(WAITING_BATCHES)
        self._reached: dict[int, int] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.waiting = 0
        """Transactions submitted and not published yet."""
        self.waiting_for: str | None = None
        """Why nothing can be published just now; looked at every `SWEEP`, load or none."""
        self._oldest: float | None = None
        """When the oldest row of the last sweep was written, by this process's steady clock."""

    @property
    def age(self) -> float:
        """Seconds since the oldest row in the outbox was written, as of the last sweep."""
        return 0.0 if self._oldest is None else time.monotonic() - self._oldest

    async def submit(self, rows: list[Row]) -> None:
        """Hand over committed rows. Waits when Kafka is slower than the processor."""
        if rows:
            self._idle.clear()
            self.waiting += 1
            await self._submitted.put(rows)

    async def run(self) -> None:
        """Publish for ever; end it by cancelling, when `drained` or not."""
        delay = 0.1
        await self._until_published(self._begin)
        while True:
            rows = await self._next()
            try:
                if rows:
                    await self._publish_submitted(rows)
                else:
                    await self._sweep()
                delay = 0.1
                self.waiting_for = None
            except Transient as error:
                self.waiting_for = str(error)
                log.warning("outbox.waiting", reason=str(error), seconds=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5)
                await self._until_published(partial(self._drain, _last(rows)))
            if self._submitted.empty():
                self.waiting = 0
                self._idle.set()

    async def drained(self, seconds: float) -> bool:
        """Wait until all that was submitted is published; whether it was in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return self._idle.is_set()

    async def _next(self) -> list[Row]:
        rows: list[Row] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP.total_seconds()):
                rows = await self._submitted.get()
        while not self._submitted.empty():
            rows += self._submitted.get_nowait()
        return rows

    async def _publish_submitted(self, rows: Sequence[Row]) -> None:
        ready: list[Row] = []
        behind: set[int] = set()
        for row in rows:
            reached = self._reached.get(row.lane)
            if row.lane in behind or reached is None or row.number > reached + 1:
                behind.add(row.lane)
            elif row.number == reached + 1:
                ready.append(row)
                self._reached[row.lane] = row.number
        await self._publish(ready)
        if behind:
            await self._drain({lane: n for lane, n in _last(rows).items() if lane in behind})

    async def _sweep(self) -> None:
        now = await self._outbox.now()
        oldest = await self._outbox.oldest()
        self._oldest = time.monotonic() - (now - oldest).total_seconds() if oldest else None
        if lanes := await self._outbox.lanes_older_than(now - LEFT_BEHIND):
            numbers = await self._outbox.numbers()
            await self._drain({lane: numbers[lane] for lane in lanes})

    async def _begin(self) -> None:
        """Publish what earlier processes left; from there on memory is enough."""
        await self._drain(await self._outbox.numbers())

    async def _drain(self, until: Mapping[int, int]) -> None:
        """Publish these lanes from their oldest rows in MongoDB on, up to these numbers at least.

        Not until they are empty: a busy processor would keep them from ever being so.
        """
        left = dict(until)
        while left and (rows := await self._outbox.waiting(list(left), DRAINED_AT_ONCE)):
            await self._publish(rows)
            for row in rows:
                self._reached[row.lane] = row.number
                if row.number >= left.get(row.lane, 0):
                    left.pop(row.lane, None)
        for lane, number in left.items():  # no row is left: others have published them
            self._reached[lane] = max(number, self._reached.get(lane, 0))

    async def _until_published(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Drain, however long Kafka or MongoDB is away."""
        delay = 0.1
        while True:
            try:
                return await drain()
            except Transient as error:
                log.warning("outbox.waiting", reason=str(error), seconds=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5)

    async def _publish(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        try:
            await self._publisher.publish([m for row in rows for m in row.messages])
            await self._outbox.forget(rows)
        except Transient:
            for row in rows:  # what reached Kafka is not known: begin these lanes anew
                self._reached.pop(row.lane, None)
            raise


def _last(rows: Sequence[Row]) -> dict[int, int]:
    """Last number of each lane."""
    return {row.lane: row.number for row in sorted(rows, key=lambda row: row.number)}
