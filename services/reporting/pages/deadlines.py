"""How deadlines are kept. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.reporting.pages.parts import (
    ROWS,
    Board,
    Cell,
    Chart,
    Filters,
    Reader,
    Table,
    Tile,
    axis,
    figure,
    grouped,
    of_each,
    rest,
    sums,
    total,
)
from services.reporting.pages.words import KEPT
from services.reporting.questions import Row
from services.reporting.standing import NONE

_LINES = tuple((name, tone, {"outcome": outcome}) for outcome, (name, tone) in KEPT.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Rows by outcome and what their names say."""

    months: Sequence[Row]
    """By the reader's month."""
    managers: Sequence[Row]
    overdue: Sequence[Row]
    """By manager, as it is now."""
    soon: Sequence[Row]
    steps: Sequence[Row]
    """Empty where that would tell of others."""
    among: Sequence[str] | None = None
    """Who is shown, where that are not all."""


def deadlines(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The page."""
    say, number = reader.writer.say, reader.writer.number
    on_time, late = total(seen.months, outcome="on_time"), total(seen.months, outcome="late")
    overdue, soon = total(seen.overdue), total(seen.soon)
    return Board(
        title=say("Deadlines"),
        lead=say("Each counts on the day it is due, as it was last set."),
        tiles=[
            Tile(
                title=say("Kept on time"),
                value=reader.share(on_time, on_time + late),
                hint=say("%(number)s of %(all)s", number=on_time, all=on_time + late),
            ),
            Tile(
                title=say("Late by, on average"),
                value=reader.hours(total(seen.months, "late_seconds"), late),
                hint=say("of working time, %(number)s of them", number=late),
            ),
            Tile(
                title=say("Overdue"),
                value=number(overdue),
                hint=say("open, and due before today"),
                tone="late" if overdue else "good",
            ),
            Tile(
                title=say("At risk"),
                value=number(soon),
                hint=say("due within a week"),
                tone="soon" if soon else "good",
            ),
        ],
        charts=[_months(seen, reader, filters), *_steps(seen, reader)],
        tables=[_table(seen, reader, filters)],
    )


def _months(seen: Seen, reader: Reader, filters: Filters) -> Chart:
    by_month = grouped(seen.months, reader.month)
    months = axis(by_month)
    return Chart(
        id="kept",
        title=reader.writer.say("How they were kept, by month"),
        kind="stacked",
        wide=True,
        labels=[reader.month_name(one) for one in months],
        links=[filters.address("/pages/deadlines", period=one) for one in months],
        series=sums(by_month, months, _LINES, reader),
        empty=_none(reader),
    )


def _steps(seen: Seen, reader: Reader) -> list[Chart]:
    if not seen.steps:
        return []
    by_step = grouped(seen.steps, "step")
    names = sorted(name for name in by_step if name != NONE)
    return [
        Chart(
            id="steps",
            title=reader.writer.say("By step"),
            kind="across",
            wide=True,
            labels=names,
            series=sums(by_step, names, _LINES, reader),
            empty=_none(reader),
        )
    ]


def _table(seen: Seen, reader: Reader, filters: Filters) -> Table:
    say = reader.writer.say
    people = of_each(seen, seen.among, **dict.fromkeys(("managers", "overdue", "soon"), "manager"))
    order = sorted(people, key=lambda one: (-total(people[one].overdue), reader.plain_name(one)))
    number = len(grouped(seen.overdue, "manager")) if seen.among else len(order)
    return Table(
        title=say("By account manager"),
        heads=[
            say("Account manager"),
            say("On time"),
            say("Late"),
            say("Kept on time"),
            say("Late by, on average"),
            say("Overdue"),
            say("At risk"),
        ],
        rows=[_row(people[one], one, reader, filters) for one in order[:ROWS]],
        rest=rest(number, reader),
        empty=_none(reader),
        export="/figures/promises.xlsx?by=manager&by=outcome",
    )


def _row(own: Seen, person: str, reader: Reader, filters: Filters) -> list[Cell]:
    number = reader.writer.number
    on_time, late = total(own.managers, outcome="on_time"), total(own.managers, outcome="late")
    overdue, soon = total(own.overdue), total(own.soon)
    return [
        Cell(text=reader.name(person), href=filters.address("/pages/deadlines", manager=person)),
        figure(number(on_time)),
        figure(number(late)),
        figure(reader.share(on_time, on_time + late)),
        figure(reader.hours(total(own.managers, "late_seconds"), late)),
        figure(number(overdue), "late" if overdue else "plain"),
        figure(number(soon), "soon" if soon else "plain"),
    ]


def _none(reader: Reader) -> Markup:
    return reader.writer.say("No deadline is due in this time. Choose a longer one above.")
