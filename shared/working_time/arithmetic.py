"""Arithmetic in working time: what "within eight working hours" and "on the next day" mean.

What holds throughout:

* Moments come in as aware datetimes and go out in UTC.
* A shift begins, and ends, at the first moment the clock on the wall shows its time or a later one;
  what counts is the real time between. A time that the clocks skip is so the moment they jump, and
  of a time that comes twice the first counts: 00:00-06:00 is five hours in the night of spring and
  seven in that of autumn.
* A shift over midnight belongs to the day on which it begins. That day's holiday cancels it, the
  next day's does not.
* Where the law of a country is not known (the far future, the deep past) there are no holidays.
* A result outside the years 1 to 9999 raises OverflowError with its reason in words.

A year is laid out once (about a millisecond) and kept; after that everything is a search in it. A
span costs one addition for each year it touches, whatever it counts in.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from shared.working_time.calendar import Calendar

Pause: TypeAlias = tuple[datetime, datetime]

_DAY = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)
_EPOCH, _NAIVE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)  # noqa: DTZ001
_EPOCH_DAY, _LAST_DAY = date(1970, 1, 1).toordinal(), date.max.toordinal()
_BEFORE = "the result lies before the year 1"
_AFTER = "the result lies after the year 9999"


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """Whether it is working time. A closing time is not."""
    at = _stamp(moment)
    year = _year(calendar, _year_of(at))
    i = bisect_right(year.starts, at)
    return i > 0 and at < year.ends[i - 1]


def opens_at(calendar: Calendar, moment: datetime) -> datetime:
    """Give the moment itself when it is working time, else the next opening."""
    at = _stamp(moment)
    number = _year_of(at)
    while True:
        year = _year(calendar, number)
        i = bisect_right(year.ends, at)
        if i < len(year.ends):
            return _moment(max(at, year.starts[i]))
        number += 1


def between(
    calendar: Calendar, a: datetime, b: datetime, pauses: Iterable[Pause] = ()
) -> timedelta:
    """Working time from one moment to another, less what of it fell into pauses."""
    first, last = _stamp(a), _stamp(b)
    if last < first:
        return -between(calendar, b, a, pauses)
    worked = _worked(calendar, first, last)
    for begin, end in _apart(pauses):
        if begin < last and end > first:
            worked -= _worked(calendar, max(begin, first), min(end, last))
    return timedelta(microseconds=worked)


def add(
    calendar: Calendar, start: datetime, amount: timedelta, pauses: Iterable[Pause] = ()
) -> datetime:
    """When so much working time has passed; for a negative amount, from when on it passes.

    Of all such moments the one nearest to the start: eight hours from an opening end at the closing
    time, not at the next opening. Nothing at all is the start itself, be it open or not.
    """
    _check_reach(start, amount)
    at, left = _stamp(start), amount // _MICROSECOND
    if left > 0:
        for begin, end in _apart(pauses):
            if end > at:
                worked = _worked(calendar, at, max(at, begin))
                if worked >= left:
                    break
                at, left = end, left - worked
        at = _forward(calendar, at, left)
    elif left < 0:
        for begin, end in reversed(_apart(pauses)):
            if begin < at:
                worked = _worked(calendar, min(at, end), at)
                if worked >= -left:
                    break
                at, left = begin, left + worked
        at = _backward(calendar, at, -left)
    return _moment(at)


def add_days(calendar: Calendar, start: datetime, days: int) -> datetime:
    """Give the same time of day so many working days later, or before.

    When that day is closed at this time: its opening when it has not opened yet, its closing time
    when it has closed, the end of the break in a break. Today counts as none, working day or not:
    one day from a Saturday is Monday, and one before it Friday. No days from a free day are the
    first working day that comes. At three in a night shift it is still the day before, unless a
    shift of the new day has begun, too.
    """
    _check_reach(start, timedelta(days=max(-_LAST_DAY, min(_LAST_DAY, days))))
    zone = ZoneInfo(calendar.time_zone)
    local = start.astimezone(zone)
    day, minute = local.toordinal(), local.hour * 60 + local.minute
    rest = timedelta(seconds=local.second, microseconds=local.microsecond)
    today = any(begin <= minute < end for begin, end in calendar.hours(day))
    last_night = calendar.hours(day - 1) if day > 1 else ()
    if not today and any(
        begin <= minute + 1440 <= end for begin, end in last_night
    ):  # in last night's shift, or at its very end
        day, minute = day - 1, minute + 1440
    target = _nth_day(calendar, day, days)
    hours = calendar.hours(target)
    if minute < hours[0][0] or minute >= hours[-1][1]:
        rest = timedelta(0)
        minute = hours[0][0] if minute < hours[0][0] else hours[-1][1]
    else:
        begin = next(begin for begin, end in hours if minute < end)
        if minute < begin:
            minute, rest = begin, timedelta(0)
    return _moment(_wall(zone, target, minute)) + rest


@dataclass(frozen=True, slots=True)
class _Year:
    """The shifts of a year in UTC, cut at its ends, in microseconds since the epoch."""

    starts: "array[int]"
    ends: "array[int]"
    before: "array[int]"
    """Working time of the year before each shift."""
    total: int

    def until(self, at: int) -> int:
        """Working time of the year before a moment."""
        i = bisect_right(self.starts, at)
        return self.before[i - 1] + min(at, self.ends[i - 1]) - self.starts[i - 1] if i else 0


@lru_cache(maxsize=512)
def _year(calendar: Calendar, number: int) -> _Year:
    if not 1 <= number <= 9999:
        raise OverflowError(_BEFORE if number < 1 else _AFTER)
    zone = ZoneInfo(calendar.time_zone)
    first, last = _new_year(number), _new_year(number + 1)
    begin = date(number, 1, 1).toordinal()
    starts, ends, before, total = array("q"), array("q"), array("q"), 0
    # A day beside the year may reach into it: by its offset to UTC, or by a night shift.
    for day in range(max(2, begin - 2), min(_LAST_DAY - 2, begin + 368)):
        for opening, closing in calendar.hours(day):
            start = max(first, _wall(zone, day, opening))
            end = min(last, _wall(zone, day, closing))
            if ends and start <= ends[-1]:  # a shift of the night before reaches into it
                more = max(0, end - ends[-1])
                ends[-1] += more
                total += more
            elif start < end:
                starts.append(start)
                ends.append(end)
                before.append(total)
                total += end - start
    return _Year(starts, ends, before, total)


@lru_cache(maxsize=512)
def _working_days(calendar: Calendar, year: int) -> "array[int]":
    if not 1 <= year <= 9999:
        raise OverflowError(_BEFORE if year < 1 else _AFTER)
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return array("q", [day for day in range(first, last + 1) if calendar.hours(day)])


def _nth_day(calendar: Calendar, day: int, count: int) -> int:
    """The working day so many after this one, or before; 0 is this one or the next."""
    year = date.fromordinal(day).year
    days = _working_days(calendar, year)
    if count >= 0:
        at = bisect_right(days, day) - 1 + count if count else bisect_left(days, day)
        while at >= len(days):
            at -= len(days)
            year += 1
            days = _working_days(calendar, year)
        return days[at]
    at = bisect_left(days, day) + count
    while at < 0:
        year -= 1
        days = _working_days(calendar, year)
        at += len(days)
    return days[at]


def _worked(calendar: Calendar, first: int, last: int) -> int:
    """Working time from one stamp to a later one."""
    number, final = _year_of(first), _year_of(last)
    worked = -_year(calendar, number).until(first)
    while number < final:
        worked += _year(calendar, number).total
        number += 1
    return worked + _year(calendar, final).until(last)


def _forward(calendar: Calendar, at: int, left: int) -> int:
    if not left:
        return at
    number = _year_of(at)
    year = _year(calendar, number)
    target = year.until(at) + left
    while target > year.total:
        target -= year.total
        number += 1
        year = _year(calendar, number)
    i = bisect_left(year.before, target) - 1
    return year.starts[i] + target - year.before[i]


def _backward(calendar: Calendar, at: int, left: int) -> int:
    if not left:
        return at
    number = _year_of(at)
    year = _year(calendar, number)
    target = year.until(at) - left
    while target < 0:
        number -= 1
        year = _year(calendar, number)
        target += year.total
    i = bisect_right(year.before, target) - 1
    return year.starts[i] + target - year.before[i]


def _apart(pauses: Iterable[Pause]) -> list[tuple[int, int]]:
    """Pauses in order; those that touch or overlap are one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted((_stamp(begin), _stamp(end)) for begin, end in pauses):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif begin < end:
            found.append((begin, end))
    return found


