"""The way to figures for everything that shows them."""

from collections.abc import Sequence

from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Figure
from services.reporting.questions import (
    TIMES,
    People,
    Person,
    Question,
    Row,
    Unanswerable,
    balances,
    cube_for,
    joined,
    looked_up,
    rolled_up,
    stored,
)
from services.reporting.repository import Repository


class Reading:
    """Answers questions from what is stored now."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def figure(
        self, name: str, question: Question | None = None, *, rolled: bool = False
    ) -> list[Row]:
        """A figure's rows, in the order of their dimensions; `Unanswerable` says what it lacks.

        `rolled`: by manager, everybody with all those below.
        """
        figure = FIGURES.get(name)
        if figure is None:
            raise Unanswerable(f"there is no figure {name!r}: there are {', '.join(FIGURES)}")
        question = question or Question()
        by = tuple(question.by)
        cube = cube_for(figure, question)
        slot = await self._repository.live()
        people = await self._people(slot, (*by, *question.where), rolled=rolled)
        time = _time_of(figure, by)
        since = question.since.isoformat() if question.since and not figure.balance else None
        rows = await self._repository.rows(
            slot,
            figure,
            cube,
            stored(by),
            looked_up(question.where, people),
            (since, question.until.isoformat() if question.until else None),
        )
        found = joined(rows, by, people)
        if rolled and "manager" in by:
            found = rolled_up(found, by, people)
        return balances(found, by, time, question.since) if time else found

    async def people(self) -> People:
        """Everybody in the directory, those who left too."""
        return await self._all_people(await self._repository.live())

    async def _people(self, slot: str, asked: Sequence[str], *, rolled: bool) -> People:
        needed = rolled or tuple(asked) != stored(asked)
        return await self._all_people(slot) if needed else {}

    async def _all_people(self, slot: str) -> People:
        return {
            key.id: Person(
                name=fact.get("name") or key.id,
                reports_to=fact.get("reports_to"),
                roles=tuple(fact.get("roles") or ()),
                active=bool(fact.get("active")),
            )
            for key, fact in (await self._repository.of_kind(slot, "person")).items()
        }


def _time_of(figure: Figure, by: Sequence[str]) -> str | None:
    times = [name for name in by if name in TIMES]
    if not figure.balance or not times:
        return None
    if len(times) > 1:
        raise Unanswerable(f"{figure.name} goes by one of {', '.join(TIMES)} at a time")
    return times[0]
