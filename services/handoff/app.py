"""Composition root of the handoff service: the only module that knows every part."""

from fastapi import APIRouter

from services.handoff import api, directory, links, login, sessions
from services.handoff.commands import Commands
from services.handoff.config import Settings
from services.handoff.directory import Directory
from services.handoff.handlers import HandoffWork
from services.handoff.links import Links
from services.handoff.moving import Mover
from services.handoff.pages import routes
from services.handoff.pages.desk import Desk
from services.handoff.pages.rendering import Pages
from services.handoff.reading import Reading
from services.handoff.repository import INDEXES, Repository
from services.handoff.sessions import Renewal, Sessions
from shared.clock import utc_now
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    rules = settings.rules()
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
    reading = Reading(repository, people)
    desk = Desk(Pages(), doors, utc_now)
    router.include_router(api.build_router(reading, commands, doors))
    router.include_router(
        login.build_router(
            doors, mailed, settings, utc_now, page=desk.sign_in, route_class=desk.route_class()
        )
    )
    router.include_router(routes.build_router(desk, reading, commands, doors))
    return Service(
        name="handoff",
        work=lambda: HandoffWork(repository, rules),
        indexes={**INDEXES, **directory.INDEXES, **links.INDEXES, **sessions.INDEXES},
        router=router,
        middleware=(Renewal,),
        loops=(mover.run, mailed.run),
    )
