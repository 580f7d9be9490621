"""Where requests and pages meet: who reads, in which language and look; every error as a page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from fastapi import HTTPException, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from markupsafe import Markup

from services.reporting.pages.parts import Filters, Reader, choices
from services.reporting.questions import People
from services.reporting.rights import Viewer
from shared.contracts.directory import Role
from shared.errors import Transient
from shared.pages.catalog import N_, Language
from shared.pages.rendering import Frame, Pages
from shared.pages.requests import language_of, led, paged, reads_pages
from shared.pages.writing import undirected

log = structlog.get_logger(__name__)

LOOK = "tahvil_look"
"""Cookie of who wants it dark, or light, whatever the system says."""
LOOKS: Mapping[str, str] = MappingProxyType(
    {"light": N_("Light"), "dark": N_("Dark"), "": N_("As the system has it")}
)

_ERRORS: Mapping[int, tuple[str, str]] = MappingProxyType({
    403: (
        N_("The directory does not know you yet"),
        N_("You are signed in, but reporting has not heard of you. Wait a minute; if it stays so, "
           "tell whoever keeps the directory."),
    ),
    404: (
        N_("There is nothing here for you"),
        N_("It may never have been here, or it is somebody else's to see. Begin at the overview."),
    ),
    410: (
        N_("This link can no longer be used"),
        N_("It was good for a minute. Open the reports again from the handoffs."),
    ),
    422: (
        N_("That address says something we do not understand"),
        N_("A part of it is missing or wrong. Begin again at the overview."),
    ),
    500: (
        N_("Something went wrong here"),
        N_("It is noted, and nothing was lost. Try again; if it stays so, tell whoever runs "
           "Tahvil."),
    ),
    503: (
        N_("Not possible right now"),
        N_("A part of the system is busy or away. Nothing was lost. Try again in a minute."),
    ),
})  # fmt: skip


class Desk:
    """Makes answers for whoever asks."""

    def __init__(
        self, pages: Pages, handoff: str, zone: ZoneInfo, now: Callable[[], datetime]
    ) -> None:
        self._pages = pages
        self._handoff = handoff
        self._zone = zone
        self._now = now
        self.static = pages.static
        self._people: People = {}
        self._options: dict[tuple[frozenset[str] | None, Language], Markup] = {}
        """Whom viewers of these can choose among these people."""

    def reader(self, request: Request, viewer: Viewer | None, people: People) -> Reader:
        """Whoever asks, as a reader. Days are the company's, as figures are."""
        language = language_of(request, viewer.language if viewer else None)
        return Reader(
            writer=self._pages.writer(language, self._zone.key),
            now=self._now(),
            people=people,
            leads=bool(viewer and viewer.leads),
        )

    def response(
        self,
        request: Request,
        viewer: Viewer | None,
        template: str,
        reader: Reader,
        *,
        here: str = "",
        filters: Filters | None = None,
        currencies: Sequence[str] = (),
        code: int = status.HTTP_200_OK,
        **content: Any,
    ) -> Response:
        """A page."""
        query = f"?{request.url.query}" if request.url.query else ""
        frame = Frame(
            writer=reader.writer,
            viewer=viewer,
            here=here,
            back=f"{request.url.path}{query}",
        )
        look = request.cookies.get(LOOK, "")
        return self._pages.response(
            template,
            frame,
            code,
            handoff=self._handoff,
            look=look if look in LOOKS else "",
            looks=LOOKS,
            reader=reader,
            filters=filters or Filters(),
            periods=choices(reader),
            managers=self._managers(viewer, reader, filters.manager if filters else None),
            currencies=currencies,
            **content,
        )

    def error(self, request: Request, code: int) -> Response:
        """What went wrong, and what to do next."""
        viewer: Viewer | None = getattr(request.state, "viewer", None)
        reader = self.reader(request, viewer, {})
        title, words = _ERRORS.get(code) or _ERRORS[500 if code >= 500 else 422]
        say = reader.writer.say
        return self.response(
            request, viewer, "error.html", reader, code=code, title=say(title), words=say(words)
        )

    def _managers(self, viewer: Viewer | None, reader: Reader, chosen: str | None) -> Markup:
        """Whose figures can be chosen; nothing for who has nobody below.

        Five hundred options are a third of the work of a page, and change with the directory only.
        """
        if viewer is None or not viewer.leads:
            return Markup()
        if self._people is not reader.people:
            self._people, self._options = reader.people, {}
        key = (viewer.whose, reader.writer.language)
        if key not in self._options:
            self._options[key] = _options(viewer, reader)
        if not chosen:
            return self._options[key]
        value = Markup('value="{}"').format(chosen)
        return self._options[key].replace(value, value + Markup(" selected"))

    def route_class(self) -> type[APIRoute]:
        """Routes whose errors are pages."""
        return paged(self._answer)

    def _answer(self, request: Request, error: Exception, _route: str) -> Response | None:
        match error:
            case HTTPException():
                if not reads_pages(request):
                    return None
                if error.status_code == status.HTTP_401_UNAUTHORIZED:
                    return None  # the browser asks for the password of `ops`
                return led(error) or self.error(request, error.status_code)
            case RequestValidationError():
                return self.error(request, status.HTTP_422_UNPROCESSABLE_CONTENT)
            case Transient():
                log.warning("page.waiting", reason=str(error))
                return self.error(request, status.HTTP_503_SERVICE_UNAVAILABLE)
            case _:
                log.error("page.failed", exc_info=error, path=request.url.path)
                return self.error(request, status.HTTP_500_INTERNAL_SERVER_ERROR)


def _options(viewer: Viewer, reader: Reader) -> Markup:
    """By name."""
    wanted = {Role.ACCOUNT_MANAGER, Role.HEAD}
    found = [
        (reader.plain_name(person_id), person_id)
        for person_id, person in reader.people.items()
        if viewer.sees(person_id) and wanted & {*person.roles}
    ]
    option = Markup('<option value="{}">{}</option>\n')
    order = sorted(found, key=lambda one: (one[0].casefold(), one[1]))
    return Markup().join(option.format(code, undirected(name)) for name, code in order)
