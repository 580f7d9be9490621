"""What is shown of handoffs, accounts and managers: over HTTP as JSON, on pages as text."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from services.handoff.states import Status
from shared.contracts.deals import Package
from shared.contracts.values import Money


class View(BaseModel):
    """A part of what is shown."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class PersonView(View):
    """Somebody by name; the id where the directory knows none."""

    id: str
    name: str


class DeadlineView(View):
    """An open deadline of a handoff."""

    step: str
    title: str
    titles: Mapping[str, str]
    """By language."""
    owner_id: str
    owner_name: str = ""
    due_at: datetime


class StepView(View):
    """A step of the checklist, open or done."""

    id: str
    title: str
    titles: Mapping[str, str]
    owner: str
    person_id: str | None
    offset: str
    """When it is due, in words."""
    needs: tuple[str, ...]


class ChecklistView(View):
    """The checklist a handoff began with."""

    name: str
    version: int
    steps: tuple[StepView, ...]


class HandoffView(View):
    """A handoff as it stands."""

    id: str
    deal_id: str
    account_id: str
    account_name: str = ""
    kind: str
    round: int
    status: Status
    manager_id: str | None
    manager_name: str | None = None
    salesperson_id: str
    salesperson_name: str = ""
    closed_at: datetime
    amount: Money | None
    completeness: int
    missing: tuple[str, ...]
    package: Package | None
    attempt: int
    deadlines: tuple[DeadlineView, ...] = Field(default=())
    done: tuple[str, ...]
    checklist: ChecklistView | None
    may: tuple[str, ...] = ()
    """What the viewer may do with it now: accept, ask, return, resubmit, package, steps/…"""


class DidView(View):
    """Something a person did with a handoff."""

    at: datetime
    by: str
    by_name: str = ""
    what: str
    step: str | None
    title: str | None
    said: tuple[str, ...]


class VerdictView(View):
    """What became of one candidate."""

    manager_id: str
    manager_name: str = ""
    reason: str
    words: str


class ExplanationView(View):
    """Why a handoff went to whom it went."""

    handoff_id: str
    account_id: str
    manager_id: str | None
    manager_name: str | None = None
    reason: str
    at: datetime | None = None
    weight: int | None = None
    need: dict[str, str] = Field(default_factory=dict)
    verdicts: list[VerdictView] = Field(default_factory=list)


class AbsenceView(View):
    """When somebody is away; no end: until further notice."""

    since: datetime
    until: datetime | None


class ManagerView(View):
    """An account manager and the load."""

    id: str
    name: str
    active: bool
    load: int
    """Weights of the accounts, added up."""
    capacity: int | None
    absent: bool
    absences: tuple[AbsenceView, ...]
    level: str | None
    places: tuple[str, ...]


class AccountRow(View):
    """A customer in a portfolio."""

    id: str
    name: str
    tier: str
    manager_id: str | None
    manager_name: str | None = None
    home_manager_id: str | None
    home_manager_name: str | None = None
    weight: int
    satisfaction: int | None
    contacted_at: datetime | None
    city: str | None
    region: str | None
    country: str | None
    industry: str | None
    won: dict[str, Decimal]
    """Won value by currency."""
    whole: bool = True
    """False: the viewer sees only the own handoffs of this customer."""


class ObligationView(View):
    """What is owed to a customer: keeping in touch, a dispute, a follow-up."""

    id: str
    kind: str
    subject_id: str
    title: str
    owner_id: str | None
    owner_name: str = ""
    since: datetime
    due_at: datetime
    severity: str | None


class AccountView(AccountRow):
    """Everything that is known of a customer, as far as the viewer sees it."""

    language: str | None
    key: bool
    group_id: str | None
    tier_reason: str
    satisfaction_at: datetime | None
    package: Package | None
    """What all its handoffs tell, as one."""
    obligations: tuple[ObligationView, ...] = ()
    """The most urgent first."""
    handoffs: tuple[HandoffView, ...] = ()
    """The oldest first."""
    more_handoffs: bool = False
    """There are more than are shown."""


class Portfolio(BaseModel):
    """A page of customers, by id."""

    items: Sequence[AccountRow]
    next: str | None = None
    """`after` of the next page; none: this is the last one."""


class Inbox(BaseModel):
    """A page of handoffs, the oldest first."""

    items: Sequence[HandoffView]
    next: str | None = None
    """`after` of the next page; none: this is the last one."""