def _stamp(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset")
    return (moment - _EPOCH) // _MICROSECOND


def _check_reach(start: datetime, amount: timedelta) -> None:
    """Say at once what no calendar can reach, rather than after walking through the millennia."""
    try:
        start + amount
    except OverflowError:
        raise OverflowError(_BEFORE if amount < timedelta(0) else _AFTER) from None


def _moment(stamp: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=stamp)
    except OverflowError:
        raise OverflowError(_BEFORE if stamp < 0 else _AFTER) from None


def _year_of(stamp: int) -> int:
    return _moment(stamp).year


def _new_year(number: int) -> int:
    if number > 9999:
        return (_LAST_DAY + 1 - _EPOCH_DAY) * _DAY
    return (date(number, 1, 1).toordinal() - _EPOCH_DAY) * _DAY


def _wall(zone: ZoneInfo, day: int, minute: int) -> int:
    """The first moment at which the clock of a zone shows this minute of a day, or a later one."""
    naive = _NAIVE_EPOCH + timedelta(days=day - _EPOCH_DAY, minutes=minute)
    offset = zone.utcoffset(naive) or timedelta(0)
    at = (naive - _NAIVE_EPOCH - offset) // _MICROSECOND
    after = zone.utcoffset(naive.replace(fold=1)) or timedelta(0)
    if after <= offset:  # no change, or a time that comes twice: the first
        return at
    low, high = at - (after - offset) // _MICROSECOND, at  # skipped: find the jump between
    while high - low > 1:
        middle = (low + high) // 2
        if _moment(middle).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
