"""The fold: what events change in facts, and facts in counters. Pure.

A counter is a sum over facts, and a fact counts by what it says and by how its customer stands.
So whatever changes, the old fact's share is taken out and the new one's put in, once a batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from typing import NamedTuple

from services.reporting.facts import Fact, Key, Stamp, Tell, merged
from services.reporting.figures.catalogue import BY_KIND
from services.reporting.figures.declaration import Amount, Figure, World
from services.reporting.standing import Standing, standing
from services.reporting.told import SEPARATOR, Refused

DIGITS = 34
"""What MongoDB's Decimal128 holds; beyond, it would round."""


class Counter(NamedTuple):
    """One sum: of a figure, in one of its cubes, on a day."""

    figure: str
    cube: int
    day: str
    values: tuple[str, ...]
    """Of the figure's `always` dimensions, then of the cube's."""

    @property
    def id(self) -> str:
        """One document a counter."""
        return SEPARATOR.join([self.figure, str(self.cube), self.day, *self.values])


Shares = dict[Counter, tuple[Amount, ...]]


def shares(fact: Fact, world: World) -> list[tuple[Counter, tuple[Amount, ...]]]:
    """What a fact adds to which counters."""
    found: list[tuple[Counter, tuple[Amount, ...]]] = []
    for figure in BY_KIND.get(fact.key.kind, ()):
        for day, dimensions, measures in figure.counting(fact, world):
            for cube, names in enumerate(figure.cubes):
                values = [dimensions[name] for name in (*figure.always, *names)]
                found += [
                    (Counter(figure.name, cube, day, combined), measures)
                    for combined in _combined(values)
                ]
    return found


def _combined(values: Sequence[str | tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for value in values:
        several = (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))
        found = [(*so_far, one) for so_far in found for one in several]
    return found


@dataclass(slots=True)
class Fold:
    """What one batch changes. Knows the facts that its events are about, and their customers'."""

    world: World
    """Without standings: they follow from the facts."""
    facts: dict[Key, Fact] = field(default_factory=dict)
    """As loaded."""
    changed: dict[Key, Fact] = field(default_factory=dict)
    """As they are after the events."""

    def hear(self, told: Iterable[tuple[Tell, Stamp]]) -> None:
        """Take in what events say."""
        self.changed = merged(self.facts, told)

    def moved(self) -> set[str]:
        """Accounts that stand otherwise now: all that is known of them counts otherwise."""
        return {
            key.id
            for key, fact in self.changed.items()
            if key.kind == "account" and standing(self.facts.get(key)) != standing(fact)
        }

    def changes(self) -> Shares:
        """What to add to which counters; nothing of what cancels itself out."""
        moved = self.moved()
        before = replace(self.world, standings=self._standings({}))
        after = replace(self.world, standings=self._standings(self.changed))
        sums: dict[Counter, list[Amount]] = {}
        with localcontext(prec=60):
            for key in {*self.changed, *(k for k, f in self.facts.items() if f.account in moved)}:
                if fact := self.facts.get(key):
                    _add(sums, shares(fact, before), -1)
                if fact := self.changed.get(key) or self.facts.get(key):
                    _add(sums, shares(fact, after), 1)
            return {
                counter: tuple(_fitting(counter, value) for value in values)
                for counter, values in sums.items()
                if any(values)
            }

    def _standings(self, changed: Mapping[Key, Fact]) -> dict[str, Standing]:
        accounts = {f.account for f in (*self.facts.values(), *self.changed.values()) if f.account}
        return {
            account: standing(changed.get(key) or self.facts.get(key))
            for account in accounts
            for key in [Key("account", account)]
        }


def _add(
    sums: dict[Counter, list[Amount]],
    found: Iterable[tuple[Counter, tuple[Amount, ...]]],
    sign: int,
) -> None:
    for counter, measures in found:
        total = sums.get(counter)
        if total is None:
            sums[counter] = [sign * value for value in measures]
        else:
            for n, value in enumerate(measures):
                total[n] += sign * value


def _fitting(counter: Counter, value: Amount) -> Amount:
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > DIGITS:
        raise Refused(
            "data.amount.value",
            f"the sum of {counter.figure} would have more than {DIGITS} digits",
        )
    return value


def defined(figures: Iterable[Figure], world: World) -> str:
    """Says which figures there are and how they count: what is stored fits no other answer."""
    return repr(
        (
            [(f.name, f.version, f.always, f.cubes, f.measures) for f in figures],
            world.zone.key,
            world.calendar,
        )
    )
