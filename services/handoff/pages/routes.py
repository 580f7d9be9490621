"""The pages over HTTP: GET shows, POST acts and leads back. Whoever is not signed in is led there.

What the rules refuse is shown in place, with what was typed. What somebody may not see is not
there; `Reading` sees to that.
"""

from collections.abc import Awaitable, Mapping
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from pydantic import BaseModel, Field, ValidationError

from services.handoff import rights
from services.handoff.candidates import Tier
from services.handoff.commands import Commands, Unknown
from services.handoff.lifecycle import Outcome, Refused
from services.handoff.listing import Order
from services.handoff.pages import customer, detail, forms, inbox, portfolio
from services.handoff.pages.desk import Desk
from services.handoff.pages.words import DONE, STATUS, TIER
from services.handoff.reading import Reading
from services.handoff.rights import Viewer
from services.handoff.sessions import Sessions
from services.handoff.states import LIVE, Status
from services.handoff.views import HandoffView
from shared.contracts.values import Id
from shared.pages import moments
from shared.pages.catalog import LANGUAGES, N_
from shared.pages.moments import Unreadable
from shared.pages.requests import LANGUAGE
from shared.passes import local

T = TypeVar("T")

_MOST = 200  # handoffs of one state on a page of the inbox
_YEAR = 365 * 24 * 3600  # seconds

_ORDERS: Mapping[Order, str] = {
    "name": N_("Customer"),
    "weight": N_("Weight"),
    "satisfaction": N_("Satisfaction"),
    "contacted": N_("Last contact"),
}


class Wanted(BaseModel):
    """Which accounts, and in which order. A form that is left empty sends empty words."""

    manager: Id | None = None
    search: Annotated[str, Field(max_length=200)] = ""
    tier: Tier | Literal[""] = ""
    order: Order = "name"
    down: str = ""
    after: Annotated[str, Field(max_length=2000)] = ""


def build_router(desk: Desk, reading: Reading, commands: Commands, sessions: Sessions) -> APIRouter:
    """Everything under `/pages`."""
    router = APIRouter(route_class=desk.route_class(), include_in_schema=False)
    _open(router, desk)
    _inbox(router, desk, reading, sessions)
    _portfolio(router, desk, reading, sessions)
    _handoff(router, desk, reading, sessions)
    _act(router, desk, reading, commands, sessions)
    _nowhere(router, sessions)
    return router


def _open(router: APIRouter, desk: Desk) -> None:
    @router.get("/")
    async def home() -> Response:
        return RedirectResponse("/pages", status.HTTP_303_SEE_OTHER)

    @router.get("/pages/static/{name}")
    async def static(name: str) -> Response:
        return _found(desk.static(name))

    @router.post("/pages/language")
    async def language(request: Request) -> Response:
        """Nothing but the words on the reader's own screen: no token is asked for."""
        fields = await request.form()
        wanted = str(fields.get("language", ""))
        if wanted not in LANGUAGES:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, "language: is none of ours")
        back = local(str(fields.get("back", "/pages")))
        answer = RedirectResponse(back, status.HTTP_303_SEE_OTHER)
        answer.set_cookie(LANGUAGE, wanted, max_age=_YEAR, httponly=True, samesite="lax")
        return answer


def _inbox(router: APIRouter, desk: Desk, reading: Reading, sessions: Sessions) -> None:
    @router.get("/pages", dependencies=[Depends(sessions.person)])
    async def show(
        request: Request,
        viewer: Annotated[Viewer, Depends(sessions.viewer)],
        state: Status | None = None,
        after: Id | None = None,
    ) -> Response:
        """What waits for whoever is signed in. `after`: only this state, from there on."""
        live: list[HandoffView] = []
        more: list[tuple[Status, str]] = []
        for one in (state,) if state else LIVE:
            page = await reading.inbox(
                viewer, state=one, after=after if state else None, limit=_MOST
            )
            live += page.items
            if page.next:
                more.append((one, f"/pages?{urlencode({'state': one, 'after': page.next})}"))
        mine = [one for one in live if "resubmit" in one.may]
        asked = {
            name: detail.asked(history) for name, history in (await reading.history(mine)).items()
        }
        reader = desk.reader(request, viewer)
        return desk.response(
            "inbox.html",
            desk.frame(request, viewer, here="inbox"),
            inbox=inbox.inbox(live, asked, reader),
            more=[(reader.writer.say(STATUS[one]), address) for one, address in more],
            only=reader.writer.say(STATUS[state]) if state else None,
            typed=forms.Typed(),
        )


