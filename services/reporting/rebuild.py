"""Figures made anew from the topics, beside the live ones, compared, and put in their place."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.reporting.figures.declaration import World
from services.reporting.generations import Generations, Progress
from services.reporting.handlers import ReportingWork
from services.reporting.replay import Records, Topics
from services.reporting.repository import Repository, Stored
from shared.contracts.event import Event
from shared.dead_letters import Cause
from shared.errors import Fenced, Transient
from shared.mongo import Database, Session, find, snapshot, transaction
from shared.records import Partition, Received, receive

BATCH = 2000
"""Records in one transaction: more cost less each, and it must end within five seconds."""
EXAMPLES = 5
"""Differences of a figure that are shown; all are counted."""


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

    async def catch_up(self, told: Callable[[int], None]) -> None:
        """Tell all that the live figures have now. `told` hears how many records each time."""
        until = await self._until(None)
        while gap := self._gap(until):
            await self._tell_batch(until)
            told(gap - self._gap(until))

    async def compare(self) -> dict[str, Compared]:
        """Both slots figure by figure, at the very same offsets, while the live one goes on."""
        async with snapshot(self._database) as session:
            live = str(
                (await find(self._database["generations"], {"_id": "live"}, session=session))[0][
                    "slot"
                ]
            )
            until = await self._until(session)
            while self._gap(until):
                await self._tell_batch(until)
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
                records, reached = await self._topics.batch(progress.next, until, BATCH)
                await self._tell(await self._events(records, session), session)
                progress = await self._generations.advance(progress, reached, session)
            await self._generations.switch(progress, at, session)
            return progress

        self._progress = await transaction(self._database, body)

    async def _until(self, session: Session | None) -> dict[Partition, int]:
        applied = await self._generations.applied(session)
        return {p: end for p, end in applied.items() if p in self._topics.partitions}

    def _gap(self, until: Mapping[Partition, int], progress: Progress | None = None) -> int:
        at = (progress or self._progress).next
        return sum(max(0, end - at.get(partition, 0)) for partition, end in until.items())

    async def _tell_batch(self, until: Mapping[Partition, int]) -> None:
        records, reached = await self._topics.batch(self._progress.next, until, BATCH)
        self._progress = await self._told(records, reached)

    async def _told(self, records: Records, reached: Mapping[Partition, int]) -> Progress:
        """Tell a batch; if it shows a bug, halve it down to the record that does."""

        async def body(session: Session) -> Progress:
            await self._tell(await self._events(records, session), session)
            return await self._generations.advance(self._progress, reached, session)

        try:
            return await transaction(self._database, body)
        except (Transient, Fenced):
            raise
        except Exception as error:
            if not records:
                raise
            if len(records) > 1:
                middle = len(records) // 2
                self._progress = await self._told(records[:middle], _reach(records[:middle]))
                return await self._told(records[middle:], reached)
            place = f"{records[0].topic}/{records[0].partition}/{records[0].offset}"
            self.aside.append(Aside(place, f"{type(error).__name__}: {error}"[:500]))
            return await self._told([], reached)

    async def _tell(self, events: Sequence[Event], session: Session) -> None:
        if events:
            work = ReportingWork(self._repository, self._world, self._slot)
            await work.load(events, session)
            await work.save(session)

    async def _slot(self, _: Session) -> str:
        return self._progress.slot

    async def _events(self, records: Records, session: Session) -> list[Event]:
        """Of records that say something; not of those that took an id of another event."""
        received = [receive(record, "reporting") for record in records]
        conflicting = {
            row["_id"]
            for row in await find(
                self._database["dead_letters"],
                {"cause": Cause.CONFLICTING_ID.value},
                projection={"_id": 1},
                session=session,
            )
        }
        return [r.event for r in received if r.event and _place(r) not in conflicting]


def _place(received: Received) -> str:
    record = received.record
    return f"{record.topic}/{record.partition}/{record.offset}"


def _reach(records: Records) -> dict[Partition, int]:
    return {(record.topic, record.partition): record.offset + 1 for record in records}


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
