"""Topic `handoffs`: how a customer goes from the salesperson to the account manager.

Key: account id.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.contracts.directory import Tier
from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Id, Instant, Money, Name, Text, Value


class Acceptance(Value):
    """How the handoffs of a salesperson fared so far, this one included."""

    id: Id
    accepted: Annotated[int, Field(ge=0, le=2**63 - 1)]
    returned: Annotated[int, Field(ge=0, le=2**63 - 1)]


class ChecklistRef(Value):
    """Which checklist a handoff began with."""

    name: Name
    version: Annotated[int, Field(ge=1, le=2**63 - 1)]


class HandoffCreated(EventData):
    """A won deal is to be handed over."""

    type: ClassVar[str] = "handoff.created.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    account_name: Name
    deal_id: Id
    kind: Literal["new", "expansion", "transfer"]
    salesperson_id: Id
    region: Name | None = None
    amount: Money | None = None
    closed_at: Instant
    completeness: Annotated[int, Field(ge=0, le=100)]
    missing: tuple[Name, ...] = ()
    checklist: ChecklistRef | None = None
    created_at: Instant


class HandoffAssigned(EventData):
    """A handoff was given to an account manager, and why to that one."""

    type: ClassVar[str] = "handoff.assigned.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    manager_id: Id
    reason: Text
    assigned_at: Instant


class HandoffUnassigned(EventData):
    """Nobody can take a handoff just now."""

    type: ClassVar[str] = "handoff.unassigned.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    reason: Text
    at: Instant


class HandoffInfoRequested(EventData):
    """The account manager asks the salesperson for more."""

    type: ClassVar[str] = "handoff.info_requested.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    questions: tuple[Text, ...]
    requested_at: Instant
    by: Id


class HandoffAccepted(EventData):
    """The account manager took the customer over."""

    type: ClassVar[str] = "handoff.accepted.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    accepted_at: Instant
    by: Id
    salesperson: Acceptance | None = None


class HandoffReturned(EventData):
    """The account manager gave the handoff back, and why."""

    type: ClassVar[str] = "handoff.returned.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    reasons: tuple[Text, ...]
    returned_at: Instant
    by: Id
    salesperson: Acceptance | None = None


class HandoffResubmitted(EventData):
    """The salesperson answered, or mended what was returned."""

    type: ClassVar[str] = "handoff.resubmitted.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    completeness: Annotated[int, Field(ge=0, le=100)]
    missing: tuple[Name, ...] = ()
    answers: tuple[Text, ...] = ()
    resubmitted_at: Instant
    by: Id


class HandoffPackageAdded(EventData):
    """The salesperson told more of the customer, without having been asked."""

    type: ClassVar[str] = "handoff.package_added.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    completeness: Annotated[int, Field(ge=0, le=100)]
    missing: tuple[Name, ...] = ()
    added_at: Instant
    by: Id


class HandoffStepDone(EventData):
    """A step of the checklist is done."""

    type: ClassVar[str] = "handoff.step_done.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    step: Id
    done_at: Instant
    by: Id


class HandoffCompleted(EventData):
    """All steps are done."""

    type: ClassVar[str] = "handoff.completed.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    completed_at: Instant


class HandoffCancelled(EventData):
    """A handoff ended before it was completed."""

    type: ClassVar[str] = "handoff.cancelled.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "handoff_id"
    handoff_id: Id
    account_id: Id
    reason: Text
    at: Instant


class AccountTransferred(EventData):
    """An account went from one manager to another."""

    type: ClassVar[str] = "account.transferred.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "account_id"
    account_id: Id
    from_manager_id: Id | None = None
    to_manager_id: Id
    reason: Text
    at: Instant


class AccountTierChanged(EventData):
    """An account moved between the regional, national and global level."""

    type: ClassVar[str] = "account.tier_changed.v1"
    topic: ClassVar[Topic] = Topic.HANDOFFS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "account_id"
    account_id: Id
    from_tier: Tier | None = None
    to_tier: Tier
    reason: Text
    at: Instant
