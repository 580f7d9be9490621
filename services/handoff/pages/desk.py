"""Where requests and pages meet: who reads, in which language; and every error as a page."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import structlog
from fastapi import HTTPException, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from markupsafe import Markup

from services.handoff.pages.summary import Reader
from services.handoff.pages.words import SENTENCES
from services.handoff.rights import Viewer
from services.handoff.sessions import Sessions
from shared.contracts.directory import Role
from shared.errors import Transient
from shared.pages.catalog import N_
from shared.pages.rendering import Frame, Pages
from shared.pages.requests import language_of, led, paged, reads_pages
from shared.pages.sayings import Sayings

log = structlog.get_logger(__name__)

_ERRORS: Mapping[int, tuple[str, str]] = {
    403: (
        N_("That was not done"),
        N_(
            "The page was open for too long, or this is for somebody else to do. "
            "Open it again and try once more."
        ),
    ),
    404: (
        N_("There is nothing here for you"),
        N_(
            "It may never have been here, or it is somebody else's to see. "
            "What waits for you is in the inbox."
        ),
    ),
    410: (
        N_("This link can no longer be used"),
        N_("It was used already, or it is too old. Ask for a new one: it takes a moment."),
    ),
    422: (
        N_("That address says something we do not understand"),
        N_("A part of it is missing or wrong. Begin again from the inbox."),
    ),
    429: (
        N_("Too many links were asked for"),
        N_("Wait a quarter of an hour, then ask again. The last link we sent may still be good."),
    ),
    500: (
        N_("Something went wrong here"),
        N_(
            "It is noted, and nothing was lost. "
            "Try again; if it stays so, tell whoever runs Tahvil."
        ),
    ),
    503: (
        N_("Not possible right now"),
        N_("A part of the system is busy or away. Nothing was lost. Try again in a minute."),
    ),
}  # fmt: skip


class Desk:
    """Makes answers for whoever asks."""

    def __init__(self, pages: Pages, sessions: Sessions, now: Callable[[], datetime]) -> None:
        self._pages = pages
        self._sessions = sessions
        self._sayings = Sayings(SENTENCES)
        self.now = now
        self.static = pages.static

    def reader(self, request: Request, viewer: Viewer | None) -> Reader:
        """Whoever asks, as a reader."""
        person = viewer.person if viewer else None
        language = language_of(request, person.language if person else None)
        return Reader(
            id=person.id if person else "",
            now=self.now(),
            writer=self._pages.writer(language, person.time_zone if person else "UTC"),
            sayings=self._sayings,
            leads=bool(person and Role.HEAD in person.roles),
        )

    def frame(
        self,
        request: Request,
        viewer: Viewer | None,
        *,
        here: str = "",
        back: str | None = None,
        note: Markup | None = None,
        refused: Markup | None = None,
    ) -> Frame:
        """What stands around the content."""
        query = f"?{request.url.query}" if request.url.query else ""
        person = viewer.person if viewer else None
        return Frame(
            writer=self.reader(request, viewer).writer,
            viewer=person,
            csrf=self._sessions.form_token(request) if person else "",
            here=here,
            back=back or (f"{request.url.path}{query}" if request.method == "GET" else "/pages"),
            note=note,
            refused=refused,
        )

    def response(
        self, template: str, frame: Frame, code: int = status.HTTP_200_OK, **content: Any
    ) -> Response:
        """A page."""
        return self._pages.response(template, frame, code, **content)

    def error(
        self, request: Request, code: int, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Response:
        """What went wrong, and what to do next."""
        viewer: Viewer | None = getattr(request.state, "viewer", None)
        frame = self.frame(request, viewer, back="/pages")
        title, words = _ERRORS.get(code) or _ERRORS[500 if code >= 500 else 422]
        say = frame.writer.say
        again = code in (410, 429) or frame.viewer is None
        answer = self.response(
            "error.html",
            frame,
            code,
            title=say(title),
            words=say(words),
            next_address="/login" if again else "/pages",
            next_words=say("Sign in") if again else say("To the inbox"),
        )
        if "Retry-After" in headers:
            answer.headers["Retry-After"] = headers["Retry-After"]
        return answer

    def sign_in(
        self,
        request: Request,
        shown: Literal["ask", "sent", "confirm", "over", "out"],
        code: int = status.HTTP_200_OK,
        **told: str,
    ) -> Response:
        """The pages of signing in and out."""
        if shown == "over":
            return self.error(request, code)
        frame = self.frame(request, None, back="/login")
        values = {"next": "/", "token": ""} | told
        return self.response(f"login-{shown}.html", frame, code, **values)

    def route_class(self) -> type[APIRoute]:
        """Routes whose errors are pages."""
        return paged(self._answer)

    def _answer(self, request: Request, error: Exception, _route: str) -> Response | None:
        match error:
            case HTTPException():
                if not reads_pages(request):
                    return None
                headers = error.headers or {}
                return led(error) or self.error(request, error.status_code, headers)
            case RequestValidationError():
                if not reads_pages(request):
                    return None
                return self.error(request, status.HTTP_422_UNPROCESSABLE_CONTENT)
            case Transient():
                log.warning("page.waiting", reason=str(error))
                return self.error(request, status.HTTP_503_SERVICE_UNAVAILABLE)
            case _:
                log.error("page.failed", exc_info=error, path=request.url.path)
                return self.error(request, status.HTTP_500_INTERNAL_SERVER_ERROR)
