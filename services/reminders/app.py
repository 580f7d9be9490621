"""Composition root of the reminders service: the only module that knows every part."""

from prometheus_client import Counter

from services.reminders import alarms
from services.reminders.addresses import Addresses
from services.reminders.auditor import Auditor
from services.reminders.commands import Commands
from services.reminders.config import Settings
from services.reminders.delivery.build import channels
from services.reminders.delivery.loop import Delivery
from services.reminders.erasing import ERASING
from services.reminders.handlers import RemindersWork
from services.reminders.leases import Leases
from services.reminders.outgoing import Outgoing, kept
from services.reminders.pages.desk import Desk
from services.reminders.pages.gate import Gate
from services.reminders.pages.routes import House, build_router
from services.reminders.reading import Reading
from services.reminders.recalculation import Recalculation
from services.reminders.repository import INDEXES, Repository
from services.reminders.sending import Limits
from services.reminders.timers import Timers
from shared.clients import Limit
from shared.clock import utc_now
from shared.errors import Misconfigured
from shared.pages.rendering import Pages
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    if settings.messages_kept < settings.link_life:
        raise Misconfigured(
            "TAHVIL_MESSAGES_KEPT is shorter than TAHVIL_LINK_LIFE: messages would be gone that "
            "can still be acted from"
        )
    repository = Repository(plumbing.database)
    world = settings.world()
    timers = Timers(
        repository=repository,
        leases=Leases(plumbing.database, settings.timer_lease),
        outbox=plumbing.outbox,
        relay=plumbing.relay,
        world=world,
        registry=plumbing.metrics.registry,
    )
    recalculation = Recalculation(
        repository=repository, outbox=plumbing.outbox, relay=plumbing.relay, world=world
    )
    auditor = Auditor(
        repository=repository,
        channels=alarms.channels(settings),
        margin=settings.alarm_margin,
        registry=plumbing.metrics.registry,
    )
    deliveries = Counter(
        "tahvil_deliveries",
        "Messages by channel and what became of them; - where no channel was tried",
        ["channel", "outcome"],
        registry=plumbing.metrics.registry,
    )
    outgoing = Outgoing(plumbing.database)
    delivery = Delivery(
        outgoing=outgoing,
        senders=channels(settings),
        outbox=plumbing.outbox,
        relay=plumbing.relay,
        limits=Limits(
            per_hour=settings.messages_per_hour,
            patience=settings.patience,
            patience_important=settings.patience_important,
        ),
        count=lambda channel, outcome: deliveries.labels(channel, outcome).inc(),
    )
    house = House(
        desk=Desk(
            Pages("services.reminders.pages"),
            Gate(
                any_link=Limit(settings.link_rate_client, utc_now),
                wrong_link=Limit(settings.link_rate_wrong, utc_now),
                proxies=settings.proxy_addresses,
            ),
        ),
        reading=Reading(repository, outgoing, world),
        commands=Commands(
            repository=repository, outbox=plumbing.outbox, relay=plumbing.relay, world=world
        ),
        addresses=Addresses(plumbing.database),
        links=settings.links(),
    )
    return Service(
        name="reminders",
        work=lambda: RemindersWork(repository, world, timers.heard),
        indexes={
            **INDEXES,
            "reminders": [*INDEXES["reminders"], kept(settings.messages_kept)],
        },
        router=build_router(house),
        erasing=ERASING,
        loops=(timers.run, recalculation.run, auditor.run, delivery.run),
    )
