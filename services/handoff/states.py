"""What handoff knows: accounts, handoffs, their deadlines, and why each went where it went."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from services.handoff.candidates import Need, Tier
from services.handoff.checklists import Checklist
from services.handoff.verdicts import Verdicts
from shared.contracts.deadlines import DeadlineCancelled, DeadlineMet, DeadlineMoved, DeadlineSet
from shared.contracts.deals import Package
from shared.contracts.values import Money


class Status(StrEnum):
    """Where a handoff stands."""

    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    """The account manager is to accept it."""
    INFO_REQUESTED = "info_requested"
    """The salesperson is to answer."""
    RETURNED = "returned"
    """The salesperson is to mend it."""
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


LIVE = tuple(status for status in Status if status not in (Status.CANCELLED, Status.COMPLETED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """An open deadline of a handoff, as it was last published."""

    step: str
    title: str
    owner_id: str
    due_at: datetime
    titles: Mapping[str, str] = field(default_factory=dict)
    """By language."""
    turn: int = 0
    """How often it was given to another from here; not counted: what was handed on elsewhere."""

    def given_to(self, owner_id: str) -> "Deadline":
        """Another's from now on, if it is not that one's already."""
        if owner_id == self.owner_id:
            return self
        return replace(self, owner_id=owner_id, turn=self.turn + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer and who manages it."""

    id: str
    name: str
    city: str | None = None
    region: str | None = None
    country: str | None = None
    industry: str | None = None
    language: str | None = None
    key: bool = False
    group_id: str | None = None
    """The parent of the group it belongs to; None: it stands alone."""
    tier: Tier = Tier.REGIONAL
    tier_wanted: Tier | None = None
    """What it is to become; it may change hands then."""
    tier_reason: str = ""
    won: Mapping[str, Decimal] = field(default_factory=dict)
    """Won value by currency."""
    manager_id: str | None = None
    weight: int = 0
    """What it takes of the manager's capacity; 0 without a manager."""
    home_manager_id: str | None = None
    """To whom it goes back after an absence; that capacity is kept for it."""
    home_weight: int = 0
    transfers: int = 0
    salesperson_id: str | None = None
    deal_id: str | None = None
    """Of the last deal won: who knows the customer on the other side."""
    satisfaction: int | None = None
    satisfaction_at: datetime | None = None
    contacted_at: datetime | None = None
    revision: int = 0
    """Counts the transactions that changed anything about the account. MongoDB sees no collision
    where a write changes nothing; with this, two that rely on one account always collide."""

    @property
    def need(self) -> Need:
        """What it asks of a manager."""
        return Need(
            tier=self.tier,
            city=self.city,
            region=self.region,
            country=self.country,
            language=self.language,
            industry=self.industry,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The handover of one deal, or of an account from manager to manager.

    A deal that is reopened and won again begins a new round.
    """

    id: str
    deal_id: str
    account_id: str
    kind: str
    round: int
    status: Status
    salesperson_id: str
    closed_at: datetime
    amount: Money | None = None
    told_at: datetime | None = None
    """When the CRM said that the deal is this account's; what is older is no news."""
    from_manager_id: str | None = None
    """Of a transfer: who had the account. Away or gone, the head answers in that one's place."""
    manager_id: str | None = None
    completeness: int = 0
    missing: tuple[str, ...] = ()
    package: Package | None = None
    attempt: int = 1
    """How often it was put before the account manager."""
    deadlines: tuple[Deadline, ...] = ()
    """The open ones."""
    done: tuple[str, ...] = ()
    """Steps that are done."""
    checklist: Checklist | None = None
    """As it was when the handoff began, whatever became of the template."""
    moved: tuple[str, ...] = ()
    """Steps whose due date somebody set: no anchor moves it any more."""

    def deadline(self, name: str) -> Deadline | None:
        """The open one of this id."""
        return next((due for due in self.deadlines if deadline_id(self, due.step) == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """Something a person did with a handoff, as its history tells it."""

    id: str
    handoff_id: str
    at: datetime
    by: str
    what: str
    """accept, ask, return, resubmit, package, step, move or reassign."""
    step: str | None = None
    title: str | None = None
    """Of the step, as it was called then."""
    said: tuple[str, ...] = ()
    """Questions, reasons, answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a handoff went to whom it went: every candidate's verdict."""

    id: str
    """Of the handoff."""
    account_id: str
    at: datetime
    reason: str
    need: Need
    weight: int
    manager_id: str | None
    verdicts: Verdicts


def deadline_id(handoff: Handoff, step: str) -> str:
    """One deadline a step of a handoff."""
    return f"{handoff.id}:{step}"


def set_deadline(
    handoff: Handoff,
    account: Account,
    due: Deadline,
    at: datetime,
    *,
    done_only_on: str | None = None,
) -> DeadlineSet:
    """Tell of a deadline. `done_only_on`: the page, where saying that it is done does nothing."""
    return DeadlineSet(
        deadline_id=deadline_id(handoff, due.step),
        account_id=account.id,
        account_name=account.name,
        subject_id=handoff.id,
        title=due.title,
        titles=dict(due.titles) or None,
        owner_id=due.owner_id,
        due_at=due.due_at,
        step=due.step,
        tier=account.tier.value,
        salesperson_id=handoff.salesperson_id,
        done_only_on=done_only_on,
        set_at=at,
    )


def cancel_deadline(
    handoff: Handoff, due: Deadline, reason: str, at: datetime
) -> DeadlineCancelled:
    """Tell that a deadline holds no more."""
    return DeadlineCancelled(
        deadline_id=deadline_id(handoff, due.step),
        account_id=handoff.account_id,
        subject_id=handoff.id,
        reason=reason,
        cancelled_at=at,
    )


def move_deadline(
    handoff: Handoff, due: Deadline, reason: str, at: datetime, *, handed: bool = False
) -> DeadlineMoved:
    """Tell that a deadline is another's now (`handed`), or due at another time.

    Whose it is is said only when that changes: else a date would take back what was handed on
    elsewhere and is not known here yet.
    """
    return DeadlineMoved(
        deadline_id=deadline_id(handoff, due.step),
        account_id=handoff.account_id,
        subject_id=handoff.id,
        due_at=due.due_at,
        owner_id=due.owner_id if handed else None,
        turn=due.turn if handed else None,
        reason=reason,
        moved_at=at,
    )


def meet_deadline(handoff: Handoff, due: Deadline, by: str, at: datetime) -> DeadlineMet:
    """Tell that what was due is done."""
    return DeadlineMet(
        deadline_id=deadline_id(handoff, due.step),
        account_id=handoff.account_id,
        subject_id=handoff.id,
        met_at=at,
        by=by,
    )
