"""Which customers made a figure what it is: the facts behind it, by the same declarations. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

from services.reporting.facts import Fact
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import World
from services.reporting.issues import Span
from services.reporting.standing import NONE


class Mover(NamedTuple):
    """A customer, and what it added to a measure in a time and in the one before."""

    account: str
    now: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal:
        """From one to the other."""
        with localcontext(prec=60):
            return self.now - self.before


class Counted(NamedTuple):
    """What is counted: a measure of a figure, where these dimensions have these values."""

    figure: str
    measure: str
    where: Mapping[str, Collection[str]]


class Shares:
    """Sums by customer, of facts as they come: no more is kept than two numbers a customer."""

    def __init__(self, counted: Sequence[Counted], now: Span, before: Span) -> None:
        self._counted = counted
        self._days = [(s.since.isoformat(), s.until.isoformat()) for s in (now, before)]
        self._sums: list[dict[str, list[Decimal]]] = [{} for _ in counted]

    def add(self, fact: Fact, world: World) -> None:
        """Count a fact where it counts. `world`: with the standing of its customer."""
        for sums, counted in zip(self._sums, self._counted, strict=True):
            figure = FIGURES[counted.figure]
            if figure.of != fact.key.kind:
                continue
            number = [measure.name for measure in figure.measures].index(counted.measure)
            for day, dimensions, measures in figure.counting(fact, world):
                fits = all(dimensions.get(name) in of for name, of in counted.where.items())
                for at, (since, until) in enumerate(self._days):
                    if fits and since <= day <= until:
                        both = sums.setdefault(fact.account or NONE, [Decimal(0), Decimal(0)])
                        with localcontext(prec=60):
                            both[at] += measures[number]

    def movers(self, counted: Counted) -> list[Mover]:
        """Who counted in either time."""
        sums = self._sums[self._counted.index(counted)]
        return [Mover(account, *both) for account, both in sums.items()]


def most(
    movers: Iterable[Mover], count: int, of: Callable[[Mover], Decimal] = lambda one: one.change
) -> list[Mover]:
    """Those who account for most of it, the most first. `of`: by what of theirs."""
    found = [one for one in movers if of(one)]
    return sorted(found, key=lambda one: (-abs(of(one)), one.account))[:count]
