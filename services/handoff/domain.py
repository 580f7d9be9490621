"""The rules of a handoff. Nothing here reads a clock, makes up an id, logs or awaits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.contracts.deadlines import DeadlineCancelled, DeadlineSet
from shared.contracts.deals import DealClosed, DealReopened
from shared.contracts.event import EventData
from shared.contracts.handoffs import (
    HandoffAssigned,
    HandoffCancelled,
    HandoffCreated,
    HandoffUnassigned,
)
from shared.contracts.ids import derived

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """Where a handoff stands."""

    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the checklist; `after` counts from the moment the deal was closed."""

    id: str
    title: str
    after: timedelta


CHECKLIST = (
    Step(id="welcome-call", title="Welcome call", after=timedelta(days=1)),
    Step(id="kick-off", title="Kick-off meeting", after=timedelta(days=5)),
    Step(id="first-review", title="First review with the customer", after=timedelta(days=30)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """An account manager as assignment sees one."""

    id: str
    regions: tuple[str, ...] = ()
    """Where accounts may be; none: anywhere."""
    active: bool = True
    load: int = 0
    """Accounts managed now."""
    last_assigned: datetime = LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer and who manages it."""

    id: str
    name: str
    region: str | None = None
    manager_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The handover of one deal. A deal that is reopened and won again begins a new round."""

    id: str
    deal_id: str
    account_id: str
    round: int
    status: Status
    closed_at: datetime
    manager_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The new states, where they changed, and what the rest of the system must hear."""

    account: Account | None = None
    handoff: Handoff | None = None
    manager: Manager | None = None
    publish: tuple[EventData, ...] = ()


def close_deal(
    deal: DealClosed,
    at: datetime,
    *,
    account: Account | None,
    handoff: Handoff | None,
    managers: Mapping[str, Manager],
) -> Decision:
    """Begin the handoff of a won deal: at most one is live, however often the deal is won.

    A manager that the account has keeps it, and gets an expansion; else one is chosen.
    """
    if deal.outcome != "won" or (handoff and handoff.status != Status.CANCELLED):
        return Decision()
    if account is None:
        account = Account(id=deal.account.id, name=deal.account.name, region=deal.account.region)
    number = handoff.round + 1 if handoff else 1
    begun = Handoff(
        id=derived("handoff", deal.account.id, deal.deal_id, str(number)),
        deal_id=deal.deal_id,
        account_id=account.id,
        round=number,
        status=Status.UNASSIGNED,
        closed_at=deal.closed_at,
    )
    score, missing = completeness(deal)
    created = HandoffCreated(
        handoff_id=begun.id,
        account_id=account.id,
        account_name=account.name,
        deal_id=deal.deal_id,
        kind="expansion" if account.manager_id else "new",
        salesperson_id=deal.salesperson.id,
        region=account.region,
        amount=deal.amount,
        closed_at=deal.closed_at,
        completeness=score,
        missing=missing,
        created_at=at,
    )
    given = assign(begun, account, at, managers)
    return replace(given, publish=(created, *given.publish))


def assign(
    handoff: Handoff, account: Account, at: datetime, managers: Mapping[str, Manager]
) -> Decision:
    """Give a handoff to the account's manager, or to the one who is to manage it from now on."""
    manager = None
    reason = "manages the account"
    if account.manager_id is None:
        manager = least_loaded(account.region, managers.values())
        if manager is None:
            why = f"no active account manager for region {account.region or 'any'}"
            refusal = HandoffUnassigned(
                handoff_id=handoff.id, account_id=account.id, reason=why, at=at
            )
            return Decision(account=account, handoff=handoff, publish=(refusal,))
        reason = "least loaded in the region"
        account = replace(account, manager_id=manager.id)
        manager = replace(manager, load=manager.load + 1, last_assigned=at)
    manager_id = account.manager_id
    assert manager_id is not None  # noqa: S101 - set just above
    handoff = replace(handoff, status=Status.ASSIGNED, manager_id=manager_id)
    assigned = HandoffAssigned(
        handoff_id=handoff.id,
        account_id=account.id,
        manager_id=manager_id,
        reason=reason,
        assigned_at=at,
    )
    return Decision(
        account=account,
        handoff=handoff,
        manager=manager,
        publish=(assigned, *_deadlines(handoff, account, manager_id, at)),
    )


def least_loaded(region: str | None, managers: Iterable[Manager]) -> Manager | None:
    """Who has the fewest accounts; of equals, who waits longest; then by id, to be replayable."""
    fitting = [
        m for m in managers if m.active and (not m.regions or region is None or region in m.regions)
    ]
    return min(fitting, key=lambda m: (m.load, m.last_assigned, m.id), default=None)


def changed(manager: Manager, *, regions: tuple[str, ...], active: bool) -> Manager:
    """Take over what the directory says of a manager; the load stays."""
    return replace(manager, regions=regions, active=active)


def removed(manager: Manager) -> Manager:
    """Give no more accounts to somebody who has left."""
    return replace(manager, active=False)


def reopen_deal(deal: DealReopened, at: datetime, *, handoff: Handoff | None) -> Decision:
    """Cancel the live handoff of a deal that is not won any more, and its deadlines."""
    if handoff is None or handoff.status == Status.CANCELLED:
        return Decision()
    reason = deal.reason or "the deal was reopened"
    cancelled = HandoffCancelled(
        handoff_id=handoff.id, account_id=handoff.account_id, reason=reason, at=at
    )
    deadlines = (
        tuple(
            DeadlineCancelled(
                deadline_id=_deadline_id(handoff, step),
                account_id=handoff.account_id,
                subject_id=handoff.id,
                reason=reason,
            )
            for step in CHECKLIST
        )
        if handoff.status == Status.ASSIGNED
        else ()
    )
    return Decision(
        handoff=replace(handoff, status=Status.CANCELLED), publish=(cancelled, *deadlines)
    )


def completeness(deal: DealClosed) -> tuple[int, tuple[str, ...]]:
    """How much of what the account manager should know is told, 0-100, and what is missing."""
    package = deal.package
    told = {
        "amount": deal.amount,
        "products": deal.products,
        "package.contacts": package and package.contacts,
        "package.needs": package and package.needs,
        "package.promises": package and package.promises,
        "package.relationship": package and package.relationship,
    }
    missing = tuple(name for name, value in told.items() if not value)
    return round(100 * (len(told) - len(missing)) / len(told)), missing


def _deadlines(
    handoff: Handoff, account: Account, owner_id: str, at: datetime
) -> Sequence[DeadlineSet]:
    return [
        DeadlineSet(
            deadline_id=_deadline_id(handoff, step),
            account_id=account.id,
            account_name=account.name,
            subject_id=handoff.id,
            title=step.title,
            owner_id=owner_id,
            due_at=handoff.closed_at + step.after,
            step=step.id,
            set_at=at,
        )
        for step in CHECKLIST
    ]


def _deadline_id(handoff: Handoff, step: Step) -> str:
    return f"{handoff.id}:{step.id}"
