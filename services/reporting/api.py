"""Figures over HTTP. Read-only."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, SecretStr

from services.reporting.repository import Repository
from shared.http import guard

Name = Literal["deals", "handoffs", "deadlines", "reminders", "events"]
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "deals": ("outcome", "month", "salesperson", "currency", "manager"),
    "handoffs": ("event", "manager"),
    "deadlines": ("event", "manager"),
    "reminders": ("event", "manager"),
    "events": ("type",),
}


class FigureRow(BaseModel):
    """One row. Amounts are decimal strings: they are exact."""

    by: dict[str, str]
    count: int
    amount: Decimal


class Figures(BaseModel):
    """A figure, broken down."""

    figure: Name
    rows: list[FigureRow]


def build_router(repository: Repository, password: SecretStr) -> APIRouter:
    """`/figures/<name>?by=…`, for who knows the password."""
    router = APIRouter(dependencies=[Depends(guard(password))])

    @router.get("/figures")
    async def index() -> dict[str, tuple[str, ...]]:
        """Which figures there are and by what they can be broken down."""
        return DIMENSIONS

    @router.get("/figures/{name}")
    async def figure(
        name: Name, by: Annotated[list[str] | None, Query(max_length=5)] = None
    ) -> Figures:
        """One figure. Deals by manager: by whom their salesperson reports to."""
        wanted = [field for field in DIMENSIONS[name] if field in (by or DIMENSIONS[name][:1])]
        joined = name == "deals" and "manager" in wanted
        stored = [field for field in wanted if not (joined and field == "manager")]
        rows = await repository.figures(name, [*stored, "salesperson"] if joined else stored)
        if joined:
            people = await repository.people()
            rows = _by_manager(rows, people, stored)
        return Figures(
            figure=name,
            rows=[
                FigureRow(
                    by={field: row[field] for field in wanted},
                    count=row["count"],
                    amount=row["amount"],
                )
                for row in rows
            ],
        )

    return router


def _by_manager(
    rows: list[dict[str, Any]], people: dict[str, dict[str, Any]], stored: list[str]
) -> list[dict[str, Any]]:
    summed: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        manager = people.get(row["salesperson"], {}).get("reports_to") or "-"
        key = (*(row[field] for field in stored), manager)
        total = summed.setdefault(
            key,
            {**{field: row[field] for field in stored}, "manager": manager}
            | {"count": 0, "amount": Decimal(0)},
        )
        total["count"] += row["count"]
        total["amount"] += row["amount"]
    return [summed[key] for key in sorted(summed)]
