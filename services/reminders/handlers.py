"""Events in, decisions out: which rule answers which event."""

from collections.abc import Sequence
from datetime import timedelta

from typing_extensions import override

from services.reminders import domain
from services.reminders.domain import Deadline, Status
from services.reminders.repository import Book, Repository
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineSet,
)
from shared.contracts.directory import PersonRemoved, PersonUpserted
from shared.contracts.event import Event, EventData
from shared.contracts.notifications import NotificationRequested
from shared.mongo import Session
from shared.records import Work

_STATUS: dict[type[EventData], Status] = {
    DeadlinePaused: Status.PAUSED,
    DeadlineResumed: Status.OPEN,
    DeadlineMet: Status.MET,
    DeadlineCancelled: Status.CANCELLED,
}


class RemindersWork(Work):
    """The reminders service's share of one transaction. What it publishes, its timers cause."""

    def __init__(self, repository: Repository, remind_before: timedelta) -> None:
        self._repository = repository
        self._remind_before = remind_before
        self._book = Book()

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        self._book = await self._repository.load([event.data for event in events], session)

    @override
    async def save(self, session: Session) -> None:
        await self._repository.save(self._book, session)

    @override
    def apply(self, event: Event) -> list[Event]:
        book = self._book
        match event.data:
            case DeadlineSet() as data:
                self._keep(domain.set_deadline(data))
            case DeadlineMoved() as data if known := book.deadlines.get(data.deadline_id):
                self._keep(domain.move(known, data))
            case (
                DeadlinePaused() | DeadlineResumed() | DeadlineMet() | DeadlineCancelled()
            ) as data if known := book.deadlines.get(data.deadline_id):
                self._keep(domain.change(known, _STATUS[type(data)]))
            case NotificationRequested() as data:
                book.reminders.append(domain.notify(data))
            case PersonUpserted() | PersonRemoved() as data:
                book.people[data.person_id] = data
            case _:
                pass
        return []

    def _keep(self, deadline: Deadline) -> None:
        self._book.keep(deadline, domain.timers(deadline, self._remind_before))
