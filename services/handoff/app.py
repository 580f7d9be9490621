"""Composition root of the handoff service: the only module that knows every part."""

from fastapi import APIRouter

from services.handoff.api import build_router
from services.handoff.commands import Commands
from services.handoff.config import Settings
from services.handoff.handlers import HandoffWork
from services.handoff.intake import door
from services.handoff.intake.batches import Batches
from services.handoff.intake.door import Counters, Door
from services.handoff.moving import Mover
from services.handoff.repository import INDEXES, Repository
from shared.clock import utc_now
from shared.kafka import KafkaPublisher
from shared.runtime import Loop, Plumbing, Service


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
    router = APIRouter()
    router.include_router(build_router(repository, commands, settings.http_password))
    loops: list[Loop] = [mover.run]
    if known := settings.sources():
        batches = Batches(KafkaPublisher(settings, "handoff-intake"))
        counters = Counters(plumbing.metrics.registry)
        taking = Door(sources=known, batches=batches, now=utc_now, counters=counters)
        router.include_router(door.build_router(taking))
        loops.append(batches.run)
    return Service(
        name="handoff",
        work=lambda: HandoffWork(repository, rules),
        indexes=INDEXES,
        router=router,
        loops=loops,
    )
