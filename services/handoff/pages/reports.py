"""The way to the reports: whoever is signed in here is told to reporting by a pass."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from services.handoff.pages.desk import Desk
from services.handoff.rights import Viewer
from services.handoff.sessions import Sessions
from shared.passes import Bearer, Passes, local


def build_router(desk: Desk, sessions: Sessions, passes: Passes, reporting: str) -> APIRouter:
    """`/reports?next=…`: `next` is a path of reporting's.

    A page that leads on, not a redirect: whoever has just signed in comes from a form, and the
    policy of our pages lets no form end at another address.
    """
    router = APIRouter(route_class=desk.route_class(), include_in_schema=False)

    @router.get("/reports", dependencies=[Depends(sessions.person)])
    async def reports(
        request: Request,
        viewer: Annotated[Viewer, Depends(sessions.viewer)],
        next: str = "/pages",  # noqa: A002 - as in the address
    ) -> Response:
        frame = desk.frame(request, viewer, here="reports")
        assert viewer.person  # noqa: S101 - pages are for people
        signed = passes.write(Bearer(viewer.person.id, viewer.person.language), desk.now())
        path = quote(local(next), safe="/")
        address = f"{reporting.rstrip('/')}/enter?pass={signed}&next={path}"
        return desk.response("reports.html", frame, address=address)

    return router
