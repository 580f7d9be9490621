"""How far an account reaches: regional, national or global, judged over its whole group.

A group is a parent and its subsidiaries; all of it has one tier. An account goes up as soon as a
threshold is reached, and down only when clearly below it, so that it does not go to and fro.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from services.handoff.candidates import Tier
from services.handoff.rules import TierRules
from services.handoff.states import Account


@dataclass(frozen=True, slots=True)
class Facts:
    """What one account adds to its group."""

    won: Mapping[str, Decimal] = field(default_factory=dict)
    country: str | None = None
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A parent and its subsidiaries. `id` is the parent's."""

    id: str
    members: Mapping[str, Facts] = field(default_factory=dict)
    tier: Tier = Tier.REGIONAL
    reason: str = ""
    moving: bool = False
    """The tier has changed, and not all members have been told."""


def judge(account: Account, group: Group | None, rules: TierRules) -> tuple[Account, Group | None]:
    """Take over what is new of an account, and say which tier it should have.

    The account gets it later, in a transaction of its own, and so do the others of the group:
    it may change hands.
    """
    facts = Facts(account.won, account.country, account.key)
    if group is None:
        tier, reason = tier_of({account.id: facts}, account.tier, rules)
        return _wanting(account, tier, reason), None
    members = {**group.members, account.id: facts}
    tier, reason = tier_of(members, group.tier, rules)
    if tier == group.tier:
        group = replace(group, members=members)
    else:
        group = replace(group, members=members, tier=tier, reason=reason, moving=True)
    return _wanting(account, group.tier, group.reason or reason), group


def left(group: Group, account_id: str, rules: TierRules) -> Group:
    """The group without an account that has another parent now."""
    members = {name: facts for name, facts in group.members.items() if name != account_id}
    tier, reason = tier_of(members, group.tier, rules)
    if tier == group.tier:
        return replace(group, members=members)
    return replace(group, members=members, tier=tier, reason=reason, moving=True)


def tier_of(members: Mapping[str, Facts], present: Tier, rules: TierRules) -> tuple[Tier, str]:
    """The highest tier that is reached, and by what."""
    for tier in (Tier.GLOBAL, Tier.NATIONAL):
        margin = rules.keep if present.rank >= tier.rank else Decimal(1)
        if reason := _reaches(members, tier, margin, rules):
            return tier, reason
    return Tier.REGIONAL, "below every threshold"


def _reaches(
    members: Mapping[str, Facts], tier: Tier, margin: Decimal, rules: TierRules
) -> str | None:
    if rules.key == tier and any(facts.key for facts in members.values()):
        return "a key account"
    if needed := rules.won.get(tier):
        zero = Decimal(0)
        won = sum((facts.won.get(needed.currency, zero) for facts in members.values()), zero)
        if won >= needed.value * margin:
            return f"won value of {needed.value} {needed.currency}"
    if at_least := rules.countries.get(tier):
        countries = {facts.country.casefold() for facts in members.values() if facts.country}
        # A whole number of countries has no margin worth the name: one less than needed.
        if len(countries) >= at_least - (1 if margin < 1 and at_least > 2 else 0):
            return f"{at_least} countries"
    return None


def _wanting(account: Account, tier: Tier, reason: str) -> Account:
    if tier == account.tier:
        return replace(account, tier_wanted=None) if account.tier_wanted else account
    return replace(account, tier_wanted=tier, tier_reason=reason)
