"""Handoffs over HTTP: what waits for whom, why it went there, and what is done with it.

Every route asks `Sessions.viewer` who knocks, and `Reading` what that viewer sees.
"""

from collections.abc import Awaitable
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from services.handoff import rights
from services.handoff.commands import Commands, Unknown
from services.handoff.lifecycle import Outcome, Refused
from services.handoff.reading import Reading
from services.handoff.rights import Viewer
from services.handoff.sessions import Sessions
from services.handoff.states import Status
from services.handoff.views import (
    AccountView,
    ExplanationView,
    HandoffView,
    ManagerView,
    Portfolio,
)
from shared.contracts.deals import Package
from shared.contracts.values import Id, Instant, Name, Text

Listed = Annotated[tuple[Text, ...], Field(max_length=50)]


class Body(BaseModel):
    """What is sent with a command."""

    model_config = ConfigDict(extra="forbid")
    by: Id | None = None
    """Who does it, by the directory's id. A machine must say so; a person is who is signed in."""


class Asked(Body):
    """Questions to the salesperson."""

    questions: Listed


class Returned(Body):
    """What is to be mended."""

    reasons: Listed


class Resubmitted(Body):
    """Answers, and what is added to the package."""

    answers: Listed = ()
    package: Package | None = None


class Added(Body):
    """What is added to the package."""

    package: Package


class Postponed(Body):
    """When a step is due from now on."""

    due_at: Instant


class Reassigned(Body):
    """Who is to manage the account from now on, and why."""

    to: Id
    why: Name


class Wanted(BaseModel):
    """Which handoffs."""

    manager: Id | None = None
    salesperson: Id | None = None
    state: Annotated[Status | None, Field(alias="status")] = None
    after: Id | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no JSON."},
    401: {"description": "Nobody who may."},
    404: {"description": "There is none of that id."},
    409: {"description": "The move is not allowed now."},
}


def build_router(reading: Reading, commands: Commands, sessions: Sessions) -> APIRouter:
    """Everything about handoffs, accounts and managers, for machines and scripts."""
    router = APIRouter(dependencies=[Depends(sessions.viewer)], responses=_REFUSALS)
    _read_handoffs(router, reading, sessions)
    _read_accounts(router, reading, sessions)
    _act(router, reading, commands, sessions)
    return router


def _read_handoffs(router: APIRouter, reading: Reading, sessions: Sessions) -> None:
    Asks = Annotated[Viewer, Depends(sessions.viewer)]  # noqa: N806 - a type

    @router.get("/handoffs")
    async def handoffs(
        viewer: Asks, wanted: Annotated[Wanted, Query()], request: Request, response: Response
    ) -> list[HandoffView]:
        """An inbox, the oldest first. The header `Link` leads to the next page."""
        inbox = await reading.inbox(
            viewer,
            manager=wanted.manager,
            salesperson=wanted.salesperson,
            state=wanted.state,
            after=wanted.after,
            limit=wanted.limit,
        )
        if inbox.next:
            query = request.url.include_query_params(after=inbox.next).query
            response.headers["Link"] = f'<{quote(request.url.path)}?{query}>; rel="next"'
        return list(inbox.items)

    @router.get("/handoffs/{handoff_id}")
    async def handoff(handoff_id: Id, viewer: Asks) -> HandoffView:
        """One handoff."""
        return await reading.handoff(viewer, handoff_id) or _missing("handoff", handoff_id)

    @router.get("/handoffs/{handoff_id}/explanation")
    async def explanation(handoff_id: Id, viewer: Asks) -> ExplanationView:
        """Why it went to whom it went, and why nobody else got it."""
        return await reading.explanation(viewer, handoff_id) or _missing("handoff", handoff_id)


def _read_accounts(router: APIRouter, reading: Reading, sessions: Sessions) -> None:
    Asks = Annotated[Viewer, Depends(sessions.viewer)]  # noqa: N806 - a type

    @router.get("/managers")
    async def managers(viewer: Asks) -> list[ManagerView]:
        """Everybody with accounts or room for some, and the load."""
        return await reading.managers(viewer)

    @router.get("/accounts")
    async def accounts(
        viewer: Asks,
        manager: Id | None = None,
        after: Id | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
    ) -> Portfolio:
        """Customers, by id."""
        return await reading.accounts(viewer, manager=manager, after=after or "", limit=limit)

    @router.get("/accounts/{account_id}")
    async def account(account_id: Id, viewer: Asks) -> AccountView:
        """Everything that is known of a customer."""
        return await reading.account(viewer, account_id) or _missing("account", account_id)


