"""Events in, decisions out: which rule answers which event."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from typing_extensions import override

from services.handoff import domain, obligations, portfolio, tiers
from services.handoff.assignment import Away, Manager, Tier
from services.handoff.book import Book
from services.handoff.portfolio import Change
from services.handoff.repository import Repository
from services.handoff.rules import Rules
from services.handoff.states import Handoff, Status
from services.handoff.tiers import Group
from shared.caused import caused_by
from shared.contracts.deals import DealAmended, DealClosed, DealReopened
from shared.contracts.directory import AbsenceSet, PersonRemoved, PersonUpserted, Role
from shared.contracts.event import Event, EventData
from shared.contracts.topics import Topic
from shared.mongo import Session
from shared.records import Work


class HandoffWork(Work):
    """The handoff service's share of one transaction."""

    def __init__(self, repository: Repository, rules: Rules) -> None:
        self._repository = repository
        self._rules = rules
        self._book = Book()

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        self._book = await self._repository.load([event.data for event in events], session)

    @override
    async def save(self, session: Session) -> None:
        await self._repository.save(self._book, session)

    @override
    def apply(self, event: Event) -> list[Event]:
        return caused_by(event, "handoff", decide(event, self._book, self._rules))


def decide(event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    """Apply one event to the states of a book."""
    match event.data.topic:
        case Topic.DEALS:
            return _deal(event, book, rules)
        case Topic.DIRECTORY:
            _person(event, book)
            return _assign(_waiting(book.handoffs.values()), event, book, rules)
        case Topic.ACCOUNTS if account := book.accounts.get(event.data.key):
            known = book.obligations.get(account.id, {})
            owed = obligations.respond(event.data, account, known, event.time, rules)
            return book.keep_owed(account.id, owed)
        case _:
            return ()


def _deal(event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    if isinstance(event.data, DealClosed):
        return _closed(event.data, event, book, rules)
    deal = event.data
    assert isinstance(deal, DealAmended | DealReopened)  # noqa: S101 - the topic has no other
    handoff = book.of_deal(deal.deal_id)
    account = book.accounts.get(handoff.account_id) if handoff else None
    if isinstance(deal, DealAmended):
        decision = domain.amend_deal(deal, account=account, handoff=handoff)
    else:
        decision = domain.reopen_deal(deal, event.time, account=account, handoff=handoff)
    published = book.keep(decision, event.time)
    _judge(deal.account_id, book, rules)
    return published


def _judge(account_id: str, book: Book, rules: Rules) -> None:
    """Which tier an account should have; a parent that is met for the first time joins in."""
    account = book.accounts.get(account_id)
    if account is None:
        return
    if account.group_id is None and account.id in book.groups:
        account = replace(account, group_id=account.id)
    if account.group_id is None:
        judged, _ = tiers.judge(account, None, rules.tiers)
    else:
        group = book.groups.get(account.group_id) or Group(id=account.group_id)
        parent = book.accounts.get(group.id)
        if parent and parent.id not in group.members and parent.id != account.id:
            parent, joined = tiers.judge(replace(parent, group_id=group.id), group, rules.tiers)
            book.keep_account(parent)
            group = joined or group
        judged, changed = tiers.judge(account, group, rules.tiers)
        book.keep_group(changed or group)
    if judged != book.accounts[account_id]:
        book.keep_account(judged)


def _closed(deal: DealClosed, event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    known = book.accounts.get(deal.account.id)
    decision = domain.close_deal(
        deal,
        event.time,
        account=known,
        handoff=book.of_deal(deal.deal_id),
        pool=book.pool,
        rules=rules,
    )
    published = book.keep(decision, event.time)
    _judge(deal.account.id, book, rules)
    if known and known.manager_id is None and decision.managers:
        waiting = _waiting(book.live(known.id))
        published = [*published, *_assign(waiting, event, book, rules)]
    return published


def _person(event: Event, book: Book) -> None:
    if isinstance(event.data, PersonUpserted | PersonRemoved):
        book.people[event.data.person_id] = event.data
    match event.data:
        case PersonUpserted() as person:
            _upsert(person, event, book)
        case PersonRemoved() as person:
            if left := book.pool.managers.get(person.person_id):
                book.keep_manager(replace(left, active=False, head=False))
        case AbsenceSet() as absence:
            manager = book.pool.managers.get(absence.person_id) or Manager(
                id=absence.person_id, active=False
            )
            away = tuple(Away(a.since, a.until) for a in absence.absences)
            book.keep_manager(replace(manager, absences=away))
        case _:
            pass


def _upsert(person: PersonUpserted, event: Event, book: Book) -> None:
    known = book.pool.managers.get(person.person_id)
    active, head = Role.ACCOUNT_MANAGER in person.roles, Role.HEAD in person.roles
    if not (known or active or head):
        return
    manager = known or Manager(id=person.person_id, active=False)
    book.keep_manager(
        replace(
            manager,
            regions=person.regions,
            countries=person.countries,
            cities=person.cities,
            speaks=person.speaks,
            industries=person.industries,
            level=Tier(person.level) if person.level else None,
            capacity=person.capacity,
            active=active,
            head=head,
            joined_at=manager.joined_at if manager.active else event.time,
        )
    )


def _waiting(handoffs: Iterable[Handoff]) -> list[Handoff]:
    waiting = [handoff for handoff in handoffs if handoff.status == Status.UNASSIGNED]
    return sorted(waiting, key=lambda handoff: (handoff.closed_at, handoff.id))


def _assign(waiting: Iterable[Handoff], event: Event, book: Book, rules: Rules) -> list[EventData]:
    """Try again: somebody came or changed, or the account has a manager now."""
    change = Change(at=event.time, pool=book.pool, rules=rules, reason="a manager was found")
    published: list[EventData] = []
    for handoff in waiting:
        account = book.accounts[handoff.account_id]
        moved = portfolio.receive(handoff, account, book.live(account.id), change)
        published += book.keep(moved, event.time)
    return published