def _portfolio(router: APIRouter, desk: Desk, reading: Reading, sessions: Sessions) -> None:
    @router.get("/pages/portfolio", dependencies=[Depends(sessions.person)])
    async def show(
        request: Request,
        viewer: Annotated[Viewer, Depends(sessions.viewer)],
        wanted: Annotated[Wanted, Query()],
    ) -> Response:
        """Loads, and the accounts of one manager."""
        managers = await reading.managers(viewer)
        own = viewer.person.id if viewer.person else None
        seen = [one.id for one in managers]
        manager = wanted.manager
        if manager is None and seen:
            manager = own if own in seen else max(managers, key=lambda one: one.load).id
        known = rights.sees_portfolio(viewer, manager)
        query = portfolio.Query(
            manager=manager,
            search=wanted.search,
            tier=wanted.tier or None,
            order=wanted.order if known else "name",
            down=bool(wanted.down),
        )
        page = await reading.portfolio(viewer, manager, query.wanted(wanted.after), portfolio.PAGE)
        reader = desk.reader(request, viewer)
        say = reader.writer.say
        return desk.response(
            "portfolio.html",
            desk.frame(request, viewer, here="portfolio"),
            portfolio=portfolio.portfolio(managers, page, query, reader, first=not wanted.after),
            tiers=[(one.value, say(TIER[one])) for one in Tier],
            orders=[(name, say(words)) for name, words in _ORDERS.items()] if known else [],
        )

    @router.get("/pages/account", dependencies=[Depends(sessions.person)])
    async def show_account(
        request: Request,
        viewer: Annotated[Viewer, Depends(sessions.viewer)],
        id: Id,  # noqa: A002
    ) -> Response:
        """Everything known of a customer. The id may hold anything, so it is no path."""
        found = _found(await reading.account(viewer, id))
        reader = desk.reader(request, viewer)
        return desk.response(
            "account.html",
            desk.frame(request, viewer),
            customer=customer.customer(found, reader),
            title=reader.writer.label("%(name)s", name=found.name),
        )


def _handoff(router: APIRouter, desk: Desk, reading: Reading, sessions: Sessions) -> None:
    @router.get("/pages/handoffs/{handoff_id}", dependencies=[Depends(sessions.person)])
    async def show(
        request: Request,
        viewer: Annotated[Viewer, Depends(sessions.viewer)],
        handoff_id: Id,
        done: str = "",
    ) -> Response:
        """One handoff; `done`: what was done just now."""
        reader = desk.reader(request, viewer)
        note = reader.writer.say(DONE[done]) if done in DONE else None
        return await _shown(desk, reading, request, viewer, handoff_id, note=note)


