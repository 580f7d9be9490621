"""Alerts in words. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from services.reporting.alerts import Drop, Look
from services.reporting.pages.digest import Letter, bar_part
from services.reporting.pages.parts import Reader, account_address
from services.reporting.plans import Attainment, Spent
from shared.contracts.notifications import Bar, Chart, Line, Link

SHOWN = 8
"""Times that satisfaction was said."""
LONGEST = 100
"""Characters of a name in a title."""


def alert(look: Look, reader: Reader, names: Mapping[str, str], address: str) -> Letter:
    """In the reader's words. `names`: of accounts; `address`: of the dashboard."""
    match look.matter:
        case Spent() as spent:
            return _budget(spent, look, reader, names, address)
        case Drop() as drop:
            return _satisfaction(drop, look, reader, names, address)
        case Attainment() as found:
            return _target(found, reader, address)


def _budget(
    spent: Spent, look: Look, reader: Reader, names: Mapping[str, str], address: str
) -> Letter:
    plain, budget = reader.writer.plain, spent.budget
    return Letter(
        title=plain("Budget used up: %(account)s", account=_short(names.get(budget.of, budget.of))),
        body=plain(
            "%(share)s of this customer's budget for %(period)s is spent.",
            share=_share(spent.spent, budget.amount, reader),
            period=str(reader.period_name(budget.period.name)),
        ),
        lines=(
            _line(reader, plain("Budget"), budget.amount, budget.currency),
            _line(reader, plain("Spent"), spent.spent, budget.currency),
            _line(reader, plain("Left"), spent.left, budget.currency),
            _manager(look, reader),
        ),
        link=_account(budget.of, reader, address),
    )


def _satisfaction(
    drop: Drop, look: Look, reader: Reader, names: Mapping[str, str], address: str
) -> Letter:
    plain, number = reader.writer.plain, reader.writer.number
    before, name = drop.mean_before, _short(names.get(drop.account, drop.account))
    lines = [Line(name=plain("Satisfaction, of 100"), value=number(drop.last))]
    if before is not None:
        value = number(round(before, 1))
        lines.append(Line(name=plain("The times before, on average"), value=value))
    return Letter(
        title=plain("Satisfaction is low: %(account)s", account=name)
        if before is None or before <= drop.last
        else plain("Satisfaction fell: %(account)s", account=name),
        body=plain(
            "Find out what is behind it, and keep in touch more closely. The customer's page says "
            "what else is known."
        ),
        lines=(*lines, _manager(look, reader)),
        chart=Chart(
            title=plain("Satisfaction, as it was said"),
            bars=tuple(
                Bar(
                    label=reader.day_name(at),
                    value=number(score),
                    part=bar_part(Decimal(score), Decimal(100)),
                )
                for at, score in drop.said[-SHOWN:]
            ),
        ),
        link=_account(drop.account, reader, address),
    )


def _target(found: Attainment, reader: Reader, address: str) -> Letter:
    plain, target = reader.writer.plain, found.target
    period = str(reader.period_name(target.period.name))
    projected = found.projected or Decimal(0)
    return Letter(
        title=plain(
            "Target at risk: %(name)s, %(period)s",
            name=_short(reader.plain_name(target.of)),
            period=period,
        ),
        body=plain(
            "If it goes on at this pace, %(share)s of the target will be reached.",
            share=_share(projected, target.amount, reader),
        ),
        lines=(
            _line(reader, plain("Target"), target.amount, target.currency),
            _line(reader, plain("Sold"), found.sold, target.currency),
            _line(reader, plain("At this pace"), projected, target.currency),
        ),
        link=Link(name=plain("Targets and budgets"), address=f"{address}/pages/targets"),
    )


def _line(reader: Reader, name: str, value: Decimal, currency: str) -> Line:
    tone = "bad" if value < 0 else "plain"
    return Line(name=name, value=str(reader.money(value, currency)), tone=tone)


def _manager(look: Look, reader: Reader) -> Line:
    return Line(name=reader.writer.plain("Account manager"), value=reader.plain_name(look.manager))


def _account(account: str, reader: Reader, address: str) -> Link:
    name = reader.writer.plain("The customer's page")
    return Link(name=name, address=address + account_address(account))


def _short(name: str) -> str:
    """As much of a name as a title has room for."""
    return name if len(name) <= LONGEST else f"{name[:LONGEST].rstrip()}…"


def _share(part: Decimal, whole: Decimal, reader: Reader) -> str:
    return reader.share(part, whole) if whole else reader.writer.percent(100)
