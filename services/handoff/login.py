"""Signing in by a link in a mail, and signing out.

Opening the link shows a button; pressing it signs in: what reads mail for viruses opens links.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from services.handoff.access import AccessSettings
from services.handoff.links import Asked, Links
from services.handoff.people import Language
from services.handoff.sessions import Sessions, local
from shared.contracts.values import Email

Shown = Literal["ask", "sent", "confirm", "over", "out"]


def build_router(
    sessions: Sessions, links: Links, settings: AccessSettings, now: Callable[[], datetime]
) -> APIRouter:
    """`/login` and `/logout`: the only routes that are open to everybody."""
    router = APIRouter()
    limit = _limit(settings, now)
    page = _pages()

    @router.get("/login")
    async def ask(request: Request, next: str = "/") -> HTMLResponse:  # noqa: A002 - as in the address
        """The form that asks for a link."""
        return page(request, "ask", back=local(next))

    @router.post("/login")
    async def asked(
        request: Request,
        email: Annotated[Email, Form()],
        next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - as in the address
    ) -> HTMLResponse:
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
    async def confirm(request: Request, token: str) -> HTMLResponse:
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
    async def sign_out(request: Request) -> HTMLResponse:
        """End the session, also in copies of its cookie."""
        answer = page(request, "out")
        await sessions.end(request, answer)
        return answer

    return router


def _limit(settings: AccessSettings, now: Callable[[], datetime]) -> Callable[[str, str], None]:
    """How often links may be asked for by one client, and for one address."""
    limiter = MovingWindowRateLimiter(MemoryStorage())
    per_address, per_client = settings.rates

    def limit(client: str, address: str) -> None:
        # Only a trace of the address: it may be anybody's, and is kept for as long as the rate.
        trace = hashlib.sha256(address.encode()).hexdigest()
        for rate, who in ((per_client, f"client {client}"), (per_address, trace)):
            if not limiter.hit(rate, who):
                again = int(limiter.get_window_stats(rate, who).reset_time - now().timestamp()) + 1
                raise HTTPException(
                    status.HTTP_429_TOO_MANY_REQUESTS,
                    f"too many login links were asked for: try again in {again} s",
                    {"Retry-After": str(again)},
                )

    return limit


def _pages() -> Callable[..., HTMLResponse]:
    templates = Environment(
        loader=PackageLoader("services.handoff"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),
        trim_blocks=True,
    )

    def page(request: Request, shown: Shown, code: int = 200, **told: str) -> HTMLResponse:
        values = {"shown": shown, "language": _language(request), "back": "/", "token": ""}
        return HTMLResponse(templates.get_template("sign_in.html").render(values | told), code)

    return page


def _language(request: Request) -> Language:
    """The browser's, of those we write: nobody is known yet."""
    accepted = request.headers.get("accept-language", "").lower()
    return "fa" if accepted.startswith("fa") else "en"
