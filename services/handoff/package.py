"""What is told of a deal and its customer: how much of it, and how more is added."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from services.handoff.candidates import Tier
from services.handoff.rules import COUNTED, Rules
from services.handoff.states import Account, Handoff
from shared.contracts.deals import DealClosed, Package
from shared.contracts.event import EventData
from shared.contracts.handoffs import HandoffPackageAdded

T = TypeVar("T")


def completeness(deal: DealClosed, tier: Tier, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """How much of what the account manager should know is told, 0-100, and what is missing."""
    told = {"amount": deal.amount, "products": deal.products}
    return score({**told, **package_told(deal.package)}, tier, rules)


def package_told(package: Package | None) -> Mapping[str, object]:
    """The parts of a package that count, and what is told of each."""
    return {
        "package.contacts": package and package.contacts,
        "package.needs": package and package.needs,
        "package.promises": package and package.promises,
        "package.relationship": package and package.relationship,
    }


def score(told: Mapping[str, object], tier: Tier, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """Percentage told of what an account of this tier requires, and the names of the rest."""
    required = rules.required.get(tier, COUNTED)
    missing = tuple(name for name in required if not told[name])
    return round(100 * (1 - len(missing) / len(required))) if required else 100, missing


def complete(
    handoff: Handoff,
    account: Account,
    at: datetime,
    rules: Rules,
    *,
    products: Iterable[str] | None = None,
) -> tuple[Handoff, tuple[EventData, ...]]:
    """Reckon anew how much is told, after the CRM has told more."""
    if handoff.kind == "transfer":
        return handoff, ()
    parts = {name: name not in handoff.missing for name in ("amount", "products")}
    parts["amount"] |= handoff.amount is not None
    parts["products"] |= bool(products)
    percent, missing = score({**parts, **package_told(handoff.package)}, account.tier, rules)
    if (percent, missing) == (handoff.completeness, handoff.missing):
        return handoff, ()
    told = HandoffPackageAdded(
        handoff_id=handoff.id,
        account_id=handoff.account_id,
        completeness=percent,
        missing=missing,
        added_at=at,
        by=handoff.salesperson_id,
    )
    return replace(handoff, completeness=percent, missing=missing), (told,)


def merged(known: Package | None, more: Package | None) -> Package | None:
    """Both together: lists grow, single words are replaced."""
    if known is None or more is None:
        return known or more
    return Package(
        contacts=_union(known.contacts, more.contacts),
        needs=_union(known.needs, more.needs),
        promises=_union(known.promises, more.promises),
        relationship=more.relationship or known.relationship,
        language=more.language or known.language,
    )


def _union(known: tuple[T, ...], more: tuple[T, ...]) -> tuple[T, ...]:
    return (*known, *(one for one in more if one not in known))
