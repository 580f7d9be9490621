"""Figures made anew from the topics, beside the live ones, compared, and put in their place."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import localcontext
from typing import Any, NamedTuple

import structlog

from services.reporting.domain import Sums, counted_by, shares
from services.reporting.facts import Fact, Key, merged
from services.reporting.figures.declaration import World
from services.reporting.generations import Generations, Progress
from services.reporting.handlers import ReportingWork
from services.reporting.replay import Topics
from services.reporting.repository import Repository, Stored
from services.reporting.standing import standing
from services.reporting.told import all_told
from shared.contracts.event import Event
from shared.dead_letters import Cause
from shared.errors import Fenced, Transient
from shared.mongo import Database, Session, find, snapshot, transaction
from shared.records import Partition, Received, receive

log = structlog.get_logger(__name__)

BATCH = 2000
"""Records in one transaction: more cost less each, and it must end within five seconds."""
AT_ONCE = 50
"""Records decoded between looks at what MongoDB says: some 1 ms."""
MOST = 15_000
"""Sums of a day that are held; then they are written, in one transaction of some second."""
EXAMPLES = 5
"""Differences of a figure that are shown; all are counted."""


Told = Callable[[int], None]
"""Hears how many are done, for a progress bar."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter that is another one, or in one of the slots only."""

    id: str
    live: Mapping[str, object]
    rebuilt: Mapping[str, object]


