"""Who gets an account, and why nobody else does. Pure, so that a past choice can be made again.

Barred is who cannot take the account at all: not an account manager, below the account's tier,
another territory, another language or industry, absent, or full. Of the rest the best is chosen
by, in this order: no more senior than needed, the most specific territory, the least load
relative to capacity, the longest time since the last account, the id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from shared.contracts.values import Money

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Tier(StrEnum):
    """How far an account, or a manager, reaches; in ascending order."""

    REGIONAL = "regional"
    NATIONAL = "national"
    GLOBAL = "global"

    @property
    def rank(self) -> int:
        """0 is the lowest."""
        return list(Tier).index(self)


class Reason(StrEnum):
    """Why a candidate was chosen or not. The values are stored; `WORDS` says them."""

    CHOSEN = "chosen"
    INACTIVE = "inactive"
    TIER = "tier"
    TERRITORY = "territory"
    LANGUAGE = "language"
    INDUSTRY = "industry"
    ABSENT = "absent"
    FULL = "full"
    MORE_SENIOR = "more_senior"
    LESS_SPECIFIC = "less_specific"
    MORE_LOADED = "more_loaded"
    MORE_RECENT = "more_recent"
    LATER_ID = "later_id"


WORDS: Mapping[Reason, str] = MappingProxyType({
    Reason.CHOSEN: "the best of those who can take the account",
    Reason.INACTIVE: "is no account manager now",
    Reason.TIER: "does not serve accounts of this tier",
    Reason.TERRITORY: "has another territory",
    Reason.LANGUAGE: "does not speak the customer's language",
    Reason.INDUSTRY: "does not serve the customer's industry",
    Reason.ABSENT: "is absent",
    Reason.FULL: "has no capacity left for the weight of the account",
    Reason.MORE_SENIOR: "is more senior than the account needs",
    Reason.LESS_SPECIFIC: "has a less specific territory than the one chosen",
    Reason.MORE_LOADED: "has more load, relative to capacity, than the one chosen",
    Reason.MORE_RECENT: "is as loaded, and was given an account more recently",
    Reason.LATER_ID: "is equal in everything; the ids decide",
})  # fmt: skip


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


class Away(NamedTuple):
    """An absence: from, to; no end is until further notice."""

    since: datetime
    until: datetime | None

    def around(self, at: datetime) -> bool:
        """Whether this moment is in it."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """An account manager as assignment sees one. An empty field of skills or places is any."""

    id: str
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    level: Tier | None = None
    """Serves accounts up to this tier; None: of any."""
    capacity: int | None = None
    absences: tuple[Away, ...] = ()
    active: bool = True
    head: bool = False
    """Hears of what no manager can take."""
    joined_at: datetime = LONG_AGO
    load: int = 0
    """Weights of the accounts managed now, added up."""
    last_assigned: datetime = LONG_AGO
    handicap: float = 0.0
    """Load that is reckoned on top after joining or coming back; it melts away over the ramp."""
    handicap_from: datetime = LONG_AGO

    def absent(self, at: datetime) -> bool:
        """Whether away at this moment."""
        return any(away.around(at) for away in self.absences)

    def serves(self, tier: Tier) -> bool:
        """Whether accounts of this tier are this one's."""
        return self.level is None or self.level.rank >= tier.rank

    def absence(self, at: datetime) -> Away | None:
        """The whole time away around this moment: absences that touch are one."""
        whole: list[Away] = []
        for one in sorted(self.absences, key=lambda away: away.since):
            if whole and (whole[-1].until is None or one.since <= whole[-1].until):
                since, end = whole[-1]
                later = None if end is None or one.until is None else max(end, one.until)
                whole[-1] = Away(since, later)
            else:
                whole.append(one)
        return next((one for one in whole if one.around(at)), None)

    def available_since(self, at: datetime) -> datetime:
        """When this person joined or last came back."""
        returns = [a.until for a in self.absences if a.until and a.until <= at]
        return max([self.joined_at, *returns])


@dataclass(frozen=True, slots=True)
class Need:
    """What an account asks of its manager. Unknown is None and bars nobody."""

    tier: Tier = Tier.REGIONAL
    city: str | None = None
    region: str | None = None
    country: str | None = None
    language: str | None = None
    industry: str | None = None


