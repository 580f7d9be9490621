"""Fires due timers: one transaction a batch, by the clock of the MongoDB server only."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.reminders import escalation
from services.reminders.cases import Case
from services.reminders.documents import case_of
from services.reminders.domain import changed
from services.reminders.escalation import Turn
from services.reminders.leases import Leases
from services.reminders.repository import Repository
from services.reminders.shards import SHARDS
from services.reminders.world import Answers, World
from shared.caused import by_itself
from shared.errors import Fenced, Transient
from shared.mongo import Session, is_duplicate_key, server_time, transaction
from shared.outbox import Message, Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

log = structlog.get_logger(__name__)

BATCH = 1000
AT_ONCE = 25  # cases decided between looks at what else is to be done: some 2 ms
LONGEST_SLEEP = 1.0  # seconds; another replica may set a timer that is due before the next known
FORESEEN_FOR = 3.0
"""Seconds that what was decided ahead may wait: longer, as in a process that was stopped, and the
time that it was decided for is not the time any more."""
STOPPING = 3.0  # seconds in which leases are given back
AGAIN = timedelta(hours=1)
"""A case that a bug of ours keeps from being decided is tried again then: it holds up no other."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of a case: it follows from the case, the directory and the time alone."""

    case: Case
    turn: Turn
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was decided before the transaction that it is for: true if that reads the same.

    While MongoDB writes one batch, the next is decided. Its transaction reads everything again,
    and a case whose document, or whose people, are not what they were is decided anew.
    """

    now: datetime
    answers: Answers = field(default_factory=Answers)
    decided: Mapping[bytes, Decided] = field(default_factory=dict)
    """By the case's document as it is stored."""
    since: float = field(default_factory=time.monotonic)

    @property
    def lasts(self) -> bool:
        """Whether it is still about now."""
        return time.monotonic() - self.since < FORESEEN_FOR

    def at(self, now: datetime, answers: Answers) -> Mapping[bytes, Decided]:
        """What is true at this time, with these people."""
        return self.decided if self.now == now and self.answers.agree(answers) else {}


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
        self._foreseen: Foreseen | None = None
        """What follows the last batch: of what was due beyond it, or only when that is."""
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
            "tahvil_timer_shards",
            f"Shards of {SHARDS} whose timers this replica fires",
            registry=registry,
        )
        shards.set_function(lambda: len(leases.held))

    async def run(self) -> None:
        """Fire timers as they become due, for ever. Cancelled, it gives its shards back."""
        begun = False
        try:
            while True:
                try:
                    if not begun:
                        await self._repository.into_shards()
                        begun = True
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
        foreseen = self._foreseen
        if foreseen and foreseen.lasts and await self.fire_due(foreseen.now):
            return 0.0
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
        batch = _Batch(now, self._foreseen or Foreseen(now))
        self._foreseen = None
        database = self._repository.database
        try:
            try:
                rows = await transaction(database, partial(self._fire, batch))
            except Exception as error:
                if not is_duplicate_key(error):
                    raise
                batch.new = False  # a message was made before, for the same time: look for them
                rows = await transaction(database, partial(self._fire, batch))
            self._count(batch.fired, now)
            await self._relay.submit(rows)
            self._foreseen = await batch.ahead if batch.ahead else None
        finally:
            batch.forget_ahead()
        return len(batch.fired)

    async def _fire(self, batch: "_Batch", session: Session) -> list[Row]:
        """One transaction: all that it decides by is read in it."""
        now = batch.now
        batch.forget_ahead()
        stored = await self._repository.due(self._leases.held, now, 2 * BATCH, session)
        batch.fired = ()
        if not stored:
            return []
        known = batch.foreseen.decided
        cases = {one: known[one].case if one in known else case_of(one) for one in stored}
        answers = await self._repository.answers(cases.values(), session)
        due = {one: cases[one] for one in stored[:BATCH]}
        _, decided = await asyncio.gather(
            self._leases.fence(session), self._decided(due, now, answers, batch.foreseen)
        )
        batch.foreseen = Foreseen(now, answers, decided)  # if it collides and runs again
        batch.fired = fired = list(decided.values())
        if following := {one: cases[one] for one in stored[BATCH:]}:
            batch.ahead = asyncio.create_task(self._foresee(following, answers))
        await self._repository.fired(
            [(one.case, one.turn.case) for one in fired],
            [reminder for one in fired for reminder in one.turn.reminders],
            now,
            session,
            new=batch.new,
        )
        messages = [message for one in fired for message in one.messages]
        rows = await self._outbox.add(messages, now, session=session)
        if not batch.ahead:  # what time it is then is asked for while MongoDB commits
            batch.ahead = asyncio.create_task(self._foresee({}, answers))
        return rows

    async def _foresee(self, cases: Mapping[bytes, Case], answers: Answers) -> Foreseen | None:
        since = time.monotonic()
        try:
            now = await server_time(self._repository.database)
        except Transient:
            return None  # the next look waits for MongoDB
        decided = await self._decided(cases, now, answers, Foreseen(now))
        return Foreseen(now, answers, decided, since)

    async def _decided(
        self, cases: Mapping[bytes, Case], now: datetime, answers: Answers, foreseen: Foreseen
    ) -> dict[bytes, Decided]:
        true = foreseen.at(now, answers)
        world = self._world.knowing(answers.people, answers.head)
        decided: dict[bytes, Decided] = {}
        for number, (stored, case) in enumerate(cases.items()):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            decided[stored] = true.get(stored) or _decided(case, now, world)
        return decided

    def _count(self, fired: Sequence[Decided], now: datetime) -> None:
        self._fired.inc(len(fired))
        for one in fired:
            self._late.observe((now - (one.case.next_at or now)).total_seconds())
            for code in one.turn.failures:
                self._failures.labels(code).inc()
                log.warning("escalation.failed", deadline=one.case.deadline.id, code=code)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


@dataclass(slots=True)
class _Batch:
    """What a batch begins with, and what its last try came to."""

    now: datetime
    foreseen: Foreseen
    new: bool = True
    """Whether no message of it was made before: so it is, but for a time that came back."""
    fired: Sequence[Decided] = ()
    ahead: asyncio.Task[Foreseen | None] | None = None

    def forget_ahead(self) -> None:
        """Stop foreseeing, unless it is over."""
        if self.ahead:
            self.ahead.cancel()
            self.ahead = None


def _decided(case: Case, now: datetime, world: World) -> Decided:
    turn = _fired(case, now, world)
    messages = [
        to_message(event)
        for identity, data in turn.said
        for event in by_itself(identity, "reminders", [data], now)
    ]
    return Decided(case, turn, messages)


def _fired(case: Case, now: datetime, world: World) -> Turn:
    try:
        return escalation.fire(case, now, world)
    except Exception:
        log.exception("timer.bug", deadline=case.deadline.id)
        return Turn(changed(case, next_at=now + AGAIN), failures=("bug",))
