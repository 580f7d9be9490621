"""What the account manager owes a customer after the handover, each with a deadline of its own.

What is said to lie in the future counts from when it was said: a slip in a date must not keep
everything that follows from counting.

Keeping in touch, at a pace that follows satisfaction and tier; answering, informing and settling
when there is a dispute, by severity; following up on opportunities and on products shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.handoff.rules import Rules
from services.handoff.states import Account
from shared.contracts.accounts import (
    ContactMade,
    DisputeOpened,
    DisputeResolved,
    DisputeUpdated,
    OpportunityIdentified,
    OpportunityLost,
    OpportunityWon,
    ProductIntroduced,
    SatisfactionRecorded,
)
from shared.contracts.deadlines import DeadlineCancelled, DeadlineMet, DeadlineMoved, DeadlineSet
from shared.contracts.event import EventData
from shared.contracts.ids import derived


class Kind(StrEnum):
    """What is owed."""

    CONTACT = "contact"
    ANSWER = "dispute-answer"
    UPDATE = "dispute-update"
    RESOLVE = "dispute-resolve"
    FOLLOW_UP = "follow-up"


_TITLES = {
    Kind.CONTACT: "Get in touch with the customer",
    Kind.ANSWER: "First answer to the dispute",
    Kind.UPDATE: "Tell the customer how the dispute stands",
    Kind.RESOLVE: "Settle the dispute",
    Kind.FOLLOW_UP: "Follow up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """Something owed and not done yet. `id` is that of its deadline."""

    id: str
    account_id: str
    subject_id: str
    """The dispute, the opportunity, the product, or the account itself."""
    kind: Kind
    title: str
    owner_id: str | None
    """None: nobody manages the account and there is no head; a deadline is set once there is."""
    since: datetime
    """From when the time to do it is counted."""
    due_at: datetime
    severity: str | None = None
    turn: int = 0
    """How often it was given to another from here; not counted: what was handed on elsewhere."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What changed: the account, what is open now, what is not any more, what is to be told."""

    account: Account | None = None
    open: tuple[Obligation, ...] = ()
    closed: tuple[str, ...] = ()
    publish: tuple[EventData, ...] = ()

    def __add__(self, other: "Owed") -> "Owed":
        """One after the other."""
        return Owed(
            other.account or self.account,
            (*self.open, *other.open),
            (*self.closed, *other.closed),
            (*self.publish, *other.publish),
        )


Known = Mapping[str, Obligation]
"""What is open of an account, by id."""


def respond(
    data: EventData,
    account: Account,
    known: Known,
    at: datetime,
    rules: Rules,
    *,
    head: str | None = None,
) -> Owed:
    """What an event about a customer brings about. Until somebody manages it, the head owes it."""
    book = _Book(account, account.manager_id or head, known, at, rules)
    match data:
        case ContactMade():
            return book.contacted(min(data.made_at, at), data.by)
        case SatisfactionRecorded():
            return book.satisfied(data)
        case _:
            return _sell(data, book) + _settle(data, book)


def _settle(data: EventData, book: "_Book") -> Owed:
    match data:
        case DisputeOpened():
            return book.disputed(data)
        case DisputeUpdated():
            return book.informed(data)
        case DisputeResolved():
            return book.met(book.about(data.dispute_id), data.resolved_at)
        case _:
            return Owed()


def _sell(data: EventData, book: "_Book") -> Owed:
    match data:
        case OpportunityIdentified():
            if book.about(data.opportunity_id):
                return Owed()
            title = f"Follow up: {data.product}"[:200] if data.product else None
            return book.begin(Kind.FOLLOW_UP, data.opportunity_id, data.identified_at, title=title)
        case OpportunityWon():
            return book.met(book.about(data.opportunity_id), data.won_at)
        case OpportunityLost():
            return book.cancelled(book.about(data.opportunity_id), data.reason or "lost")
        case ProductIntroduced():
            title = f"Follow up: {data.product}"[:200]
            subject = derived("product", data.product)
            return book.begin(Kind.FOLLOW_UP, subject, data.introduced_at, title=title)
        case _:
            return Owed()


