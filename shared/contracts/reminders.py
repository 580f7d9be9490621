"""Topic `reminders`: what became of deadlines and messages.

Key: account id, else the person's id.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Id, Instant, Text


class ReminderSent(EventData):
    """A message was handed to its channel."""

    type: ClassVar[str] = "reminder.sent.v1"
    topic: ClassVar[Topic] = Topic.REMINDERS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "recipient_id")
    about: ClassVar[str] = "reminder_id"
    reminder_id: Id
    recipient_id: Id
    channel: Id
    kind: Id
    deadline_id: Id | None = None
    account_id: Id | None = None
    sent_at: Instant


class ReminderFailed(EventData):
    """A message could not be delivered at last, and why."""

    type: ClassVar[str] = "reminder.failed.v1"
    topic: ClassVar[Topic] = Topic.REMINDERS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "recipient_id")
    about: ClassVar[str] = "reminder_id"
    reminder_id: Id
    recipient_id: Id
    channel: Id
    kind: Id
    deadline_id: Id | None = None
    account_id: Id | None = None
    reason: Text
    failed_at: Instant


class ReminderAcknowledged(EventData):
    """The recipient has seen to it that it was read."""

    type: ClassVar[str] = "reminder.acknowledged.v1"
    topic: ClassVar[Topic] = Topic.REMINDERS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "recipient_id")
    about: ClassVar[str] = "reminder_id"
    reminder_id: Id
    recipient_id: Id
    channel: Id
    kind: Id
    deadline_id: Id | None = None
    account_id: Id | None = None
    acknowledged_at: Instant


class DeadlineMissed(EventData):
    """The time came and it was not done."""

    type: ClassVar[str] = "deadline.missed.v1"
    topic: ClassVar[Topic] = Topic.REMINDERS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    owner_id: Id
    due_at: Instant
    missed_at: Instant


class DeadlineEscalated(EventData):
    """Somebody further up was told of a deadline."""

    type: ClassVar[str] = "deadline.escalated.v1"
    topic: ClassVar[Topic] = Topic.REMINDERS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    owner_id: Id
    due_at: Instant
    to_id: Id
    step: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
    escalated_at: Instant


class DeadlineRecalculated(EventData):
    """A deadline is due at another time than before, and nobody said so: reckoning did."""

    type: ClassVar[str] = "deadline.recalculated.v1"
    topic: ClassVar[Topic] = Topic.REMINDERS
    keyed_by: ClassVar[tuple[str, ...]] = ("account_id", "subject_id")
    about: ClassVar[str] = "deadline_id"
    deadline_id: Id
    subject_id: Id
    account_id: Id | None = None
    owner_id: Id
    old_due_at: Instant
    new_due_at: Instant
    reason: Text
    recalculated_at: Instant
