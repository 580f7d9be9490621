"""A salesperson's own: what was sold, and how it was handed over. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.reporting.pages.overview import deals_won, decided, won
from services.reporting.pages.parts import (
    Board,
    Chart,
    Filters,
    Reader,
    Tile,
    axis,
    grouped,
    monthly_means,
    numbers,
    sums,
    total,
)
from services.reporting.questions import Row
from shared.pages.catalog import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Rows of the salesperson's, by the reader's month."""

    deals: Sequence[Row]
    """Also by outcome and currency."""
    handovers: Sequence[Row]
    currency: str | None
    """In which money is shown."""


def selling(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The first page of who only sells."""
    return Board(
        title=reader.writer.say("Overview"),
        lead=reader.writer.say(
            "Deals count for who sold them, handoffs for who handed them over. Accounts, their "
            "deadlines and disputes are their managers'."
        ),
        tiles=_tiles(seen, reader),
        charts=[
            *([won(seen.deals, seen.currency, reader, filters)] if seen.currency else []),
            decided(seen.deals, reader),
            _handoffs(seen, reader),
            _completeness(seen, reader),
        ],
    )


def _tiles(seen: Seen, reader: Reader) -> list[Tile]:
    say, number = reader.writer.say, reader.writer.number
    made, returned = total(seen.handovers, "created"), total(seen.handovers, "returned")
    accepted = total(seen.handovers, "accepted")
    tiles = [
        deals_won(seen.deals, reader),
        Tile(
            title=say("Handoffs made"),
            value=number(made),
            hint=say(
                "%(mean)s of 100 complete as they came",
                mean=reader.mean(total(seen.handovers, "completeness"), made),
            ),
        ),
        Tile(
            title=say("Handoffs accepted"),
            value=number(accepted),
            hint=say(
                "after %(time)s on average",
                time=reader.hours(total(seen.handovers, "accept_seconds"), accepted),
            ),
        ),
        Tile(
            title=say("Returned"),
            value=number(returned),
            hint=say("%(share)s of those made", share=reader.share(returned, made)),
        ),
    ]
    if currency := seen.currency:
        amount = total(seen.deals, "amount", outcome="won", currency=currency)
        tiles.insert(0, Tile(title=say("Won"), value=reader.money(amount, currency)))
    return tiles


def _handoffs(seen: Seen, reader: Reader) -> Chart:
    by_month = grouped(seen.handovers, reader.month)
    months = axis(by_month)
    lines = [
        (N_("Made"), "quiet", {"measure": "created"}),
        (N_("Accepted"), "accent", {"measure": "accepted"}),
        (N_("Returned"), "soon", {"measure": "returned"}),
    ]
    return Chart(
        id="handoffs",
        title=reader.writer.say("Handoffs, by month"),
        kind="bars",
        labels=[reader.month_name(one) for one in months],
        series=sums(by_month, months, lines, reader),
        empty=_no_handoffs(reader),
    )


def _completeness(seen: Seen, reader: Reader) -> Chart:
    months, values = monthly_means(seen.handovers, "completeness", "created", reader)
    return Chart(
        id="completeness",
        title=reader.writer.say("How complete handoffs came, by month"),
        kind="line",
        labels=[reader.month_name(one) for one in months],
        series=[numbers(reader, N_("Completeness"), values)],
        most=100,
        empty=_no_handoffs(reader),
    )


def _no_handoffs(reader: Reader) -> Markup:
    return reader.writer.say(
        "Nothing was handed over in this time. Choose a longer one above, or wait for the first "
        "deal that is won."
    )