def keep_in_touch(account: Account, known: Known, at: datetime, rules: Rules) -> Owed:
    """Begin to count when the customer is to be contacted next, unless that has begun."""
    if account.manager_id is None or any(one.kind == Kind.CONTACT for one in known.values()):
        return Owed()
    return _Book(account, account.manager_id, known, at, rules).begin(
        Kind.CONTACT, account.id, account.contacted_at or at
    )


def told_done(
    one: Obligation,
    account: Account,
    known: Known,
    at: datetime,
    *,
    by: str | None,
    rules: Rules,
) -> Owed:
    """It was said elsewhere that one is done. What is owed again begins anew."""
    book = _Book(account, account.manager_id or one.owner_id, known, at, rules)
    match one.kind:
        case Kind.CONTACT:
            return book.contacted(at, by)
        case Kind.RESOLVE:
            return book.met(book.about(one.subject_id), at, by)
        case Kind.UPDATE:
            return book.met([one], at, by) + book.begin(
                Kind.UPDATE, one.subject_id, at, title=one.title, severity=one.severity
            )
        case Kind.ANSWER | Kind.FOLLOW_UP:
            return book.met([one], at, by)


def hand_on(account: Account, known: Known, at: datetime, heads: Sequence[str] = ()) -> Owed:
    """What the manager before owed, or nobody yet, the new one owes; without one, a head."""
    owners = (account.manager_id,) if account.manager_id else heads
    reason = "another account manager" if account.manager_id else "nobody manages the account"
    owed = Owed()
    for one in known.values():
        if owners and one.owner_id not in owners:
            now = replace(one, owner_id=owners[0], turn=one.turn + 1 if one.owner_id else 0)
            told = _moved(now, at, reason, handed=True) if one.owner_id else _set(now, account, at)
            owed += Owed(open=(now,), publish=(told,))
    return owed


