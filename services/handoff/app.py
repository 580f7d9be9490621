"""Composition root of the handoff service: the only module that knows every part."""

from services.handoff import checklist_store
from services.handoff.api import build_router
from services.handoff.checklist_file import BUILT_IN
from services.handoff.commands import Commands
from services.handoff.config import Settings
from services.handoff.handlers import HandoffWork
from services.handoff.moving import Mover
from services.handoff.repository import INDEXES, Repository
from shared.errors import Misconfigured
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

    async def check() -> None:
        if edited := await checklist_store.note(plumbing.database, rules.checklists):
            raise Misconfigured(f"TAHVIL_CHECKLISTS: {settings.checklists or BUILT_IN}: {edited}")

    return Service(
        name="handoff",
        work=lambda: HandoffWork(repository, rules),
        indexes=INDEXES,
        router=build_router(repository, commands, settings.http_password),
        loops=(mover.run,),
        check=check,
    )
