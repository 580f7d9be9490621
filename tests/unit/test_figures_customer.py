"""One customer whole, its health, what could be sold to it; targets, rates and periods."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting import rates
from services.reporting.health import Grade, Reason, Signs, health
from services.reporting.periods import months, period
from services.reporting.plans import State
from services.reporting.rates import Rates
from services.reporting.reading import Reading
from shared.contracts.event import Event
from tests.support.builders import deal, event
from tests.support.telling import WORLD, applied, say

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def money(value: str, currency: str = "EUR") -> dict[str, str]:
    return {"value": value, "currency": currency}


async def reading(*history: Event, **options: Any) -> Reading:
    stored = await applied([history])
    return Reading(stored, WORLD, lambda: NOW, **options)  # type: ignore[arg-type]


def retail(account: str) -> dict[str, str]:
    return {"id": account, "name": account.title(), "industry": "retail"}


STORY = [
    event(deal("d1", retail("acme"), products=["GTX"], amount=money("100"))),
    event(deal("d2", retail("acme"), outcome="lost", products=["MG"])),
    say("handoff.assigned", NOW - 200 * DAY, handoff_id="h", manager_id="ann"),
    say("satisfaction.recorded", NOW - 9 * DAY, score=80),
    say("satisfaction.recorded", NOW - DAY, score=55),
    say("dispute.opened", NOW - 5 * DAY, dispute_id="p1", severity="high"),
    say("dispute.opened", NOW - 5 * DAY, dispute_id="p2", severity="low"),
    say("dispute.resolved", NOW - 4 * DAY, dispute_id="p2"),
    say("deadline.set", NOW - 9 * DAY, deadline_id="x1", subject_id="s", title="T",
        owner_id="ann", due_at=NOW - DAY),
    say("deadline.set", NOW - 9 * DAY, deadline_id="x2", subject_id="s", title="T",
        owner_id="ann", due_at=NOW + DAY),
    say("contact.made", NOW - 40 * DAY, by="ann"),
    say("opportunity.identified", NOW, opportunity_id="o", amount=money("7.5")),
    say("product.introduced", NOW, product="MG"),
    say("transaction.recorded", NOW, transaction_id="t1", kind="invoice", amount=money("50")),
    say("transaction.recorded", NOW, transaction_id="t2", kind="payment", amount=money("20.50")),
    say("budget.spent", NOW, spending_id="s", amount=money("3")),
]  # fmt: skip


async def test_a_customer_whole() -> None:
    found = await (await reading(*STORY)).customer("acme")
    assert found
    assert (found.standing.name, found.standing.manager) == ("Acme", "ann")
    assert found.won == {"EUR": 100}
    assert found.deals == {"won": 1, "lost": 1}
    assert (found.products, found.introduced) == (("GTX",), ("MG",))
    assert (found.pipeline, found.opportunities) == ({"EUR": Decimal("7.5")}, {"open": 1})
    assert [(d.id, d.severity) for d in found.disputes] == [("p1", "high")]
    assert [score for _, score in found.satisfaction] == [80, 55]
    assert found.last_contact == NOW - 40 * DAY
    assert (found.overdue, found.due) == (1, 1)
    assert found.owes == {"EUR": Decimal("29.50")}
    assert found.spent == {"EUR": 3}
    assert found.health.grade is Grade.POOR
    assert found.health.reasons == (
        Reason("disputes", 15, 1),
        Reason("satisfaction_low", 15, 55),
        Reason("satisfaction_fell", 10, 25),
        Reason("silent", 10, 40),
        Reason("overdue", 5, 1),
    )
    assert await (await reading()).customer("acme") is None


@given(
    st.builds(
        Signs,
        satisfaction=st.none() | st.integers(0, 100),
        satisfaction_before=st.none() | st.integers(0, 100),
        disputes=st.dictionaries(st.sampled_from(["low", "critical"]), st.integers(0, 9)),
        overdue=st.integers(0, 30),
        silent_days=st.none() | st.integers(0, 400),
    )
)
def test_health_is_0_to_100_and_its_reasons_add_up(signs: Signs) -> None:
    found = health(signs)
    assert found.score == max(0, 100 - sum(reason.points for reason in found.reasons))
    assert all(reason.points > 0 for reason in found.reasons)
    worse = health(Signs(**{name: getattr(signs, name) for name in Signs.__slots__} | {
        "overdue": signs.overdue + 1}))  # fmt: skip
    assert worse.score <= found.score


def test_nothing_known_is_nothing_wrong() -> None:
    assert health(Signs()).score == 100


async def test_whitespace_is_what_alike_accounts_have_and_this_one_has_not() -> None:
    others = [
        event(deal("d3", retail("birch"), products=["MG", "GTX"]), id="3"),
        event(deal("d4", retail("cedar"), products=["MG", "MG Special"]), id="4"),
        event(deal("d5", {"id": "elm", "name": "Elm", "industry": "mining"}, products=["Drill"])),
        event(deal("d6", retail("birch"), products=["Never"], outcome="lost")),
    ]
    answers = await reading(*STORY, *others)
    acme = await answers.customer("acme")
    assert acme
    found = [(r.by["product"], r.measures["count"]) for r in await answers.whitespace(acme)]
    assert found == [("MG", 2), ("MG Special", 1)]


def won(opportunity: str, value: str, account: str, at: datetime = NOW) -> Event:
    return say("opportunity.won", at, opportunity_id=opportunity, account_id=account,
               amount=money(value))  # fmt: skip


def assigned(account: str, manager: str) -> Event:
    return say("handoff.assigned", NOW - 300 * DAY, handoff_id=account, account_id=account,
               manager_id=manager)  # fmt: skip


def target(manager: str, name: str, value: str) -> Event:
    return say("target.set", NOW, manager_id=manager, period=name, amount=money(value))


async def test_targets_with_what_was_sold_and_where_it_leads() -> None:
    answers = await reading(
        say("person.upserted", NOW, person_id="ann", name="Ann", reports_to="eve"),
        say("person.upserted", NOW, person_id="eve", name="Eve"),
        assigned("acme", "ann"),
        assigned("birch", "eve"),
        won("o1", "10", "acme"),
        won("o2", "5", "birch"),
        won("o3", "999", "acme", NOW - 90 * DAY),
        target("ann", "2026-11", "11"),
        target("eve", "1405-09", "1000"),  # from 2026-11-22 to 2026-12-21
        target("ann", "2026-Q2", "1"),
        target("ann", "2027", "1"),
        target("ann", "2026-Q3", "999"),
    )
    found = {(a.target.of, a.target.period.name): a for a in await answers.attainment()}
    november = found["ann", "2026-11"]
    # of 21 working days of November 17 are over, and three hours of the 18th
    assert november.sold == 10
    assert november.projected == (Decimal(10) * 21 * 8 / (17 * 8 + 3)).quantize(Decimal("0.0001"))
    assert november.state is State.AHEAD
    assert (found["eve", "1405-09"].sold, found["eve", "1405-09"].state) == (15, State.AT_RISK)
    assert (found["ann", "2026-Q2"].sold, found["ann", "2026-Q2"].state) == (0, State.MISSED)
    assert found["ann", "2027"].projected is None
    assert found["ann", "2027"].state is State.WAITING
    assert found["ann", "2026-Q3"].projected == found["ann", "2026-Q3"].sold == 999
    assert found["ann", "2026-Q3"].state is State.AHEAD


async def test_targets_can_count_deals() -> None:
    story = [
        event(deal("d1", amount=money("4"))),
        target("ann", "2026", "4"),
        assigned("acme", "ann"),
    ]
    (found,) = await (await reading(*story, selling="deals")).attainment()
    assert (found.sold, found.state) == (4, State.AHEAD)


@pytest.mark.parametrize(
    ("text", "since", "until", "name"),
    [
        ("2026", "2026-01-01", "2026-12-31", "2026"),
        ("2026-H2", "2026-07-01", "2026-12-31", "2026-H2"),
        ("2026-q1", "2026-01-01", "2026-03-31", "2026-Q1"),
        ("2028-02", "2028-02-01", "2028-02-29", "2028-02"),
        ("1405", "2026-03-21", "2027-03-20", "1405"),
        ("1403", "2024-03-20", "2025-03-20", "1403"),  # a leap year
        ("1405-Q2", "2026-06-22", "2026-09-22", "1405-Q2"),
        ("1405-05", "2026-07-23", "2026-08-22", "1405-05"),
        (" ۱۴۰۵-۰۵ ", "2026-07-23", "2026-08-22", "1405-05"),
    ],
)
def test_periods_of_both_calendars(text: str, since: str, until: str, name: str) -> None:
    found = period(text)
    assert (found.since.isoformat(), found.until.isoformat(), found.name) == (since, until, name)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13", "2026-00", "2026-Q5", "26", "0001", "9999"]
)
def test_what_is_no_period_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="is no period: write a year, half, quarter or month"):
        period(text)


@given(st.dates(date(1822, 1, 1), date(2320, 1, 1)))
def test_a_day_lies_in_the_periods_of_its_months(day: date) -> None:
    for month in months(day.isoformat()):
        assert period(month).since <= day <= period(month).until


def test_days_before_the_jalali_calendar_have_no_month_in_it() -> None:
    assert months("0100-01-01") == ("0100-01", "-")
    assert months("9999-12-31")[0] == "9999-12"


def test_a_table_of_rates() -> None:
    found = rates.parse(
        {"currency": "EUR", "rates": {"USD": {date(2026, 1, 1): "0.9"}, "IRR": 0.000002}}
    )
    assert found == Rates(
        "EUR", {"USD": [("2026-01-01", Decimal("0.9"))], "IRR": [("", Decimal("0.000002"))]}
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "currency: None is no ISO 4217 code such as EUR"),
        ({"currency": "EUR", "rates": []}, "rates: must be a mapping of currencies"),
        ({"currency": "EUR", "rates": {"XXX": 1}}, "rates: 'XXX' is no ISO 4217 code"),
        ({"currency": "EUR", "rates": {"USD": "much"}}, "rates.USD: 'much' is no rate"),
        ({"currency": "EUR", "rates": {"USD": -1}}, "rates.USD: -1 is no rate"),
        ({"currency": "EUR", "rates": {"USD": {}}}, "rates.USD: must have a rate"),
        ({"currency": "EUR", "rates": {"USD": {"x": 1}}}, "rates.USD: 'x' is no day"),
    ],
)
def test_a_table_that_is_wrong_says_where(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rates.parse(content)
