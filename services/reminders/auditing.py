"""When an audit becomes an alarm: one when steps are overdue, some reminders of it, one all-clear.

Pure, as all rules: what was seen before is handed in, what is to be told comes out.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.contracts.ids import derived

AGAIN = timedelta(hours=1)
"""How often an alarm that lasts is told again, at most."""
CALM = timedelta(minutes=2)
"""How long nothing must be overdue before the all-clear: else a slow patch is many alarms."""


class Kind(StrEnum):
    """What a notice says."""

    RAISED = "raised"
    LASTS = "lasts"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Overdue:
    """Open cases whose next step is past its time by more than the margin."""

    count: int
    """`COUNTED` stands for as many or more."""
    deadline_id: str
    """Of the oldest."""
    since: datetime
    """When its step should have been taken."""


COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be told to whoever runs the system, at least once and with one id."""

    id: str
    kind: Kind
    at: datetime
    since: datetime
    """When the alarm was raised."""
    overdue: Overdue | None = None

    @property
    def text(self) -> str:
        """In a sentence or two, with nothing in it about a customer."""
        since = f"{self.since:%Y-%m-%d %H:%M} UTC"
        if self.overdue is None:
            return f"Reminders are in time again. The alarm was raised {since}."
        count, more = self.overdue.count, " or more" if self.overdue.count >= COUNTED else ""
        first = f"{self.overdue.since:%Y-%m-%d %H:%M:%S} UTC, deadline {self.overdue.deadline_id}"
        lasts = f" The alarm has lasted since {since}." if self.kind == Kind.LASTS else ""
        return (
            f"{count}{more} open deadlines wait for a step that should have been taken by now; "
            f"the oldest since {first}.{lasts} Look whether a replica of reminders runs and is "
            "ready, and for timers.waiting in its log."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What all replicas together know of the alarm, as one channel has told it."""

    since: datetime | None = None
    """When it was raised; none: all is well."""
    told_at: datetime | None = None
    calm_since: datetime | None = None
    notice: Notice | None = None
    """Not told yet. Until it is, nothing new is judged."""


def judge(watch: Watch, overdue: Overdue | None, calm: bool, now: datetime) -> Watch:  # noqa: FBT001
    """Look at an audit.

    `calm`: nothing is overdue by more than half the margin. Between the half and the whole
    neither an alarm is raised nor one ended.
    """
    if watch.notice:
        return watch
    if overdue and (watch.since is None or now - (watch.told_at or watch.since) >= AGAIN):
        since = watch.since or now
        kind = Kind.LASTS if watch.since else Kind.RAISED
        return Watch(since=since, notice=_notice(kind, since, now, overdue))
    if watch.since is None or not calm:
        return replace(watch, calm_since=None)
    calm_since = watch.calm_since or now
    if now - calm_since < CALM:
        return replace(watch, calm_since=calm_since)
    return Watch(notice=_notice(Kind.CLEAR, watch.since, now, None))


def told(watch: Watch, now: datetime) -> Watch:
    """The channel has taken the notice."""
    return replace(watch, notice=None, told_at=now if watch.since else None)


def _notice(kind: Kind, since: datetime, now: datetime, overdue: Overdue | None) -> Notice:
    identity = derived("alarm", since.isoformat(), kind, now.isoformat())
    return Notice(id=identity, kind=kind, at=now, since=since, overdue=overdue)
