"""What is owed to a customer after the handover."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.handoff.assignment import Tier
from services.handoff.obligations import (
    Kind,
    Obligation,
    Owed,
    hand_on,
    keep_in_touch,
    respond,
)
from services.handoff.states import Account
from shared.contracts.event import EventData
from shared.contracts.registry import EVENTS
from tests.support.builders import NOON, rules

RULES = rules()
ACME = Account(id="acme", name="Acme", manager_id="mia")
DAY = timedelta(days=1)


class Customer:
    """A customer to whom things happen, and what is owed to it."""

    def __init__(self, account: Account = ACME) -> None:
        self.account = account
        self.open: dict[str, Obligation] = {}
        self.said: list[EventData] = []

    def take(self, owed: Owed) -> list[str]:
        self.account = owed.account or self.account
        for one in owed.closed:
            del self.open[one]
        self.open |= {one.id: one for one in owed.open}
        self.said = list(owed.publish)
        return [type(data).__name__.removeprefix("Deadline") for data in owed.publish]

    def hears(self, name: str, at: datetime | None = None, **fields: Any) -> list[str]:
        at = at or next(value for one, value in fields.items() if one.endswith("_at"))
        data = EVENTS[f"{name}.v1"].model_validate({"account_id": "acme"} | fields)
        return self.take(respond(data, self.account, self.open, at, RULES))

    def due(self) -> dict[str, timedelta]:
        return {one.kind: one.due_at - NOON for one in self.open.values()}


def in_touch(account: Account = ACME) -> Customer:
    customer = Customer(account)
    assert customer.take(keep_in_touch(account, {}, NOON, RULES)) == ["Set"]
    return customer


@pytest.mark.parametrize(
    ("score", "tier", "days"),
    [
        (None, Tier.REGIONAL, 30), (70, Tier.REGIONAL, 30), (69, Tier.NATIONAL, 14),
        (40, Tier.REGIONAL, 14), (39, Tier.REGIONAL, 3), (0, Tier.REGIONAL, 3),
        (90, Tier.GLOBAL, 15), (10, Tier.GLOBAL, 1),
    ],
)  # fmt: skip
def test_the_pace_of_contact_follows_satisfaction_and_tier(
    score: int | None, tier: Tier, days: int
) -> None:
    customer = in_touch(replace(ACME, satisfaction=score, tier=tier))
    assert customer.due() == {Kind.CONTACT: days * DAY}


def test_a_contact_meets_its_deadline_and_begins_the_next() -> None:
    customer = in_touch()
    assert customer.hears("contact.made", made_at=NOON + 2 * DAY, by="mia") == ["Met", "Set"]
    assert customer.due() == {Kind.CONTACT: 32 * DAY}
    assert customer.hears("contact.made", made_at=NOON + DAY, by="mia") == [], "told late"
    assert customer.due() == {Kind.CONTACT: 32 * DAY}
    assert customer.take(keep_in_touch(customer.account, customer.open, NOON, RULES)) == []


def test_before_the_handover_a_contact_is_only_remembered() -> None:
    customer = Customer()
    assert customer.hears("contact.made", made_at=NOON, by="mia") == []
    customer.take(keep_in_touch(customer.account, {}, NOON + 9 * DAY, RULES))
    assert customer.due() == {Kind.CONTACT: 30 * DAY}, "counted from the last contact"


def test_an_unhappy_customer_is_called_sooner_and_never_in_the_past() -> None:
    customer = in_touch()
    assert customer.hears("satisfaction.recorded", score=20, recorded_at=NOON + DAY) == ["Moved"]
    assert customer.due() == {Kind.CONTACT: 3 * DAY}
    assert customer.hears("satisfaction.recorded", score=90, recorded_at=NOON) == [], "told late"
    later = NOON + 10 * DAY
    customer = in_touch()
    customer.hears("satisfaction.recorded", later, score=20, recorded_at=later)
    assert customer.due() == {Kind.CONTACT: 11 * DAY}
    assert customer.hears("satisfaction.recorded", later, score=21, recorded_at=later + DAY) == []


def test_a_dispute_is_answered_told_of_and_settled_by_severity() -> None:
    customer = Customer()
    opened = {"dispute_id": "x", "opened_at": NOON, "severity": "high", "title": "Broken"}
    assert customer.hears("dispute.opened", **opened) == ["Set"] * 3
    assert customer.due() == {
        Kind.ANSWER: timedelta(hours=4), Kind.UPDATE: DAY, Kind.RESOLVE: 5 * DAY,
    }  # fmt: skip
    assert {one.title for one in customer.open.values()} == {
        "First answer to the dispute: Broken",
        "Tell the customer how the dispute stands: Broken",
        "Settle the dispute: Broken",
    }
    assert customer.hears("dispute.opened", **opened) == [], "told twice"
    updated = {"dispute_id": "x", "updated_at": NOON + DAY}
    assert customer.hears("dispute.updated", **updated) == ["Met", "Met", "Set"]
    assert customer.due() == {Kind.UPDATE: 2 * DAY, Kind.RESOLVE: 5 * DAY}
    updated = {"dispute_id": "x", "updated_at": NOON + 2 * DAY, "severity": "critical"}
    assert sorted(customer.hears("dispute.updated", **updated)) == ["Met", "Moved", "Set"]
    assert customer.due() == {Kind.UPDATE: 3 * DAY, Kind.RESOLVE: 2 * DAY}
    resolved = {"dispute_id": "x", "resolved_at": NOON + 3 * DAY}
    assert customer.hears("dispute.resolved", **resolved) == ["Met", "Met"]
    assert customer.hears("dispute.updated", **updated) == []
    assert not customer.open


def test_opportunities_and_products_are_followed_up() -> None:
    customer = Customer()
    found = {"opportunity_id": "o", "identified_at": NOON, "product": "GTX Pro"}
    assert customer.hears("opportunity.identified", **found) == ["Set"]
    assert [one.title for one in customer.open.values()] == ["Follow up: GTX Pro"]
    shown = {"product": "گزارش " + "x" * 190, "introduced_at": NOON}
    assert customer.hears("product.introduced", **shown) == ["Set"]
    assert customer.hears("product.introduced", **shown) == []
    assert customer.hears("opportunity.won", opportunity_id="o", won_at=NOON) == ["Met"]
    customer.hears("opportunity.identified", **found)
    assert customer.hears("opportunity.lost", opportunity_id="o", lost_at=NOON) == ["Cancelled"]
    assert len(customer.open) == 1


def test_what_is_owed_goes_to_the_next_manager() -> None:
    customer = in_touch()
    customer.hears("dispute.opened", dispute_id="x", opened_at=NOON)
    noahs = replace(customer.account, manager_id="noah")
    assert customer.take(hand_on(noahs, customer.open, NOON, "so it is")) == ["Moved"] * 4
    assert {one.owner_id for one in customer.open.values()} == {"noah"}
    assert customer.take(hand_on(noahs, customer.open, NOON, "so it is")) == []


def test_nobody_owes_what_nobody_manages_and_other_events_bring_nothing() -> None:
    nobody = Customer(replace(ACME, manager_id=None))
    assert nobody.hears("dispute.opened", dispute_id="x", opened_at=NOON) == []
    assert nobody.take(keep_in_touch(nobody.account, {}, NOON, RULES)) == []
    money = {"value": "1", "currency": "EUR"}
    assert Customer().hears("budget.set", period="2026", amount=money, set_at=NOON) == []
