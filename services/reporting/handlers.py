"""Events in, changes of figures out."""

from collections.abc import Sequence

from typing_extensions import override

from services.reporting.domain import Fold
from services.reporting.repository import Repository
from shared.contracts.directory import PersonRemoved, PersonUpserted
from shared.contracts.event import Event
from shared.mongo import Session
from shared.records import Work


class ReportingWork(Work):
    """The reporting service's share of one transaction. It publishes nothing."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._people: dict[str, PersonUpserted | PersonRemoved] = {}

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        self._fold: Fold = await self._repository.load([event.data for event in events], session)

    @override
    def apply(self, event: Event) -> list[Event]:
        self._fold.apply(event)
        if isinstance(event.data, PersonUpserted | PersonRemoved):
            self._people[event.data.person_id] = event.data
        return []

    @override
    async def save(self, session: Session) -> None:
        await self._repository.save(self._fold, self._people.values(), session)
