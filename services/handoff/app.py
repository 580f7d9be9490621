"""Composition root of the handoff service: the only module that knows every part."""

from services.handoff.api import build_router
from services.handoff.commands import Commands
from services.handoff.config import Settings
from services.handoff.handlers import HandoffWork
from services.handoff.moving import Mover
from services.handoff.repository import INDEXES, Repository
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    rules = settings.rules()
    repository = Repository(plumbing.database)
    commands = Commands(
        repository=repository, outbox=plumbing.outbox, relay=plumbing.relay, rules=rules
    )
    mover = Mover(
        repository=repository,
        outbox=plumbing.outbox,
        relay=plumbing.relay,
        rules=rules,
        cover_after=settings.cover_after,
    )
    return Service(
        name="handoff",
        work=lambda: HandoffWork(repository, rules),
        indexes=INDEXES,
        router=build_router(repository, commands, settings.http_password),
        loops=(mover.run,),
    )
