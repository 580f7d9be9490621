"""Figures over HTTP. Read-only: as JSON, as CSV and as XLSX."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.reporting import asking, exports
from services.reporting.answers import Answers, names
from services.reporting.asking import Asked, Calendar, Wrong
from services.reporting.exports import Columns
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Figure
from services.reporting.questions import Question, Row, Unanswerable, dimensions
from services.reporting.reading import Enquiry, Look
from services.reporting.rights import Hidden, Viewer
from services.reporting.titles import title
from shared.identities import ERASED
from shared.pages.catalog import LANGUAGES, Language

MOST = 10_000
"""Rows of one answer in JSON; a file has all of them."""
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Shape = Literal["json", "csv", "xlsx"]
Say = Callable[[str, Language], str]
"""What the catalogue says, in a language."""
Knows = Callable[[Request], Awaitable[Viewer]]


class MeasureInfo(BaseModel):
    """What is summed."""

    name: str
    unit: str
    words: dict[str, str]


class FigureInfo(BaseModel):
    """What a figure is. Words by language."""

    name: str
    title: dict[str, str]
    words: dict[str, str]
    day: Annotated[dict[str, str], Field(description="which day a thing counts on")]
    balance: Annotated[
        bool, Field(description="whether it says how much there was at the end of each time")
    ]
    by: tuple[str, ...]
    together: Annotated[
        list[tuple[str, ...]],
        Field(description="which of them can be asked for together, beside those always there"),
    ]
    always: tuple[str, ...]
    measures: list[MeasureInfo]


class Catalogue(BaseModel):
    """All figures, in the order in which people read of them."""

    figures: list[FigureInfo]


class FigureRow(BaseModel):
    """One row. Amounts are decimal strings: they are exact."""

    by: dict[str, str]
    count: int
    amount: Decimal
    measures: Annotated[
        dict[str, int | Decimal] | None, Field(description="what the figure measures besides")
    ] = None


class Figures(BaseModel):
    """A figure, broken down."""

    figure: str
    rows: list[FigureRow]
    next: Annotated[str | None, Field(description="`cursor` of the rows after these")] = None


class Fault(BaseModel):
    """Which part of a question is wrong, and why."""

    loc: tuple[str, str]
    msg: str
    type: str


class Faults(BaseModel):
    """Why a question has no answer."""

    detail: list[Fault]


class Refusal(BaseModel):
    """Why there is no answer."""

    detail: str


class Wanted(BaseModel):
    """The question, as it is written in the address."""

    model_config = {"extra": "forbid", "populate_by_name": True}

    by: Annotated[
        list[str], Field(max_length=8, description="dimensions; the figure's first one if none")
    ] = []
    where: Annotated[
        list[str],
        Field(
            max_length=200,
            description="`dimension:value`; several values of one dimension are alternatives",
        ),
    ] = []
    since: Annotated[
        str | None,
        Field(
            alias="from",
            max_length=40,
            description="first day, of either calendar, or a period that begins with it: "
            "2026-11-25, 1405-09-04, 2026-11, 1405-Q2",
        ),
    ] = None
    until: Annotated[
        str | None,
        Field(alias="to", max_length=40, description="last day, or a period that ends with it"),
    ] = None
    calendar: Annotated[Calendar, Field(description="which months `month` means")] = "gregorian"
    rolled: Annotated[
        bool, Field(description="by manager: everybody with what all those below have")
    ] = False
    converted: Annotated[
        bool, Field(description="money of all currencies as the company's, by its table of rates")
    ] = False
    limit: Annotated[int, Field(ge=1, le=MOST, description="rows of JSON; files have all")] = MOST
    cursor: Annotated[
        str | None, Field(max_length=4000, description="`next` of the answer before")
    ] = None
    bom: Annotated[
        bool, Field(description="CSV with a byte order mark, for Excel to know its UTF-8")
    ] = False
    language: Annotated[
        Language | None,
        Field(
            description="files for people: titles above the columns, names of people for their "
            "ids; Persian sheets begin at the right"
        ),
    ] = None


_RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the `ETag` in `If-None-Match`."},
    401: {"model": Refusal, "description": "Nobody knows who asks."},
    403: {"model": Refusal, "description": "The answer would tell of others."},
    404: {"model": Refusal, "description": "There is no such figure."},
    422: {"model": Faults, "description": "A part of the question is wrong."},
}

_FILES: dict[str, dict[int | str, dict[str, Any]]] = {
    kind: {200: {"content": {kind: {}}}, **_RESPONSES} for kind in (CSV, XLSX)
}


def build_router(answers: Answers, knows: Knows, say: Say) -> APIRouter:
    """`/figures` and `/figures/<name>?by=…`, for who may see them."""
    router = APIRouter()
    known = Depends(knows)

    @router.get("/figures", responses={401: _RESPONSES[401]}, dependencies=[known])
    async def index() -> Catalogue:
        """Which figures there are, what they mean, and by what they can be broken down."""
        return Catalogue(figures=[_info(figure, say) for figure in FIGURES.values()])

    async def file(
        request: Request, name: str, wanted: Wanted, viewer: Viewer, shape: Shape
    ) -> Response:
        figure, enquiry = _understood(name, wanted)
        question = enquiry.question
        tag = _tag(request, viewer, shape)
        if _is_known(request, tag):
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=_headers(tag))
        look: Look = request.state.look
        heads = _heads(figure, question, wanted.language, say)
        called = _called(names(question.by, look.people), wanted.language, say)
        columns = Columns(figure=figure, by=question.by, heads=heads, names=called)
        with _told():
            rows = await _begun(answers.rows(enquiry, viewer, look))
        headers = {
            **_headers(tag),
            "Content-Disposition": f'attachment; filename="{name}.{shape}"',
        }
        if shape == "csv":
            content = exports.as_csv(rows, columns, mark=wanted.bom)
            return StreamingResponse(content, media_type=f"{CSV}; charset=utf-8", headers=headers)
        content = exports.as_xlsx(rows, columns, wanted.language or "en")
        return StreamingResponse(content, media_type=XLSX, headers=headers)

    @router.get("/figures/{name}.csv", responses=_FILES[CSV], response_class=Response)
    async def as_csv(
        request: Request,
        name: str,
        wanted: Annotated[Wanted, Query()],
        viewer: Annotated[Viewer, known],
    ) -> Response:
        """All rows as CSV. Text that a spreadsheet would compute begins with an apostrophe."""
        return await file(request, name, wanted, viewer, "csv")

    @router.get("/figures/{name}.xlsx", responses=_FILES[XLSX], response_class=Response)
    async def as_xlsx(
        request: Request,
        name: str,
        wanted: Annotated[Wanted, Query()],
        viewer: Annotated[Viewer, known],
    ) -> Response:
        """All rows as a workbook, with real numbers and days."""
        return await file(request, name, wanted, viewer, "xlsx")

    @router.get(
        "/figures/{name}",
        responses=_RESPONSES,
        response_model=Figures,
        response_model_exclude_none=True,
    )
    async def figure(
        request: Request,
        response: Response,
        name: str,
        wanted: Annotated[Wanted, Query()],
        viewer: Annotated[Viewer, known],
    ) -> Figures | Response:
        """One figure; with `Accept: text/csv`, or that of XLSX, as a file."""
        shape = _shape(request)
        if shape != "json":
            return await file(request, name, wanted, viewer, shape)
        _, enquiry = _understood(name, wanted)
        by = enquiry.question.by
        with _told():
            after = asking.after(wanted.cursor, by)
        tag = _tag(request, viewer, shape)
        if _is_known(request, tag):
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=_headers(tag))
        rows = answers.rows(enquiry, viewer, request.state.look, after=after)
        with _told():
            async with aclosing(rows):
                found = await _first(rows, wanted.limit + 1)
        response.headers.update(_headers(tag))
        more = len(found) > wanted.limit
        found = found[: wanted.limit]
        return Figures(
            figure=name,
            rows=[_shown(row) for row in found],
            next=asking.cursor(by, found[-1].by) if more else None,
        )

    return router


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with a question, as an answer."""
    try:
        yield
    except Hidden as error:
        raise HTTPException(status.HTTP_403_FORBIDDEN, str(error)) from None
    except Unanswerable as error:  # what is left after `understood`: rates that are not there
        raise _fault("converted", str(error)) from None
    except Wrong as error:
        raise _fault(error.field, error.reason) from None


