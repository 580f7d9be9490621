"""Composition root of the handoff service: the only module that knows every part."""

from services.handoff.config import Settings
from services.handoff.handlers import HandoffWork
from services.handoff.repository import INDEXES, Repository
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    repository = Repository(plumbing.database)
    return Service(
        name="handoff",
        work=lambda: HandoffWork(repository),
        indexes=INDEXES,
    )
