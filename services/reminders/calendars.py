"""Waits in somebody's working time."""

from collections.abc import Iterable
from datetime import UTC, datetime

from services.reminders.policies import Wait
from shared import working_time
from shared.working_time import Calendar

Interval = tuple[datetime, datetime]

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
"""What lies outside is put here: a wait that ends after the year 9999 never ends."""


def later(
    calendar: Calendar, start: datetime, wait: Wait, apart: Iterable[Interval] = ()
) -> datetime:
    """When a wait is over, if the intervals in `apart` do not count."""
    try:
        if not wait.working:
            end = start + wait.length
        elif wait.unit == "day":
            end = working_time.add_days(calendar, start, wait.count)
        else:
            end = working_time.add(calendar, start, wait.length)
    except OverflowError:
        return LATEST
    return stretched(calendar if wait.working else None, start, end, apart)


def earlier(calendar: Calendar, end: datetime, wait: Wait) -> datetime:
    """From when on so much time is left."""
    try:
        if not wait.working:
            return end - wait.length
        if wait.unit == "day":
            return working_time.add_days(calendar, end, -wait.count)
        return working_time.add(calendar, end, -wait.length)
    except OverflowError:
        return EARLIEST


def stretched(
    calendar: Calendar | None, start: datetime, end: datetime, apart: Iterable[Interval]
) -> datetime:
    """An end put off by what of the time since the start lay apart.

    In working time, unless there is no calendar: an interval from closing to opening puts off
    nothing, whatever it lasts. What begins when the end has come does not count any more.
    """
    for begin, until in joined(apart):
        begin = max(begin, start)  # noqa: PLW2901 - what lay apart before the start is no matter
        if begin >= until:
            continue
        if begin >= end:
            break
        try:
            if calendar is None:
                end += until - begin
            else:
                end = working_time.add(calendar, end, working_time.between(calendar, begin, until))
        except OverflowError:
            return LATEST
    return min(end, LATEST)


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """In order, those that touch or overlap as one."""
    found: list[Interval] = []
    for begin, end in sorted(intervals):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif begin < end:
            found.append((begin, end))
    return found
