"""The dashboard over HTTP. What somebody may not see is not there."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field

from services.reporting.answers import Answers
from services.reporting.doors import Doors
from services.reporting.live import Live
from services.reporting.pages.boards import Boards
from services.reporting.pages.desk import LOOK, LOOKS, Desk
from services.reporting.pages.parts import Board, Filters, Reader, choices, span
from services.reporting.rights import Viewer
from shared.contracts.values import Id
from shared.pages.catalog import LANGUAGES
from shared.pages.requests import LANGUAGE
from shared.passes import local

_YEAR = 365 * 24 * 3600  # seconds
ALL = "all"
"""The period that has no end and no beginning."""

MakesBoard = Callable[[Boards, Viewer, Reader, Filters], Awaitable[Board]]


class Wanted(BaseModel):
    """Of what. A form that is left empty sends empty words."""

    period: Annotated[str, Field(max_length=20)] = ""
    manager: Id | None = None
    currency: Annotated[str, Field(pattern="^([A-Z]{3})?$")] = ""


class WantedAccounts(Wanted):
    """Of which accounts."""

    search: Annotated[str, Field(max_length=200)] = ""
    after: Annotated[str, Field(max_length=4000)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the routes need."""

    desk: Desk
    doors: Doors
    answers: Answers
    live: Live

    def boards(self, request: Request) -> Boards:
        """The pages, of what was stored when the request came in."""
        return Boards(self.answers, request.state.look)


def build_router(house: House) -> APIRouter:
    """Everything under `/pages`, and the way in."""
    router = APIRouter(route_class=house.desk.route_class(), include_in_schema=False)
    _open(router, house)
    _boards(router, house)
    _accounts(router, house)
    _live(router, house)

    @router.get("/pages/{rest:path}", dependencies=[Depends(house.doors.viewer)])
    async def nowhere() -> Response:
        raise HTTPException(status.HTTP_404_NOT_FOUND)

    return router


def _open(router: APIRouter, house: House) -> None:
    @router.get("/")
    async def home() -> Response:
        return RedirectResponse("/pages", status.HTTP_303_SEE_OTHER)

    @router.get("/ops", dependencies=[Depends(house.doors.operator)])
    async def ops() -> Response:
        """For a browser that is to ask for the password of `ops`."""
        return RedirectResponse("/pages", status.HTTP_303_SEE_OTHER)

    @router.get("/enter")
    async def enter(
        pass_: Annotated[str, Query(alias="pass", max_length=2000)],
        next: str = "/pages",  # noqa: A002 - as in the address
    ) -> Response:
        return house.doors.enter(pass_, next)

    @router.get("/pages/static/{name}")
    async def static(name: str) -> Response:
        found = house.desk.static(name)
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return found

    @router.post("/pages/language")
    async def language(request: Request) -> Response:
        return await _kept(request, "language", LANGUAGE, set(LANGUAGES))

    @router.post("/pages/look")
    async def look(request: Request) -> Response:
        return await _kept(request, "look", LOOK, set(LOOKS))


def _boards(router: APIRouter, house: House) -> None:
    makers: dict[str, tuple[str, MakesBoard]] = {
        "overview": ("/pages", Boards.overview),
        "team": ("/pages/team", Boards.team),
        "deadlines": ("/pages/deadlines", Boards.deadlines),
        "disputes": ("/pages/disputes", Boards.disputes),
        "targets": ("/pages/targets", Boards.targets),
    }
    for name, (path, make) in makers.items():
        router.get(path)(_board(house, name, make))


def _board(house: House, name: str, make: MakesBoard) -> Callable[..., Awaitable[Response]]:
    async def board(
        request: Request,
        wanted: Annotated[Wanted, Query()],
        viewer: Annotated[Viewer, Depends(house.doors.viewer)],
    ) -> Response:
        reader, filters = _asked(house, request, viewer, wanted)
        boards = house.boards(request)
        board_, currencies = await asyncio.gather(
            make(boards, viewer, reader, filters), boards.currencies(viewer)
        )
        return house.desk.response(
            request,
            viewer,
            "board.html",
            reader,
            here=name,
            filters=filters,
            currencies=currencies,
            position=request.state.look.position,
            board=board_,
        )

    return board


def _accounts(router: APIRouter, house: House) -> None:
    @router.get("/pages/accounts")
    async def accounts(
        request: Request,
        wanted: Annotated[WantedAccounts, Query()],
        viewer: Annotated[Viewer, Depends(house.doors.viewer)],
    ) -> Response:
        reader, filters = _asked(house, request, viewer, wanted)
        after = _place(wanted.after)
        table, goes_on = await house.boards(request).accounts(
            viewer, reader, filters, wanted.search.strip(), after
        )
        return house.desk.response(
            request,
            viewer,
            "accounts.html",
            reader,
            here="accounts",
            filters=filters,
            table=table,
            search=wanted.search,
            first=after is None,
            more=_written(goes_on) if goes_on else None,
        )

    @router.get("/pages/account")
    async def account(
        request: Request,
        id: Id,  # noqa: A002 - as in the address
        viewer: Annotated[Viewer, Depends(house.doors.viewer)],
    ) -> Response:
        reader = house.desk.reader(request, viewer, request.state.look.people)
        found = await house.boards(request).account(id, viewer, reader)
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return house.desk.response(
            request,
            viewer,
            "account.html",
            reader,
            here="accounts",
            position=request.state.look.position,
            account=found,
            account_id=id,
            board=found.board,
        )


def _live(router: APIRouter, house: House) -> None:
    @router.get("/pages/live", dependencies=[Depends(house.doors.viewer)])
    async def live(request: Request, seen: Annotated[str, Query(max_length=100)] = "") -> Response:
        known = request.headers.get("last-event-id") or seen
        events = house.live.events(request.app.state.stopping, known)
        return StreamingResponse(events, media_type="text/event-stream")


def _asked(
    house: House, request: Request, viewer: Viewer, wanted: Wanted
) -> tuple[Reader, Filters]:
    """Nothing said: this year. 404 for people whose figures the viewer does not see."""
    reader = house.desk.reader(request, viewer, request.state.look.people)
    period = wanted.period or next(iter(choices(reader)))
    if wanted.manager and not viewer.sees(wanted.manager):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    try:
        since, until = (None, None) if period == ALL else span(period)
    except ValueError:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT) from None
    filters = Filters(
        period=wanted.period,
        since=since,
        until=until,
        manager=wanted.manager,
        currency=house.answers.currency or wanted.currency or None,
    )
    return reader, filters


async def _kept(request: Request, field: str, cookie: str, known: set[Any]) -> Response:
    """Keep a choice in the browser, and lead back."""
    form = await request.form()
    chosen = str(form.get(field, ""))
    answer = RedirectResponse(local(str(form.get("back", "/pages"))), status.HTTP_303_SEE_OTHER)
    if chosen in known:
        answer.set_cookie(cookie, chosen, max_age=_YEAR, path="/", httponly=True, samesite="lax")
    return answer


def _written(place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(text: str) -> tuple[str, str] | None:
    """Where the list goes on."""
    if not text:
        return None
    try:
        name, id_ = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, TypeError):
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT) from None
    return str(name), str(id_)
