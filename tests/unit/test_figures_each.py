"""Each figure by a story short enough to count by hand, asked as everybody asks."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.description import inserted
from services.reporting.questions import Question, Unanswerable, dimensions
from services.reporting.rates import Rates
from services.reporting.reading import Enquiry, Reading
from shared.contracts.event import Event
from tests.support.builders import deal, event
from tests.support.telling import WORLD, applied, say

MON = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""A Monday; working time is Monday to Friday, 9 to 17."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EUR = {"value": "10.10", "currency": "EUR"}


async def reading(*history: Event, now: datetime = MON, **options: Any) -> Reading:
    return Reading(await applied([history]), WORLD, lambda: now, **options)  # type: ignore[arg-type]


async def rows(
    history: list[Event], name: str, *by: str, rolled: bool = False, **asked: Any
) -> dict[Any, Any]:
    """Measures that are not 0 by the dimensions asked for; alone where there is one."""
    enquiry = Enquiry(name, Question(by=by, **asked), rolled)
    (found,) = await (await reading(*history)).figures([enquiry])
    assert isinstance(found, list), found
    result = {}
    for row in found:
        key = tuple(row.by[name] for name in by)
        measures = {name: value for name, value in row.measures.items() if value}
        result[key[0] if len(key) == 1 else key] = (
            next(iter(measures.values())) if len(measures) == 1 else measures
        )
    return result


def handoff(type_: str, moment: datetime, **data: Any) -> Event:
    return say(f"handoff.{type_}", moment, handoff_id="h1", **data)


def created(moment: datetime, **data: Any) -> Event:
    return handoff(
        "created", moment, account_name="Acme", deal_id="d1", kind="new", salesperson_id="sam",
        closed_at=moment, completeness=60, **data,
    )  # fmt: skip


HANDED_OVER = [
    created(MON),
    handoff("assigned", MON, manager_id="ann"),
    handoff("info_requested", MON + 2 * HOUR, questions=["?"], by="ann"),
    handoff("resubmitted", MON + DAY, completeness=90, by="sam"),
    handoff("returned", MON + DAY + HOUR, reasons=["!"], by="ann"),
    handoff("resubmitted", MON + 2 * DAY, completeness=100, by="sam"),
    handoff("accepted", MON + 2 * DAY + HOUR, by="ann"),
]


async def test_handoffs_are_counted_by_what_happened() -> None:
    assert await rows(HANDED_OVER, "handoffs", "event") == {
        "created": 1, "assigned": 1, "info_requested": 1, "resubmitted": 2, "returned": 1,
        "accepted": 1,
    }  # fmt: skip
    assert await rows(HANDED_OVER, "handoffs", "manager", where={"event": ["assigned"]}) == {
        "ann": 1
    }


async def test_a_managers_clock_runs_in_working_time_and_not_while_the_salesperson_is_asked() -> (
    None
):
    assert await rows(HANDED_OVER, "handovers", "salesperson") == {
        "sam": {
            "created": 1,
            "completeness": 60,  # as it came first
            "accepted": 1,
            "accept_seconds": (2 + 1 + 1) * 3600,
            "returned": 1,
        }
    }
    friday = MON + 4 * DAY + 4 * HOUR
    over_the_weekend = [
        created(friday),
        handoff("assigned", friday, manager_id="ann"),
        handoff("accepted", MON + 7 * DAY, by="ann"),
    ]
    found = await rows(over_the_weekend, "handovers", "manager")
    assert found["ann"]["accept_seconds"] == (1 + 3) * 3600


async def test_handoffs_wait_for_somebody_until_they_are_over() -> None:
    story = [*HANDED_OVER, handoff("completed", MON + 9 * DAY)]
    assert await rows(story, "waiting", "waits_for") == {}
    assert await rows(HANDED_OVER, "waiting", "waits_for", "manager") == {("steps", "ann"): 1}
    until = date(2026, 11, 24)
    assert await rows(HANDED_OVER, "waiting", "waits_for", until=until) == {"salesperson": 1}


def deadline(type_: str, moment: datetime, number: str = "1", **data: Any) -> Event:
    return say(f"deadline.{type_}", moment, deadline_id=number, subject_id="h1", **data)


def due(moment: datetime, number: str, owner: str = "ann") -> Event:
    return deadline("set", MON - DAY, number, title="T", owner_id=owner, due_at=moment, step="call")


async def test_deadlines_are_kept_late_cancelled_or_open() -> None:
    story = [
        due(MON, "1"), deadline("met", MON, "1"),
        due(MON, "2"), deadline("missed", MON, "2", owner_id="ann", due_at=MON),
        deadline("met", MON + DAY, "2"),
        due(MON, "3"), deadline("cancelled", MON, "3", cancelled_at=MON),
        due(MON, "4"), deadline("moved", MON, "4", due_at=MON + 30 * DAY, owner_id="bob"),
    ]  # fmt: skip
    assert await rows(story, "promises", "outcome") == {
        "on_time": 1, "late": {"count": 1, "late_seconds": 8 * 3600}, "cancelled": 1, "open": 1,
    }  # fmt: skip
    assert await rows(story, "promises", "manager", where={"outcome": ["open"]}) == {"bob": 1}
    at_risk = {"since": date(2026, 12, 20), "until": date(2026, 12, 23)}
    assert await rows(story, "promises", "outcome", **at_risk) == {"open": 1}
    assert await rows(story, "deadlines", "event") == {
        "set": 4, "met": 2, "missed": 1, "cancelled": 1, "moved": 1
    }  # fmt: skip


async def test_a_deadline_set_again_is_open_again() -> None:
    story = [due(MON, "1"), deadline("met", MON, "1")]
    again = deadline("set", MON + DAY, "1", title="T", owner_id="ann", due_at=MON + 5 * DAY)
    assert await rows([*story, again], "promises", "outcome") == {"open": 1}


async def test_reminders_by_what_happened_and_how() -> None:
    sent = say("reminder.sent", MON, reminder_id="r", recipient_id="ann", channel="mail", kind="k")
    seen = say(
        "reminder.acknowledged", MON, reminder_id="r", recipient_id="ann", channel="mail", kind="k"
    )
    assert await rows([sent, seen], "reminders", "event", "channel") == {
        ("acknowledged", "mail"): 1,
        ("sent", "mail"): 1,
    }


GIVEN = say("handoff.assigned", MON - 30 * DAY, handoff_id="h0", manager_id="ann")
"""The account is ann's for a month."""
TAKEN = say("account.transferred", MON + DAY, to_manager_id="bob")


