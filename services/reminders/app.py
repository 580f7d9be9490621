"""Composition root of the reminders service: the only module that knows every part."""

from services.reminders.config import Settings
from services.reminders.delivery import Delivery
from services.reminders.handlers import RemindersWork
from services.reminders.recalculation import Recalculation
from services.reminders.repository import INDEXES, Repository
from services.reminders.timers import Timers
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    repository = Repository(plumbing.database)
    world = settings.world()
    timers = Timers(
        repository=repository,
        outbox=plumbing.outbox,
        relay=plumbing.relay,
        world=world,
        registry=plumbing.metrics.registry,
    )
    recalculation = Recalculation(
        repository=repository, outbox=plumbing.outbox, relay=plumbing.relay, world=world
    )
    delivery = Delivery(
        settings=settings,
        repository=repository,
        outbox=plumbing.outbox,
        relay=plumbing.relay,
    )
    return Service(
        name="reminders",
        work=lambda: RemindersWork(repository, world),
        indexes=INDEXES,
        loops=(timers.run, recalculation.run, delivery.run),
    )
