"""Composition root of the handoff service: the only module that knows every part."""

from services.handoff.config import Settings
from services.handoff.handlers import HandoffWork
from services.handoff.repository import INDEXES, Repository
from shared.contracts.topics import Topic
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    repository = Repository(plumbing.database)
    return Service(
        name="handoff",
        reads=(Topic.DEALS, Topic.ACCOUNTS, Topic.DIRECTORY),
        publishes=(Topic.HANDOFFS, Topic.DEADLINES),
        work=lambda: HandoffWork(repository),
        indexes=INDEXES,
    )
