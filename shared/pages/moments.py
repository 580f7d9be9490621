"""Days and times of day that people type: in which form a field offers them, and how it is read.

A year before 1700 is one of the Jalali calendar, any other a Gregorian one, whatever the reader's
language: nothing that lies before us was in the years where both could be meant. Digits may be of
any script. Pure.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from shared import persian
from shared.pages.catalog import N_
from shared.pages.writing import undirected

NO_DAY = N_("day: write year (four digits), month and day, such as 2026-11-28")
NO_SUCH_DAY = N_("day: no calendar has %(day)s")
NO_CLOCK = N_("time: write hours and minutes, such as 14:30")
TOO_FAR = N_("day: %(day)s is too far away")

SENTENCES = (NO_DAY, NO_SUCH_DAY, NO_CLOCK, TOO_FAR)
"""Why a field is refused, by form. Each begins with the name of the field."""

_IN_NUMBERS = re.compile(r"(\d{4})\s*[-/.٫]\s*(\d{1,2})\s*[-/.٫]\s*(\d{1,2})")
_IN_WORDS = re.compile(r"(\d{1,2})\s+([^\d\s]+)\s+(\d{4})")
_CLOCK = re.compile(r"(\d{1,2})\s*[:٫.]\s*(\d{2})(?::\d{2})?")
_FIRST_GREGORIAN = 1700


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No day or time can be read from a field, and why."""

    reason: str


def typed(day: str, clock: str, zone: ZoneInfo) -> datetime | Unreadable:
    """A moment on the clock of a place, in UTC.

    `day`: such as ۱۴۰۵/۰۹/۰۷, ۷ آذر ۱۴۰۵ or 2026-11-28; `clock`: such as 14:30.
    """
    on, at = _day(day), _clock(clock)
    if isinstance(on, Unreadable):
        return on
    if isinstance(at, Unreadable):
        return at
    try:
        return datetime.combine(on, at, zone).astimezone(UTC)
    except OverflowError:
        return Unreadable(TOO_FAR % {"day": day.strip()})


def _day(text: str) -> date | Unreadable:
    text = undirected(text).strip()
    if found := _IN_NUMBERS.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif (found := _IN_WORDS.fullmatch(text)) and (named := persian.month_number(found[2])):
        year, month, day = int(found[3]), named, int(found[1])
    else:
        return Unreadable(NO_DAY)
    try:
        if year < _FIRST_GREGORIAN:
            return persian.gregorian(year, month, day)
        return date(year, month, day)
    except ValueError:
        return Unreadable(NO_SUCH_DAY % {"day": text})


def _clock(text: str) -> time | Unreadable:
    found = _CLOCK.fullmatch(undirected(text).strip())
    try:
        return time(int(found[1]), int(found[2])) if found else Unreadable(NO_CLOCK)
    except ValueError:
        return Unreadable(NO_CLOCK)
