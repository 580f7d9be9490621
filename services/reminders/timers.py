"""Fires due timers: one transaction a batch, by the clock of the MongoDB server only."""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.reminders import escalation
from services.reminders.cases import Case
from services.reminders.escalation import Turn
from services.reminders.leases import Leases
from services.reminders.repository import Repository
from services.reminders.shards import shard_of
from services.reminders.world import World
from shared.caused import by_itself
from shared.errors import Fenced, Transient
from shared.mongo import Session, server_time, transaction
from shared.outbox import Message, Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

log = structlog.get_logger(__name__)

BATCH = 1000
PART = 125  # written while the next are decided
AT_ONCE = 25  # cases decided between looks at what else is to be done: some 2 ms
LONGEST_SLEEP = 1.0  # seconds; another replica may set a timer that is due before the next known
STOPPING = 3.0  # seconds in which leases are given back
AGAIN = timedelta(hours=1)
"""A case that a bug of ours keeps from being decided is tried again then: it holds up no other."""


class Timers:
    """Any number of replicas may run it: each fires the timers of the shards it holds."""

    def __init__(
        self,
        *,
        repository: Repository,
        leases: Leases,
        outbox: Outbox,
        relay: Relay,
        world: World,
        registry: CollectorRegistry,
    ) -> None:
        self._repository = repository
        self._leases = leases
        self._outbox = outbox
        self._relay = relay
        self._world = world
        self._sleeps_until: datetime | None = None
        """When the next timer known of is due."""
        self._woken = asyncio.Event()
        self._failures = Counter(
            "tahvil_escalation_failures",
            "Steps of escalation policies that reached nobody, by why",
            ["code"],
            registry=registry,
        )
        self._fired = Counter("tahvil_timers_fired", "Timers fired", registry=registry)
        self._late = Histogram(
            "tahvil_timers_late_seconds",
            "How long after its time a timer was fired",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 10, 60, 600, 3600),
            registry=registry,
        )
        shards = Gauge(
            "tahvil_timer_shards", "Shards of 64 whose timers this replica fires", registry=registry
        )
        shards.set_function(lambda: len(leases.held))

    async def run(self) -> None:
        """Fire timers as they become due, for ever. Cancelled, it gives its shards back."""
        try:
            while True:
                try:
                    pause = await self.look()
                except Fenced:
                    log.warning("timers.fenced")
                    self._leases.forget()
                    pause = 0.0
                except Transient as error:
                    log.warning("timers.waiting", reason=str(error))
                    pause = LONGEST_SLEEP
                await self._sleep(pause)
        finally:
            with contextlib.suppress(Transient, TimeoutError):
                async with asyncio.timeout(STOPPING):
                    await self._leases.release()

    def heard(self, at: datetime) -> None:
        """A timer was set and is stored: wake up if it is earlier than those known."""
        if self._sleeps_until is None or at < self._sleeps_until:
            self._woken.set()

    async def look(self) -> float:
        """Renew the leases when it is time, fire a batch if one is due; seconds to sleep then."""
        if not self._leases.due_in:
            await self._leases.renew()
        self._woken.clear()  # before looking: what is stored after it wakes
        held = list(self._leases.held)
        at, now = await asyncio.gather(
            self._repository.next_timer(held), server_time(self._repository.database)
        )
        self._sleeps_until = at
        if at and at <= now:
            await self.fire_due(now)
            return 0.0
        until_next = (at - now).total_seconds() if at else LONGEST_SLEEP
        return min(until_next, LONGEST_SLEEP, self._leases.due_in)

    async def fire_due(self, now: datetime) -> int:
        """Fire one batch of what is due in the shards held; how many there were."""

        async def fire(session: Session) -> tuple[list[Row], list[Turn], list[Case]]:
            cases = await self._repository.due(self._leases.held, now, BATCH, session)
            await self._leases.fence({shard_of(case.deadline.id) for case in cases}, session)
            world = await self._repository.knowing(self._world, cases, session)
            turns: list[Turn] = []
            messages: list[Message] = []
            decided = await _decided(cases[:PART], now, world)
            for start in range(0, len(cases), PART):
                # MongoDB writes a part while the next is decided.
                following = cases[start + PART : start + 2 * PART]
                turns += (part := decided.turns)
                messages += decided.messages
                decided = await _both(
                    self._write(cases[start : start + PART], part, now, session),
                    _decided(following, now, world),
                )
            return await self._outbox.add(messages, now, session=session), turns, cases

        rows, turns, cases = await transaction(self._repository.database, fire)
        await self._relay.submit(rows)
        self._fired.inc(len(cases))
        for case in cases:
            self._late.observe((now - (case.next_at or now)).total_seconds())
        for turn in turns:
            for code in turn.failures:
                self._failures.labels(code).inc()
                log.warning("escalation.failed", deadline=turn.case.deadline.id, code=code)
        return len(cases)

    async def _write(
        self, cases: Sequence[Case], turns: Sequence[Turn], now: datetime, session: Session
    ) -> None:
        pairs = [(case, turn.case) for case, turn in zip(cases, turns, strict=True)]
        reminders = [reminder for turn in turns for reminder in turn.reminders]
        await self._repository.fired(pairs, reminders, now, session)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


@dataclass(frozen=True, slots=True)
class _Decided:
    turns: list[Turn]
    messages: list[Message]


async def _decided(cases: Sequence[Case], now: datetime, world: World) -> _Decided:
    turns: list[Turn] = []
    messages: list[Message] = []
    for case in cases:
        if len(turns) % AT_ONCE == 0:
            await asyncio.sleep(0)
        turns.append(turn := _fired(case, now, world))
        for identity, data in turn.said:
            messages += map(to_message, by_itself(identity, "reminders", [data], now))
    return _Decided(turns, messages)


async def _both(writing: Awaitable[None], deciding: Awaitable[_Decided]) -> _Decided:
    """Both are waited for, whatever becomes of one: a session does one thing at a time."""
    written, decided = await asyncio.gather(writing, deciding, return_exceptions=True)
    if isinstance(written, BaseException):
        raise written
    if isinstance(decided, BaseException):
        raise decided
    return decided


def _fired(case: Case, now: datetime, world: World) -> Turn:
    try:
        return escalation.fire(case, now, world)
    except Exception:
        log.exception("timer.bug", deadline=case.deadline.id)
        return Turn(replace(case, next_at=now + AGAIN), failures=("bug",))
