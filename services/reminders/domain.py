"""The rules of deadlines: when they are due. Nothing here reads a clock, logs or awaits.

Who hears of them is in `escalation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from services.reminders.calendars import Interval, stretched
from shared.contracts.deadlines import DeadlineMoved, DeadlineSet
from shared.contracts.ids import derived
from shared.contracts.notifications import NotificationRequested
from shared.working_time import Calendar

T = TypeVar("T")


def changed(value: T, **changes: Any) -> T:
    """`dataclasses.replace` of values that have no slots.

    That one sets field by field past what makes a value frozen, which took a third of the time of
    a timer (measured); this copies.
    """
    before = vars(value)
    if not changes.keys() <= before.keys():
        raise TypeError(f"{type(value).__name__} has no {sorted(changes.keys() - before.keys())}")
    made = object.__new__(type(value))
    vars(made).update(before, **changes)
    return made


class Status(StrEnum):
    """Where a deadline stands."""

    OPEN = "open"
    PAUSED = "paused"
    MISSED = "missed"
    """Past due and not done. It can still be met, late."""
    MET = "met"
    CANCELLED = "cancelled"


ENDED = (Status.MET, Status.CANCELLED)
LIVE = (Status.OPEN, Status.PAUSED, Status.MISSED)


class Kind(StrEnum):
    """What a reminder says of its deadline."""

    BEFORE = "before"
    DUE = "due"
    OVERDUE = "overdue"
    """To the owner again, after it was due."""
    ESCALATED = "escalated"
    """To somebody else, after it was due."""
    RETURNED = "returned"
    """To who acknowledged it or put it off: the time is up and it is not done."""
    RECALCULATED = "recalculated"
    """To the owner: due at another time because a calendar has changed."""


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """What somebody must have done by a time."""

    id: str
    subject_id: str
    title: str
    owner_id: str
    due_at: datetime
    said_due_at: datetime
    """What was said last; `due_at` is later by the working time of the pauses since then."""
    account_id: str | None = None
    account_name: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    step: str | None = None
    kind: str | None = None
    tier: str | None = None
    source: str | None = None
    salesperson_id: str | None = None
    done_only_on: str | None = None
    """The page where alone it can be done; None: it is enough to say so."""
    status: Status = Status.OPEN
    missed_at: datetime | None = None
    """When it was found past due; none any more once it has another time."""
    pauses: tuple[Interval, ...] = ()
    """Those that are over."""
    paused_at: datetime | None = None
    resumed_at: datetime | None = None
    """A resumption whose pause has not been heard of: it may come yet."""
    turn: int = 0
    """How often whoever set it has given it to another, as far as that is known here."""

    @property
    def key(self) -> str:
        """Of what is published about it, as the events of it have."""
        return self.account_id or self.subject_id

    @property
    def known(self) -> dict[str, str | None]:
        """What policies can ask for."""
        names = ("step", "title", "source", "tier", "kind")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """A message to a person, to be delivered at least once and with one id."""

    id: str
    recipient_id: str
    kind: str
    title: str
    titles: Mapping[str, str] = field(default_factory=dict)
    """The title by language, where somebody gave it."""
    important: bool = False
    """Not held back by quiet hours, digests or the hourly limit."""
    deadline_id: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    step: str | None = None
    """Of the deadline, such as welcome-call."""
    done_only_on: str | None = None
    """The page where alone it can be done; None: it is enough to say so."""
    owner_name: str | None = None
    """Whose deadline it is, where the recipient is another."""
    due_at: datetime | None = None
    old_due_at: datetime | None = None
    """Of a recalculated deadline."""
    late_by: timedelta | None = None
    """How much later than it should the message comes; None: in time."""
    body: str | None = None
    figures: Mapping[str, Any] | None = None
    """What a notification has besides its body: lines, chart, sections, link, as the event has."""
    gathers: bool = False
    """Whether it is the envelope around others, a digest; `title` is their kind."""
    unreached: tuple[str, ...] = ()
    """People it was for, one after the other, whom it did not reach."""
    reason: str | None = None
    """Why it did not reach the last of them."""


def set_deadline(data: DeadlineSet, source: str | None = None) -> Deadline:
    """Begin a deadline, or begin it anew: the latest word holds."""
    due = _kept(data.due_at)
    return Deadline(
        id=data.deadline_id,
        subject_id=data.subject_id,
        account_id=data.account_id,
        account_name=data.account_name,
        title=data.title,
        titles={str(name): text for name, text in (data.titles or {}).items()},
        step=data.step,
        kind=data.kind,
        tier=data.tier,
        source=source,
        salesperson_id=data.salesperson_id,
        done_only_on=data.done_only_on,
        owner_id=data.owner_id,
        due_at=due,
        said_due_at=due,
    )


def move(deadline: Deadline, data: DeadlineMoved) -> Deadline:
    """Give a deadline another time, and maybe another owner. What is done stays done.

    Pauses before the word are in it already; one that lasts moves the new time from then on.
    """
    owner, due = data.owner_id or deadline.owner_id, _kept(data.due_at)
    deadline = changed(deadline, turn=deadline.turn if data.turn is None else data.turn)
    if deadline.status in ENDED or due == deadline.due_at:
        return changed(deadline, owner_id=owner)
    return changed(
        deadline,
        owner_id=owner,
        status=Status.OPEN if deadline.status == Status.MISSED else deadline.status,
        missed_at=None,
        due_at=due,
        said_due_at=due,
        pauses=(),
        paused_at=deadline.paused_at and max(deadline.paused_at, data.moved_at),
    )


def pause(deadline: Deadline, at: datetime, calendar: Calendar) -> Deadline:
    """Stop the clock. A pause in a pause is the same pause, from the earlier of the two."""
    if deadline.status in ENDED:
        return deadline
    if deadline.resumed_at and at <= deadline.resumed_at:  # they came the wrong way round
        over = (*deadline.pauses, (at, deadline.resumed_at))
        return reckoned(changed(deadline, pauses=over, resumed_at=None), calendar)
    begun = min(at, deadline.paused_at) if deadline.paused_at else at
    return changed(deadline, status=Status.PAUSED, paused_at=begun)


def resume(deadline: Deadline, at: datetime, calendar: Calendar) -> Deadline:
    """Let the clock run again: what was left of the owner's working time is left still.

    Without a pause it changes nothing, but is remembered: the pause may come late.
    """
    if deadline.status in ENDED:
        return deadline
    begun = deadline.paused_at
    if begun is None:
        return changed(deadline, resumed_at=max(at, deadline.resumed_at or at))
    if at < begun:  # of a pause before this one
        return deadline
    over = (*deadline.pauses, (begun, at))
    status = Status.MISSED if deadline.missed_at else Status.OPEN
    resumed = changed(deadline, status=status, pauses=over, paused_at=None)
    return reckoned(resumed, calendar)


def reckoned(deadline: Deadline, calendar: Calendar) -> Deadline:
    """With its due time reckoned anew from what was said and the pauses since."""
    said = deadline.said_due_at
    begun = min((begin for begin, _ in deadline.pauses), default=said)
    due = stretched(calendar, begun, said, deadline.pauses)
    if due == deadline.due_at:
        return deadline
    status = Status.OPEN if deadline.status == Status.MISSED else deadline.status
    return changed(deadline, due_at=due, status=status, missed_at=None)


def end(deadline: Deadline, status: Status) -> Deadline:
    """Meet or cancel. What has ended does not begin again."""
    return deadline if deadline.status in ENDED else changed(deadline, status=status)


def _kept(at: datetime) -> datetime:
    """A time to the millisecond, as MongoDB keeps it: said again, it is the same time."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


_FIGURES = {"lines", "chart", "sections", "link"}


def notify(data: NotificationRequested) -> Reminder:
    """Turn another system's notification into a message."""
    return Reminder(
        id=derived("notification", data.notification_id, data.recipient_id),
        recipient_id=data.recipient_id,
        kind=data.kind,
        title=data.title,
        body=data.body,
        important=data.urgent,
        figures=data.model_dump(include=_FIGURES)
        if data.lines or data.chart or data.sections or data.link
        else None,
    )
