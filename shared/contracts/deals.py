"""Topic `deals`: other systems tell of their sales. Key: account id."""

from typing import ClassVar, Literal

from typing_extensions import override

from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Email, Id, Instant, Money, Name, Text, Value


class AccountRef(Value):
    """The customer, as the CRM knows it."""

    id: Id
    name: Name
    industry: Name | None = None
    country: Name | None = None
    region: Name | None = None
    city: Name | None = None
    parent_id: Id | None = None
    key: bool | None = None
    """A key account."""


class Salesperson(Value):
    """Who closed the deal."""

    id: Id
    name: Name | None = None
    email: Email | None = None


class Contact(Value):
    """A person at the customer."""

    name: Name
    role: Name | None = None
    email: Email | None = None
    phone: Name | None = None
    interests: tuple[Text, ...] = ()
    notes: Text | None = None


class Relationship(Value):
    """How things stand between the customer and us."""

    state: Name | None = None
    satisfaction: float | None = None
    notes: Text | None = None


class Package(Value):
    """What the salesperson learned and the account manager must know."""

    contacts: tuple[Contact, ...] = ()
    needs: tuple[Text, ...] = ()
    promises: tuple[Text, ...] = ()
    relationship: Relationship | None = None
    language: Name | None = None


class DealClosed(EventData):
    """A deal was won or lost."""

    type: ClassVar[str] = "deal.closed.v1"
    topic: ClassVar[Topic] = Topic.DEALS
    about: ClassVar[str] = "deal_id"
    deal_id: Id
    outcome: Literal["won", "lost"]
    closed_at: Instant
    account: AccountRef
    salesperson: Salesperson
    title: Name | None = None
    amount: Money | None = None
    products: tuple[Name, ...] = ()
    package: Package | None = None
    lost_reason: Text | None = None

    @property
    @override
    def key(self) -> str:
        return self.account.id


class DealAmended(EventData):
    """Something about a closed deal was corrected; what is absent stays as it was."""

    type: ClassVar[str] = "deal.amended.v1"
    topic: ClassVar[Topic] = Topic.DEALS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "deal_id"
    deal_id: Id
    account_id: Id
    amended_at: Instant
    title: Name | None = None
    amount: Money | None = None
    products: tuple[Name, ...] | None = None
    closed_at: Instant | None = None


class DealReopened(EventData):
    """A closed deal is open again: it counts as neither won nor lost."""

    type: ClassVar[str] = "deal.reopened.v1"
    topic: ClassVar[Topic] = Topic.DEALS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    about: ClassVar[str] = "deal_id"
    deal_id: Id
    account_id: Id
    reopened_at: Instant
    reason: Text | None = None
