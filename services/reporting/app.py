"""Composition root of the reporting service: the only module that knows every part."""

from services.reporting.api import build_router
from services.reporting.config import Settings
from services.reporting.domain import defined
from services.reporting.figures.catalogue import FIGURES
from services.reporting.generations import Generations
from services.reporting.handlers import ReportingWork
from services.reporting.reading import Reading
from services.reporting.repository import INDEXES, Repository
from shared.clock import utc_now
from shared.runtime import Plumbing, Service


def build(plumbing: Plumbing[Settings]) -> Service:
    """Put the service together."""
    settings = plumbing.settings
    repository = Repository(plumbing.database)
    world = settings.world()
    generations = Generations(plumbing.database, defined(FIGURES.values(), world))
    reading = Reading(repository, world, utc_now, rates=settings.table(), selling=settings.selling)
    return Service(
        name="reporting",
        work=lambda: ReportingWork(repository, world, generations.live),
        indexes=INDEXES,
        check=generations.begin,
        router=build_router(reading, settings.http_password),
    )