@dataclass(frozen=True, slots=True)
class _Book:
    account: Account
    owner_id: str | None
    known: Known
    at: datetime
    rules: Rules

    def about(self, subject_id: str) -> list[Obligation]:
        return [
            one
            for one in self.known.values()
            if one.subject_id == subject_id and one.kind != Kind.CONTACT
        ]

    def contacted(self, made_at: datetime, by: str | None) -> Owed:
        account = self.account
        if account.contacted_at and made_at <= account.contacted_at:
            return Owed()  # told late: a later contact is known
        now = replace(self, account=replace(account, contacted_at=made_at))
        done = [
            one
            for one in self.known.values()
            if one.kind in (Kind.CONTACT, Kind.FOLLOW_UP) and one.since < made_at
        ]
        owed = Owed(now.account) + self.met(done, made_at, by)
        if any(one.kind == Kind.CONTACT for one in done):
            owed += now.begin(Kind.CONTACT, account.id, made_at)
        return owed

    def satisfied(self, data: SatisfactionRecorded) -> Owed:
        account, recorded_at = self.account, min(data.recorded_at, self.at)
        if account.satisfaction_at and recorded_at <= account.satisfaction_at:
            return Owed()
        account = replace(account, satisfaction=data.score, satisfaction_at=recorded_at)
        now = replace(self, account=account)
        owed = Owed(account)
        for one in self.known.values():
            if one.kind == Kind.CONTACT:
                due = now.due(Kind.CONTACT, one.since, None)
                if due <= self.at:  # suddenly unhappy: soon, not in the past
                    due = min(one.due_at, self.rules.working.add_days(self.at, 1))
                owed += self.moved(one, due, "the customer's satisfaction changed")
        return owed

    def disputed(self, data: DisputeOpened) -> Owed:
        if self.about(data.dispute_id):
            return Owed()
        owed = Owed()
        for kind in (Kind.ANSWER, Kind.UPDATE, Kind.RESOLVE):
            title = f"{_TITLES[kind]}: {data.title}"[:200] if data.title else None
            owed += self.begin(
                kind,
                data.dispute_id,
                min(data.opened_at, self.at),
                title=title,
                severity=data.severity,
            )
        return owed

    def informed(self, data: DisputeUpdated) -> Owed:
        about, updated_at = self.about(data.dispute_id), min(data.updated_at, self.at)
        done = [
            one
            for one in about
            if one.kind == Kind.ANSWER or (one.kind == Kind.UPDATE and one.since < updated_at)
        ]
        owed = self.met(done, updated_at)
        for one in about:
            severity = data.severity or one.severity
            if one.kind == Kind.RESOLVE and severity != one.severity:
                changed = replace(one, severity=severity)
                due = self.due(Kind.RESOLVE, one.since, severity)
                owed += self.moved(changed, due, f"the severity is {severity} now")
            if one.kind == Kind.UPDATE and one in done:
                owed += self.begin(
                    Kind.UPDATE, one.subject_id, updated_at, title=one.title, severity=severity
                )
        return owed

    def begin(
        self,
        kind: Kind,
        subject_id: str,
        since: datetime,
        *,
        title: str | None = None,
        severity: str | None = None,
    ) -> Owed:
        one = Obligation(
            id=derived("obligation", self.account.id, kind, subject_id, since.isoformat()),
            account_id=self.account.id,
            subject_id=subject_id,
            kind=kind,
            title=title or _TITLES[kind],
            owner_id=self.owner_id,
            since=since,
            due_at=self.due(kind, since, severity),
            severity=severity,
        )
        if one.id in self.known:
            return Owed()
        told = (_set(one, self.account, self.at),) if one.owner_id else ()
        return Owed(open=(one,), publish=told)

    def due(self, kind: Kind, since: datetime, severity: str | None) -> datetime:
        pace, working = self.rules.pace, self.rules.working
        match kind:
            case Kind.CONTACT:
                return working.add_days(since, pace.contact_days(self.account))
            case Kind.ANSWER:
                return working.add(since, pace.answer_within[severity or "normal"])
            case Kind.RESOLVE:
                return working.add_days(since, pace.resolve_days[severity or "normal"])
            case Kind.UPDATE:
                return working.add_days(since, 1)
            case Kind.FOLLOW_UP:
                return working.add_days(since, pace.follow_up_days)

    def met(self, done: Sequence[Obligation], at: datetime, by: str | None = None) -> Owed:
        told = tuple(
            DeadlineMet(
                deadline_id=one.id,
                account_id=one.account_id,
                subject_id=one.subject_id,
                met_at=at,
                by=by,
            )
            for one in done
            if one.owner_id
        )
        return Owed(closed=tuple(one.id for one in done), publish=told)

    def cancelled(self, gone: Iterable[Obligation], reason: str) -> Owed:
        gone = tuple(gone)
        told = tuple(
            DeadlineCancelled(
                deadline_id=one.id,
                account_id=one.account_id,
                subject_id=one.subject_id,
                reason=reason,
                cancelled_at=self.at,
            )
            for one in gone
            if one.owner_id
        )
        return Owed(closed=tuple(one.id for one in gone), publish=told)

    def moved(self, one: Obligation, due: datetime, reason: str) -> Owed:
        changed = replace(one, due_at=due)
        if changed == self.known.get(one.id):
            return Owed()
        told = (_moved(changed, self.at, reason),) if one.owner_id else ()
        return Owed(open=(changed,), publish=told)


def _set(one: Obligation, account: Account, at: datetime) -> DeadlineSet:
    assert one.owner_id  # noqa: S101 - asked before
    return DeadlineSet(
        deadline_id=one.id,
        account_id=account.id,
        account_name=account.name,
        subject_id=one.subject_id,
        title=one.title,
        owner_id=one.owner_id,
        due_at=one.due_at,
        step=one.kind,
        tier=account.tier.value,
        salesperson_id=account.salesperson_id,
        set_at=at,
    )


def _moved(one: Obligation, at: datetime, reason: str, *, handed: bool = False) -> DeadlineMoved:
    return DeadlineMoved(
        deadline_id=one.id,
        account_id=one.account_id,
        subject_id=one.subject_id,
        due_at=one.due_at,
        owner_id=one.owner_id if handed else None,
        turn=one.turn if handed else None,
        reason=reason,
        moved_at=at,
    )
