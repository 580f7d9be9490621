"""What is told of a deal and its customer: how much of it, and how more is added."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from services.handoff.candidates import Tier
from services.handoff.rules import COUNTED, Rules
from services.handoff.states import Account, Handoff
from shared.contracts.deals import Contact, DealClosed, Package
from shared.contracts.event import EventData
from shared.contracts.handoffs import HandoffPackageAdded


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


def merged(*packages: Package | None) -> Package | None:
    """All together; None: nothing is told. Lists grow, of single words the last counts.

    A contact that is told of again, by the same name, is one contact: what is new is added.
    """
    told = [package for package in packages if package]
    if not told:
        return None
    contacts: dict[str, Contact] = {}
    for contact in (contact for package in told for contact in package.contacts):
        name = contact.name.casefold()
        contacts[name] = _both(contacts[name], contact) if name in contacts else contact
    return Package(
        contacts=tuple(contacts.values()),
        needs=_once(need for package in told for need in package.needs),
        promises=_once(promise for package in told for promise in package.promises),
        relationship=next((one.relationship for one in reversed(told) if one.relationship), None),
        language=next((one.language for one in reversed(told) if one.language), None),
    )


def _both(known: Contact, more: Contact) -> Contact:
    told = {name: value for name, value in more if value}
    return known.model_copy(update=told | {"interests": _once([*known.interests, *more.interests])})


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