class Verdict(NamedTuple):
    """What became of one candidate."""

    manager_id: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome. Every candidate has one verdict."""

    manager: Manager | None
    verdicts: tuple[Verdict, ...]

    @property
    def why(self) -> str:
        """In a sentence; for nobody: what bars most of them."""
        if self.manager:
            beaten = [reason for _, reason in self.verdicts if reason != Reason.CHOSEN]
            if not beaten:
                return "the only account manager"
            if all(reason in _BARS for reason in beaten):
                return "the only one who can take the account"
            return _WON_BY[min((r for r in beaten if r not in _BARS), key=_ORDER.index)]
        if not self.verdicts:
            return "the directory has no account manager"
        counts: dict[Reason, int] = {}
        for _, reason in self.verdicts:
            counts[reason] = counts.get(reason, 0) + 1
        told = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return "nobody can take the account: " + "; ".join(
            f"{count} {WORDS[reason]}" for reason, count in told
        )


_BARS = frozenset({Reason.INACTIVE, Reason.TIER, Reason.TERRITORY, Reason.LANGUAGE,
                   Reason.INDUSTRY, Reason.ABSENT, Reason.FULL})  # fmt: skip
_ORDER = (Reason.MORE_LOADED, Reason.MORE_RECENT, Reason.LATER_ID, Reason.LESS_SPECIFIC,
          Reason.MORE_SENIOR)  # fmt: skip
_WON_BY = {
    Reason.MORE_SENIOR: "the least senior who serves the tier",
    Reason.LESS_SPECIFIC: "the most specific territory",
    Reason.MORE_LOADED: "least loaded of those who can take the account",
    Reason.MORE_RECENT: "as loaded as others, and waits longest",
    Reason.LATER_ID: "equal to others; the ids decide",
}


class _Fit(NamedTuple):
    """What of a candidate does not change from one deal to the next."""

    manager_id: str
    excess: int
    """Tiers above what is needed."""
    specificity: int


@dataclass(slots=True)
class Pool:
    """The managers of one batch. Remembers who fits which need, which most accounts share."""

    managers: dict[str, Manager] = field(default_factory=dict)
    handicapped: set[str] = field(default_factory=set)
    """Managers whose handicap was set here."""
    _known: dict[Need, tuple[list[_Fit], list[Verdict]]] = field(default_factory=dict)

    def could_take(self, manager_id: str, need: Need) -> bool:
        """Whether this one may be chosen for such accounts at all, capacity and absence aside."""
        manager = self.managers.get(manager_id)
        return manager is not None and not isinstance(_fit(manager, need), Reason)

    def keep(self, manager: Manager) -> None:
        """Take over what the directory says of a manager."""
        self.managers[manager.id] = manager
        self._known.clear()

    @property
    def head(self) -> str | None:
        """Who hears of what no manager can take."""
        return min((m.id for m in self.managers.values() if m.head), default=None)

    def give(self, manager_id: str, weight: int, at: datetime | None = None) -> Manager:
        """Add an account's weight to a load, or take it away; `at`: it is a new account."""
        manager = self.managers[manager_id]
        changed = replace(
            manager, load=manager.load + weight, last_assigned=at or manager.last_assigned
        )
        self.managers[manager_id] = changed
        return changed

    def choose(
        self,
        need: Need,
        weight: int,
        at: datetime,
        policy: Policy,
        *,
        excluded: Iterable[str] = (),
    ) -> Choice:
        """The best candidate and everybody's verdict. `excluded` are no candidates at all."""
        if need not in self._known:
            self._known[need] = self._fitting(need)
        fits, verdicts = self._known[need]
        left_out = frozenset(excluded)
        verdicts = [v for v in verdicts if v.manager_id not in left_out]
        able: list[tuple[_Fit, Manager]] = []
        for fit in fits:
            manager = self.managers[fit.manager_id]
            if manager.id in left_out:
                continue
            if manager.absences and manager.absent(at):
                verdicts.append(Verdict(manager.id, Reason.ABSENT))
            elif manager.capacity is not None and manager.load + weight > manager.capacity:
                verdicts.append(Verdict(manager.id, Reason.FULL))
            else:
                able.append((fit, manager))
        if not able:
            return Choice(None, tuple(verdicts))
        self._handicap(able, at, policy)
        ranked = sorted(self._rank(fit, at, policy) for fit, _ in able)
        best, *others = ranked
        verdicts.append(Verdict(best.manager_id, Reason.CHOSEN))
        verdicts += [Verdict(other.manager_id, best.beats(other)) for other in others]
        return Choice(self.managers[best.manager_id], tuple(verdicts))

    def _handicap(self, able: list[tuple[_Fit, Manager]], at: datetime, policy: Policy) -> None:
        """Put whoever joined or came back level with the others' mean, once.

        From there the handicap melts away: such a person gets a fair share at once and closes the
        gap within the ramp. Without it the least loaded would get every account until then.
        """
        total = sum(_relative(manager, policy) for _, manager in able)
        for _, manager in able:
            if manager.joined_at <= manager.handicap_from and not manager.absences:
                continue
            if (since := manager.available_since(at)) > manager.handicap_from:
                own = _relative(manager, policy)
                mean = (total - own) / max(1, len(able) - 1)
                behind = max(0.0, mean - own) * (manager.capacity or policy.nominal_capacity)
                self.managers[manager.id] = replace(manager, handicap=behind, handicap_from=since)
                self.handicapped.add(manager.id)

    def _rank(self, fit: _Fit, at: datetime, policy: Policy) -> "_Rank":
        manager = self.managers[fit.manager_id]
        load: float = manager.load
        if manager.handicap:
            melted = (at - manager.handicap_from) / policy.ramp
            load += manager.handicap * min(1.0, max(0.0, 1 - melted))
        relative = load / (manager.capacity or policy.nominal_capacity)
        return _Rank(fit.excess, -fit.specificity, relative, manager.last_assigned, manager.id)

    def _fitting(self, need: Need) -> tuple[list[_Fit], list[Verdict]]:
        fits: list[_Fit] = []
        verdicts: list[Verdict] = []
        for manager in self.managers.values():
            if manager.head and not manager.active:
                continue  # a head who manages no accounts is no candidate
            found = _fit(manager, need)
            if isinstance(found, Reason):
                verdicts.append(Verdict(manager.id, found))
            else:
                fits.append(found)
        return fits, verdicts


