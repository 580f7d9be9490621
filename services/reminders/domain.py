"""The rules of deadlines and reminders. Nothing here reads a clock, logs or awaits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.contracts.deadlines import DeadlineMoved, DeadlineSet
from shared.contracts.event import EventData
from shared.contracts.ids import derived
from shared.contracts.notifications import NotificationRequested
from shared.contracts.reminders import DeadlineMissed


class Status(StrEnum):
    """Where a deadline stands."""

    OPEN = "open"
    PAUSED = "paused"
    MISSED = "missed"
    """Past due and not done. It can still be met, late."""
    MET = "met"
    CANCELLED = "cancelled"


class Kind(StrEnum):
    """Which moment of a deadline a timer or a reminder is for."""

    BEFORE = "before"
    DUE = "due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """What somebody must have done by a time."""

    id: str
    subject_id: str
    title: str
    owner_id: str
    due_at: datetime
    account_id: str | None = None
    account_name: str | None = None
    status: Status = Status.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A moment at which a deadline is looked at again."""

    deadline_id: str
    kind: Kind
    at: datetime

    @property
    def id(self) -> str:
        """One timer for one moment of a deadline: setting it again moves it."""
        return f"{self.deadline_id}:{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A message to a person, to be delivered at least once and with one id."""

    id: str
    recipient_id: str
    kind: str
    title: str
    deadline_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    due_at: datetime | None = None
    body: str | None = None
    important: bool = False
    """Not held back by quiet hours, digests or the hourly limit."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """The title by language; `title` where a language has none."""
    step: int | None = None
    late_by: timedelta | None = None
    """How much later than it should have been it was made: the service was down."""
    gathers: bool = False
    """Whether it is the envelope around others, a digest; `title` is their kind."""
    unreached: tuple[str, ...] = ()
    """People it was for, one after the other, whom it did not reach."""
    reason: str | None = None
    """Why it did not reach the last of them."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What a timer brought about."""

    deadline: Deadline
    reminder: Reminder | None = None
    publish: tuple[EventData, ...] = ()


def set_deadline(data: DeadlineSet) -> Deadline:
    """Begin a deadline, or begin it anew: the latest word holds."""
    return Deadline(
        id=data.deadline_id,
        subject_id=data.subject_id,
        account_id=data.account_id,
        account_name=data.account_name,
        title=data.title,
        owner_id=data.owner_id,
        due_at=data.due_at,
    )


def move(deadline: Deadline, data: DeadlineMoved) -> Deadline:
    """Give a deadline another time, and maybe another owner. What is done stays done."""
    status = Status.OPEN if deadline.status == Status.MISSED else deadline.status
    owner = data.owner_id or deadline.owner_id
    return replace(deadline, due_at=data.due_at, owner_id=owner, status=status)


def change(deadline: Deadline, status: Status) -> Deadline:
    """Pause, resume, meet or cancel. What has ended does not begin again."""
    if deadline.status in (Status.MET, Status.CANCELLED):
        return deadline
    return replace(deadline, status=status)


def timers(deadline: Deadline, before: timedelta) -> list[Timer]:
    """When an open deadline must be looked at."""
    if deadline.status != Status.OPEN:
        return []
    try:
        first = deadline.due_at - before
    except OverflowError:  # due in the year 1
        first = deadline.due_at
    return [
        Timer(deadline_id=deadline.id, kind=Kind.BEFORE, at=first),
        Timer(deadline_id=deadline.id, kind=Kind.DUE, at=deadline.due_at),
    ]


def fire(deadline: Deadline, kind: Kind, now: datetime, stale_after: timedelta) -> Fired:
    """Remind, and record that a deadline is missed.

    A first reminder that comes only when the time is up gives way to the one that says so.
    """
    if deadline.status != Status.OPEN:
        return Fired(deadline)
    if kind == Kind.BEFORE:
        if now >= deadline.due_at:
            return Fired(deadline)
        return Fired(deadline, _reminder(deadline, kind))
    missed = DeadlineMissed(
        deadline_id=deadline.id,
        subject_id=deadline.subject_id,
        account_id=deadline.account_id,
        owner_id=deadline.owner_id,
        due_at=deadline.due_at,
        missed_at=now,
    )
    stale = now - deadline.due_at > stale_after
    return Fired(
        replace(deadline, status=Status.MISSED),
        None if stale else _reminder(deadline, kind),
        (missed,),
    )


def notify(data: NotificationRequested) -> Reminder:
    """Turn another system's notification into a message."""
    return Reminder(
        id=derived("notification", data.notification_id, data.recipient_id),
        recipient_id=data.recipient_id,
        kind=data.kind,
        title=data.title,
        body=data.body,
    )


def _reminder(deadline: Deadline, kind: Kind) -> Reminder:
    return Reminder(
        id=derived("reminder", deadline.id, kind, deadline.due_at.isoformat()),
        recipient_id=deadline.owner_id,
        kind=kind,
        title=deadline.title,
        deadline_id=deadline.id,
        account_id=deadline.account_id,
        account_name=deadline.account_name,
        due_at=deadline.due_at,
    )
