"""Periods of budgets and targets, and the months of both calendars."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from persiantools.jdatetime import JalaliDate

JALALI_YEARS = range(1200, 1700)
GREGORIAN_YEARS = range(1700, 2400)
"""No year is in both, so a year says which calendar it is of."""

_PERIOD = re.compile(r"(\d{4})(?:-(?:(\d\d)|[Qq]([1-4])|[Hh]([12])))?", re.ASCII)
_DAY = timedelta(days=1)
_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")


Days = tuple[date | None, date | None]
"""From a day to a day, both included; None: from the beginning, without end."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From a day to a day, both included."""

    since: date
    until: date
    name: str
    """As it is spelled everywhere: `2026`, `2026-H1`, `2026-Q3`, `2026-08`, `1405-05`."""


def period(text: str) -> Period:
    """Read a period; `ValueError` says what can be written."""
    found = _PERIOD.fullmatch(text.strip().translate(_DIGITS))
    year = int(found[1]) if found else 0
    begin: Callable[[int, int], date]
    if year in JALALI_YEARS:
        begin = _jalali
    elif year in GREGORIAN_YEARS:
        begin = _gregorian
    else:
        raise ValueError(_wrong(text))
    first, months, suffix = 1, 12, ""
    assert found  # noqa: S101 - it has a year
    if found[2]:
        first, months, suffix = int(found[2]), 1, f"-{found[2]}"
    elif found[3]:
        first, months, suffix = 3 * int(found[3]) - 2, 3, f"-Q{found[3]}"
    elif found[4]:
        first, months, suffix = 6 * int(found[4]) - 5, 6, f"-H{found[4]}"
    if not 1 <= first <= 12:
        raise ValueError(_wrong(text))
    end = begin(year, first + months) - timedelta(days=1)
    return Period(begin(year, first), end, f"{year}{suffix}")


@lru_cache(maxsize=4096)
def months(day: str) -> tuple[str, str]:
    """Of an ISO day: its Gregorian and its Jalali month, such as `2026-11` and `1405-09`."""
    try:
        jalali = JalaliDate(date.fromisoformat(day))  # type: ignore[no-untyped-call]
    except (ValueError, OverflowError):  # before that calendar begins
        return day[:7], "-"
    return day[:7], f"{jalali.year:04d}-{jalali.month:02d}"


def pieces(since: date | None, until: date | None) -> list[Days]:
    """A time as its whole months and what it has of the months at its ends, in order."""
    first = since and _month(since) + (since.day > 1)
    last = until and _month(until) - (until.day < monthrange(until.year, until.month)[1])
    if (first or _month(date.min)) > (last or _month(date.max)):
        return [(since, until)]
    begin = _gregorian(0, first) if first else None
    end = _gregorian(0, last + 1) - _DAY if last and last < _month(date.max) else until
    found: list[Days] = [(begin, end)]
    if begin and begin != since:
        found.insert(0, (since, begin - _DAY))
    if end and end != until:
        found.append((end + _DAY, until))
    return found


def jalali_day(year: int, month: int, day: int) -> date:
    """A day of the Jalali calendar; `ValueError` when there is none such."""
    found: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    return found


def _month(day: date) -> int:
    """Of the year 0, as `_gregorian` counts."""
    return day.year * 12 + day.month


def _gregorian(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def _jalali(year: int, month: int) -> date:
    first = JalaliDate(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)  # type: ignore[no-untyped-call]
    found: date = first.to_gregorian()
    return found


def _wrong(text: str) -> str:
    return (
        f"{text[:40]!r} is no period: write a year, half, quarter or month of either calendar, "
        "such as 2026, 2026-H1, 2026-Q3, 2026-08, 1405-Q2 or 1405-05"
    )
