"""Targets and budgets, and what came of them. Pure."""

from collections.abc import Mapping, Sequence
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
    Tile,
    Tone,
    account_address,
    figure,
)
from services.reporting.pages.words import STATE
from services.reporting.plans import Attainment, Spent, State
from shared.pages.writing import isolated

MOST = 200
"""Rows of one table; a file has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the viewer sees of them, the newest first."""

    targets: Sequence[Attainment]
    budgets: Sequence[Spent]
    accounts: Mapping[str, str]
    """Names by id."""


def targets(seen: Seen, reader: Reader, filters: Filters) -> Board:
    """The page."""
    say, number = reader.writer.say, reader.writer.number
    now = [one for one in seen.targets if _runs(one, reader)]
    risky = sum(1 for one in now if one.state is State.AT_RISK)
    over = sum(1 for one in seen.budgets if one.left < 0)
    return Board(
        title=say("Targets"),
        lead=say("What is to be sold, by a manager and all below; at the pace of working time."),
        tiles=[
            Tile(title=say("Targets that run"), value=number(len(now)), hint=say("today")),
            Tile(
                title=say("At risk"),
                value=number(risky),
                hint=say("missed if it goes on so"),
                tone="soon" if risky else "good",
            ),
            Tile(
                title=say("Budgets overrun"),
                value=number(over),
                hint=say("of %(number)s", number=len(seen.budgets)),
                tone="late" if over else "good",
            ),
        ],
        charts=[_chart(now, reader, filters)],
        tables=[_targets(seen, reader, filters), _budgets(seen, reader)],
    )


def _runs(one: Attainment, reader: Reader) -> bool:
    return one.target.period.since <= reader.today <= one.target.period.until


def _percent(part: Decimal, whole: Decimal) -> int:
    return round(100 * part / whole) if whole else 100


def _chart(now: Sequence[Attainment], reader: Reader, filters: Filters) -> Chart:
    shown = sorted(now, key=lambda one: -_percent(one.sold, one.target.amount))[:20]
    sold = [_percent(one.sold, one.target.amount) for one in shown]
    coming = [
        max(0, _percent(one.projected or Decimal(0), one.target.amount) - part)
        for one, part in zip(shown, sold, strict=True)
    ]
    percent, label = reader.writer.percent, reader.writer.label
    return Chart(
        id="attainment",
        title=reader.writer.say("How far targets are, in percent"),
        kind="across",
        wide=True,
        labels=[
            f"{reader.plain_name(one.target.of)} · {reader.period_name(one.target.period.name)}"
            for one in shown
        ],
        links=[filters.address("/pages", manager=one.target.of) for one in shown],
        series=[
            Series(name=str(label("Sold")), values=sold, texts=[percent(value) for value in sold]),
            Series(
                name=str(label("Still to come, at this pace")),
                values=coming,
                texts=[percent(value) for value in coming],
                tone="quiet",
            ),
        ],
        empty=reader.writer.say(
            "No target runs today. Targets come as target.set, from the CRM or by hand."
        ),
    )


def _targets(seen: Seen, reader: Reader, filters: Filters) -> Table:
    say = reader.writer.say
    return Table(
        title=say("Targets"),
        heads=[
            say("Account manager"),
            say("Period"),
            say("Target"),
            say("Sold"),
            say("Reached"),
            say("At this pace"),
            say("How it stands"),
        ],
        rows=[_target(one, reader, filters) for one in seen.targets[:MOST]],
        empty=say("There are no targets yet. They come as target.set, from the CRM or by hand."),
        export="/figures/targets.xlsx?by=manager&by=period&by=currency",
    )


def _target(one: Attainment, reader: Reader, filters: Filters) -> list[Cell]:
    target = one.target
    words, tone = STATE[one.state]
    percent = _percent(one.sold, target.amount)
    projected = reader.money(one.projected, target.currency) if one.projected is not None else "–"
    return [
        Cell(text=reader.name(target.of), href=filters.address("/pages", manager=target.of)),
        Cell(text=reader.period_name(target.period.name)),
        figure(reader.money(target.amount, target.currency)),
        figure(reader.money(one.sold, target.currency)),
        Cell(text=reader.writer.percent(percent), number=True, percent=percent),
        figure(projected),
        Cell(text=reader.writer.say(words), tone=tone),  # type: ignore[arg-type]
    ]


def _budgets(seen: Seen, reader: Reader) -> Table:
    say = reader.writer.say
    return Table(
        title=say("Budgets"),
        heads=[
            say("Account"),
            say("Period"),
            say("Budget"),
            say("Spent"),
            say("Used"),
            say("Left"),
        ],
        rows=[_budget(one, seen.accounts, reader) for one in seen.budgets[:MOST]],
        empty=say("There are no budgets yet. They come as budget.set, from the CRM or by hand."),
        export="/figures/budgets.xlsx?by=account&by=period&by=currency",
    )


def _budget(one: Spent, names: Mapping[str, str], reader: Reader) -> list[Cell]:
    budget = one.budget
    percent = _percent(one.spent, budget.amount)
    left = reader.money(one.left, budget.currency)
    tone: Tone = "late" if one.left < 0 else "plain"
    return [
        Cell(text=isolated(names.get(budget.of, budget.of)), href=account_address(budget.of)),
        Cell(text=reader.period_name(budget.period.name)),
        figure(reader.money(budget.amount, budget.currency)),
        figure(reader.money(one.spent, budget.currency)),
        Cell(text=reader.writer.percent(percent), number=True, percent=percent, tone=tone),
        figure(left, tone),
    ]