def opportunity(type_: str, moment: datetime, number: str = "o", **data: Any) -> Event:
    return say(f"opportunity.{type_}", moment, opportunity_id=number, **data)


async def test_opportunities_are_open_won_or_lost() -> None:
    story = [
        GIVEN, TAKEN,
        opportunity("identified", MON, kind="upsell", product="GTX", amount=EUR),
        opportunity("won", MON + 2 * DAY, amount={"value": "9.00", "currency": "EUR"}),
        opportunity("identified", MON, "o2", kind="cross_sell", amount=EUR),
        opportunity("lost", MON + DAY, "o2"),
        opportunity("identified", MON, "o3", kind="cross_sell", amount=EUR),
    ]  # fmt: skip
    assert await rows(story, "opportunities", "state", "kind", "manager") == {
        ("won", "upsell", "bob"): {"count": 1, "amount": Decimal("9.00")},
        ("lost", "cross_sell", "bob"): {"count": 1, "amount": Decimal("10.10")},
        ("open", "cross_sell", "ann"): {"count": 1, "amount": Decimal("10.10")},
    }
    assert (await rows(story, "opportunities", "manager_now"))["bob"]["count"] == 3


def dispute(type_: str, moment: datetime, number: str = "1", **data: Any) -> Event:
    return say(f"dispute.{type_}", moment, dispute_id=number, **data)


