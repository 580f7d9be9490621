"""The fold: what events change in facts, and facts in counters. Pure.

A counter is a sum over facts, and a fact counts by what it says and by how its customer stands.
So whatever changes, the old fact's share is taken out and the new one's put in, once a batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from services.reporting.facts import Fact, Key, Stamp, Tell, merged
from services.reporting.figures.catalogue import BY_KIND, OF_STANDING
from services.reporting.figures.declaration import Amount, Figure, World
from services.reporting.standing import Standing, standing
from services.reporting.told import Refused
from shared.contracts.ids import derived

DIGITS = 34
"""What MongoDB's Decimal128 holds; beyond, it would round."""


Counter = tuple[str, int, str, tuple[str, ...]]
"""One sum: of a figure, in one of its cubes by number, on a day, and the values of the figure's
`always` dimensions and then the cube's. Not a named tuple: a deal makes six, at 0.4 us each."""
Share = tuple[Counter, tuple[Amount, ...]]
Shares = dict[Counter, tuple[Amount, ...]]


def shares(fact: Fact, world: World) -> list[Share]:
    """What a fact adds to which counters."""
    found: list[Share] = []
    for figure in BY_KIND.get(fact.key.kind, ()):
        name = figure.name
        for day, dimensions, measures in figure.counting(fact, world):
            for cube, valued in enumerate(figure.valued):
                found += [((name, cube, day, values), measures) for values in valued(dimensions)]
    return found


def counted_by(facts: Iterable[Fact]) -> set[Key]:
    """Accounts by which facts count."""
    return {
        Key("account", fact.account)
        for fact in facts
        if fact.account and fact.key.kind in OF_STANDING
    }


@dataclass(slots=True)
class Sums:
    """What to add to which counters."""

    _sums: dict[Counter, list[Amount]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, found: Iterable[Share], sign: int = 1) -> None:
        """Put shares in, or take them out; in a context of 60 digits, or Python rounds to 28."""
        sums = self._sums
        for counter, measures in found:
            total = sums.get(counter)
            if total is None:
                sums[counter] = [sign * value for value in measures]
            else:
                for n, value in enumerate(measures):
                    total[n] += sign * value

    def shares(self) -> Shares:
        """All of them, but what cancels itself out."""
        return {
            counter: tuple(_fitting(counter, value) for value in values)
            for counter, values in self._sums.items()
            if any(values)
        }


@dataclass(slots=True)
class Fold:
    """What one batch changes. Knows the facts that its events are about, and their customers'."""

    world: World
    """Without standings: they follow from the facts."""
    facts: dict[Key, Fact] = field(default_factory=dict)
    """As loaded."""
    changed: dict[Key, Fact] = field(default_factory=dict)
    """As they are after the events."""
    moved: dict[str, Standing] = field(default_factory=dict)
    """Accounts that stand otherwise now, and how: all that is known of them counts otherwise."""

    def hear(self, told: Iterable[tuple[Tell, Stamp]]) -> None:
        """Take in what events say."""
        self.changed = merged(self.facts, told)
        self.moved = {
            key.id: now
            for key, fact in self.changed.items()
            if key.kind == "account" and (now := standing(fact)) != standing(self.facts.get(key))
        }

    def leaned_on(self) -> set[Key]:
        """Accounts that facts count by and that no event is about.

        Where two processes work, one may move an account while the other counts by it: both must
        write its fact, or each would count what the other does not see.
        """
        return counted_by(self.changed.values()) - self.changed.keys()

    def changes(self) -> Shares:
        """What to add to which counters; nothing of what cancels itself out."""
        standings = {k.id: standing(f) for k, f in self.facts.items() if k.kind == "account"}
        before = replace(self.world, standings=standings)
        after = replace(self.world, standings=standings | self.moved)
        sums = Sums()
        keys = set(self.changed)
        if self.moved:
            keys.update(key for key, fact in self.facts.items() if fact.account in self.moved)
        with localcontext(prec=60):
            for key in keys:
                known = self.facts.get(key)
                if known:
                    sums.add(shares(known, before), -1)
                if fact := self.changed.get(key) or known:
                    sums.add(shares(fact, after))
            return sums.shares()


def _fitting(counter: Counter, value: Amount) -> Amount:
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > DIGITS:
        raise Refused(
            "data.amount.value",
            f"the sum of {counter[0]} would have more than {DIGITS} digits",
        )
    return value


def defined(figures: Iterable[Figure], world: World) -> str:
    """Names which figures there are and how they count; what is stored fits no other name."""
    declared = [(f.name, f.version, f.always, f.cubes, f.measures) for f in figures]
    return derived("figures", repr(declared), world.zone.key, repr(world.calendar))
