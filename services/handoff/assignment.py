"""Who gets an account, and why nobody else does. Pure, so that a past choice can be made again.

Barred is who cannot take the account at all: not an account manager, below the account's tier,
another territory, another language or industry, absent, or full. Of the rest the best is chosen
by, in this order: no more senior than needed, the most specific territory, the least load
relative to capacity, the longest time since the last account, the id.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import fsum, inf
from typing import NamedTuple

from services.handoff.candidates import Manager, Need, Tier, fit
from services.handoff.verdicts import WORDS, Reason, Verdicts
from shared.contracts.values import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings of assignment. Weights are whole numbers: loads add up exactly."""

    tier_weights: Mapping[Tier, int] = field(
        default_factory=lambda: {Tier.REGIONAL: 1, Tier.NATIONAL: 2, Tier.GLOBAL: 4}
    )
    revenue_step: Money | None = None
    """Won value that adds one to an account's weight; other currencies add nothing."""
    revenue_most: int = 10
    """What revenue adds at most."""
    nominal_capacity: int = 50
    """What a manager without a capacity is compared by; it is no limit."""
    ramp: timedelta = timedelta(days=30)
    """How long somebody who joined or came back catches up, instead of getting every account."""

    def weight(self, tier: Tier, won: Mapping[str, Decimal]) -> int:
        """How much of a capacity an account takes. `won`: value by currency."""
        by_revenue = 0
        if step := self.revenue_step:
            steps = int(won.get(step.currency, Decimal(0)) / step.value)
            by_revenue = max(0, min(self.revenue_most, steps))
        return self.tier_weights[tier] + by_revenue


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome. Every candidate has one verdict."""

    manager: Manager | None
    verdicts: Verdicts

    @property
    def why(self) -> str:
        """In a sentence; for nobody: what bars most of them."""
        found = self.verdicts.by_reason
        if self.manager:
            beaten = found.keys() - {Reason.CHOSEN}
            if not beaten:
                return "the only account manager"
            if beaten <= _BARS:
                return "the only one who can take the account"
            return next(words for reason, words in _WON_BY.items() if reason in beaten)
        if not found:
            return "the directory has no account manager"
        told = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
        return "nobody can take the account: " + "; ".join(
            f"{len(names)} {WORDS[reason]}" for reason, names in told
        )


_BARS = frozenset({Reason.INACTIVE, Reason.TIER, Reason.TERRITORY, Reason.LANGUAGE,
                   Reason.INDUSTRY, Reason.ABSENT, Reason.FULL})  # fmt: skip
_WON_BY = {  # the first that holds is told
    Reason.MORE_LOADED: "least loaded of those who can take the account",
    Reason.MORE_RECENT: "as loaded as others, and waits longest",
    Reason.LATER_ID: "equal to others; the ids decide",
    Reason.LESS_SPECIFIC: "the most specific territory",
    Reason.MORE_SENIOR: "the least senior who serves the tier",
}


class _Rank(NamedTuple):
    """Sorts the better first."""

    excess: int
    """Tiers above what is needed."""
    unspecific: int
    load: float
    last_assigned: datetime
    manager_id: str


_LOST_BY = (Reason.MORE_SENIOR, Reason.LESS_SPECIFIC, Reason.MORE_LOADED, Reason.MORE_RECENT,
            Reason.LATER_ID)  # fmt: skip
"""Why somebody lost, by the first field of the rank that differs from the best."""


@dataclass(slots=True)
class _Field:
    """The candidates for one need, which most accounts share."""

    fits: dict[str, tuple[int, int]]
    """Who is not barred by the need itself: excess of tier, and specificity negated."""
    barred: Mapping[Reason, Sequence[str]]
    unranked: set[str]
    """Whose rank must be found at each choice: it changes with time, or they changed."""
    ranked: list[_Rank] = field(default_factory=list)
    """The others, the best first."""
    ranks: dict[str, _Rank] = field(default_factory=dict)
    room: dict[str, float] = field(default_factory=dict)
    """Capacity left of the ranked who have a limit."""

    def rank(self, manager: Manager, rank: _Rank) -> None:
        """Remember a rank that stands until its manager changes."""
        self.unranked.discard(manager.id)
        self.ranks[manager.id] = rank
        insort(self.ranked, rank)
        if manager.capacity is not None:
            self.room[manager.id] = _room(manager)

    def forget(self, name: str) -> None:
        """A manager of this field changed."""
        if rank := self.ranks.pop(name, None):
            del self.ranked[bisect_left(self.ranked, rank)]
            self.room.pop(name, None)
            self.unranked.add(name)


@dataclass(slots=True)
class Pool:
    """The managers of one batch, asked by one policy. Remembers how they ranked for each need."""

    managers: dict[str, Manager] = field(default_factory=dict)
    handicapped: set[str] = field(default_factory=set)
    """Managers whose handicap was set here."""
    _fields: dict[Need, _Field] = field(default_factory=dict)
    _heads: tuple[str, ...] | None = None

    def could_take(self, manager_id: str, need: Need) -> bool:
        """Whether this one may be chosen for such accounts at all, capacity and absence aside."""
        manager = self.managers.get(manager_id)
        return manager is not None and not isinstance(fit(manager, need), Reason)

    def keep(self, manager: Manager) -> None:
        """Take over what the directory says of a manager."""
        self.managers[manager.id] = manager
        self._fields.clear()
        self._heads = None

    @property
    def heads(self) -> tuple[str, ...]:
        """Who leads the account managers."""
        if self._heads is None:
            self._heads = tuple(sorted(m.id for m in self.managers.values() if m.head))
        return self._heads

    @property
    def head(self) -> str | None:
        """Who does what heads are to do, and hears of what no manager can take."""
        return self.heads[0] if self.heads else None

    def give(self, manager_id: str, weight: int, at: datetime | None = None) -> Manager:
        """Add an account's weight to a load, or take it away; `at`: it is a new account."""
        known = self.managers[manager_id]
        given = replace(known, load=known.load + weight, last_assigned=at or known.last_assigned)
        self._change(given)
        return given

    def barred(self, manager_id: str, need: Need, weight: int, at: datetime) -> Reason | None:
        """Why one cannot take such an account; None: can."""
        manager = self.managers.get(manager_id)
        if manager is None or not manager.active:
            return Reason.INACTIVE
        if isinstance(found := fit(manager, need), Reason):
            return found
        if manager.absent(at):
            return Reason.ABSENT
        return Reason.FULL if weight > _room(manager) else None

    def choose(
        self, need: Need, weight: int, at: datetime, policy: Policy, *, excluded: Iterable[str] = ()
    ) -> Choice:
        """The best candidate and everybody's verdict. `excluded` are no candidates at all."""
        if need not in self._fields:
            self._fields[need] = self._field(need)
        found, left_out = self._fields[need], frozenset(excluded)
        full = [name for name, room in found.room.items() if weight > room and name not in left_out]
        passed = left_out.union(full)
        ranked = [r for r in found.ranked if r.manager_id not in passed] if passed else (
            found.ranked.copy())  # fmt: skip
        absent: list[str] = []
        others: list[str] = []
        for name in found.unranked - left_out:
            manager = self.managers[name]
            if manager.absent(at):
                absent.append(name)
            elif weight > _room(manager):
                full.append(name)
            else:
                others.append(name)
        self._handicap(ranked, others, at, policy)
        for name in others:
            insort(ranked, self._rank(name, found, at, policy))
        verdicts = {r: [n for n in names if n not in left_out] for r, names in found.barred.items()}
        verdicts |= {Reason.ABSENT: sorted(absent), Reason.FULL: sorted(full)}
        names = [rank.manager_id for rank in ranked]
        verdicts[Reason.CHOSEN], end = names[:1], len(names)
        best: tuple[object, ...] = ranked[0] if ranked else ()
        for length, reason in enumerate(_LOST_BY, start=1):
            as_good = bisect_right(ranked, best[:length], key=lambda rank: rank[:length])
            verdicts[reason], end = names[as_good:end], as_good
        told = Verdicts({reason: named for reason, named in verdicts.items() if named})
        return Choice(self.managers[names[0]] if names else None, told)

    def _handicap(
        self, ranked: Sequence[_Rank], late: Sequence[str], at: datetime, policy: Policy
    ) -> None:
        """Put whoever joined or came back level with the others' mean, once.

        From there the handicap melts away: such a person gets a fair share at once and closes the
        gap within the ramp. Without it the least loaded would get every account until then.
        """
        since = {name: self.managers[name].available_since(at) for name in late}
        new = [name for name in late if since[name] > self.managers[name].handicap_from]
        if not new:
            return
        # fsum: the sum must not hang on the order, in which they happen to have been ranked.
        able = [*(rank.manager_id for rank in ranked), *late]
        total = fsum(_relative(self.managers[name], policy) for name in able)
        for name in new:
            manager = self.managers[name]
            own = _relative(manager, policy)
            mean = (total - own) / max(1, len(able) - 1)
            behind = max(0.0, mean - own) * (manager.capacity or policy.nominal_capacity)
            self._change(replace(manager, handicap=behind, handicap_from=since[name]))
            self.handicapped.add(name)

    def _rank(self, name: str, found: _Field, at: datetime, policy: Policy) -> _Rank:
        manager = self.managers[name]
        load: float = manager.load
        if manager.handicap:
            melted = (at - manager.handicap_from) / policy.ramp
            load += manager.handicap * min(1.0, max(0.0, 1 - melted))
        relative = load / (manager.capacity or policy.nominal_capacity)
        rank = _Rank(*found.fits[name], relative, manager.last_assigned, name)
        if not (manager.handicap or manager.absences or manager.joined_at > manager.handicap_from):
            found.rank(manager, rank)
        return rank

    def _change(self, manager: Manager) -> None:
        self.managers[manager.id] = manager
        for found in self._fields.values():
            found.forget(manager.id)

    def _field(self, need: Need) -> _Field:
        fits: dict[str, tuple[int, int]] = {}
        barred: dict[Reason, list[str]] = {}
        for manager in self.managers.values():
            if manager.head and not manager.active:
                continue  # a head who manages no accounts is no candidate
            found = fit(manager, need)
            if isinstance(found, Reason):
                barred.setdefault(found, []).append(manager.id)
            else:
                fits[manager.id] = found
        return _Field(fits, barred, set(fits))


def _room(manager: Manager) -> float:
    return inf if manager.capacity is None else manager.capacity - manager.load


def _relative(manager: Manager, policy: Policy) -> float:
    return manager.load / (manager.capacity or policy.nominal_capacity)
