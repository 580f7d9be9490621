"""One account, and the list of accounts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup, escape

from services.reporting.customer import Customer
from services.reporting.facts import Fact
from services.reporting.pages.parts import (
    Board,
    Cell,
    Chart,
    Filters,
    Reader,
    Table,
    Tile,
    Tone,
    account_address,
    figure,
    numbers,
)
from services.reporting.pages.words import GRADE, REASON, SEVERITY, TIER, word
from services.reporting.questions import Row
from services.reporting.standing import NONE, standing
from shared.pages.catalog import N_
from shared.pages.writing import isolated

PAGE = 50
"""Accounts on one page of the list."""
MOST = 8
"""Products that are proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is known."""

    name: Markup
    value: str | Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBoard:
    """The page of an account: a board, and what stands beside it."""

    board: Board
    name: str
    score: int
    grade: Markup
    tone: str
    reasons: Sequence[tuple[Markup, Markup]]
    """Why health is not whole, and how many points that takes."""
    known: Sequence[Line]


def account(customer: Customer, proposed: Sequence[Row], reader: Reader) -> AccountBoard:
    """The page. `proposed`: products that accounts like this have and this one has not."""
    say = reader.writer.say
    health = customer.health
    grade, tone = GRADE[health.grade]
    return AccountBoard(
        board=Board(
            title=isolated(_name(customer.standing.name, customer.id)),
            tiles=_tiles(customer, reader),
            charts=[_satisfaction(customer, reader)],
            tables=[_disputes(customer, reader), _proposed(customer, proposed, reader)],
        ),
        name=_name(customer.standing.name, customer.id),
        score=health.score,
        grade=say(grade),
        tone=tone,
        reasons=[
            (
                say(REASON[one.code], number=one.number),
                say("−%(points)s", points=one.points),
            )
            for one in health.reasons
        ],
        known=_known(customer, reader),
    )


def accounts(found: Sequence[Fact], reader: Reader, filters: Filters) -> Table:
    """The list."""
    say = reader.writer.say
    return Table(
        title=say("Accounts"),
        heads=[say("Account"), say("Account manager"), say("Tier"), say("Industry"), say("City")],
        rows=[_row(one, reader, filters) for one in found],
        empty=say(
            "No account fits. Search for the beginning of its name, or take the filters away."
        ),
    )


def _row(fact: Fact, reader: Reader, filters: Filters) -> list[Cell]:
    stands = standing(fact)
    manager = stands.manager
    return [
        Cell(
            text=isolated(_name(stands.name, fact.key.id)),
            href=account_address(fact.key.id),
        ),
        Cell(
            text=reader.name(manager),
            href=filters.address("/pages", manager=manager) if manager != NONE else None,
        ),
        Cell(text=word(TIER, stands.tier, reader)),
        Cell(text=_or_dash(stands.industry)),
        Cell(text=_or_dash(stands.city)),
    ]


def _name(name: str, id_: str) -> str:
    return id_ if name == NONE else name


def _or_dash(text: str) -> Markup:
    return Markup("–") if text == NONE else isolated(text)


def _sums(sums: Mapping[str, Decimal], reader: Reader) -> str | Markup:
    found = [reader.money(value, currency) for currency, value in sorted(sums.items()) if value]
    return Markup("<br>").join(found) if found else "–"


def _tiles(customer: Customer, reader: Reader) -> list[Tile]:
    say, number = reader.writer.say, reader.writer.number
    said = customer.satisfaction
    tone: Tone = "late" if customer.overdue else "good"
    return [
        Tile(
            title=say("Won"),
            value=_sums(customer.won, reader),
            hint=say(
                "%(won)s deals won, %(lost)s lost",
                won=customer.deals.get("won", 0),
                lost=customer.deals.get("lost", 0),
            ),
        ),
        Tile(
            title=say("May come"),
            value=_sums(customer.pipeline, reader),
            hint=say("%(number)s open opportunities", number=customer.opportunities.get("open", 0)),
        ),
        Tile(
            title=say("Satisfaction"),
            value=number(said[-1][1]) if said else "–",
            hint=reader.writer.day(said[-1][0]) if said else say("never asked"),
        ),
        Tile(
            title=say("Deadlines overdue"),
            value=number(customer.overdue),
            hint=say("%(number)s more are open", number=customer.due),
            tone=tone,
        ),
    ]


def _known(customer: Customer, reader: Reader) -> list[Line]:
    say, stands = reader.writer.say, customer.standing
    place = [one for one in (stands.city, stands.region, stands.country) if one != NONE]
    comma = "، " if reader.writer.language == "fa" else ", "
    products = [isolated(one) for one in customer.products]
    return [
        Line(name=say("Account manager"), value=reader.name(stands.manager)),
        Line(name=say("Tier"), value=word(TIER, stands.tier, reader)),
        Line(name=say("Industry"), value=_or_dash(stands.industry)),
        Line(name=say("Place"), value=isolated(comma.join(place)) if place else "–"),
        Line(
            name=say("Last contact"),
            value=reader.writer.day(customer.last_contact)
            if customer.last_contact
            else say("not known"),
        ),
        Line(name=say("Products"), value=escape(comma).join(products) if products else "–"),
        Line(name=say("Owes"), value=_sums(customer.owes, reader)),
        Line(name=say("Spent on it"), value=_sums(customer.spent, reader)),
    ]


def _satisfaction(customer: Customer, reader: Reader) -> Chart:
    scores = [score for _, score in customer.satisfaction]
    return Chart(
        id="satisfaction",
        title=reader.writer.say("Satisfaction"),
        kind="line",
        labels=[reader.day_name(at) for at, _ in customer.satisfaction],
        series=[numbers(reader, N_("Satisfaction"), scores)],
        most=100,
        wide=True,
        empty=reader.writer.say(
            "Nobody has said yet how satisfied this customer is: the CRM tells it as "
            "satisfaction.recorded."
        ),
    )


def _disputes(customer: Customer, reader: Reader) -> Table:
    say = reader.writer.say
    now = reader.now
    return Table(
        title=say("Open disputes"),
        heads=[say("Dispute"), say("Severity"), say("Came"), say("Open for")],
        rows=[
            [
                Cell(text=isolated(one.id)),
                Cell(
                    text=word(SEVERITY, one.severity, reader),
                    tone="late" if one.severity == "critical" else "soon",
                ),
                Cell(text=reader.writer.day(one.opened_at)),
                figure(reader.hours(int((now - one.opened_at).total_seconds()), 1)),
            ]
            for one in customer.disputes
        ],
        empty=say("No dispute is open. Well done."),
    )


def _proposed(customer: Customer, proposed: Sequence[Row], reader: Reader) -> Table:
    say = reader.writer.say
    return Table(
        title=say("What accounts like this have, and this one has not"),
        heads=[say("Product"), say("Deals won with it"), say("Shown to this one")],
        rows=[
            [
                Cell(text=isolated(row.by["product"])),
                figure(reader.writer.number(row.measures["count"])),
                Cell(
                    text=say("yes") if row.by["product"] in customer.introduced else say("not yet")
                ),
            ]
            for row in proposed[:MOST]
        ],
        empty=say(
            "Nothing: accounts of its industry and tier have bought no product that it has not."
        ),
    )
