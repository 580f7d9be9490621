"""Account managers beside each other. Pure."""

from collections.abc import Mapping, Sequence
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
    Series,
    Table,
    figure,
    foremost,
    grouped,
    numbers,
    of_each,
    rest,
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
    among: Sequence[str] | None = None
    """Who is shown, the first first, where that are not all."""


def team(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The page."""
    shown, people = _people(seen, reader)
    return Board(
        title=reader.writer.say("Team"),
        lead=reader.writer.say(
            "Deals, handoffs and deadlines count for whose they were; accounts, disputes and what "
            "is overdue for whose they are now."
        ),
        charts=_charts(dict(list(shown.items())[:MOST]), seen.currency, reader, filters),
        tables=[_table(shown, rest(people, reader), reader, filters)],
    )


def most(deals: Sequence[Row], currency: str | None, reader: Reader) -> list[str]:
    """Who won most."""
    return foremost(deals, "manager", reader, "amount", currency=currency or NONE)


def _people(seen: Seen, reader: Reader) -> tuple[dict[str, Seen], int]:
    """What is theirs who won most; and how many have anything."""
    now = {"disputes": "manager_now", "satisfaction": "manager_now"}
    before = dict.fromkeys(("deals", "accounts", "handovers", "promises", "overdue"), "manager")
    if seen.among:
        return of_each(seen, seen.among, **before, **now), len(grouped(seen.deals, "manager"))
    found = of_each(seen, **before, **now)
    order = sorted(found, key=lambda one: (-_won(found[one]), reader.plain_name(one)))
    return {one: found[one] for one in order[:ROWS]}, len(order)


def _won(own: Seen) -> Decimal:
    return total(own.deals, "amount", currency=own.currency or NONE)


def _charts(
    shown: Mapping[str, Seen], currency: str | None, reader: Reader, filters: Filters
) -> list[Chart]:
    say, label = reader.writer.say, reader.writer.label
    names = [reader.plain_name(one) for one in shown]
    links = [filters.address("/pages", manager=one) for one in shown]
    accounts = [total(own.accounts, "accounts") for own in shown.values()]
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
    if currency:
        won = [_won(own) for own in shown.values()]
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


def _table(
    shown: Mapping[str, Seen], more: Markup | None, reader: Reader, filters: Filters
) -> Table:
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
        rows=[_row(own, one, reader, filters) for one, own in shown.items()],
        rest=more,
        empty=say(
            "Nobody has anything yet. People come from the directory, their work from handoff: "
            "if both are there, choose a longer time above."
        ),
        export="/figures/deals.xlsx?by=manager&by=currency&where=outcome:won",
    )


def _row(own: Seen, person: str, reader: Reader, filters: Filters) -> list[Cell]:
    number = reader.writer.number
    accepted = total(own.handovers, "accepted")
    on_time, late = total(own.promises, outcome="on_time"), total(own.promises, outcome="late")
    overdue = total(own.overdue)
    disputes = total(own.disputes)
    said = total(own.satisfaction)
    return [
        Cell(text=reader.name(person), href=filters.address("/pages", manager=person)),
        figure(reader.money(_won(own), own.currency) if own.currency else "–"),
        figure(
            number(total(own.accounts, "accounts")),
            href=filters.address("/pages/accounts", manager=person),
        ),
        figure(number(accepted)),
        figure(reader.hours(total(own.handovers, "accept_seconds"), accepted)),
        figure(number(total(own.handovers, "returned"))),
        figure(reader.share(on_time, on_time + late)),
        figure(number(overdue), "late" if overdue else "plain"),
        figure(number(disputes), "soon" if disputes else "plain"),
        figure(reader.mean(total(own.satisfaction, "score"), said)),
    ]
