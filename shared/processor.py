"""The loop every service stands on: one polled batch is one MongoDB transaction.

The transaction holds the compare-and-swap of the stored offsets, the ids of the events, the new
states, the outbox rows and the dead letters. So a batch is applied whole and once, whatever
dies and whenever; the offsets in MongoDB decide where to go on, those in Kafka only show lag.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import structlog
from aiokafka import TopicPartition

from shared.contracts.cloudevents import encode
from shared.contracts.event import Event
from shared.dead_letters import Cause, DeadLetter, letter_message
from shared.eraser import Eraser
from shared.errors import Fenced, Transient
from shared.metrics import Metrics
from shared.mongo import (
    Database,
    InsertOne,
    ReplaceOne,
    Session,
    UpdateOne,
    find,
    is_duplicate_key,
    server_time,
    transaction,
    write,
)
from shared.outbox import Message, Outbox, Row
from shared.progress import Consumer, Progress
from shared.records import Outcome, Partition, Received, Record, Work, receive
from shared.relay import Relay

log = structlog.get_logger(__name__)

FIRST_DELAY, LAST_DELAY = 0.1, 5.0  # seconds between tries while a server is away


AT_ONCE = 25  # events decided or encoded between looks at what else is to be done: some 2 ms

T = TypeVar("T")
U = TypeVar("U")


@dataclass(slots=True)
class _Tally:
    """What one transaction did, kept only once it is committed."""

    outcomes: Counter[tuple[Partition, Outcome]] = field(default_factory=Counter)
    dead: list[DeadLetter] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    work: Work | None = None


class Stop(NamedTuple):
    """Where a partition was stopped: the first offset that is not applied, and what is there."""

    offset: int
    reason: str


class Processor:
    """Applies batches of records to a service's state."""

    def __init__(
        self,
        *,
        service: str,
        database: Database,
        eraser: Eraser,
        work: Callable[[], Work],
        outbox: Outbox,
        relay: Relay,
        metrics: Metrics,
        dead_letters_in_a_row: int,
    ) -> None:
        self._service = service
        self._database = database
        self._eraser = eraser
        self._work = work
        self._outbox = outbox
        self._relay = relay
        self._metrics = metrics
        self._limit = dead_letters_in_a_row
        self._positions: dict[Partition, int] = {}
        """Next offset of each partition, as this process left it in MongoDB."""
        self._in_a_row: Counter[Partition] = Counter()
        self._progress = Progress(metrics)
        self._stopping = asyncio.Event()
        self.waiting_for: str | None = None
        """Why no batch can be applied just now; None when all is well."""
        self.stopped: dict[Partition, Stop] = {}
        """Partitions that were stopped after too many dead letters in a row."""

    def stop(self) -> None:
        """Finish the transaction in hand and begin no other."""
        self._stopping.set()

    async def progress_shown(self) -> None:
        """Wait until Kafka has heard how far this came, or could not be told."""
        await self._progress.shown()

    async def on_batch(self, records: Sequence[Record[Any, Any]], consumer: Consumer) -> None:
        """Apply a polled batch, however long it takes; returns early only when stopping."""
        received = [receive(record, self._service) for record in records]
        partitions = {r.partition for r in received}
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            try:
                received = await self._in_step(received, consumer)
                received = self._before_limit(received, consumer)
                await self._apply(received, consumer)
                self.waiting_for = None
                # Also of partitions of which all was applied before: who did it may have died.
                self._progress.show(partitions, self._positions, consumer)
                break
            except Fenced:
                log.info("batch.fenced")
                self._forget(received)
            except Transient as error:
                self.waiting_for = str(error)
                log.warning("batch.waiting", reason=str(error), seconds=delay)
                self._forget(received)
                await self._pause_for(delay)
                delay = min(delay * 2, LAST_DELAY)
            except Exception:
                # A bug outside the service's rules. Nothing is skipped for it: wait, say so, retry.
                self.waiting_for = "an error of the runtime itself; see the log"
                log.exception("batch.failed")
                self._forget(received)
                await self._pause_for(LAST_DELAY)
        if self._stopping.is_set():
            await self.progress_shown()  # while there is a consumer to show it with

    async def _in_step(self, received: list[Received], consumer: Consumer) -> list[Received]:
        """Drop what is applied or another's; go back where records before these are missing."""
        partitions = {r.partition for r in received}
        unknown = [p for p in partitions if p not in self._positions]
        stored: dict[str, int] = {}
        if unknown:
            stored = {
                document["_id"]: document["next"]
                for document in await find(
                    self._database["offsets"], {"_id": {"$in": [_offset_id(p) for p in unknown]}}
                )
            }
        # A partition may have been given to another while this batch was in hand or waiting.
        ours = consumer.assignment()
        self._forget([r for r in received if r.partition not in ours])
        received = [r for r in received if r.partition in ours]
        first: dict[Partition, int] = {}
        for r in received:
            first.setdefault(r.partition, r.record.offset)
        for partition in first.keys() & set(unknown):
            position = stored.get(_offset_id(partition), 0)
            self._positions[partition] = position
            if first[partition] > position:
                consumer.seek(TopicPartition(*partition), position)
                received = [r for r in received if r.partition != partition]
        return [r for r in received if r.record.offset >= self._positions[r.partition]]

    def _before_limit(self, received: list[Received], consumer: Consumer) -> list[Received]:
        """Cut a partition off before its dead letters in a row pass the limit, and stop it.

        A bad deploy, here or at a producer, must not empty a topic into the dead letters.
        """
        if not {r.partition for r in received} <= consumer.assignment():
            raise Fenced
        in_a_row = self._in_a_row.copy()
        kept: list[Received] = []
        for r in received:
            partition = r.partition
            if self._is_stopped(r):
                continue
            in_a_row[partition] = in_a_row[partition] + 1 if r.dead else 0
            if in_a_row[partition] > self._limit:
                self.stopped[partition] = Stop(r.record.offset, r.dead.reason if r.dead else "")
                topic_partition = TopicPartition(*partition)
                consumer.pause(topic_partition)
                consumer.seek(topic_partition, r.record.offset)
                log.error(
                    "partition.stopped",
                    topic=partition[0],
                    partition=partition[1],
                    offset=r.record.offset,
                    dead_letters_in_a_row=self._limit,
                    reason=r.dead.reason if r.dead else "",
                )
            else:
                kept.append(r)
        return kept

    async def _apply(self, received: list[Received], consumer: Consumer) -> None:
        """One transaction; on a bug, halve the batch down to the record that shows it."""
        received = [r for r in received if not self._is_stopped(r)]
        if not received:
            return
        try:
            with self._metrics.commit_seconds.time():
                tally = await transaction(
                    self._database, lambda session: self._in_transaction(received, session)
                )
        except (Transient, Fenced):
            raise
        except Exception as error:
            if len(received) > 1:
                middle = len(received) // 2
                await self._apply(received[:middle], consumer)
                await self._apply(received[middle:], consumer)
                return
            if received[0].dead:
                raise  # the dead letter itself cannot be written: the runtime's own bug
            log.exception("record.failed", **_place(received[0]))
            dead = DeadLetter(
                received[0].record, Cause.BUG, f"{type(error).__name__}: {error}"[:500]
            )
            culprit = replace(received[0], event=None, dead=dead)
            await self._apply(self._before_limit([culprit], consumer), consumer)
            return
        await self._committed(received, tally)

    async def _in_transaction(self, received: list[Received], session: Session) -> _Tally:
        at = await server_time(self._database)
        tally = _Tally()
        events = await self._fresh(received, tally, session)
        messages = await self._decide(events, at, tally, session)
        letters = [dead.to_document(at) for dead in tally.dead]
        letters = await self._eraser.letters(letters, session)
        messages += [letter_message(letter, self._service) for letter in letters]
        await write(
            self._database["dead_letters"],
            [ReplaceOne({"_id": letter["_id"]}, letter, upsert=True) for letter in letters],
            session=session,
        )
        tally.rows = await self._outbox.add(messages, at, session=session)
        await self._swap_offsets(received, tally, session)
        return tally

    async def _fresh(
        self, received: Sequence[Received], tally: _Tally, session: Session
    ) -> list[Received]:
        """What has an event that was never seen; the rest is counted."""
        seen = {
            document["_id"]: document["digest"]
            for document in await find(
                self._database["inbox"],
                {"_id": {"$in": [r.inbox_id for r in received if r.event]}},
                projection={"digest": 1},
                session=session,
            )
        }
        fresh: list[Received] = []
        for r in received:
            dead = r.dead
            if r.event and (digest := seen.get(r.inbox_id)) is not None:
                outcome = Outcome.DUPLICATE
                if digest != r.digest:
                    dead = DeadLetter(
                        r.record,
                        Cause.CONFLICTING_ID,
                        f"id {r.event.id!r} of source {r.event.source!r} was used before for "
                        "another content; the first one stands",
                    )
            elif r.event:
                outcome = Outcome.APPLIED
                seen[r.inbox_id] = r.digest
                fresh.append(r)
            else:
                outcome = Outcome.SKIPPED
            if dead:
                outcome = Outcome.DEAD_LETTERED
                tally.dead.append(dead)
            tally.outcomes[r.partition, outcome] += 1
        return fresh

    async def _decide(
        self, fresh: Sequence[Received], at: datetime, tally: _Tally, session: Session
    ) -> list[Message]:
        if not fresh:
            return []
        heard = [r.event for r in fresh if r.event]
        events = await self._eraser.passed(heard, at, session)
        tally.work = work = self._work()
        await work.load(events, session)
        inbox = [InsertOne({"_id": r.inbox_id, "digest": r.digest, "at": at}) for r in fresh]
        published = await _meanwhile(
            write(self._database["inbox"], inbox, session=session),
            _in_slices(work.apply, events),
        )
        return await _meanwhile(
            work.save(session), _in_slices(lambda said: [to_message(said)], published)
        )

    async def _swap_offsets(
        self, received: Sequence[Received], tally: _Tally, session: Session
    ) -> None:
        reached = {r.partition: r.record.offset + 1 for r in received}
        counts: dict[Partition, dict[str, int]] = {p: {} for p in reached}
        for (partition, outcome), count in tally.outcomes.items():
            counts[partition][outcome.value] = count
        swaps = [
            UpdateOne(
                {"_id": _offset_id(partition), "next": self._positions[partition]},
                {
                    "$set": {"next": offset},
                    "$inc": {"received": sum(counts[partition].values()), **counts[partition]},
                },
                upsert=self._positions[partition] == 0,
            )
            for partition, offset in reached.items()
        ]
        try:
            swapped = await write(self._database["offsets"], swaps, session=session)
        except Exception as error:
            if is_duplicate_key(error):  # another process has begun this partition
                raise Fenced from error
            raise
        if swapped != len(reached):
            raise Fenced

    async def _committed(self, received: Sequence[Received], tally: _Tally) -> None:
        for r in received:
            self._positions[r.partition] = r.record.offset + 1
            self._in_a_row[r.partition] = self._in_a_row[r.partition] + 1 if r.dead else 0
        self._metrics.batch_records.observe(len(received))
        for (partition, outcome), count in tally.outcomes.items():
            self._metrics.records.labels(partition[0], outcome.value).inc(count)
        if tally.work:
            tally.work.committed()
        for dead in tally.dead:
            log.warning("record.dead_lettered", letter=dead.id, cause=dead.cause.value)
        await self._relay.submit(tally.rows)
        gc.collect(0)  # now that little of the batch is left to walk; see shared/runtime.py

    def _is_stopped(self, received: Received) -> bool:
        stop = self.stopped.get(received.partition)
        return stop is not None and received.record.offset >= stop.offset

    def _forget(self, received: Sequence[Received]) -> None:
        for r in received:
            self._positions.pop(r.partition, None)

    async def _pause_for(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


async def _meanwhile(writing: Awaitable[object], working: Awaitable[T]) -> T:
    """Work while MongoDB writes. Both are waited for, whatever becomes of one."""
    written, worked = await asyncio.gather(writing, working, return_exceptions=True)
    if isinstance(written, BaseException):
        raise written
    if isinstance(worked, BaseException):
        raise worked
    return worked


async def _in_slices(make: Callable[[U], Iterable[T]], of: Sequence[U]) -> list[T]:
    """All that is made of each, with a look at what else is to be done now and then."""
    made: list[T] = []
    for start in range(0, len(of), AT_ONCE):
        for one in of[start : start + AT_ONCE]:
            made += make(one)
        await asyncio.sleep(0)
    return made


def to_message(event: Event) -> Message:
    """An event as the record that carries it."""
    value, headers = encode(event)
    return Message(event.data.topic.value, event.data.key.encode(), value, headers)


def _offset_id(partition: Partition) -> str:
    return f"{partition[0]}/{partition[1]}"


def _place(received: Received) -> dict[str, Any]:
    record, event = received.record, received.event
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "correlation_id": event.correlation_id if event else None,
    }