def _act(
    router: APIRouter, desk: Desk, reading: Reading, commands: Commands, sessions: Sessions
) -> None:
    @router.post("/pages/handoffs/{handoff_id}/{what}", dependencies=[Depends(sessions.form)])
    async def act(
        request: Request,
        viewer: Annotated[Viewer, Depends(sessions.viewer)],
        handoff_id: Id,
        what: str,
    ) -> Response:
        """Do it and lead to the handoff; or show there why not, and what was typed."""
        seen = await reading.seen(viewer, handoff_id)
        if seen is None or viewer.person is None:
            raise _no_such_page()
        fields = await request.form()
        typed = forms.Typed({name: str(value) for name, value in fields.items()})
        step = typed["step"]
        if what == "step" and not rights.may_do_step(viewer, *seen, step):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "the step is somebody else's to do")
        try:
            zone = desk.reader(request, viewer).writer.zone
            command = _command(commands, handoff_id, viewer.person.id, what, typed, zone=zone)
            if command is None:
                raise _no_such_page()
            outcome = command if isinstance(command, Refused) else await command
        except Unknown:
            raise _no_such_page() from None
        except ValidationError as error:
            outcome = Refused(forms.fault(error))
        if isinstance(outcome, Refused):
            return await _shown(
                desk, reading, request, viewer, handoff_id,
                refused=outcome.reason, typed=typed, opened=what,
                code=status.HTTP_409_CONFLICT,
            )  # fmt: skip
        return RedirectResponse(
            f"/pages/handoffs/{outcome.handoff.id}?done={what}", status.HTTP_303_SEE_OTHER
        )


def _command(  # noqa: PLR0911 - one line for each thing that can be done
    commands: Commands,
    handoff_id: str,
    by: str,
    what: str,
    typed: Mapping[str, str],
    *,
    zone: ZoneInfo,
) -> Awaitable[Outcome] | Refused | None:
    match what:
        case "accept":
            return commands.accept(handoff_id, by)
        case "ask":
            return commands.ask(handoff_id, by, forms.lines(typed["questions"]))
        case "return":
            return commands.give_back(handoff_id, by, forms.lines(typed["reasons"]))
        case "resubmit":
            answers = forms.lines(typed["answers"])
            return commands.resubmit(handoff_id, by, answers, forms.package(typed))
        case "package":
            # Nothing typed adds nothing, and is refused as that.
            return commands.add(handoff_id, by, forms.package(typed) or forms.NOTHING)
        case "step":
            return commands.do_step(handoff_id, by, typed["step"])
        case "move":
            due_at = moments.typed(typed["day"], typed["time"], zone)
            if isinstance(due_at, Unreadable):
                return Refused(due_at.reason)
            return commands.move_step(handoff_id, by, typed["step"], due_at)
        case "reassign":
            return commands.reassign(handoff_id, by, typed["to"], typed["why"])
        case _:
            return None


async def _shown(
    desk: Desk,
    reading: Reading,
    request: Request,
    viewer: Viewer,
    handoff_id: str,
    *,
    note: Markup | None = None,
    refused: str | None = None,
    typed: Mapping[str, str] | None = None,
    opened: str = "",
    code: int = status.HTTP_200_OK,
) -> Response:
    found = _found(await reading.handoff(viewer, handoff_id))
    why = _found(await reading.explanation(viewer, handoff_id))
    history = (await reading.history([found])).get(found.id, [])
    reader = desk.reader(request, viewer)
    others = await reading.managers(viewer) if "reassign" in found.may else []
    names = {one.id: one.name for one in others} | {found.salesperson_id: found.salesperson_name}
    if found.manager_id:
        names[found.manager_id] = found.manager_name or found.manager_id
    return desk.response(
        "handoff.html",
        desk.frame(
            request,
            viewer,
            back=f"/pages/handoffs/{found.id}",
            note=note,
            refused=reader.said(refused, names) if refused else None,
        ),
        code,
        handoff=detail.detail(found, why, history, reader),
        title=reader.writer.label("Handoff of %(name)s", name=found.account_name),
        typed=typed or forms.Typed(),
        opened=opened,
        candidates=[one for one in others if one.active and one.id != found.manager_id],
    )


def _nowhere(router: APIRouter, sessions: Sessions) -> None:
    @router.get("/pages/{rest:path}", dependencies=[Depends(sessions.person)])
    async def nowhere() -> Response:
        """Every other address."""
        raise _no_such_page()


def _no_such_page() -> HTTPException:
    return HTTPException(status.HTTP_404_NOT_FOUND, "there is no such page")


def _found(what: T | None) -> T:
    if what is None:
        raise _no_such_page()
    return what