def _fault(field: str, reason: str) -> HTTPException:
    fault = {"loc": ("query", field), "msg": reason, "type": "question"}
    return HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, [fault])


def _understood(name: str, wanted: Wanted) -> tuple[Figure, Enquiry]:
    figure = FIGURES.get(name)
    if figure is None:
        raise HTTPException(
            status.HTTP_404_NOT_FOUND, f"there is no such figure: there are {', '.join(FIGURES)}"
        )
    asked = Asked(
        by=wanted.by,
        where=wanted.where,
        since=wanted.since,
        until=wanted.until,
        calendar=wanted.calendar,
        converted=wanted.converted,
    )
    with _told():
        question = asking.understood(figure, asked)
        if wanted.rolled and "manager" not in question.by:
            raise Wrong("rolled", "goes up from manager to manager: ask `by=manager`")
    return figure, Enquiry(name, question, wanted.rolled)


async def _begun(rows: AsyncGenerator[Row]) -> AsyncIterator[Row]:
    """The same rows, once the first one is there: until then an error can be told."""
    first = await anext(rows, None)

    async def all_() -> AsyncIterator[Row]:
        async with aclosing(rows):
            if first:
                yield first
            async for row in rows:
                yield row

    return all_()


async def _first(rows: AsyncIterator[Row], number: int) -> list[Row]:
    found: list[Row] = []
    async for row in rows:
        found.append(row)
        if len(found) == number:
            break
    return found


