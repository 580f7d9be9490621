"""Composition root of the reminders service: the only module that knows every part."""

from services.reminders.config import Settings
from services.reminders.delivery import Delivery
from services.reminders.handlers import RemindersWork
from services.reminders.repository import INDEXES, Repository
from services.reminders.timers import Timers
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    repository = Repository(plumbing.database)
    timers = Timers(
        repository=repository,
        outbox=plumbing.outbox,
        relay=plumbing.relay,
        stale_after=settings.stale_after,
    )
    delivery = Delivery(
        settings=settings,
        repository=repository,
        outbox=plumbing.outbox,
        relay=plumbing.relay,
    )
    return Service(
        name="reminders",
        work=lambda: RemindersWork(repository, settings.remind_before),
        indexes=INDEXES,
        loops=(timers.run, delivery.run),
    )
