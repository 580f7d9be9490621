"""The way to the reports: whoever is signed in here is told to reporting by a pass."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response, status
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from services.handoff.people import Person
from services.handoff.sessions import Sessions
from shared.passes import Bearer, Passes, local


def build_router(
    sessions: Sessions,
    passes: Passes,
    reporting: str,
    now: Callable[[], datetime],
    *,
    route_class: type[APIRoute],
) -> APIRouter:
    """`/reports?next=…`: `next` is a path of reporting's."""
    router = APIRouter(route_class=route_class, include_in_schema=False)

    @router.get("/reports")
    async def reports(
        person: Annotated[Person, Depends(sessions.person)],
        next: str = "/pages",  # noqa: A002 - as in the address
    ) -> Response:
        signed = passes.write(Bearer(person.id, person.language), now())
        path = quote(local(next), safe="/")
        address = f"{reporting.rstrip('/')}/enter?pass={signed}&next={path}"
        return RedirectResponse(address, status.HTTP_303_SEE_OTHER)

    return router
