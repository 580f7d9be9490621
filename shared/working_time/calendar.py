"""When somebody works: a week of hours, public holidays, and days unlike the others."""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holidays import country_holidays, list_supported_countries
from typing_extensions import override

from shared.errors import Misconfigured

Range: TypeAlias = tuple[int, int]
"""From a minute of the local day to another. One that does not end later ends the next day."""
Ranges: TypeAlias = tuple[Range, ...]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_HOURS = re.compile(r"(\d{1,2}):(\d\d) ?[-–] ?(\d{1,2}):(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When somebody works. ValueError says what is wrong with one that cannot be.

    Ranges are put in order, and those of one day that touch or overlap become one.
    """

    time_zone: str
    """An IANA name."""
    week: tuple[Ranges, ...]
    """Seven days, Monday first."""
    country: str | None = None
    """Whose public holidays are free: ISO 3166, with a region where it matters (IR, DE-BY)."""
    overrides: tuple[tuple[date, Ranges], ...] = ()
    """Days unlike their weekday: none (a holiday declared last night), others, or more hours."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_zone(self.time_zone)
        if len(self.week) != len(WEEKDAYS):
            raise ValueError("week must be seven days, Monday first; a free day is ()")
        week = tuple(_in_order(ranges) for ranges in self.week)
        if not any(week):
            raise ValueError("week has no working time: give one day at least a range, 09:00-17:00")
        _check_country(self.country)
        overrides = {day: _in_order(ranges) for day, ranges in self.overrides}
        object.__setattr__(self, "week", week)
        object.__setattr__(self, "overrides", tuple(sorted(overrides.items())))
        key = (self.time_zone, self.week, self.country, self.overrides)
        object.__setattr__(self, "_hash", hash(key))

    @override
    def __hash__(self) -> int:
        return self._hash

    @override
    def __reduce__(self) -> tuple[Any, ...]:  # another process hashes strings in another way
        return _again, (self.time_zone, self.week, self.country, self.overrides)

    @classmethod
    def weekly(
        cls,
        time_zone: str,
        week: Mapping[int, Sequence[Range]],
        *,
        country: str | None = None,
        overrides: Mapping[date, Sequence[Range]] | None = None,
    ) -> Self:
        """By weekday (Monday is 0); the days it does not name are free."""
        return cls(
            time_zone=time_zone,
            week=tuple(tuple(week.get(day, ())) for day in range(7)),
            country=country,
            overrides=tuple((day, tuple(hours)) for day, hours in (overrides or {}).items()),
        )

    @classmethod
    def monday_to_friday(cls, time_zone: str, country: str | None = None) -> Self:
        """Nine to five."""
        return cls.weekly(time_zone, {day: [(540, 1020)] for day in range(5)}, country=country)

    @classmethod
    def saturday_to_wednesday(
        cls,
        time_zone: str = "Asia/Tehran",
        country: str | None = "IR",
        *,
        short_thursday: bool = False,
    ) -> Self:
        """Eight to four, and on a short Thursday eight to noon."""
        week = {day: [(480, 960)] for day in (5, 6, 0, 1, 2)}
        if short_thursday:
            week[3] = [(480, 720)]
        return cls.weekly(time_zone, week, country=country)

    def hours(self, day: int) -> Ranges:
        """The ranges of a day (its ordinal); those over midnight end after minute 1440."""
        one = date.fromordinal(day)
        for overridden, hours in self.overrides:
            if overridden == one:
                return hours
        if self.country and one in _holidays(self.country, one.year):
            return ()
        return self.week[one.weekday()]


def parse(data: Mapping[str, Any], where: str) -> Calendar:
    """Read a calendar as YAML has it; `Misconfigured` names the place and what to write."""
    if unknown := set(data) - {"time_zone", "week", "holidays", "overrides"}:
        names = ", ".join(sorted(map(str, unknown)))
        raise Misconfigured(
            f"{where}: {names}: unknown; there are time_zone, week, holidays and overrides"
        )
    week, overrides = data.get("week"), data.get("overrides") or {}
    if not isinstance(week, Mapping):
        raise Misconfigured(f'{where}: week: write days with hours, e.g. sat: ["08:00-16:00"]')
    if strange := [day for day in week if day not in WEEKDAYS]:
        raise Misconfigured(f"{where}: week.{strange[0]}: days are {', '.join(WEEKDAYS)}")
    if not isinstance(overrides, Mapping):
        raise Misconfigured(f"{where}: overrides: write dates with hours, e.g. 2026-11-25: []")
    if strange := [day for day in overrides if type(day) is not date]:
        raise Misconfigured(f"{where}: overrides.{strange[0]}: write a date, e.g. 2026-11-25")
    try:
        return Calendar.weekly(
            data.get("time_zone", ""),
            {WEEKDAYS.index(day): _ranges(hours, f"week.{day}") for day, hours in week.items()},
            country=data.get("holidays"),
            overrides={day: _ranges(hours, f"overrides.{day}") for day, hours in overrides.items()},
        )
    except ValueError as error:
        raise Misconfigured(f"{where}: {error}") from None


@lru_cache(maxsize=4096)
def personal(
    calendar: Calendar, time_zone: str | None, hours: tuple[tuple[str, tuple[str, ...]], ...] | None
) -> Calendar:
    """Somebody's own: in the own time zone, with own hours by day, and this one's holidays."""
    own = replace(calendar, time_zone=time_zone or calendar.time_zone)
    if hours is None:
        return own
    week = {day: list(ranges) for day, ranges in hours}
    parsed = parse({"time_zone": own.time_zone, "week": week}, "hours")
    return replace(own, week=parsed.week)


def _again(*values: Any) -> Calendar:
    time_zone, week, country, overrides = values
    return Calendar(time_zone=time_zone, week=week, country=country, overrides=overrides)


@lru_cache(maxsize=1024)
def _holidays(country: str, year: int) -> frozenset[date]:
    name, _, region = country.partition("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # years of which the library knows nothing
        return frozenset(country_holidays(name, subdiv=region or None, years=year))


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ValueError("time_zone: must be an IANA time zone such as Asia/Tehran") from None


def _check_country(country: str | None) -> None:
    if country is None:
        return
    name, _, region = country.partition("-") if isinstance(country, str) else ("", "", "")
    known = list_supported_countries(include_aliases=False)
    if not name or name not in known or (region and region not in known[name]):
        raise ValueError(
            "holidays: must be a country the library `holidays` knows, such as IR or DE-BY"
        )


def _in_order(ranges: Iterable[Range]) -> Ranges:
    """Sorted, over midnight as minutes past 1440, touching ones joined."""
    found: list[Range] = []
    for begin, end in sorted(ranges):
        if not (0 <= begin < 1440 and 0 <= end <= 2880):
            raise ValueError("a range must begin between 00:00 and 23:59")
        last = end if end > begin else end + 1440
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((begin, last))
    return tuple(found)


def _ranges(hours: Any, where: str) -> list[Range]:
    if not isinstance(hours, list):
        raise ValueError(  # noqa: TRY004 - told like every other fault of the file
            f'{where}: write a list of hours, e.g. ["08:00-12:00", "13:00-16:30"]'
        )
    found: list[Range] = []
    for one in hours:
        match = _HOURS.fullmatch(one.strip()) if isinstance(one, str) else None
        if match is None:
            raise ValueError(f'{where}: {str(one)[:40]!r}: write hours such as "08:00-16:30"')
        hour, minute, until, to_minute = map(int, match.groups())
        begin, end = hour * 60 + minute, until * 60 + to_minute
        if begin >= 1440 or end > 1440 or max(minute, to_minute) > 59:
            raise ValueError(f"{where}: {one!r}: hours go from 00:00 to 24:00")
        if begin == end:
            raise ValueError(f"{where}: {one!r}: no hours; all day is 00:00-24:00")
        found.append((begin, end))
    return found
