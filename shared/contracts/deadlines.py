"""Topic `deadlines`: what must be done by when. Key: account id, else the subject's id."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field, StringConstraints

from shared.contracts.directory import Tier
from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Id, Instant, Name, Text

LanguageCode: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)
]

WebAddress: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s<>\"\\]+$", max_length=2000)
]


class DeadlineSet(EventData):
    """Somebody must have done something by a time."""

    type: ClassVar[str] = "deadline.set.v1"
    topic: ClassVar[Topic] = Topic.DEADLINES
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    account_name: Name | None = None
    title: Name
    titles: dict[LanguageCode, Name] | None = None
    """By language, for whoever is written to; `title` where there is none."""
    owner_id: Id
    due_at: Instant
    step: Id | None = None
    kind: Id | None = None
    """What sort of deadline it is, in the words of whoever sets it; policies can be by kind."""
    tier: Tier | None = None
    """Of the account, where it is known."""
    salesperson_id: Id | None = None
    """Whom a policy means by `salesperson`."""
    done_only_on: WebAddress | None = None
    """The page where alone it can be done, such as a decision. Absent: it is enough to say so."""
    set_at: Instant


class DeadlineMoved(EventData):
    """A deadline is due at another time, or somebody else's."""

    type: ClassVar[str] = "deadline.moved.v1"
    topic: ClassVar[Topic] = Topic.DEADLINES
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    due_at: Instant
    owner_id: Id | None = None
    from_owner_id: Id | None = None
    """Who handed it on to `owner_id`. Whoever knows it as another's by now does not follow."""
    turn: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    """How often whoever set it has given it to another so far; absent: never.

    Who hands it on repeats what was heard last, so that it is seen whether all was known.
    """
    reason: Text | None = None
    moved_at: Instant


class DeadlinePaused(EventData):
    """The clock of a deadline stands still."""

    type: ClassVar[str] = "deadline.paused.v1"
    topic: ClassVar[Topic] = Topic.DEADLINES
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    reason: Text | None = None
    paused_at: Instant


class DeadlineResumed(EventData):
    """The clock of a deadline runs again."""

    type: ClassVar[str] = "deadline.resumed.v1"
    topic: ClassVar[Topic] = Topic.DEADLINES
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    resumed_at: Instant


class DeadlineMet(EventData):
    """What was to be done is done."""

    type: ClassVar[str] = "deadline.met.v1"
    topic: ClassVar[Topic] = Topic.DEADLINES
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    met_at: Instant
    by: Id | None = None


class DeadlineCancelled(EventData):
    """It need not be done any more."""

    type: ClassVar[str] = "deadline.cancelled.v1"
    topic: ClassVar[Topic] = Topic.DEADLINES
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    reason: Text | None = None
    cancelled_at: Instant | None = None
