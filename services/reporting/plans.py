"""Targets and budgets against what came of them. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum

from services.reporting.facts import Fact
from services.reporting.figures.declaration import World, money
from services.reporting.periods import Period, period
from shared import working_time


class State(StrEnum):
    """How a target stands."""

    AHEAD = "ahead"
    """Reached, or it will be if it goes on so."""
    AT_RISK = "at_risk"
    """It will be missed if it goes on so."""
    MISSED = "missed"
    """The period is over and it was not reached."""
    WAITING = "waiting"
    """The period has not begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A target of a manager, or a budget of an account."""

    of: str
    period: Period
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attainment:
    """A target and what was sold of it, by the manager and all those below."""

    target: Plan
    sold: Decimal
    projected: Decimal | None
    """What will have been sold at the end at the pace so far; None before the period begins."""
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A budget and what was spent of it, in its currency."""

    budget: Plan
    spent: Decimal

    @property
    def left(self) -> Decimal:
        """Below zero: the budget is overrun."""
        with localcontext(prec=60):
            return self.budget.amount - self.spent


def plan(fact: Fact, of: str) -> Plan:
    """A target or budget as it was last set."""
    amount, currency = money(fact.get("amount"))
    return Plan(
        of=fact.get(of), period=period(fact.get("period")), amount=amount, currency=currency
    )


def attained(target: Plan, sold: Decimal, world: World, now: datetime) -> Attainment:
    """How a target stands. The pace is by working time: a week of holidays slows nobody down."""
    gone, all_ = elapsed(target.period, world, now)
    begun = now >= _midnight(target.period, world)
    over = now >= _midnight(target.period, world, end=True)
    with localcontext(prec=60):
        projected = None
        if over:
            projected = sold
        elif gone and all_:
            # amounts have four places at most; more would pretend to know more
            projected = (sold * all_ / gone).quantize(Decimal("0.0001"))
        elif begun:
            projected = sold
    if sold >= target.amount:
        state = State.AHEAD
    elif over:
        state = State.MISSED
    elif not begun:
        state = State.WAITING
    else:
        state = State.AHEAD if (projected or 0) >= target.amount else State.AT_RISK
    return Attainment(target=target, sold=sold, projected=projected, state=state)


def elapsed(of: Period, world: World, now: datetime) -> tuple[int, int]:
    """Seconds of working time of a period that are over, and all of them."""
    begin, end = _midnight(of, world), _midnight(of, world, end=True)
    all_ = working_time.between(world.calendar, begin, end)
    gone = working_time.between(world.calendar, begin, min(max(now, begin), end))
    return round(gone.total_seconds()), round(all_.total_seconds())


def _midnight(of: Period, world: World, *, end: bool = False) -> datetime:
    day = of.until + timedelta(days=1) if end else of.since
    return datetime.combine(day, time(), tzinfo=world.zone).astimezone(UTC)
