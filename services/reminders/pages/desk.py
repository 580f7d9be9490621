"""Makes answers: pages in the reader's language, and every error as a page.

The address of a page is a secret: it is in no log, and no page or program it leads to hears of it.
"""

from datetime import datetime
from typing import Any

import structlog
from fastapi import Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from markupsafe import Markup

from services.reminders.pages.deadline import Reader
from services.reminders.pages.gate import Gate
from services.reminders.pages.words import CLOSED, SENTENCES
from services.reminders.sending import Recipient
from shared.errors import Transient
from shared.pages.rendering import Frame, Pages
from shared.pages.requests import accepted, paged
from shared.pages.sayings import Sayings
from shared.pages.writing import Writer

log = structlog.get_logger(__name__)

SECRET = {"Referrer-Policy": "no-referrer"}


class Closed(Exception):
    """A page is not shown; why is a key of `CLOSED`."""

    def __init__(
        self, why: str, reader: Recipient | None = None, *, again: int | None = None
    ) -> None:
        """`again`: seconds after which it may be."""
        super().__init__(why)
        self.why = why
        self.reader = reader
        self.again = again


class Desk:
    """Makes answers for whoever has opened a link."""

    def __init__(self, pages: Pages, gate: Gate) -> None:
        self._pages = pages
        self.gate = gate
        self._sayings = Sayings(SENTENCES)
        self.static = pages.static

    def writer(self, person: Recipient) -> Writer:
        """Writes for a person."""
        return self._pages.writer(person.language, person.time_zone)

    def reader(self, person: Recipient, now: datetime) -> Reader:
        """A person, as a reader."""
        return Reader(id=person.id, now=now, writer=self.writer(person), sayings=self._sayings)

    def page(
        self,
        template: str,
        writer: Writer,
        code: int = status.HTTP_200_OK,
        *,
        note: Markup | None = None,
        refused: Markup | None = None,
        **content: Any,
    ) -> Response:
        """A page. `note`: what was done; `refused`: why it was not."""
        frame = Frame(writer=writer, note=note, refused=refused)
        answer = self._pages.response(template, frame, code, **content)
        answer.headers.update(SECRET)
        return answer

    def closed(
        self,
        request: Request,
        why: str,
        person: Recipient | None = None,
        again: int | None = None,
    ) -> Response:
        """Why there is no page. `again`: seconds after which there may be."""
        code, title, words = CLOSED[why]
        writer = self.writer(person) if person else self._pages.writer(accepted(request), "UTC")
        answer = self.page(
            "closed.html", writer, code, title=writer.say(title), words=writer.say(words)
        )
        if again is not None:
            answer.headers["Retry-After"] = str(again)
        return answer

    def route_class(self) -> type[APIRoute]:
        """Routes whose errors are pages."""
        return paged(self._answer)

    def _answer(self, request: Request, error: Exception, route: str) -> Response:
        match error:
            case Closed(why="forged") if (again := self.gate.guessed(request)) is not None:
                return self.closed(request, "often", again=again)
            case Closed():
                return self.closed(request, error.why, error.reader, error.again)
            case RequestValidationError():
                return self.closed(request, "unknown")
            case Transient():
                log.warning("page.waiting", reason=str(error))
                return self.closed(request, "waiting")
            case _:
                log.error("page.failed", exc_info=error, route=route)
                return self.closed(request, "failed")
