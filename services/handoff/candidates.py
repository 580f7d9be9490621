"""Account managers as assignment sees them, and whom an account asks for. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from services.handoff.verdicts import Reason

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Tier(StrEnum):
    """How far an account, or a manager, reaches; in ascending order."""

    REGIONAL = "regional"
    NATIONAL = "national"
    GLOBAL = "global"

    @property
    def rank(self) -> int:
        """0 is the lowest."""
        return ("regional", "national", "global").index(self)


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


def fit(manager: Manager, need: Need) -> tuple[int, int] | Reason:
    """Excess of tier, and specificity of territory negated; or what bars one, time aside."""
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
    return excess, -specificity


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
