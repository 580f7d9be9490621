"""Where requests and pages meet, in every service: the reader's language, and errors as pages."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from typing_extensions import override

from shared.pages.catalog import LANGUAGES, Language

LANGUAGE = "tahvil_language"
"""Cookie of who wants to read in another language than the directory says."""

Answering = Callable[[Request, Exception, str], Response | None]
"""The page that tells of an error; None: it is no page's. The text is the route's path."""


def accepted(request: Request) -> Language:
    """The language that the browser asks for."""
    header = request.headers.get("accept-language", "").lower()
    return "fa" if header.startswith("fa") else "en"


def language_of(request: Request, own: str | None) -> Language:
    """As chosen, else as the directory says, else as the browser asks."""
    for language in (request.cookies.get(LANGUAGE), own):
        if language in LANGUAGES:
            return cast("Language", language)
    return accepted(request)


def led(error: HTTPException) -> Response | None:
    """Whoever is not signed in is led to where one signs in."""
    where = (error.headers or {}).get("Location")
    return RedirectResponse(where, error.status_code) if where else None


def reads_pages(request: Request) -> bool:
    """Whether a person asks, not a program."""
    return "text/html" in request.headers.get("accept", "")


def paged(answer: Answering) -> type[APIRoute]:
    """Routes whose errors `answer` makes pages of."""

    class PageRoute(APIRoute):
        @override
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def answered(request: Request) -> Response:
                try:
                    return await handler(request)
                except Exception as error:
                    page = answer(request, error, self.path)
                    if page is None:
                        raise
                    return page

            return answered

    return PageRoute
