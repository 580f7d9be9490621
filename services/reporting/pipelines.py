"""How MongoDB sums counters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from services.reporting.figures.declaration import Figure
from services.reporting.periods import Days
from shared.mongo import Document


def sums(
    figure: Figure,
    cube: int,
    by: Sequence[str],
    where: Mapping[str, Iterable[str]],
    days: Days,
) -> list[Document]:
    """Sums of a figure's counters, from a day to a day, by these dimensions."""
    since, until = days
    match: Document = {"figure": figure.name, "cube": cube}
    if since or until:
        first, last = since or date.min, until or date.max
        match["month"] = {"$gte": first.isoformat()[:7], "$lte": last.isoformat()[:7]}
    match |= {name: {"$in": sorted(values)} for name, values in where.items()}
    pipeline: list[Document] = [{"$match": match}]
    at = ""
    if "day" in by or not _whole_months(since, until):
        at = "days.v."
        pipeline += _by_days(figure, cube, since, until)
    summed = {measure.name: {"$sum": f"${at}{measure.name}"} for measure in figure.measures}
    return [*pipeline, {"$group": {"_id": {n: f"${n}" for n in by}, **summed}}]


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