async def test_disputes_come_and_are_settled() -> None:
    story = [
        GIVEN,
        dispute("opened", MON, severity="low"),
        dispute("updated", MON + HOUR, severity="high"),
        dispute("resolved", MON + 30 * DAY),
        dispute("opened", MON, "2", severity="high"),
    ]
    assert await rows(story, "disputes", "severity", "month") == {
        ("high", "2026-11"): 2,
        ("high", "2026-12"): {"resolved": 1, "resolve_seconds": 30 * 86_400},
    }
    opened = int(MON.timestamp())
    assert await rows(story, "open_disputes", "manager") == {
        "ann": {"count": 1, "opened_seconds": opened}
    }
    assert await rows(story, "open_disputes", "jalali_month") == {
        "1405-09": {"count": 2, "opened_seconds": 2 * opened},
        "1405-10": {"count": 1, "opened_seconds": opened},
    }


async def test_satisfaction_by_month_is_its_trend_and_a_score_can_be_corrected() -> None:
    story = [
        GIVEN, TAKEN,
        say("satisfaction.recorded", MON, score=80),
        say("satisfaction.recorded", MON + 30 * DAY, score=40),
        say("satisfaction.recorded", MON + 31 * DAY, score=60, recorded_at=MON + 30 * DAY),
    ]  # fmt: skip
    assert await rows(story, "satisfaction", "month", "manager") == {
        ("2026-11", "ann"): {"count": 1, "score": 80},
        ("2026-12", "bob"): {"count": 1, "score": 60},
    }


async def test_contacts_and_products_shown() -> None:
    story = [
        GIVEN,
        say("contact.made", MON, by="ann", channel="phone"),
        say("contact.made", MON, by="bob", channel="phone"),
        say("product.introduced", MON, product="GTX"),
        say("product.introduced", MON, product="MG"),
    ]
    assert await rows(story, "contacts", "channel", "by") == {
        ("phone", "ann"): 1,
        ("phone", "bob"): 1,
    }
    assert await rows(story, "introductions", "product") == {"GTX": 1, "MG": 1}


async def test_spending_transactions_and_budgets() -> None:
    story = [
        GIVEN,
        say("budget.spent", MON, spending_id="s1", amount=EUR),
        say("budget.spent", MON, spending_id="s2", amount={"value": "5", "currency": "IRR"}),
        say("transaction.recorded", MON, transaction_id="t1", kind="invoice", amount=EUR),
        say("budget.set", MON, period="2026-Q4", amount=EUR),
        say("budget.set", MON + HOUR, period="2026-q4", amount={"value": "10", "currency": "EUR"}),
    ]
    assert await rows(story, "spending", "account", "currency") == {
        ("acme", "EUR"): {"count": 1, "amount": Decimal("10.10")},
        ("acme", "IRR"): {"count": 1, "amount": Decimal(5)},
    }
    assert await rows(story, "transactions", "kind", "manager") == {
        ("invoice", "ann"): {"count": 1, "amount": Decimal("10.10")}
    }
    assert await rows(story, "budgets", "account", "period") == {("acme", "2026-Q4"): Decimal(10)}
    (spent,) = await (await reading(*story)).budgets()
    assert (spent.spent, spent.left) == (Decimal("10.10"), Decimal("-0.10"))


def person(name: str, reports_to: str | None) -> Event:
    return say("person.upserted", MON, person_id=name, name=name.title(), reports_to=reports_to)


TEAM = [person("ann", "eve"), person("bob", "eve"), person("eve", "max"), person("max", None)]


async def test_figures_roll_up_the_hierarchy() -> None:
    story = [*TEAM, GIVEN, say("handoff.assigned", MON, handoff_id="h", manager_id="bob",
                               account_id="birch")]  # fmt: skip
    assert await rows(story, "portfolio", "manager") == {"ann": 1, "bob": 1}
    assert await rows(story, "portfolio", "manager", rolled=True) == {
        "ann": 1, "bob": 1, "eve": 2, "max": 2
    }  # fmt: skip
    assert await rows(story, "portfolio", "head", "tier") == {("eve", "regional"): 2}
    assert await rows(story, "portfolio", "manager", where={"head": ["eve"]}) == {
        "ann": 1,
        "bob": 1,
    }
    assert await rows(story, "portfolio", "manager", where={"head": ["max"]}) == {}


