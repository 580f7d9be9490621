"""Topic `accounts`: what happens with a customer. Key: account id (targets: manager id)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Id, Instant, Money, Name, Text


class DisputeOpened(EventData):
    """A customer disputes something."""

    type: ClassVar[str] = "dispute.opened.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "dispute_id"
    account_id: Id
    dispute_id: Id
    opened_at: Instant
    severity: Literal["low", "normal", "high", "critical"] = "normal"
    title: Name | None = None
    notes: Text | None = None


class DisputeUpdated(EventData):
    """Something was done about a dispute."""

    type: ClassVar[str] = "dispute.updated.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "dispute_id"
    account_id: Id
    dispute_id: Id
    updated_at: Instant
    severity: Literal["low", "normal", "high", "critical"] | None = None
    notes: Text | None = None


class DisputeResolved(EventData):
    """A dispute is settled."""

    type: ClassVar[str] = "dispute.resolved.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "dispute_id"
    account_id: Id
    dispute_id: Id
    resolved_at: Instant
    notes: Text | None = None


class SatisfactionRecorded(EventData):
    """How satisfied a customer said to be, 0 to 100."""

    type: ClassVar[str] = "satisfaction.recorded.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "account_id"
    account_id: Id
    score: Annotated[int, Field(ge=0, le=100)]
    recorded_at: Instant
    notes: Text | None = None


class OpportunityIdentified(EventData):
    """More could be sold to a customer."""

    type: ClassVar[str] = "opportunity.identified.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "opportunity_id"
    account_id: Id
    opportunity_id: Id
    identified_at: Instant
    kind: Literal["upsell", "cross_sell", "new"] = "new"
    product: Name | None = None
    amount: Money | None = None


class OpportunityWon(EventData):
    """An opportunity became a sale."""

    type: ClassVar[str] = "opportunity.won.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "opportunity_id"
    account_id: Id
    opportunity_id: Id
    won_at: Instant
    amount: Money | None = None


class OpportunityLost(EventData):
    """An opportunity came to nothing."""

    type: ClassVar[str] = "opportunity.lost.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "opportunity_id"
    account_id: Id
    opportunity_id: Id
    lost_at: Instant
    reason: Text | None = None


class BudgetSet(EventData):
    """What the company may spend on a customer in a period."""

    type: ClassVar[str] = "budget.set.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "account_id"
    account_id: Id
    period: Name
    amount: Money
    set_at: Instant


class BudgetSpent(EventData):
    """Something was spent on a customer."""

    type: ClassVar[str] = "budget.spent.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "spending_id"
    account_id: Id
    spending_id: Id
    amount: Money
    spent_at: Instant
    purpose: Text | None = None


class TransactionRecorded(EventData):
    """Money moved between a customer and the company."""

    type: ClassVar[str] = "transaction.recorded.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "transaction_id"
    account_id: Id
    transaction_id: Id
    kind: Literal["invoice", "payment", "refund", "credit"]
    amount: Money
    recorded_at: Instant


class ContactMade(EventData):
    """Somebody spoke with the customer."""

    type: ClassVar[str] = "contact.made.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "account_id"
    account_id: Id
    made_at: Instant
    by: Id
    channel: Name | None = None
    notes: Text | None = None


class ProductIntroduced(EventData):
    """A product was shown to a customer."""

    type: ClassVar[str] = "product.introduced.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "account_id"
    account_id: Id
    product: Name
    introduced_at: Instant
    by: Id | None = None


class TargetSet(EventData):
    """What a manager is to sell in a period."""

    type: ClassVar[str] = "target.set.v1"
    topic: ClassVar[Topic] = Topic.ACCOUNTS
    keyed_by: ClassVar[tuple[str, ...]] = ("manager_id",)
    about: ClassVar[str] = "manager_id"
    manager_id: Id
    period: Name
    amount: Money
    set_at: Instant
