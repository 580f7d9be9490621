"""When somebody is told that a figure is bad, once: two thresholds keep it from flapping. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import NamedTuple

from services.reporting.figures.declaration import World
from services.reporting.plans import Attainment, Plan, Spent, elapsed
from services.reporting.questions import People, chain
from services.reporting.standing import NONE
from services.reporting.told import SEPARATOR
from shared.contracts.directory import Role

NEWS = timedelta(days=14)
"""What is older is history, which nobody is alerted of: figures of an import, say."""
BEFORE = 3
"""What was said last is compared with the mean of so many before."""


class About(StrEnum):
    """What an alert is about."""

    BUDGET = "budget"
    SATISFACTION = "satisfaction"
    TARGET = "target"


class Band(NamedTuple):
    """Two thresholds: where it begins to be bad, and where it is good again.

    Begins above its end: high is bad. Below it: low is bad.
    """

    begins: int
    ends: int

    def bad(self, value: Decimal) -> bool:
        """Whether it is reason for an alert."""
        return value >= self.begins if self.begins > self.ends else value < self.begins

    def good(self, value: Decimal) -> bool:
        """Whether it is far enough from that again."""
        return value < self.ends if self.begins > self.ends else value >= self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the company sets; none: no such alert."""

    budget: Band | None
    """Percent of a budget that is spent."""
    satisfaction: Band | None
    """As it was said last, of 100."""
    fall: Band | None
    """Points that satisfaction was said to be below the mean of the times before."""
    target: Band | None
    """Percent of a target that will be sold at the pace so far."""
    target_from: int
    """Percent of a target's working time before which its pace says nothing."""


class Gauge(NamedTuple):
    """A value, and the band it is looked at in."""

    value: Decimal
    band: Band | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one thing that is watched."""

    raised: bool = False
    turn: int = 0
    """How many times it was raised: each time is another message."""


def judged(before: Watched, gauges: Sequence[Gauge]) -> Watched:
    """What follows: raised when anything is bad, lowered when all is good, else as before."""
    known = [gauge for gauge in gauges if gauge.band]
    if any(band.bad(value) for value, band in known if band):
        return before if before.raised else Watched(raised=True, turn=before.turn + 1)
    if all(band.good(value) for value, band in known if band):
        return Watched(raised=False, turn=before.turn)
    return before


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """How satisfied a customer was said to be: all that was said, by time; at least once."""

    account: str
    said: tuple[tuple[datetime, int], ...]

    @property
    def last(self) -> int:
        """As it was said last."""
        return self.said[-1][1]

    @property
    def mean_before(self) -> Decimal | None:
        """Of the times before; None: there was none."""
        before = [score for _, score in self.said[-1 - BEFORE : -1]]
        return Decimal(sum(before)) / len(before) if before else None


Matter = Spent | Attainment | Drop
"""What an alert tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One thing that is watched, as it is now."""

    id: str
    about: About
    matter: Matter
    manager: str
    """Whom it is told to, and the head."""
    gauges: tuple[Gauge, ...]


def budget(spent: Spent, manager: str, limits: Limits, today: date) -> Look | None:
    """A budget whose time is not long over."""
    plan = spent.budget
    if not (limits.budget and plan.period.since <= today <= plan.period.until + NEWS):
        return None
    share = _percent(spent.spent, plan.amount)
    return Look(
        id=_id(About.BUDGET, plan.of, plan),
        about=About.BUDGET,
        matter=spent,
        manager=manager,
        gauges=(Gauge(share, limits.budget),),
    )


def satisfaction(drop: Drop, manager: str, limits: Limits, now: datetime) -> Look | None:
    """A customer who said something lately."""
    watched = limits.satisfaction or limits.fall
    if not watched or not drop.said or drop.said[-1][0] < now - NEWS:
        return None
    before = drop.mean_before
    fall = Decimal(0) if before is None else before - drop.last
    return Look(
        id=_id(About.SATISFACTION, drop.account),
        about=About.SATISFACTION,
        matter=drop,
        manager=manager,
        gauges=(Gauge(Decimal(drop.last), limits.satisfaction), Gauge(fall, limits.fall)),
    )


def target(found: Attainment, limits: Limits, world: World, now: datetime) -> Look | None:
    """A target that has run for long enough to say something of its pace."""
    plan = found.target
    gone, all_ = elapsed(plan.period, world, now)
    if not limits.target or not plan.amount or found.projected is None:
        return None
    if gone >= all_ or 100 * gone < limits.target_from * all_:
        return None
    return Look(
        id=_id(About.TARGET, plan.of, plan),
        about=About.TARGET,
        matter=found,
        manager=plan.of,
        gauges=(Gauge(_percent(found.projected, plan.amount), limits.target),),
    )


def told_to(manager: str, people: People) -> list[str]:
    """The account manager, and the nearest one above who leads; of who is still there."""
    found = [manager] if manager in people and people[manager].active else []
    for above in chain(manager, people)[1:] if manager != NONE else []:
        person = people.get(above)
        if person and person.active and {Role.HEAD, Role.COMPANY_MANAGER} & {*person.roles}:
            return [*found, above]
    return found


def _id(about: About, of: str, plan: Plan | None = None) -> str:
    named = (plan.period.name, plan.currency) if plan else ()
    return SEPARATOR.join([about, of, *named])


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    """Of a budget of nothing, anything is too much."""
    with localcontext(prec=60):
        return 100 * part / whole if whole else Decimal(1000 if part else 0)
