"""What is known of a customer over all handoffs."""

from collections.abc import Iterable

from services.handoff.states import Handoff
from shared.contracts.deals import Contact, Package


def merged(handoffs: Iterable[Handoff]) -> Package | None:
    """What the packages of handoffs tell, as one; None: nothing. The later deal has the last word.

    A contact that is told of again, by the same name, is one contact: what is new is added.
    """
    told = sorted(
        (one for one in handoffs if one.package), key=lambda one: (one.closed_at, one.round, one.id)
    )
    packages = [one.package for one in told if one.package]
    if not packages:
        return None
    contacts: dict[str, Contact] = {}
    for contact in (contact for package in packages for contact in package.contacts):
        name = contact.name.casefold()
        contacts[name] = _both(contacts[name], contact) if name in contacts else contact
    return Package(
        contacts=tuple(contacts.values()),
        needs=_once(need for package in packages for need in package.needs),
        promises=_once(promise for package in packages for promise in package.promises),
        relationship=next((p.relationship for p in reversed(packages) if p.relationship), None),
        language=next((p.language for p in reversed(packages) if p.language), None),
    )


def _both(known: Contact, more: Contact) -> Contact:
    told = {name: value for name, value in more if value}
    return known.model_copy(update=told | {"interests": _once([*known.interests, *more.interests])})


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
