"""Figures over HTTP. Read-only."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, status
from pydantic import BaseModel, SecretStr

from services.reporting.figures.catalogue import FIGURES
from services.reporting.questions import Question, Unanswerable, dimensions
from services.reporting.reading import Reading
from shared.http import guard


class FigureRow(BaseModel):
    """One row. Amounts are decimal strings: they are exact."""

    by: dict[str, str]
    count: int
    amount: Decimal
    measures: dict[str, int | Decimal] | None = None
    """What the figure measures besides."""


class Figures(BaseModel):
    """A figure, broken down."""

    figure: str
    rows: list[FigureRow]


def build_router(reading: Reading, password: SecretStr) -> APIRouter:
    """`/figures/<name>?by=…`, for who knows the password."""
    router = APIRouter(dependencies=[Depends(guard(password))])

    @router.get("/figures")
    async def index() -> dict[str, tuple[str, ...]]:
        """Which figures there are and by what they can be broken down."""
        return {name: dimensions(figure) for name, figure in FIGURES.items()}

    @router.get(
        "/figures/{name}",
        response_model_exclude_none=True,
        responses={400: {"description": "The figure has no such answer."}},
    )
    async def figure(
        name: str, by: Annotated[list[str] | None, Query(max_length=5)] = None
    ) -> Figures:
        """One figure, by the first of its dimensions if none is named."""
        wanted = by or list(dimensions(FIGURES[name])[:1] if name in FIGURES else ())
        try:
            rows = await reading.figure(name, Question(by=wanted))
        except Unanswerable as error:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, str(error)) from None
        return Figures(
            figure=name,
            rows=[
                FigureRow(
                    by=dict(row.by),
                    count=int(row.measures.get("count", 0)),
                    amount=Decimal(row.measures.get("amount", 0)),
                    measures={
                        name: value
                        for name, value in row.measures.items()
                        if name not in {"count", "amount"}
                    }
                    or None,
                )
                for row in rows
            ],
        )

    return router