@dataclass(slots=True)
class Compared:
    """A figure in both slots."""

    counters: int = 0
    differing: int = 0
    examples: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that could not be told, and why. The live figures may lack it, too."""

    record: str
    reason: str


class _Read(NamedTuple):
    """Records as they were read, and how far they reach."""

    received: Sequence[Received]
    reached: Mapping[Partition, int]


class Rebuild:
    """One rebuild; every step can be interrupted at any line and done again."""

    def __init__(
        self,
        database: Database,
        world: World,
        generations: Generations,
        topics: Topics,
        progress: Progress,
    ) -> None:
        self._database = database
        self._repository = Repository(database)
        self._world = world
        self._generations = generations
        self._topics = topics
        self._progress = progress
        self.aside: list[Aside] = []

    async def left(self) -> int:
        """How many records the live figures have and these have not."""
        return self._gap(await self._until(None))

    async def catch_up(self, told: Told) -> None:
        """Tell all that the live figures have now. `told` hears how many records each time."""
        await self._tell_all(await self._until(None), told)

    @property
    def counted(self) -> bool:
        """Whether all facts are counted, and from then on whenever they change."""
        return self._progress.counted

    async def facts(self) -> int:
        """How many facts there are."""
        return await self._repository.size(self._progress.slot)

    async def count(self, told: Told) -> None:
        """Count all facts; nothing where they are. From then on what is told is counted at once.

        A fact that was told of five times is counted once so, not put in and taken out again; and
        what counts together is added up before it is written. `told` hears how many facts.
        """
        try:
            if not self._progress.counted:
                await self._count(told)
        except (Transient, Fenced):
            raise
        except Exception as error:  # noqa: BLE001 - a bug, or a sum too long: found record by record
            log.warning("rebuild.begins_again", reason=f"{type(error).__name__}: {error}"[:500])
            self._progress = await self._generations.again(self._progress)
            await self.catch_up(lambda _: None)

    async def _count(self, told: Told) -> None:
        slot, sums, unheard_of = self._progress.slot, Sums(), set[Key]()
        async for place, facts in self._repository.in_turn(slot, self._progress.counted_to):
            self._sum(sums, facts)
            unheard_of |= counted_by(facts) - {fact.key for fact in facts}
            if len(sums) > MOST:
                await self._add(sums, unheard_of, counted_to=place)
                sums, unheard_of = Sums(), set()
            told(len(facts))
        await self._add(sums, unheard_of, counted=True)

    def _sum(self, sums: Sums, facts: Sequence[Fact]) -> None:
        """Add up facts. That of an account comes before the others about it."""
        world = self._world
        with localcontext(prec=60):
            for fact in facts:
                if fact.key.kind == "account":
                    world = replace(self._world, standings={fact.key.id: standing(fact)})
                sums.add(shares(fact, world))

    async def _add(self, sums: Sums, unheard_of: Collection[Key], **changes: Any) -> None:
        """Write sums, accounts of which nothing was said themselves, and how far that reaches."""
        progress, found = self._progress, sums.shares()

        async def body(session: Session) -> Progress:
            await self._repository.keep(progress.slot, (), {}, session, unheard_of)
            await self._repository.add(progress.slot, found, session)
            return await self._generations.advance(progress, session, **changes)

        self._progress = await transaction(self._database, body)

    async def compare(self) -> dict[str, Compared]:
        """Both slots figure by figure, at the very same offsets, while the live one goes on.

        Counts what is not counted yet.
        """
        await self.count(lambda _: None)  # before the snapshot, which lasts five minutes
        async with snapshot(self._database) as session:
            live = await self._repository.live(session)
            await self._tell_all(await self._until(session), lambda _: None)
            return await compared(
                self._repository.counters(live, session),
                self._repository.counters(self._progress.slot),
            )

    async def switch(self, at: datetime) -> None:
        """Make these figures the live ones, in one transaction with what was told last."""

        async def body(session: Session) -> Progress:
            await self._generations.hold(self._topics.partitions, session)
            until = await self._until(session)
            progress = self._progress
            while self._gap(until, progress):
                read = await self._read(progress.next, until)
                await self._tell(read.received, session)
                progress = await self._advanced(progress, read.reached, session)
            await self._generations.switch(progress, at, session)
            return progress

        self._progress = await transaction(self._database, body)

    async def _until(self, session: Session | None) -> dict[Partition, int]:
        applied = await self._generations.applied(session)
        return {p: end for p, end in applied.items() if p in self._topics.partitions}

    def _gap(self, until: Mapping[Partition, int], progress: Progress | None = None) -> int:
        at = (progress or self._progress).next
        return sum(max(0, end - at.get(partition, 0)) for partition, end in until.items())

    async def _tell_all(self, until: Mapping[Partition, int], told: Told) -> None:
        """Tell batch after batch; the next one is read while MongoDB writes this one."""
        read = await self._read(self._progress.next, until)
        while gap := self._gap(until):
            after = {**self._progress.next, **read.reached}
            reading = asyncio.create_task(self._read(after, until))
            try:
                self._progress = await self._told(read)
            except BaseException:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
                raise
            read = await reading
            told(gap - self._gap(until))

    async def _read(self, at: Mapping[Partition, int], until: Mapping[Partition, int]) -> _Read:
        records, reached = await self._topics.batch(at, until, BATCH)
        received: list[Received] = []
        for start in range(0, len(records), AT_ONCE):
            received += [receive(r, "reporting") for r in records[start : start + AT_ONCE]]
            await asyncio.sleep(0)
        return _Read(received, reached)

    async def _told(self, read: _Read) -> Progress:
        """Tell a batch; if it shows a bug, halve it down to the record that does."""
        received, reached = read

        async def body(session: Session) -> Progress:
            await self._tell(received, session)
            return await self._advanced(self._progress, reached, session)

        try:
            return await transaction(self._database, body)
        except (Transient, Fenced):
            raise
        except Exception as error:
            if not received:
                raise
            if len(received) > 1:
                first = received[: len(received) // 2]
                reach = {r.partition: r.record.offset + 1 for r in first}
                self._progress = await self._told(_Read(first, reach))
                return await self._told(_Read(received[len(first) :], reached))
            self.aside.append(Aside(_place(received[0]), f"{type(error).__name__}: {error}"[:500]))
            return await self._told(_Read([], reached))

    async def _tell(self, received: Sequence[Received], session: Session) -> None:
        """Tell what is an event, but not what took the id of another event."""
        conflicting = {
            row["_id"]
            for row in await find(
                self._database["dead_letters"],
                {"cause": Cause.CONFLICTING_ID.value},
                projection={"_id": 1},
                session=session,
            )
        }
        events = [r.event for r in received if r.event and _place(r) not in conflicting]
        if not events:
            return
        if self._progress.counted:
            work = ReportingWork(self._repository, self._world, self._slot)
            await work.load(events, session)
            await work.save(session)
        else:
            await self._gather(events, session)

    async def _gather(self, events: Sequence[Event], session: Session) -> None:
        """Take in what events say, and count nothing yet."""
        slot = self._progress.slot
        said = all_told(events)
        facts = await self._repository.facts(slot, {tell.key for tell, _ in said}, session)
        await self._repository.keep(slot, facts, merged(facts, said), session)

    async def _advanced(
        self, progress: Progress, reached: Mapping[Partition, int], session: Session
    ) -> Progress:
        after = {**progress.next, **reached}
        return await self._generations.advance(progress, session, next=after)

    async def _slot(self, _: Session) -> str:
        return self._progress.slot


def _place(received: Received) -> str:
    record = received.record
    return f"{record.topic}/{record.partition}/{record.offset}"


async def compared(
    live: AsyncIterator[Stored], rebuilt: AsyncIterator[Stored]
) -> dict[str, Compared]:
    """Two runs of counters in the same order, by figure."""
    found: dict[str, Compared] = {}
    a, b = await anext(live, None), await anext(rebuilt, None)
    while a or b:
        id_ = min(counter.id for counter in (a, b) if counter)
        ours = a if a and a.id == id_ else None
        theirs = b if b and b.id == id_ else None
        figure = found.setdefault(id_.partition("\x1f")[0], Compared())
        figure.counters += 1
        was, is_ = (dict(counter.measures) if counter else {} for counter in (ours, theirs))
        if was != is_:
            figure.differing += 1
            if len(figure.examples) < EXAMPLES:
                figure.examples.append(Difference(id_, was, is_))
        if ours:
            a = await anext(live, None)
        if theirs:
            b = await anext(rebuilt, None)
    return found
