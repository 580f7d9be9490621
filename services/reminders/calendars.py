"""Whose working time it is: a person's own, the team's, the company's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.reminders.people import Person
from services.reminders.policies import Wait
from shared import working_time
from shared.contracts.ids import derived
from shared.working_time import Calendar, personal

Interval = tuple[datetime, datetime]

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
"""What lies outside is put here: a wait that ends after the year 9999 never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendars:
    """The calendars of a company. The directory says who is in which team."""

    company: Calendar = field(default_factory=lambda: Calendar.monday_to_friday("UTC"))
    named: Mapping[str, Calendar] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    """Team to name of its calendar."""

    def of(self, person: Person | None) -> Calendar:
        """The nearest calendar: own hours, own calendar, the team's, the company's.

        It is read in the person's own time zone where the directory says one. Own hours keep the
        holidays of the calendar they replace.
        """
        if person is None:
            return self.company
        team = self.teams.get(person.team or "", "")
        calendar = self.named.get(person.calendar or "") or self.named.get(team) or self.company
        hours = tuple(sorted(person.hours.items())) if person.hours else None
        if hours is None and person.time_zone in (None, calendar.time_zone):
            return calendar
        return personal(calendar, person.time_zone, hours)

    @property
    def digest(self) -> str:
        """Another one for every other content."""
        content = [repr((name, calendar)) for name, calendar in sorted(self.named.items())]
        return derived("calendars", repr(self.company), repr(sorted(self.teams.items())), *content)


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
