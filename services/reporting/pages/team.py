"""Account managers beside each other. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.reporting.pages.parts import (
    Board,
    Cell,
    Chart,
    Filters,
    Reader,
    Series,
    Table,
    figure,
    numbers,
    total,
)
from services.reporting.questions import Row
from services.reporting.standing import NONE
from shared.pages.catalog import N_

MOST = 20
"""Bars of one chart at most; the table has everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Rows by manager and what else their names say."""

    deals: Sequence[Row]
    """Won ones, by currency."""
    accounts: Sequence[Row]
    handovers: Sequence[Row]
    promises: Sequence[Row]
    """By outcome."""
    overdue: Sequence[Row]
    disputes: Sequence[Row]
    satisfaction: Sequence[Row]
    currency: str | None


def team(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The page."""
    people = _people(seen, reader)
    return Board(
        title=reader.writer.say("Team"),
        lead=reader.writer.say(
            "Deals, handoffs and deadlines count for whose they were; accounts, disputes and what "
            "is overdue for whose they are now."
        ),
        charts=_charts(seen, people, reader, filters),
        tables=[_table(seen, people, reader, filters)],
    )


def _people(seen: Seen, reader: Reader) -> list[str]:
    """Everybody with anything, who won most first."""
    rows = (*seen.deals, *seen.accounts, *seen.handovers, *seen.promises, *seen.overdue,
            *seen.disputes, *seen.satisfaction)  # fmt: skip
    found = {row.by.get("manager") or row.by.get("manager_now") or NONE for row in rows} - {NONE}
    return sorted(found, key=lambda one: (-_won(seen, one), reader.plain_name(one)))


def _won(seen: Seen, person: str) -> Decimal:
    return total(seen.deals, "amount", manager=person, currency=seen.currency or NONE)


def _charts(seen: Seen, people: Sequence[str], reader: Reader, filters: Filters) -> list[Chart]:
    say, label = reader.writer.say, reader.writer.label
    shown = people[:MOST]
    names = [reader.plain_name(one) for one in shown]
    links = [filters.address("/pages", manager=one) for one in shown]
    accounts = [total(seen.accounts, "accounts", manager=one) for one in shown]
    charts = [
        Chart(
            id="accounts",
            title=say("Accounts by manager"),
            kind="across",
            labels=names,
            links=links,
            series=[numbers(reader, N_("Accounts"), accounts, "second")],
            empty=say("No account has a manager yet."),
        )
    ]
    if currency := seen.currency:
        won = [_won(seen, one) for one in shown]
        chart = Chart(
            id="won",
            title=say("Won, by manager"),
            kind="across",
            labels=names,
            links=links,
            series=[
                Series(
                    name=str(label("Won")),
                    values=won,
                    texts=[reader.money(value, currency) for value in won],
                )
            ],
            empty=say("Nothing was won in this time. Choose a longer one above."),
        )
        charts.insert(0, chart)
    return charts


def _table(seen: Seen, people: Sequence[str], reader: Reader, filters: Filters) -> Table:
    say = reader.writer.say
    return Table(
        title=say("Everybody"),
        heads=[
            say("Account manager"),
            say("Won"),
            say("Accounts"),
            say("Handoffs accepted"),
            say("Time to accept"),
            say("Returned"),
            say("Kept on time"),
            say("Overdue"),
            say("Open disputes"),
            say("Satisfaction"),
        ],
        rows=[_row(seen, one, reader, filters) for one in people],
        empty=say(
            "Nobody has anything yet. People come from the directory, their work from handoff: "
            "if both are there, choose a longer time above."
        ),
        export="/figures/deals.xlsx?by=manager&by=currency&where=outcome:won",
    )


def _row(seen: Seen, person: str, reader: Reader, filters: Filters) -> list[Cell]:
    number = reader.writer.number

    def of(rows: Sequence[Row], measure: str = "count", **where: str) -> Decimal:
        return total(rows, measure, manager=person, **where)

    accepted = of(seen.handovers, "accepted")
    on_time, late = of(seen.promises, outcome="on_time"), of(seen.promises, outcome="late")
    overdue = of(seen.overdue)
    disputes = total(seen.disputes, manager_now=person)
    said = total(seen.satisfaction, manager_now=person)
    score = total(seen.satisfaction, "score", manager_now=person)
    return [
        Cell(text=reader.name(person), href=filters.address("/pages", manager=person)),
        figure(reader.money(_won(seen, person), seen.currency) if seen.currency else "–"),
        figure(
            number(of(seen.accounts, "accounts")),
            href=filters.address("/pages/accounts", manager=person),
        ),
        figure(number(accepted)),
        figure(reader.hours(of(seen.handovers, "accept_seconds"), accepted)),
        figure(number(of(seen.handovers, "returned"))),
        figure(reader.share(on_time, on_time + late)),
        figure(number(overdue), "late" if overdue else "plain"),
        figure(number(disputes), "soon" if disputes else "plain"),
        figure(reader.mean(score, said)),
    ]
