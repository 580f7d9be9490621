"""Issues of a digest: which week or month it is about, and when its reader gets it. Pure.

A week begins on the first working day after the longest time off: on Saturday where people work
from Saturday to Wednesday, on Monday where they work from Monday to Friday. Months are those of
the reader's calendar.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.reporting.periods import months, period
from shared import working_time
from shared.working_time import Calendar

Rhythm = Literal["weekly", "monthly"]
RHYTHMS: tuple[Rhythm, ...] = ("weekly", "monthly")

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Span:
    """From a day to a day, both included."""

    since: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How somebody reckons time."""

    calendar: Calendar
    """The own working hours, in the own time zone."""
    jalali: bool = False

    @property
    def zone(self) -> ZoneInfo:
        """Where the person is."""
        return ZoneInfo(self.calendar.time_zone)


def due(rhythm: Rhythm, habits: Habits, company: ZoneInfo, now: datetime) -> Span:
    """What the latest issue that is due by now is about.

    It is due when its reader's work begins after the end of its time, which is over both where the
    reader is and where the company is, since figures go by the company's days.
    """
    span = _around(rhythm, habits, now.astimezone(habits.zone).date() + WEEK)
    while True:
        span = before(rhythm, habits, span)
        over = span.until + DAY
        begun = max(datetime.combine(over, time(), zone) for zone in (habits.zone, company))
        if working_time.opens_at(habits.calendar, begun) <= now:
            return span


def before(rhythm: Rhythm, habits: Habits, span: Span) -> Span:
    """The week or month before."""
    return _around(rhythm, habits, span.since - DAY)


def latest(rhythm: Rhythm, habits: Habits, last: Span, count: int) -> list[Span]:
    """So many of them up to this one, the oldest first."""

    def backwards() -> Iterator[Span]:
        span = last
        for _ in range(count):
            yield span
            span = before(rhythm, habits, span)

    return [*backwards()][::-1]


def first_weekday(habits: Habits) -> int:
    """On which day the working week begins; Monday is 0. Of times off of one length the later."""
    free = [not hours for hours in habits.calendar.week]
    if not any(free):
        return 5 if habits.jalali else 0
    begins = [day for day in range(7) if not free[day] and free[day - 1]]
    return max(begins, key=lambda day: (_off_before(free, day), day))


def _off_before(free: list[bool], day: int) -> int:
    length = 0
    while free[(day - 1 - length) % 7]:
        length += 1
    return length


def _around(rhythm: Rhythm, habits: Habits, day: date) -> Span:
    """The week or month that a day is in."""
    if rhythm == "weekly":
        since = day - (day.weekday() - first_weekday(habits)) % 7 * DAY
        return Span(since, since + WEEK - DAY)
    gregorian, jalali = months(day.isoformat())
    month = period(jalali if habits.jalali else gregorian)
    return Span(month.since, month.until)
