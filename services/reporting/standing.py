"""How a customer stands: whose it is and was, of which tier, where, in which industry."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.reporting.facts import FIRST, Fact

NONE = "-"

Entry = tuple[int, str]
"""From when on, in microseconds since 1970, and what."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer, now and at any time before. `-` where nothing is known."""

    managers: tuple[Entry, ...] = ()
    """By time, each another one than the one before."""
    tiers: tuple[Entry, ...] = ()
    name: str = NONE
    industry: str = NONE
    country: str = NONE
    region: str = NONE
    city: str = NONE

    def manager_at(self, at: int) -> str:
        """Whose it was. What came before the first manager is the first one's: it led to that."""
        return _at(self.managers, at) or (self.managers[0][1] if self.managers else NONE)

    def tier_at(self, at: int) -> str:
        """Of which tier it was; regional until said otherwise, as handoff has it."""
        return _at(self.tiers, at) or "regional"

    @property
    def manager(self) -> str:
        """Whose it is."""
        return self.managers[-1][1] if self.managers else NONE

    @property
    def tier(self) -> str:
        """Of which tier it is."""
        return self.tiers[-1][1] if self.tiers else "regional"


UNKNOWN = Standing()


def standing(account: Fact | None) -> Standing:
    """How an account stands, by what is known of it."""
    if account is None:
        return UNKNOWN
    managers, tiers = _Line(), _Line()
    for name, value in account.values.items():
        if name.startswith(("manager:", f"{FIRST}manager:")):
            managers.add(value, account.stamps[name])
        elif name.startswith("tier:"):
            tiers.add(value, account.stamps[name])
    places = {
        name: account.values[name]
        for name in ("name", "industry", "country", "region", "city")
        if name in account.values
    }
    return Standing(managers.entries(), tiers.entries(), **places)


@dataclass(slots=True)
class _Line:
    """Entries as they come, with the stamps that order those of one time."""

    found: list[tuple[int, tuple[object, ...], str]] = field(default_factory=list)

    def add(self, value: Sequence[object], stamp: tuple[object, ...]) -> None:
        self.found.append((int(str(value[0])), stamp, str(value[1])))

    def entries(self) -> tuple[Entry, ...]:
        kept: list[Entry] = []
        for at, _, what in sorted(self.found):
            if not kept or kept[-1][1] != what:
                kept.append((at, what))
        return tuple(kept)


def _at(entries: Sequence[Entry], at: int) -> str | None:
    found = None
    for since, what in entries:
        if since > at:
            break
        found = what
    return found
