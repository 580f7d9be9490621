"""Composition root of the handoff service: the only module that knows every part."""

from fastapi import APIRouter

from services.handoff import api, checklist_store, directory, links, login, sessions
from services.handoff.checklist_file import BUILT_IN
from services.handoff.commands import Commands
from services.handoff.config import Settings
from services.handoff.directory import Directory
from services.handoff.erasing import ERASING
from services.handoff.handlers import HandoffWork
from services.handoff.intake import door
from services.handoff.intake.batches import Batches
from services.handoff.intake.door import Counters, Door
from services.handoff.links import Links
from services.handoff.moving import Mover
from services.handoff.pages import reports, routes
from services.handoff.pages.desk import Desk
from services.handoff.reading import Reading
from services.handoff.repository import INDEXES, Repository
from services.handoff.sessions import Renewal, Sessions
from shared.clock import utc_now
from shared.errors import Misconfigured
from shared.kafka import KafkaPublisher
from shared.pages.rendering import Pages
from shared.passes import Passes
from shared.runtime import Loop, Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    rules = settings.rules(str(settings.handoff_url))
    repository = Repository(plumbing.database)
    people = Directory(plumbing.database)
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
    doors = Sessions(
        database=plumbing.database,
        directory=people,
        settings=settings,
        password=settings.http_password.get_secret_value(),
        now=utc_now,
    )
    mailed = Links(database=plumbing.database, directory=people, settings=settings)
    router = APIRouter()
    loops: list[Loop] = [mover.run, mailed.run]
    if known := settings.sources():  # before the others: each route before it costs a webhook 4 us
        batches = Batches(KafkaPublisher(settings, "handoff-intake"))
        counters = Counters(plumbing.metrics.registry)
        taking = Door(sources=known, batches=batches, now=utc_now, counters=counters)
        router.include_router(door.build_router(taking))
        loops.append(batches.run)
    reading = Reading(repository, people)
    desk = Desk(Pages("services.handoff.pages"), doors, utc_now)
    router.include_router(api.build_router(reading, commands, doors))
    router.include_router(
        login.build_router(
            doors, mailed, settings, utc_now, page=desk.sign_in, route_class=desk.route_class()
        )
    )
    router.include_router(routes.build_router(desk, reading, commands, doors))
    router.include_router(
        reports.build_router(
            desk, doors, Passes(settings.keys, "reporting"), str(settings.reporting_url)
        )
    )

    async def check() -> None:
        if edited := await checklist_store.note(plumbing.database, rules.checklists):
            raise Misconfigured(f"TAHVIL_CHECKLISTS: {settings.checklists or BUILT_IN}: {edited}")

    return Service(
        name="handoff",
        work=lambda: HandoffWork(repository, rules),
        indexes={**INDEXES, **directory.INDEXES, **links.INDEXES, **sessions.INDEXES},
        router=router,
        middleware=(Renewal,),
        loops=loops,
        erasing=ERASING,
        check=check,
    )