async def test_a_circle_of_heads_ends() -> None:
    circle = [person("ann", "bob"), person("bob", "ann"), GIVEN]
    assert await rows(circle, "portfolio", "manager", rolled=True) == {"ann": 1, "bob": 1}


async def test_a_portfolio_as_it_was_and_as_it_is() -> None:
    tier = say("account.tier_changed", MON + 2 * DAY, to_tier="global")
    for day, expected in (
        (MON - 40 * DAY, {}),
        (MON, {("ann", "regional"): 1}),
        (MON + DAY, {("bob", "regional"): 1}),
        (MON + 9 * DAY, {("bob", "global"): 1}),
    ):
        found = await rows([tier, TAKEN, GIVEN], "portfolio", "manager", "tier", until=day.date())
        assert found == expected


@pytest.mark.parametrize(
    ("time", "november", "december"),
    [("month", "2026-11", "2026-12"), ("jalali_month", "1405-09", "1405-10")],
)
async def test_a_balance_from_a_day_on_begins_with_what_was_there(
    time: str, november: str, december: str
) -> None:
    gone = say("account.transferred", MON + 33 * DAY, to_manager_id="cyd")
    found = await rows([GIVEN, TAKEN, gone], "portfolio", "manager", time, since=MON.date())
    assert found == {("bob", november): 1, ("cyd", december): 1}
    kept = await rows([GIVEN, gone], "portfolio", "manager", time, since=MON.date())
    assert kept == {("ann", november): 1, ("cyd", december): 1}


async def test_a_question_without_an_answer_says_what_can_be_asked() -> None:
    answers = await reading()
    for by, reason in (
        (["colour"], "deals has no dimension 'colour': it has outcome, currency, salesperson"),
        (["manager", "city"], "cannot be broken down by city and manager together"),
    ):
        with pytest.raises(Unanswerable, match=reason):
            await answers.figure("deals", Question(by=by))
    with pytest.raises(Unanswerable, match="there is no figure 'sales': there are deals, "):
        await answers.figure("sales")
    with pytest.raises(Unanswerable, match="one of day, month, jalali_month at a time"):
        await answers.figure("portfolio", Question(by=["day", "month"]))


@pytest.mark.parametrize("name", FIGURES)
async def test_every_figure_can_be_broken_down_by_each_of_its_dimensions(name: str) -> None:
    answers = await reading()
    for dimension in dimensions(FIGURES[name]):
        assert await answers.figure(name, Question(by=[dimension])) == []


async def test_money_of_several_currencies_as_money_of_one() -> None:
    rates = Rates("EUR", {"USD": [("2026-01-01", Decimal("0.5")), ("2026-11-01", Decimal("0.25"))]})
    story = [
        event(deal("d1", closed_at="2026-10-31T12:00:00Z")),
        event(deal("d2", closed_at="2026-11-01T12:00:00Z")),
        event(deal("d3", amount=EUR)),
    ]
    answers = await reading(*story, rates=rates)
    question = Question(by=["outcome"], converted=True)
    (row,) = await answers.figure("deals", question)
    assert row.measures == {"count": 3, "amount": Decimal("85.4750")}
    old = await reading(event(deal("d4", closed_at="2025-01-01T12:00:00Z")), rates=rates)
    with pytest.raises(Unanswerable, match="no rate of USD for 2025-01-01: add it to TAHVIL_RATES"):
        await old.figure("deals", question)
    without = await reading(*story)
    with pytest.raises(Unanswerable, match="set TAHVIL_RATES"):
        await without.figure("deals", question)


def test_the_documentation_has_every_figure() -> None:
    page = Path("docs/reporting.md").read_text(encoding="utf-8")
    assert page == inserted(page), (
        "write it anew: python -m services.reporting.figures.description docs/reporting.md"
    )