def _shown(row: Row) -> FigureRow:
    others = {n: value for n, value in row.measures.items() if n not in {"count", "amount"}}
    return FigureRow(
        by=dict(row.by),
        count=int(row.measures.get("count", 0)),
        amount=Decimal(row.measures.get("amount", 0)),
        measures=others or None,
    )


def _info(figure: Figure, say: Say) -> FigureInfo:
    def words(text: str) -> dict[str, str]:
        return {language: say(text, language) for language in LANGUAGES}

    return FigureInfo(
        name=figure.name,
        title=words(title(figure.name)),
        words=words(figure.words),
        day=words(figure.day),
        balance=figure.balance,
        by=dimensions(figure),
        always=figure.always,
        together=list(figure.cubes),
        measures=[
            MeasureInfo(name=one.name, unit=one.unit, words=words(one.words))
            for one in figure.measures
        ],
    )


def _heads(figure: Figure, question: Question, language: Language | None, say: Say) -> list[str]:
    names = [*question.by, *(measure.name for measure in figure.measures)]
    return [say(title(name), language) for name in names] if language else names


def _called(
    names: Mapping[str, Mapping[str, str]], language: Language | None, say: Say
) -> Mapping[str, Mapping[str, str]]:
    """Names for a file that people read, by dimension; others have ids."""
    if language is None:
        return {}
    gone = say(ERASED, language)
    return {
        dimension: {one: gone if name == ERASED else name for one, name in called.items()}
        for dimension, called in names.items()
    }


def _shape(request: Request) -> Shape:
    accepted = request.headers.get("accept", "")
    if CSV in accepted:
        return "csv"
    return "xlsx" if XLSX in accepted else "json"


def _tag(request: Request, viewer: Viewer, shape: Shape) -> str:
    """Of what is stored before it is read: an answer may be newer than it says, never older."""
    whose = "*" if viewer.whose is None else ",".join(sorted(viewer.whose))
    seen = (request.state.look.position, viewer.person_id, whose, request.url.query, shape)
    return f'W/"{hashlib.sha256(repr(seen).encode()).hexdigest()[:32]}"'


def _is_known(request: Request, tag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return tag in (one.strip() for one in given.split(",")) or given.strip() == "*"


def _headers(tag: str) -> dict[str, str]:
    return {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, Cookie",
    }
