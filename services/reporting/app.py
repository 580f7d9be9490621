"""Composition root of the reporting service: the only module that knows every part."""

from fastapi import APIRouter
from prometheus_client import Counter

from services.reporting import api
from services.reporting import notices as noticed
from services.reporting.answers import Answers
from services.reporting.config import Settings
from services.reporting.domain import defined
from services.reporting.doors import Doors
from services.reporting.erasing import ERASING
from services.reporting.figures.catalogue import FIGURES
from services.reporting.generations import Generations
from services.reporting.handlers import ReportingWork
from services.reporting.live import Live
from services.reporting.notices import Notices
from services.reporting.pages import routes
from services.reporting.pages.desk import Desk
from services.reporting.pages.routes import House
from services.reporting.reading import Reading
from services.reporting.replay import uncounted
from services.reporting.repository import INDEXES, Repository
from services.reporting.telling import Telling
from shared.clock import utc_now
from shared.pages.rendering import Pages
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    repository = Repository(plumbing.database)
    world = settings.world()
    generations = Generations(plumbing.database, defined(FIGURES.values(), world))
    reading = Reading(repository, world, utc_now, rates=settings.table(), selling=settings.selling)
    answers = Answers(reading, repository)
    doors = Doors(
        answers=answers,
        keys=settings.keys,
        password=settings.http_password.get_secret_value(),
        handoff=str(settings.handoff_url),
        secure=settings.reporting_url.scheme == "https",
        now=utc_now,
    )
    pages = Pages("services.reporting.pages", scripts=True)
    live = Live(answers.position)
    notices = Notices(plumbing.database)
    told = Counter(
        "tahvil_notices", "Digests and alerts by kind", ["kind"], registry=plumbing.metrics.registry
    )

    async def behind() -> int:
        return await uncounted(settings, await generations.applied())

    telling = Telling(
        notices=notices,
        reading=reading,
        answers=answers,
        pages=pages,
        outbox=plumbing.outbox,
        relay=plumbing.relay,
        calendars=settings.staff_calendars(),
        rhythms=settings.rhythms,
        limits=settings.limits(),
        address=str(settings.reporting_url),
        behind=behind,
        most_behind=settings.batch_records,
        count=lambda kind: told.labels(kind).inc(),
    )
    house = House(
        desk=Desk(pages, doors.handoff, settings.time_zone, utc_now),
        doors=doors,
        answers=answers,
        live=live,
    )
    router = APIRouter()
    router.include_router(api.build_router(answers, doors.viewer, pages.said))
    router.include_router(routes.build_router(house))
    return Service(
        name="reporting",
        work=lambda: ReportingWork(repository, world, generations.live, notices.mark),
        indexes={**INDEXES, **noticed.INDEXES},
        router=router,
        loops=(live.run, telling.run),
        erasing=ERASING,
        check=generations.begin,
    )