class _Rank(NamedTuple):
    """Sorts the better first."""

    excess: int
    unspecific: int
    load: float
    last_assigned: datetime
    manager_id: str

    def beats(self, other: "_Rank") -> Reason:
        """Why the other lost against this one."""
        reasons = (Reason.MORE_SENIOR, Reason.LESS_SPECIFIC, Reason.MORE_LOADED,
                   Reason.MORE_RECENT, Reason.LATER_ID)  # fmt: skip
        return next(
            reason
            for reason, mine, theirs in zip(reasons, self, other, strict=True)
            if mine != theirs
        )


def _relative(manager: Manager, policy: Policy) -> float:
    return manager.load / (manager.capacity or policy.nominal_capacity)


def _fit(manager: Manager, need: Need) -> _Fit | Reason:
    if not manager.active:
        return Reason.INACTIVE
    excess = 0
    if manager.level is not None:
        excess = manager.level.rank - need.tier.rank
        if excess < 0:
            return Reason.TIER
    specificity = _specificity(manager, need)
    if specificity is None:
        return Reason.TERRITORY
    if need.language and manager.speaks and not _names(need.language, manager.speaks):
        return Reason.LANGUAGE
    if need.industry and manager.industries and not _names(need.industry, manager.industries):
        return Reason.INDUSTRY
    return _Fit(manager.id, excess, specificity)


def _specificity(manager: Manager, need: Need) -> int | None:
    """3 the city, 2 the region, 1 the country, 0 anywhere; None: elsewhere.

    A customer of whom no place is known is everybody's.
    """
    levels = (
        (need.city, manager.cities, 3),
        (need.region, manager.regions, 2),
        (need.country, manager.countries, 1),
    )
    for place, places, level in levels:
        if place and places and _names(place, places):
            return level
    bound = any(places for _, places, _ in levels)
    known = any(place for place, _, _ in levels)
    return None if bound and known else 0


def _names(one: str, many: Iterable[str]) -> bool:
    wanted = one.casefold()
    return any(wanted == name.casefold() for name in many)
