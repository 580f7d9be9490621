"""How MongoDB sums counters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.reporting.figures.declaration import Figure
from services.reporting.periods import Days, pieces
from services.reporting.questions import People, Question, cube_for, looked_up, stored
from shared.mongo import Document

_DAILY = frozenset({"day", "jalali_month"})
"""By what no month can be summed: Jalali months begin within them."""
OF = "of"
"""Field of an answer that says to which of several pipelines it is one."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of one of a figure's cubes, by dimensions, of what fits, from a day to a day."""

    figure: Figure
    cube: int
    by: Sequence[str]
    where: Mapping[str, Iterable[str]]
    days: Days = (None, None)

    @property
    def by_day(self) -> bool:
        """Whether each day is looked at."""
        return not _DAILY.isdisjoint(self.by)


def sums_for(figure: Figure, question: Question, people: People, more: Iterable[str] = ()) -> Sums:
    """What a question asks of counters. `more`: further dimensions that are needed."""
    return Sums(
        figure,
        cube_for(figure, question),
        stored((*question.by, *more)),
        looked_up(question.where, people),
        (None if figure.balance else question.since, question.until),
    )


def parts(wanted: Sums) -> list[list[Document]]:
    """One pipeline for each part of the time, by what is stored: rows of them are to be summed.

    Whole months are summed from the months, which are few; of others the days are looked at.
    """
    if not wanted.by_day:
        return [pipeline(wanted, wanted.by, days) for days in pieces(*wanted.days)]
    fields = [name for name in wanted.by if name not in _DAILY]
    return [pipeline(wanted, [*fields, "day"], wanted.days)]


def pipeline(wanted: Sums, by: Sequence[str], days: Days) -> list[Document]:
    """By these stored dimensions, from a day to a day."""
    figure, cube, where = wanted.figure, wanted.cube, wanted.where
    since, until = days
    match: Document = {"figure": figure.name, "cube": cube}
    if since or until:
        first, last = since or date.min, until or date.max
        match["month"] = {"$gte": first.isoformat()[:7], "$lte": last.isoformat()[:7]}
    match |= {name: {"$in": sorted(values)} for name, values in where.items()}
    steps: list[Document] = [{"$match": match}]
    at = ""
    if "day" in by or not _whole_months(since, until):
        at = "days.v."
        steps += _by_days(figure, cube, since, until)
    summed = {measure.name: {"$sum": f"${at}{measure.name}"} for measure in figure.measures}
    return [*steps, {"$group": {"_id": {n: f"${n}" for n in by}, **summed}}]


def together(collection: str, pipelines: Sequence[Sequence[Document]]) -> list[Document]:
    """One pipeline over a collection for several; `of` says whose each answer is.

    A command costs a service 0.6 ms and a hop between threads, and a page asks a dozen questions:
    one command for them takes half of the time and a sixth of the work.
    """
    first, *others = ([*steps, {"$set": {OF: n}}] for n, steps in enumerate(pipelines))
    return [*first, *({"$unionWith": {"coll": collection, "pipeline": one}} for one in others)]


def _whole_months(since: date | None, until: date | None) -> bool:
    ends = until is None or until == date.max or (until + timedelta(days=1)).day == 1
    return ends and (since is None or since.day == 1)


def _by_days(figure: Figure, cube: int, since: date | None, until: date | None) -> list[Document]:
    """Each day of a month as a document."""
    kept = {name: f"${name}" for name in ("month", *figure.always, *figure.cubes[cube])}
    steps: list[Document] = [
        {"$project": {**kept, "days": {"$objectToArray": "$days"}}},
        {"$unwind": "$days"},
        {"$set": {"day": {"$concat": ["$month", "-", "$days.k"]}}},
    ]
    bounds = {k: v.isoformat() for k, v in (("$gte", since), ("$lte", until)) if v}
    return [*steps, {"$match": {"day": bounds}}] if bounds else steps
