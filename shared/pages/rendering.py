"""Makes HTML of view models, with what every page has: the frame, the words, strict headers."""

from dataclasses import dataclass
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import status
from fastapi.responses import HTMLResponse, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from shared import hygiene
from shared.identities import ERASED
from shared.pages import catalog
from shared.pages.catalog import LANGUAGES, Language
from shared.pages.writing import Writer, undirected

_POLICY = "Content-Security-Policy"

_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the frame of a page shows besides its content."""

    writer: Writer
    viewer: Any = None
    """Who is signed in: `name` and `time_zone` are shown."""
    csrf: str = ""
    here: str = ""
    """Which of the main pages it is."""
    back: str = "/pages"
    """Where a change of language leads back to."""
    note: Markup | None = None
    """What was done just now."""
    refused: Markup | None = None
    """Why it was not."""


class Pages:
    """The templates and the translations of the pages in a package, read once."""

    def __init__(self, package: str, *, scripts: bool = False) -> None:
        """`scripts`: whether pages have any; those that have none forbid them all."""
        self._words = catalog.load(package)
        self._templates = Environment(
            loader=ChoiceLoader([PackageLoader(package), PackageLoader("shared.pages")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_plain,
        )
        allowed = "'self'" if scripts else "'none'"
        self._headers = {_POLICY: f"{hygiene.HEADERS[_POLICY]}; script-src {allowed}"}
        self._static = {
            one.name: one.read_bytes()
            for folder in (resources.files("shared.pages"), resources.files(package))
            if (static := folder / "static").is_dir()
            for one in static.iterdir()
        }

    def writer(self, language: Language, time_zone: str) -> Writer:
        """Writes for one reader."""
        return Writer(language, ZoneInfo(time_zone), self._words[language])

    def said(self, message: str, language: Language) -> str:
        """A message of the catalog where no page is made, such as in a file."""
        return self._words[language].gettext(message)

    def html(self, template: str, frame: Frame, **content: Any) -> str:
        """A page."""
        writer = frame.writer
        return self._templates.get_template(template).render(
            writer=writer,
            say=writer.say,
            say_many=writer.say_many,
            label=writer.label,
            number=writer.number,
            percent=writer.percent,
            language_name=writer.language_name,
            viewer=frame.viewer,
            csrf=frame.csrf,
            here=frame.here,
            back=frame.back,
            note=frame.note,
            refused=frame.refused,
            languages=LANGUAGES,
            **content,
        )

    def response(
        self, template: str, frame: Frame, code: int = status.HTTP_200_OK, **content: Any
    ) -> HTMLResponse:
        """A page with its headers."""
        return HTMLResponse(self.html(template, frame, **content), code, self._headers)

    def static(self, name: str) -> Response | None:
        """A file that belongs to the pages; None: there is none of that name."""
        content = self._static.get(name)
        if content is None:
            return None
        kind = _TYPES[name[name.rindex(".") :]]
        kept = {"Cache-Control": "public, max-age=86400"}
        return Response(content, media_type=kind, headers=kept)


@pass_context
def _plain(context: Context, value: Any) -> Any:
    """What others wrote never turns the direction of the page."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value == ERASED and isinstance(writer := context.get("writer"), Writer):
        return writer.called(value)
    return undirected(value)