def _act(router: APIRouter, reading: Reading, commands: Commands, sessions: Sessions) -> None:
    Asks = Annotated[Viewer, Depends(sessions.viewer)]  # noqa: N806 - a type

    @router.post("/handoffs/{handoff_id}/accept")
    async def accept(handoff_id: Id, body: Body, viewer: Asks) -> HandoffView:
        """Take the customer over."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(reading, commands.accept(handoff_id, by), viewer)

    @router.post("/handoffs/{handoff_id}/ask")
    async def ask(handoff_id: Id, body: Asked, viewer: Asks) -> HandoffView:
        """Ask the salesperson for more."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(reading, commands.ask(handoff_id, by, body.questions), viewer)

    @router.post("/handoffs/{handoff_id}/return")
    async def give_back(handoff_id: Id, body: Returned, viewer: Asks) -> HandoffView:
        """Return it to the salesperson."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(reading, commands.give_back(handoff_id, by, body.reasons), viewer)

    @router.post("/handoffs/{handoff_id}/resubmit")
    async def resubmit(handoff_id: Id, body: Resubmitted, viewer: Asks) -> HandoffView:
        """Answer, or mend what was returned."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(
            reading, commands.resubmit(handoff_id, by, body.answers, body.package), viewer
        )

    @router.post("/handoffs/{handoff_id}/package")
    async def add(handoff_id: Id, body: Added, viewer: Asks) -> HandoffView:
        """Tell more of the customer, unasked."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(reading, commands.add(handoff_id, by, body.package), viewer)

    @router.post("/handoffs/{handoff_id}/steps/{step}/done")
    async def do_step(handoff_id: Id, step: Id, body: Body, viewer: Asks) -> HandoffView:
        """A step of the checklist is done."""
        by = await _by(reading, handoff_id, body, viewer)
        seen = await reading.seen(viewer, handoff_id)
        if seen and not rights.may_do_step(viewer, *seen, step):
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, f"the step {step!r} is somebody else's to do"
            )
        return await _answered(reading, commands.do_step(handoff_id, by, step), viewer)

    @router.post("/handoffs/{handoff_id}/steps/{step}/move")
    async def move_step(handoff_id: Id, step: Id, body: Postponed, viewer: Asks) -> HandoffView:
        """Set the due date of a step; what hangs on it moves along."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(
            reading, commands.move_step(handoff_id, by, step, body.due_at), viewer
        )

    @router.post("/handoffs/{handoff_id}/reassign")
    async def reassign(handoff_id: Id, body: Reassigned, viewer: Asks) -> HandoffView:
        """Give the account to another manager; answers the handoff that carries it."""
        by = await _by(reading, handoff_id, body, viewer)
        return await _answered(
            reading, commands.reassign(handoff_id, by, body.to, body.why), viewer
        )


async def _by(reading: Reading, handoff_id: str, body: Body, viewer: Viewer) -> str:
    """In whose name. What the viewer does not see is missing, before anything else is said."""
    if await reading.seen(viewer, handoff_id) is None:
        _missing("handoff", handoff_id)
    by = rights.acts_for(viewer, body.by)
    if by is None and viewer.person is None:
        reason = "must name who does it, by the directory's id"
        raise RequestValidationError([{"loc": ("body", "by"), "msg": reason, "type": "value"}])
    if by is None:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN, "by: is who is signed in, and may not be somebody else"
        )
    return by


async def _answered(reading: Reading, command: Awaitable[Outcome], viewer: Viewer) -> HandoffView:
    try:
        outcome = await command
    except Unknown as error:
        _missing("handoff", str(error))
    if isinstance(outcome, Refused):
        raise HTTPException(status.HTTP_409_CONFLICT, outcome.reason)
    return await reading.shown(viewer, outcome.handoff)


def _missing(what: str, name: str) -> NoReturn:
    raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no {what} {name!r}")
