"""Disputes: what is open and how old, what comes and what is settled. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

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
    numbers,
    rest,
    sums,
    total,
)
from services.reporting.pages.words import SEVERITY, word
from services.reporting.questions import Row
from services.reporting.standing import NONE
from shared.pages.catalog import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Rows by severity and what their names say."""

    months: Sequence[Row]
    """What came and was settled, by the reader's month."""
    open: Sequence[Row]
    """By manager, as it is now."""


def disputes(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The page."""
    say, number = reader.writer.say, reader.writer.number
    open_ = total(seen.open)
    critical = total(seen.open, severity="critical")
    resolved = total(seen.months, "resolved")
    return Board(
        title=say("Disputes"),
        tiles=[
            Tile(
                title=say("Open"),
                value=number(open_),
                hint=say("%(number)s of them critical", number=critical),
                tone="late" if critical else "soon" if open_ else "good",
            ),
            Tile(
                title=say("Open for, on average"),
                value=reader.hours(_age(seen.open, reader), open_),
                hint=say("as of now"),
            ),
            Tile(
                title=say("Came"),
                value=number(total(seen.months, "opened")),
                hint=say("in this time"),
            ),
            Tile(
                title=say("Settled"),
                value=number(resolved),
                hint=say(
                    "after %(time)s, on average",
                    time=reader.hours(total(seen.months, "resolve_seconds"), resolved),
                ),
            ),
        ],
        charts=[_months(seen, reader, filters), _severities(seen, reader)],
        tables=[_table(seen, reader, filters)],
    )


def _age(rows: Sequence[Row], reader: Reader, **where: str) -> Decimal:
    """Seconds that they have been open, together."""
    now = Decimal(int(reader.now.timestamp()))
    return total(rows, **where) * now - total(rows, "opened_seconds", **where)


def _months(seen: Seen, reader: Reader, filters: Filters) -> Chart:
    by_month = grouped(seen.months, reader.month)
    months = axis(by_month)
    lines = [
        (N_("Came"), "soon", {"measure": "opened"}),
        (N_("Settled"), "accent", {"measure": "resolved"}),
    ]
    return Chart(
        id="disputes",
        title=reader.writer.say("Came and settled, by month"),
        kind="bars",
        labels=[reader.month_name(one) for one in months],
        links=[filters.address("/pages/disputes", period=one) for one in months],
        series=sums(by_month, months, lines, reader),
        empty=reader.writer.say("No dispute came in this time."),
    )


def _severities(seen: Seen, reader: Reader) -> Chart:
    values = [total(seen.open, severity=name) for name in SEVERITY]
    return Chart(
        id="severities",
        title=reader.writer.say("Open, by severity"),
        kind="across",
        labels=[word(SEVERITY, name, reader) for name in SEVERITY],
        series=[numbers(reader, N_("Open"), values, "soon")],
        empty=_none(reader),
    )


def _table(seen: Seen, reader: Reader, filters: Filters) -> Table:
    say = reader.writer.say
    by_manager = grouped(seen.open, "manager_now")
    shown = sorted(by_manager, key=lambda one: (-total(by_manager[one]), reader.plain_name(one)))
    return Table(
        title=say("By account manager"),
        heads=[
            say("Account manager"),
            say("Open"),
            *(say(name) for name in SEVERITY.values()),
            say("Open for, on average"),
        ],
        rows=[_row(by_manager[one], one, reader, filters) for one in shown[:ROWS]],
        rest=rest(len(shown), reader),
        empty=_none(reader),
        export="/figures/open_disputes.xlsx?by=manager_now&by=severity",
    )


def _row(rows: Sequence[Row], person: str, reader: Reader, filters: Filters) -> list[Cell]:
    number = reader.writer.number
    href = filters.address("/pages/disputes", manager=person) if person != NONE else None
    return [
        Cell(text=reader.name(person), href=href),
        figure(number(total(rows))),
        *(figure(number(total(rows, severity=name))) for name in SEVERITY),
        figure(reader.hours(_age(rows, reader), total(rows))),
    ]


def _none(reader: Reader) -> Markup:
    return reader.writer.say("No dispute is open. Well done.")
