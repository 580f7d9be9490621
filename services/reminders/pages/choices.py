"""Times to put a deadline off to: some at hand, and days for a moment of one's own. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared import working_time
from shared.pages.catalog import N_
from shared.working_time import Calendar

DAYS = 60
"""Offered at most; a policy may allow more."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A time at hand, and what it is called."""

    until: datetime
    words: str


def choices(
    now: datetime, latest: datetime, calendar: Calendar, zone: ZoneInfo
) -> tuple[Choice, ...]:
    """Those that the policy allows; whole minutes, so that pressing twice asks for one thing."""
    today = now.astimezone(zone).date()
    begun = now.replace(second=0, microsecond=0) + _MINUTE
    found = (
        Choice(begun + timedelta(hours=1), N_("In an hour")),
        Choice(begun + timedelta(hours=4), N_("In four hours")),
        Choice(_opening(calendar, today + timedelta(days=1), zone), N_("Next working day")),
        Choice(_opening(calendar, today + timedelta(days=7), zone), N_("In a week")),
    )
    return tuple(one for one in found if now < one.until <= latest)


def days(now: datetime, latest: datetime, zone: ZoneInfo) -> tuple[date, ...]:
    """From today to the last one that the policy allows."""
    today = now.astimezone(zone).date()
    last = min(latest, now + timedelta(days=DAYS)).astimezone(zone).date()
    return tuple(today + timedelta(days=n) for n in range((last - today).days + 1))


def offered(text: str) -> datetime | None:
    """The time of a choice; None: it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(microsecond=0) if at.tzinfo else None


def _opening(calendar: Calendar, on: date, zone: ZoneInfo) -> datetime:
    return working_time.opens_at(calendar, datetime.combine(on, time(), zone).astimezone(UTC))
