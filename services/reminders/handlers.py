"""Events in, decisions out: which rule answers which event."""

from collections.abc import Callable, Sequence
from datetime import datetime

from typing_extensions import override

from services.reminders import domain, escalation
from services.reminders.repository import Book, Repository
from services.reminders.world import World
from shared.caused import caused_by
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineSet,
)
from shared.contracts.directory import AbsenceSet, PersonRemoved, PersonUpserted
from shared.contracts.event import Event
from shared.contracts.notifications import NotificationRequested
from shared.mongo import Session
from shared.records import Work


class RemindersWork(Work):
    """The reminders service's share of one transaction."""

    def __init__(
        self, repository: Repository, world: World, timer_set: Callable[[datetime], None]
    ) -> None:
        """`timer_set` hears of the earliest timer, once it is stored."""
        self._repository = repository
        self._timer_set = timer_set
        self._world = world
        self._book = Book(world)

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        said = [event.data for event in events]
        self._book = await self._repository.load(said, self._world, session)

    @override
    async def save(self, session: Session) -> None:
        await self._repository.save(self._book, session)

    @override
    def committed(self) -> None:
        times = [case.next_at for case in self._book.changed.values() if case.next_at]
        if times:
            self._timer_set(min(times))

    @override
    def apply(self, event: Event) -> list[Event]:
        book = self._book
        match event.data:
            case DeadlineSet() as data:
                book.keep(escalation.begin(data, event.source, book.world).case)
            case (
                DeadlineMoved()
                | DeadlinePaused()
                | DeadlineResumed()
                | DeadlineMet()
                | DeadlineCancelled()
            ) as data if known := book.cases.get(data.deadline_id):
                turn = escalation.follow(known, data, event.time, book.world)
                book.keep(turn.case)
                return caused_by(event, "reminders", (data for _, data in turn.said))
            case NotificationRequested() as data:
                book.reminders.append(domain.notify(data))
            case PersonUpserted() | PersonRemoved() | AbsenceSet() as data:
                book.hear(data)
            case _:
                pass
        return []
