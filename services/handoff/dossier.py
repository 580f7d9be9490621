"""What is known of a customer over all handoffs."""

from collections.abc import Iterable

from services.handoff import package
from services.handoff.states import Handoff
from shared.contracts.deals import Package


def merged(handoffs: Iterable[Handoff]) -> Package | None:
    """What the packages of handoffs tell, as one. The later deal has the last word."""
    told = sorted(handoffs, key=lambda one: (one.closed_at, one.round, one.id))
    return package.merged(*(one.package for one in told))
