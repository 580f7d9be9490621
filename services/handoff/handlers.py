"""Events in, decisions out: which rule answers which event."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from services.handoff import corrections, domain, lifecycle, obligations, portfolio, tiers
from services.handoff.book import Book
from services.handoff.candidates import Away, Manager, Tier
from services.handoff.domain import Decision
from services.handoff.lifecycle import Act
from services.handoff.obligations import Owed
from services.handoff.portfolio import Change
from services.handoff.repository import Repository
from services.handoff.rules import Rules
from services.handoff.states import LIVE, Account, Handoff, Status
from services.handoff.steps import CLOCKS
from services.handoff.tiers import Group
from shared.caused import caused_by
from shared.contracts.deadlines import DeadlineMet, DeadlineMoved
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
            return _person(event, book, rules)
        case Topic.ACCOUNTS:
            return _customer(event, book, rules)
        case Topic.DEADLINES:
            return _told(event, book, rules)
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
        decision = domain.amend_deal(
            deal, event.time, account=account, handoff=handoff, rules=rules
        )
    else:
        decision = domain.reopen_deal(deal, event.time, account=account, handoff=handoff)
    return _corrected(decision, event, book, rules)


def _corrected(decision: Decision, event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    if decision.account:
        decision = replace(decision, account=_judged(decision.account, book, rules))
    return book.keep(decision, event.time)


def _closed(deal: DealClosed, event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    handoff = book.of_deal(deal.deal_id)
    published: list[EventData] = []
    if reason := corrections.contradicted(deal, handoff, event.time):
        assert handoff  # noqa: S101 - there is one to contradict
        account = book.accounts[handoff.account_id]
        ended = domain.take_out(handoff, account, reason, event.time)
        published += _corrected(ended, event, book, rules)
    elif handoff and handoff.status != Status.CANCELLED:
        account = book.accounts[handoff.account_id]
        again = corrections.tell_again(
            deal, event.time, account=account, handoff=handoff, rules=rules
        )
        return _corrected(again, event, book, rules)
    return [*published, *_begun(deal, event, book, rules)]


def _begun(deal: DealClosed, event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    known = book.accounts.get(deal.account.id)
    raised: list[EventData] = []

    def judge(account: Account) -> Account:
        judged = _judged(account, book, rules)
        if judged.manager_id is None:  # nobody's yet: of the right tier before one is chosen
            moved = portfolio.retier(judged, (), _change(event, book, rules))
            raised.extend(moved.publish)
            book.changed_managers.update(manager.id for manager in moved.managers)
            return moved.account or judged
        return judged

    decision = domain.close_deal(
        deal,
        event.time,
        account=known,
        handoff=book.of_deal(deal.deal_id),
        pool=book.pool,
        rules=rules,
        judge=judge,
    )
    published = [*raised, *book.keep(decision, event.time)]
    if known and known.manager_id is None and decision.managers:
        published += _assign(_waiting(book.live(known.id)), event, book, rules)
    return published


def _judged(account: Account, book: Book, rules: Rules) -> Account:
    """With the tier it should have. A parent that is met for the first time joins its group."""
    known = book.accounts.get(account.id)
    root = _root(account, book)
    if known and (old := book.groups.get(known.group_id or "")) and old.id != root:
        book.keep_group(tiers.left(old, account.id, rules.tiers))
    if root != account.group_id:
        account = replace(account, group_id=root)
    if root is None:
        return tiers.judge(account, None, rules.tiers)[0]
    group = book.groups.get(root) or Group(id=root)
    parent = book.accounts.get(root)
    if parent and parent.group_id is None and parent.id != account.id:
        parent, joined = tiers.judge(replace(parent, group_id=root), group, rules.tiers)
        book.keep_account(parent)
        group = joined or group
    judged, changed = tiers.judge(account, group, rules.tiers)
    book.keep_group(changed or group)
    return judged


def _root(account: Account, book: Book) -> str | None:
    """The group of an account: its parent's, where that has one; so a circle is one group."""
    if account.group_id is None:
        return account.id if account.id in book.groups else None
    parent = book.accounts.get(account.group_id)
    return (parent and parent.group_id) or account.group_id


