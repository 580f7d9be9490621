"""Events in, decisions out: which rule answers which event."""

from collections.abc import Sequence

from typing_extensions import override

from services.handoff import domain
from services.handoff.domain import Decision, Manager, Status
from services.handoff.repository import Book, Repository
from shared.caused import caused_by
from shared.contracts.deals import DealClosed, DealReopened
from shared.contracts.directory import PersonRemoved, PersonUpserted, Role
from shared.contracts.event import Event, EventData
from shared.mongo import Session
from shared.records import Work


class HandoffWork(Work):
    """The handoff service's share of one transaction."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._book = Book()

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        self._book = await self._repository.load([event.data for event in events], session)

    @override
    async def save(self, session: Session) -> None:
        await self._repository.save(self._book, session)

    @override
    def apply(self, event: Event) -> list[Event]:
        return caused_by(event, "handoff", self._decide(event))

    def _decide(self, event: Event) -> list[EventData]:
        book = self._book
        match event.data:
            case DealClosed() as deal:
                decision = domain.close_deal(
                    deal,
                    event.time,
                    account=book.accounts.get(deal.account.id),
                    handoff=book.handoffs.get(deal.deal_id),
                    managers=book.managers,
                )
                return self._keep(decision)
            case DealReopened() as deal:
                handoff = book.handoffs.get(deal.deal_id)
                return self._keep(domain.reopen_deal(deal, event.time, handoff=handoff))
            case PersonUpserted() as person:
                self._upsert(person)
                return self._assign_waiting(event)
            case PersonRemoved() as person:
                if known := book.managers.get(person.person_id):
                    book.keep_manager(domain.removed(known))
                return []
            case _:
                return []

    def _upsert(self, person: PersonUpserted) -> None:
        known = self._book.managers.get(person.person_id)
        active = Role.ACCOUNT_MANAGER in person.roles
        if known or active:
            manager = known or Manager(id=person.person_id)
            self._book.keep_manager(domain.changed(manager, regions=person.regions, active=active))

    def _assign_waiting(self, event: Event) -> list[EventData]:
        published: list[EventData] = []
        for handoff in list(self._book.handoffs.values()):
            if handoff.status == Status.UNASSIGNED:
                account = self._book.accounts[handoff.account_id]
                decision = domain.assign(handoff, account, event.time, self._book.managers)
                if decision.handoff and decision.handoff.status == Status.ASSIGNED:
                    published += self._keep(decision)
        return published

    def _keep(self, decision: Decision) -> list[EventData]:
        self._book.keep(decision)
        return list(decision.publish)
