"""Signing in by a link in a mail, and signing out.

Opening the link shows a button; pressing it signs in: what reads mail for viruses opens links.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from services.handoff.access import AccessSettings
from services.handoff.links import Asked, Links
from services.handoff.sessions import Sessions
from shared.clients import Limit
from shared.contracts.values import Email
from shared.passes import local

Shown = Literal["ask", "sent", "confirm", "over", "out"]


class Page(Protocol):
    """Makes the pages of signing in."""

    def __call__(  # noqa: D102
        self, request: Request, shown: Shown, code: int = status.HTTP_200_OK, **told: str
    ) -> Response: ...


def build_router(
    sessions: Sessions,
    links: Links,
    settings: AccessSettings,
    now: Callable[[], datetime],
    *,
    page: Page,
    route_class: type[APIRoute] = APIRoute,
) -> APIRouter:
    """`/login` and `/logout`: the only routes that are open to everybody."""
    router = APIRouter(route_class=route_class, include_in_schema=False)
    limit = _limit(settings, now)

    @router.get("/login")
    async def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 - as in the address
        """The form that asks for a link."""
        return page(request, "ask", next=local(next))

    @router.post("/login")
    async def asked(
        request: Request,
        email: Annotated[Email, Form()],
        next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - as in the address
    ) -> Response:
        """Send a link. The answer is the same whether anybody has this address or not."""
        sessions.check_origin(request)
        address = email.casefold()
        limit(sessions.client(request), address)
        if not links.ask(Asked(address, local(next))):
            raise HTTPException(
                status.HTTP_503_SERVICE_UNAVAILABLE,
                "too many people sign in: try again in a minute",
            )
        return page(request, "sent", status.HTTP_202_ACCEPTED)

    @router.get("/login/{token}")
    async def confirm(request: Request, token: str) -> Response:
        """A button. Whether the link is good is not even looked up."""
        return page(request, "confirm", token=token)

    @router.post("/login/{token}")
    async def sign_in(request: Request, token: str) -> Response:
        """Use the link up and begin a session."""
        sessions.check_origin(request)
        used = await links.use(token)
        if used is None:
            return page(request, "over", status.HTTP_410_GONE)
        answer = RedirectResponse(used.back, status.HTTP_303_SEE_OTHER)
        sessions.begin(used.person, answer)
        return answer

    @router.post("/logout", dependencies=[Depends(sessions.form)])
    async def sign_out(request: Request) -> Response:
        """End the session, also in copies of its cookie."""
        answer = page(request, "out")
        await sessions.end(request, answer)
        return answer

    return router


def _limit(settings: AccessSettings, now: Callable[[], datetime]) -> Callable[[str, str], None]:
    """How often links may be asked for by one client, and for one address."""
    by_address = Limit(settings.login_rate_address, now)
    by_client = Limit(settings.login_rate_client, now)

    def limit(client: str, address: str) -> None:
        # Only a trace of the address: it may be anybody's, and is kept for as long as the rate.
        trace = hashlib.sha256(address.encode()).hexdigest()
        for rate, who in ((by_client, client), (by_address, trace)):
            if again := rate.hit(who):
                raise HTTPException(
                    status.HTTP_429_TOO_MANY_REQUESTS,
                    f"too many login links were asked for: try again in {again} s",
                    {"Retry-After": str(again)},
                )

    return limit
