"""What can be asked of figures, and how the answer follows from counters. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import localcontext

from services.reporting.figures.declaration import Amount, Figure
from services.reporting.periods import months
from services.reporting.standing import NONE
from shared.pages.catalog import Language

TIMES = ("day", "month", "jalali_month")
"""By what every figure can be broken down besides its dimensions."""

JOINED: Mapping[str, str] = {"sales_manager": "salesperson", "head": "manager"}
"""Dimensions that are looked up when a figure is read: whom that person reports to today."""


class Unanswerable(Exception):
    """A question that the figure has no answer to; says which ones it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A figure, broken down by dimensions, of what fits, from a day to a day, both included."""

    by: Sequence[str] = ()
    where: Mapping[str, Iterable[str]] = field(default_factory=dict)
    """Dimension to its values; all of them must fit."""
    since: date | None = None
    until: date | None = None
    converted: bool = False
    """Money of all currencies as money of the company's, by the table of rates."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer."""

    by: Mapping[str, str]
    measures: Mapping[str, Amount]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the directory, or who once was."""

    name: str
    reports_to: str | None
    roles: tuple[str, ...] = ()
    active: bool = True
    language: Language = "en"
    time_zone: str | None = None
    """Where the directory says one; none: that of the calendar."""
    hours: Mapping[str, tuple[str, ...]] | None = None
    """The own working week, by day; none: that of the calendar."""
    team: str | None = None
    calendar: str | None = None
    """Name of a calendar of the company; none: the team's, else the company's."""
    mutes: frozenset[str] = frozenset()
    """What of figures the person is not told, as the directory names it."""


People = Mapping[str, Person]


def dimensions(figure: Figure) -> tuple[str, ...]:
    """Everything a figure can be broken down by."""
    joined = (name for name, of in JOINED.items() if of in figure.dimensions)
    return (*figure.dimensions, *joined, *TIMES)


def cube_for(figure: Figure, question: Question) -> int:
    """The smallest cube that has all that is asked for, and counts nothing twice."""
    if times := {*TIMES} & {*question.where}:
        raise Unanswerable(f"give a range of days in place of conditions on {', '.join(times)}")
    asked = {*question.by, *question.where}
    for name in asked:
        if name not in dimensions(figure):
            known = ", ".join(dimensions(figure))
            raise Unanswerable(f"{figure.name} has no dimension {name!r}: it has {known}")
    needed = {JOINED.get(name, name) for name in asked} - {*TIMES, *figure.always}
    fitting = [
        n
        for n, cube in enumerate(figure.cubes)
        if needed <= {*cube} and figure.several.isdisjoint({*cube} - needed)
    ]
    if not fitting:
        together = "; ".join(" with ".join(cube) for cube in figure.cubes)
        raise Unanswerable(
            f"{figure.name} cannot be broken down by {' and '.join(sorted(needed))} together: "
            f"beside {', '.join(figure.always) or 'times'} there is {together}"
        )
    return min(fitting, key=lambda n: (len(figure.cubes[n]), n))


def stored(by: Iterable[str]) -> tuple[str, ...]:
    """The fields of counters that these dimensions are read from, each once."""
    return tuple(dict.fromkeys(JOINED.get(name, name) for name in by))


def looked_up(where: Mapping[str, Iterable[str]], people: People) -> dict[str, set[str]]:
    """Conditions on what is stored, instead of those on what is looked up."""
    found: dict[str, set[str]] = {}
    for name, values in where.items():
        wanted = set(values)
        if of := JOINED.get(name):
            wanted = {p for p, person in people.items() if (person.reports_to or NONE) in wanted}
            name = of  # noqa: PLW2901 - the same condition on what is stored
        found[name] = found[name] & wanted if name in found else wanted
    return found


def joined(rows: Iterable[Row], by: Sequence[str], people: People) -> list[Row]:
    """Rows by what was asked for, looked up where it is not stored."""
    if stored(by) == tuple(by):
        return summed(rows, by)

    def value(row: Row, name: str) -> str:
        if of := JOINED.get(name):
            person = people.get(row.by[of])
            return (person and person.reports_to) or NONE
        return row.by[name]

    return summed((Row({name: value(row, name) for name in by}, row.measures) for row in rows), by)


def rolled_up(rows: Iterable[Row], by: Sequence[str], people: People) -> list[Row]:
    """Rows by manager in which everybody has also what all those below have, at any depth."""
    return summed(
        (
            Row({**row.by, "manager": above}, row.measures)
            for row in rows
            for above in chain(row.by["manager"], people)
        ),
        by,
    )


def chain(person_id: str, people: People) -> list[str]:
    """The person and all above, nearest first. A circle ends where it closes."""
    found = [person_id]
    while (
        (person := people.get(found[-1])) and person.reports_to and person.reports_to not in found
    ):
        found.append(person.reports_to)
    return found


def team(person_id: str, people: People) -> set[str]:
    """The person and all below, at any depth."""
    return {person_id, *(other for other in people if person_id in chain(other, people))}


def summed(rows: Iterable[Row], by: Sequence[str]) -> list[Row]:
    """Rows with the same dimensions as one, in order; those that are nothing are left out."""
    sums: dict[tuple[str, ...], dict[str, Amount]] = {}
    with localcontext(prec=60):
        for row in rows:
            by_ = row.by
            values = tuple([by_[name] for name in by])
            total = sums.get(values)
            if total is None:  # most rows of an answer are the only ones of theirs
                sums[values] = dict(row.measures)
                continue
            for name, value in row.measures.items():
                total[name] = total.get(name, 0) + value
    return [
        Row(dict(zip(by, values, strict=True)), total)
        for values, total in sorted(sums.items())
        if any(total.values())
    ]


def balances(rows: Iterable[Row], by: Sequence[str], time: str, since: date | None) -> list[Row]:
    """Of comings and goings by a time: how much there was at the end of each.

    A row for every time at which anything changed anywhere, and for the one that `since` is in.
    """
    found = list(rows)
    first = _label(time, since) if since else ""
    times = sorted({first, *(row.by[time] for row in found)} - {""})
    rest = [name for name in by if name != time]
    groups: dict[tuple[str, ...], dict[str, Mapping[str, Amount]]] = {}
    for row in found:
        groups.setdefault(tuple(row.by[name] for name in rest), {})[row.by[time]] = row.measures
    result: list[Row] = []
    for values, changes in groups.items():
        total: dict[str, Amount] = {}
        for at in times:
            for name, value in changes.get(at, {}).items():
                total[name] = total.get(name, 0) + value
            if any(total.values()) and at >= first:
                result.append(Row({**dict(zip(rest, values, strict=True)), time: at}, {**total}))
    return sorted(result, key=lambda row: tuple(row.by[name] for name in by))


def _label(time: str, day: date) -> str:
    month, jalali_month = months(day.isoformat())
    return {"day": day.isoformat(), "month": month, "jalali_month": jalali_month}[time]
