"""What a figure is: which facts it counts, on which day, by what, and how much."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.reporting.facts import Fact
from services.reporting.standing import NONE, UNKNOWN, Standing
from shared import working_time
from shared.working_time import Calendar

Amount = int | Decimal
"""Money is a Decimal; all else is whole."""


class Unit(StrEnum):
    """What a measure is a number of."""

    COUNT = "count"
    MONEY = "money"
    SECONDS = "seconds"
    POINTS = "points"


class Measure(NamedTuple):
    """What is summed, and what it means."""

    name: str
    unit: Unit
    words: str


COUNT = Measure("count", Unit.COUNT, "how many")
AMOUNT = Measure("amount", Unit.MONEY, "how much money, in the currency of the row")


Dimensions = Mapping[str, str | tuple[str, ...]]


class Entry(NamedTuple):
    """One thing that counts. A dimension with several values counts under each of them."""

    day: str
    """ISO, in the company's time zone."""
    dimensions: Dimensions
    measures: tuple[Amount, ...]
    """In the order of the figure's measures."""


@dataclass(frozen=True, slots=True)
class World:
    """What besides a fact decides where it counts."""

    zone: ZoneInfo
    calendar: Calendar
    standings: Mapping[str, Standing] = field(default_factory=dict)

    def of(self, account: str | None) -> Standing:
        """How a customer stands."""
        return self.standings.get(account, UNKNOWN) if account else UNKNOWN

    def day(self, at: int) -> str:
        """The company's day of a moment."""
        return _day(at // 60_000_000, self.zone)

    def worked(self, since: int, until: int) -> int:
        """Seconds of working time between two moments."""
        start, end = (_EPOCH + timedelta(microseconds=at) for at in (since, until))
        return round(working_time.between(self.calendar, start, end).total_seconds())


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=65_536)
def _day(minute: int, zone: ZoneInfo) -> str:  # no zone's days begin within a minute
    try:
        return (_EPOCH + timedelta(minutes=minute)).astimezone(zone).date().isoformat()
    except OverflowError:  # an hour before the year 1, or after 9999
        return (_EPOCH + timedelta(minutes=minute)).date().isoformat()


Counting = Callable[[Fact, World], Iterable[Entry]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure. Storage, rebuild, API, page and documentation follow from it."""

    name: str
    words: str
    """What it says, for people."""
    day: str
    """Which day a thing counts on, for people."""
    of: str
    """Kind of the facts that count."""
    measures: tuple[Measure, ...]
    always: tuple[str, ...] = ()
    """Dimensions by which it can always be broken down."""
    cubes: tuple[tuple[str, ...], ...] = ((),)
    """Further dimensions that can be asked for together."""
    balance: bool = False
    """Comings and goings: the sum up to a day is how much there was at the end of that day."""
    several: frozenset[str] = frozenset()
    """Dimensions of which one thing can have several values: rows by them add up to more."""
    counting: Counting
    version: int = 1
    """To be raised when `counting` counts otherwise: what is stored must be rebuilt then."""
    valued: tuple["Valued", ...] = field(init=False)
    """For each cube: of dimensions, the values its counters have."""
    dimensions: tuple[str, ...] = field(init=False)
    """All of them, each once."""

    def __post_init__(self) -> None:
        cubes = [(*self.always, *cube) for cube in self.cubes]
        valued = tuple(_valued(names, self.several) for names in cubes)
        object.__setattr__(self, "valued", valued)
        dimensions = tuple(dict.fromkeys(name for cube in cubes for name in cube))
        object.__setattr__(self, "dimensions", dimensions)


Valued = Callable[[Dimensions], list[tuple[str, ...]]]


def _valued(names: tuple[str, ...], several: frozenset[str]) -> Valued:
    if len(names) < 2:
        return lambda dimensions: [tuple(str(dimensions[name]) for name in names)]
    values_of = itemgetter(*names)
    if several.isdisjoint(names):
        return lambda dimensions: [values_of(dimensions)]

    def combined(dimensions: Dimensions) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = [()]
        for value in values_of(dimensions):
            each = (value,) if isinstance(value, str) else dict.fromkeys(value)
            found = [(*so_far, one) for so_far in found for one in each]
        return found

    def valued(dimensions: Dimensions) -> list[tuple[str, ...]]:
        if isinstance(dimensions[one], str):
            return [values_of(dimensions)]
        return combined(dimensions)

    (one,) = several  # no figure has more of them
    return valued


def stays(changes: Iterable[tuple[int, Dimensions | None]], world: World) -> Iterator[Entry]:
    """One thing in a balance: from when on it is where. None: it is nowhere any more."""
    before: Dimensions | None = None
    for at, now in changes:
        if now == before:
            continue
        if before is not None:
            yield Entry(world.day(at), before, (-1,))
        if now is not None:
            yield Entry(world.day(at), now, (1,))
        before = now


def money(text: str | None) -> tuple[Decimal, str]:
    """Of a fact's amount, such as `1054.00 EUR`: value and currency; no amount: 0 and `-`."""
    if not text:
        return Decimal(0), NONE
    value, currency = text.split(" ")
    return Decimal(value), currency


def known(value: str | None) -> str:
    """A dimension's value, `-` where nothing is known."""
    return value or NONE
