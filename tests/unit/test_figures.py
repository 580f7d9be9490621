"""The folds of reporting, with no server."""

import random
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import Fold
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.event import Event
from shared.contracts.values import Money
from tests.support.builders import NOON, deal, event

Counted = dict[tuple[str, ...], tuple[int, Decimal]]


def fold(*events: Event, zone: str = "UTC") -> Counted:
    """Figures of deals after these events, without those that came back to nothing."""
    folded = Fold(ZoneInfo(zone))
    for item in events:
        folded.apply(item)
    return {
        tuple(value for _, value in figure.dimensions): (change.count, change.amount)
        for figure, change in folded.changes.items()
        if figure.name == "deals" and (change.count or change.amount)
    }


def closed(deal_id: str = "d1", value: str = "100.50", **changes: Any) -> Event:
    return event(deal(deal_id, amount={"value": value, "currency": "USD"}, **changes))


def test_a_deal_counts_by_outcome_month_salesperson_and_currency() -> None:
    assert fold(closed()) == {("won", "2026-11", "sam", "USD"): (1, Decimal("100.50"))}


def test_a_deal_without_an_amount_counts_with_no_currency() -> None:
    assert fold(event(deal(amount=None))) == {("won", "2026-11", "sam", "-"): (1, Decimal(0))}


def test_amended_moves_the_figure_to_where_it_belongs() -> None:
    amended = DealAmended(
        deal_id="d1",
        account_id="acme",
        amended_at=NOON,
        amount=Money.model_validate({"value": "0.01", "currency": "EUR"}),
        closed_at=NOON.replace(month=1),
    )
    assert fold(closed(), event(amended)) == {
        ("won", "2026-01", "sam", "EUR"): (1, Decimal("0.01"))
    }


def test_reopened_takes_the_deal_out_and_closing_again_puts_it_in_once() -> None:
    reopened = event(DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON))
    assert fold(closed(), reopened) == {}
    assert fold(closed(), reopened, closed(outcome="lost", value="0")) == {
        ("lost", "2026-11", "sam", "USD"): (1, Decimal(0))
    }
    assert fold(closed(), closed(value="7")) == {("won", "2026-11", "sam", "USD"): (1, Decimal(7))}


def test_correcting_an_unknown_deal_changes_no_figure() -> None:
    reopened = event(DealReopened(deal_id="d9", account_id="acme", reopened_at=NOON))
    assert fold(reopened) == {}


def test_the_month_is_the_companys_month() -> None:
    late = closed(closed_at=NOON.replace(day=30, hour=21))
    assert ("won", "2026-11", "sam", "USD") in fold(late)
    assert ("won", "2026-12", "sam", "USD") in fold(late, zone="Asia/Tehran")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["won", "lost"]),
            st.sampled_from(["sam", "tim"]),
            st.decimals(0, 10**12, places=4),
        ),
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
def test_any_order_of_deals_gives_the_same_figures(
    facts: list[tuple[str, str, Decimal]], chance: random.Random
) -> None:
    events = [
        closed(f"d{number}", format(value, "f"), outcome=outcome, salesperson={"id": person})
        for number, (outcome, person, value) in enumerate(facts)
    ]
    shuffled = events.copy()
    chance.shuffle(shuffled)
    assert fold(*events) == fold(*shuffled)
    assert sum(count for count, _ in fold(*events).values()) == len(facts)
    assert sum(amount for _, amount in fold(*events).values()) == sum(v for *_, v in facts)