def _customer(event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    """What happened with a customer, also with one of whom no deal is known yet."""
    name = event.data.key
    account = book.accounts.get(name) or Account(id=name, name=name)
    known = book.obligations.get(name, {})
    owed = obligations.respond(event.data, account, known, event.time, rules, head=book.pool.head)
    if owed.open and name not in book.accounts:
        book.keep_account(account)
    return book.keep_owed(name, owed)


def _told(event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    """What others say of a deadline: reminders, which were answered, or another system."""
    match event.data:
        case DeadlineMet() as met:
            return _told_done(met, event, book, rules)
        case DeadlineMoved() as moved:
            _told_handed_on(moved, book)
            return ()
        case _:
            return ()


def _told_handed_on(moved: DeadlineMoved, book: Book) -> None:
    """A step or something owed is another's to do now. Nothing is said of it: it has been said.

    Only from whom it is here. What has changed hands meanwhile stays so, also when it came back
    (`turn`); who handed it on without knowing will hear of that. Whose decisions are (`CLOCKS`)
    follows from the handoff alone.
    """
    before, now, turn = moved.from_owner_id, moved.owner_id, moved.turn or 0
    if before is None or now is None:
        return
    if handoff := book.handoffs.get(moved.subject_id):
        due = handoff.deadline(moved.deadline_id)
        if due and (due.owner_id, due.turn) == (before, turn) and due.step not in CLOCKS:
            changed = tuple(
                replace(one, owner_id=now) if one is due else one for one in handoff.deadlines
            )
            book.keep_handoff(replace(handoff, deadlines=changed))
        return
    one = book.obligations.get(moved.account_id or "", {}).get(moved.deadline_id)
    if one and (one.owner_id, one.turn) == (before, turn):
        book.keep_owed(one.account_id, Owed(open=(replace(one, owner_id=now),)))


def _told_done(met: DeadlineMet, event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    at = min(met.met_at, event.time)
    published: Sequence[EventData] = ()
    if handoff := book.handoffs.get(met.subject_id):
        published = _step_done(met, at, handoff, book, rules)
    elif one := book.obligations.get(met.account_id or "", {}).get(met.deadline_id):
        account, known = book.accounts[one.account_id], book.obligations[one.account_id]
        owed = obligations.told_done(one, account, known, at, by=met.by, rules=rules)
        published = book.keep_owed(account.id, owed)
    return [
        data
        for data in published
        if not (isinstance(data, DeadlineMet) and data.deadline_id == met.deadline_id)
    ]


def _step_done(
    met: DeadlineMet, at: datetime, handoff: Handoff, book: Book, rules: Rules
) -> Sequence[EventData]:
    due = handoff.deadline(met.deadline_id)
    if due is None:  # done before, here or by the same word
        return ()
    act = Act(
        by=met.by or due.owner_id,
        at=at,
        account=book.accounts[handoff.account_id],
        rules=rules,
        record=book.records.get(handoff.salesperson_id),
        pool=book.pool,
    )
    outcome = lifecycle.told_done(handoff, due.step, act)
    if isinstance(outcome, lifecycle.Refused):
        return ()
    return book.keep_act(outcome, act, "accept" if due.step == "accept" else f"step {due.step}")


def _person(event: Event, book: Book, rules: Rules) -> Sequence[EventData]:
    published: list[EventData] = []
    if isinstance(event.data, PersonUpserted | PersonRemoved):
        book.people[event.data.person_id] = event.data
    match event.data:
        case PersonUpserted() as person:
            _upsert(person, event, book)
        case PersonRemoved() as person:
            if left := book.pool.managers.get(person.person_id):
                book.keep_manager(replace(left, active=False, head=False))
            published = _answer_for(person.person_id, event, book, rules)
        case AbsenceSet() as absence:
            manager = book.pool.managers.get(absence.person_id) or Manager(
                id=absence.person_id, active=False
            )
            away = tuple(Away(a.since, a.until) for a in absence.absences)
            book.keep_manager(replace(manager, absences=away))
        case _:
            pass
    waiting = [
        handoff
        for handoff in _waiting(book.handoffs.values())
        if book.pool.could_take(event.data.subject, book.accounts[handoff.account_id].need)
    ]
    return [*published, *_assign(waiting, event, book, rules)]


def _answer_for(gone: str, event: Event, book: Book, rules: Rules) -> list[EventData]:
    change = replace(_change(event, book, rules), reason="the salesperson has left")
    published: list[EventData] = []
    for handoff in list(book.handoffs.values()):
        if handoff.status in LIVE:
            moved = portfolio.answer_for(handoff, gone, change)
            published += book.keep(moved, event.time)
    return published


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
    change = _change(event, book, rules)
    published: list[EventData] = []
    for handoff in waiting:
        account = book.accounts[handoff.account_id]
        moved = portfolio.receive(handoff, account, book.live(account.id), change)
        published += book.keep(moved, event.time)
    return published


def _change(event: Event, book: Book, rules: Rules) -> Change:
    return Change(at=event.time, pool=book.pool, rules=rules, reason="a manager was found")
