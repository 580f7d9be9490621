"""The first page: how things stand, in a dozen numbers and charts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from services.reporting.pages.parts import (
    Board,
    Chart,
    Filters,
    Reader,
    Series,
    Tile,
    axis,
    grouped,
    monthly_means,
    numbers,
    sums,
    total,
)
from services.reporting.pages.words import TIER, WAITS_FOR, word
from services.reporting.questions import Row
from shared.pages.catalog import N_

TENTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the page is made of. Rows by what their names say."""

    deals: Sequence[Row]
    """By outcome, currency and the reader's month."""
    accounts: Sequence[Row]
    """By tier, as it is now."""
    waiting: Sequence[Row]
    overdue: Sequence[Row]
    soon: Sequence[Row]
    disputes: Sequence[Row]
    satisfaction: Sequence[Row]
    """By the reader's month."""
    pipeline: Sequence[Row]
    """Open opportunities by currency."""
    industries: Sequence[Row]
    """Won deals by industry and currency; empty where that would tell of others."""
    currency: str | None
    """In which money is shown."""


def overview(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The page."""
    say = reader.writer.say
    return Board(
        title=say("Overview"),
        tiles=_tiles(seen, reader, filters),
        charts=[chart for chart in _charts(seen, reader, filters) if chart],
    )


def _tiles(seen: Seen, reader: Reader, filters: Filters) -> list[Tile]:
    say, number = reader.writer.say, reader.writer.number
    overdue, soon = total(seen.overdue), total(seen.soon)
    disputes = total(seen.disputes)
    said = total(seen.satisfaction)
    score = total(seen.satisfaction, "score") / said if said else None
    tiles = [
        deals_won(seen.deals, reader),
        Tile(
            title=say("Accounts"),
            value=number(total(seen.accounts, "accounts")),
            hint=say("in portfolios now"),
            href=filters.address("/pages/accounts"),
        ),
        Tile(
            title=say("Handoffs under way"),
            value=number(total(seen.waiting)),
            hint=say("%(number)s without a manager", number=total(seen.waiting, waits_for="head")),
        ),
        Tile(
            title=say("Deadlines overdue"),
            value=number(overdue),
            hint=say("%(number)s more within a week", number=soon),
            href=filters.address("/pages/deadlines"),
            tone="late" if overdue else "good",
        ),
        Tile(
            title=say("Open disputes"),
            value=number(disputes),
            hint=say(
                "%(number)s of them critical", number=total(seen.disputes, severity="critical")
            ),
            href=filters.address("/pages/disputes"),
            tone="soon" if disputes else "good",
        ),
        Tile(
            title=say("Satisfaction"),
            value="–" if score is None else number(round(score)),
            hint=say("of 100, said %(number)s times", number=said),
            tone="late" if score is not None and score < 50 else "plain",
        ),
    ]
    if currency := seen.currency:
        amount = total(seen.deals, "amount", outcome="won", currency=currency)
        open_ = total(seen.pipeline, "amount", currency=currency)
        tiles[0:0] = [
            Tile(
                title=say("Won"),
                value=reader.money(amount, currency),
                hint=say("%(amount)s more may come", amount=reader.money(open_, currency)),
                href=filters.address("/pages/team"),
            )
        ]
    return tiles


def deals_won(deals: Sequence[Row], reader: Reader) -> Tile:
    """How many deals were won, of deals by outcome."""
    won_, lost = total(deals, outcome="won"), total(deals, outcome="lost")
    return Tile(
        title=reader.writer.say("Deals won"),
        value=reader.writer.number(won_),
        hint=reader.writer.say("%(share)s of those decided", share=reader.share(won_, won_ + lost)),
    )


def _charts(seen: Seen, reader: Reader, filters: Filters) -> list[Chart | None]:
    return [
        won(seen.deals, seen.currency, reader, filters) if seen.currency else None,
        decided(seen.deals, reader),
        _satisfaction(seen, reader),
        _waiting(seen, reader),
        _tiers(seen, reader),
        _industries(seen, reader),
    ]


def won(deals: Sequence[Row], currency: str, reader: Reader, filters: Filters) -> Chart:
    """What was won month by month, of deals by outcome, currency and the reader's month."""
    by_month = grouped(deals, reader.month)
    months = axis(by_month)
    values = [
        total(by_month.get(one, ()), "amount", outcome="won", currency=currency) for one in months
    ]
    return Chart(
        id="won",
        title=reader.writer.say("Won, by month"),
        kind="bars",
        wide=True,
        labels=[reader.month_name(one) for one in months],
        links=[filters.address("/pages", period=one) for one in months],
        series=[
            Series(
                name=str(reader.writer.label("Won")),
                values=values,
                texts=[reader.money(value, currency) for value in values],
            )
        ],
        empty=_no_deals(reader),
    )


def decided(deals: Sequence[Row], reader: Reader) -> Chart:
    """How many deals were won and lost, month by month."""
    by_month = grouped(deals, reader.month)
    months = axis(by_month)
    lines = [
        (N_("Deals won"), "accent", {"outcome": "won"}),
        (N_("Deals lost"), "quiet", {"outcome": "lost"}),
    ]
    return Chart(
        id="deals",
        title=reader.writer.say("Deals won and lost"),
        kind="stacked",
        labels=[reader.month_name(one) for one in months],
        series=sums(by_month, months, lines, reader),
        empty=_no_deals(reader),
    )


def _satisfaction(seen: Seen, reader: Reader) -> Chart:
    months, values = monthly_means(seen.satisfaction, "score", "count", reader)
    return Chart(
        id="satisfaction",
        title=reader.writer.say("Satisfaction, by month"),
        kind="line",
        labels=[reader.month_name(one) for one in months],
        series=[numbers(reader, N_("Satisfaction"), values)],
        most=100,
        empty=reader.writer.say(
            "Nobody has said yet how satisfied customers are: the CRM tells it as "
            "satisfaction.recorded."
        ),
    )


def _waiting(seen: Seen, reader: Reader) -> Chart:
    return _across(
        reader,
        "waiting",
        reader.writer.say("What handoffs wait for"),
        [
            (word(WAITS_FOR, name, reader), total(seen.waiting, waits_for=name))
            for name in WAITS_FOR
        ],
        reader.writer.say("No handoff is under way."),
    )


def _tiers(seen: Seen, reader: Reader) -> Chart:
    return _across(
        reader,
        "tiers",
        reader.writer.say("Accounts by tier"),
        [(word(TIER, name, reader), total(seen.accounts, "accounts", tier=name)) for name in TIER],
        reader.writer.say("No account has a manager yet."),
    )


def _across(
    reader: Reader, name: str, title: Markup, found: Sequence[tuple[str, Decimal]], empty: Markup
) -> Chart:
    values = [value for _, value in found]
    return Chart(
        id=name,
        title=title,
        kind="across",
        labels=[label for label, _ in found],
        series=[numbers(reader, N_("Number"), values)],
        empty=empty,
    )


def _industries(seen: Seen, reader: Reader) -> Chart | None:
    currency = seen.currency
    if not seen.industries or not currency:
        return None
    sums = {
        name: total(rows, "amount", currency=currency)
        for name, rows in grouped(seen.industries, "industry").items()
    }
    best = sorted(sums.items(), key=lambda one: (-one[1], one[0]))[:TENTH]
    return Chart(
        id="industries",
        title=reader.writer.say("Won, by industry"),
        kind="across",
        wide=True,
        labels=[word({}, name, reader) for name, _ in best],
        series=[
            Series(
                name=str(reader.writer.label("Won")),
                values=[value for _, value in best],
                texts=[reader.money(value, currency) for _, value in best],
            )
        ],
        empty=_no_deals(reader),
    )


def _no_deals(reader: Reader) -> Markup:
    return reader.writer.say(
        "No deal was closed in this time. Choose a longer one above, or wait for the CRM's first."
    )
