"""Handoffs over HTTP: what waits for whom, why it went there, and what is done with it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, HTTPException, Query, status
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.handoff.assignment import WORDS
from services.handoff.commands import Commands, Unknown
from services.handoff.lifecycle import Outcome, Refused
from services.handoff.repository import Repository
from services.handoff.states import Account, Handoff, Status
from shared.contracts.deals import Package
from shared.contracts.values import Id, Text
from shared.http import guard

Listed = Annotated[tuple[Text, ...], Field(max_length=50)]


class Body(BaseModel):
    """What is sent with a command. `by`: who does it, by the directory's id."""

    model_config = ConfigDict(extra="forbid")
    by: Id


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


class DeadlineOut(BaseModel):
    """An open deadline."""

    step: str
    title: str
    owner_id: str
    due_at: datetime


class HandoffOut(BaseModel):
    """A handoff as it stands."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    deal_id: str
    account_id: str
    kind: str
    round: int
    status: Status
    manager_id: str | None
    salesperson_id: str
    closed_at: datetime
    completeness: int
    missing: tuple[str, ...]
    package: Package | None
    attempt: int
    deadlines: tuple[DeadlineOut, ...] = Field(default=())
    done: tuple[str, ...]


class VerdictOut(BaseModel):
    """What became of one candidate."""

    manager_id: str
    reason: str
    words: str


class Explained(BaseModel):
    """Why a handoff went to whom it went."""

    handoff_id: str
    account_id: str
    manager_id: str | None
    reason: str
    at: datetime | None = None
    weight: int | None = None
    need: dict[str, str] = Field(default_factory=dict)
    verdicts: list[VerdictOut] = Field(default_factory=list)


class ManagerOut(BaseModel):
    """An account manager and the load."""

    id: str
    active: bool
    load: int
    capacity: int | None


class AccountOut(BaseModel):
    """A customer, who manages it, and its handoffs."""

    id: str
    name: str
    tier: str
    manager_id: str | None
    home_manager_id: str | None
    weight: int
    won: dict[str, Decimal]
    handoffs: list[HandoffOut]


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no JSON."},
    401: {"description": "Nobody who may."},
    404: {"description": "There is none of that id."},
    409: {"description": "The move is not allowed now."},
}


def build_router(repository: Repository, commands: Commands, password: SecretStr) -> APIRouter:
    """Everything under the operator's password."""
    router = APIRouter(dependencies=[Depends(guard(password))], responses=_REFUSALS)
    _read_handoffs(router, repository)
    _read_accounts(router, repository)
    _act(router, commands)
    return router


def _read_handoffs(router: APIRouter, repository: Repository) -> None:
    @router.get("/handoffs")
    async def handoffs(
        manager: Id | None = None,
        salesperson: Id | None = None,
        state: Annotated[Status | None, Query(alias="status")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[HandoffOut]:
        """The inbox of a manager or a salesperson: the oldest first."""
        wanted = {"manager_id": manager, "salesperson_id": salesperson, "status": state}
        query = {name: str(value) for name, value in wanted.items() if value}
        return [_handoff(one) for one in await repository.handoffs_where(query, limit)]

    @router.get("/handoffs/{handoff_id}")
    async def handoff(handoff_id: Id) -> HandoffOut:
        """One handoff."""
        return _handoff(await _known(handoff_id))

    @router.get("/handoffs/{handoff_id}/explanation")
    async def explanation(handoff_id: Id) -> Explained:
        """Why it went to whom it went, and why nobody else got it."""
        known = await _known(handoff_id)
        found = await repository.explanation(handoff_id)
        if found is None:
            return Explained(
                handoff_id=known.id,
                account_id=known.account_id,
                manager_id=known.manager_id,
                reason="the account had a manager already, so nobody else was considered",
            )
        need = {name: getattr(found.need, name) for name in found.need.__slots__}
        return Explained(
            handoff_id=found.id,
            account_id=found.account_id,
            manager_id=found.manager_id,
            reason=found.reason,
            at=found.at,
            weight=found.weight,
            need={name: str(value) for name, value in need.items() if value},
            verdicts=[
                VerdictOut(manager_id=one.manager_id, reason=one.reason, words=WORDS[one.reason])
                for one in found.verdicts
            ],
        )

    async def _known(handoff_id: str) -> Handoff:
        found = await repository.handoffs_where({"_id": handoff_id}, 1)
        if not found:
            _missing(handoff_id)
        return found[0]


def _act(router: APIRouter, commands: Commands) -> None:
    @router.post("/handoffs/{handoff_id}/accept")
    async def accept(handoff_id: Id, body: Body) -> HandoffOut:
        """Take the customer over."""
        return await _answered(commands.accept(handoff_id, body.by))

    @router.post("/handoffs/{handoff_id}/ask")
    async def ask(handoff_id: Id, body: Asked) -> HandoffOut:
        """Ask the salesperson for more."""
        return await _answered(commands.ask(handoff_id, body.by, body.questions))

    @router.post("/handoffs/{handoff_id}/return")
    async def give_back(handoff_id: Id, body: Returned) -> HandoffOut:
        """Return it to the salesperson."""
        return await _answered(commands.give_back(handoff_id, body.by, body.reasons))

    @router.post("/handoffs/{handoff_id}/resubmit")
    async def resubmit(handoff_id: Id, body: Resubmitted) -> HandoffOut:
        """Answer, or mend what was returned."""
        return await _answered(commands.resubmit(handoff_id, body.by, body.answers, body.package))

    @router.post("/handoffs/{handoff_id}/package")
    async def add(handoff_id: Id, body: Added) -> HandoffOut:
        """Tell more of the customer, unasked."""
        return await _answered(commands.add(handoff_id, body.by, body.package))

    @router.post("/handoffs/{handoff_id}/steps/{step}/done")
    async def do_step(handoff_id: Id, step: Id, body: Body) -> HandoffOut:
        """A step of the checklist is done."""
        return await _answered(commands.do_step(handoff_id, body.by, step))


def _read_accounts(router: APIRouter, repository: Repository) -> None:
    @router.get("/managers")
    async def managers() -> list[ManagerOut]:
        """Everybody with accounts or room for some, and the load."""
        pool = await repository.pool()
        return [
            ManagerOut(id=m.id, active=m.active, load=m.load, capacity=m.capacity)
            for m in sorted(pool.managers.values(), key=lambda m: m.id)
            if m.active or m.load
        ]

    @router.get("/accounts/{account_id}")
    async def account(account_id: Id) -> AccountOut:
        """A customer and all its handoffs."""
        found = await repository.account(account_id)
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no account {account_id!r}")
        return _account(found, await repository.handoffs_where({"account_id": account_id}, 500))


async def _answered(command: Any) -> HandoffOut:
    try:
        outcome: Outcome = await command
    except Unknown as error:
        _missing(str(error))
    if isinstance(outcome, Refused):
        raise HTTPException(status.HTTP_409_CONFLICT, outcome.reason)
    return _handoff(outcome.handoff)


def _missing(handoff_id: str) -> NoReturn:
    raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no handoff {handoff_id!r}")


def _handoff(handoff: Handoff) -> HandoffOut:
    return HandoffOut.model_validate(handoff, from_attributes=True)


def _account(account: Account, handoffs: list[Handoff]) -> AccountOut:
    return AccountOut(
        id=account.id,
        name=account.name,
        tier=account.tier,
        manager_id=account.manager_id,
        home_manager_id=account.home_manager_id,
        weight=account.weight,
        won=dict(account.won),
        handoffs=[_handoff(one) for one in handoffs],
    )
