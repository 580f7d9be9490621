"""What is owed to a customer after the handover."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.handoff.book import Book
from services.handoff.candidates import Tier
from services.handoff.handlers import decide
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
from tests.support.builders import NOON, deal, event, manager, rules

RULES = rules()
ACME = Account(id="acme", name="Acme", manager_id="mia")
DAY = timedelta(days=1)


class Customer:
    """A customer to whom things happen, and what is owed to it."""

    def __init__(self, account: Account = ACME) -> None:
        self.account = account
        self.head: str | None = None
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
        return self.take(respond(data, self.account, self.open, at, RULES, head=self.head))

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
    assert customer.take(hand_on(noahs, customer.open, NOON)) == ["Moved"] * 4
    assert {one.owner_id for one in customer.open.values()} == {"noah"}
    assert customer.take(hand_on(noahs, customer.open, NOON)) == []


def test_until_somebody_manages_the_customer_the_head_owes_it() -> None:
    nobody = Customer(replace(ACME, manager_id=None))
    nobody.head = "hana"
    assert nobody.hears("dispute.opened", dispute_id="x", opened_at=NOON) == ["Set"] * 3
    assert {one.owner_id for one in nobody.open.values()} == {"hana"}
    assert nobody.take(hand_on(ACME, nobody.open, NOON)) == ["Moved"] * 3


def test_without_a_head_it_waits_and_is_told_when_somebody_comes() -> None:
    nobody = Customer(replace(ACME, manager_id=None))
    assert nobody.hears("dispute.opened", dispute_id="x", opened_at=NOON) == []
    assert nobody.hears("dispute.updated", dispute_id="x", updated_at=NOON + DAY) == []
    assert nobody.due() == {Kind.UPDATE: 2 * DAY, Kind.RESOLVE: 10 * DAY}
    assert nobody.take(hand_on(ACME, nobody.open, NOON)) == ["Set"] * 2
    assert {one.owner_id for one in nobody.open.values()} == {"mia"}


def test_while_nobody_manages_the_account_a_head_owes_it() -> None:
    customer = in_touch()
    waiting = replace(ACME, manager_id=None)
    assert customer.take(hand_on(waiting, customer.open, NOON)) == [], "there is no head"
    assert customer.take(hand_on(waiting, customer.open, NOON, ("hana", "zoe"))) == ["Moved"]
    assert customer.take(hand_on(waiting, customer.open, NOON, ("ada", "hana"))) == []
    assert customer.take(hand_on(waiting, customer.open, NOON, ("ada",))) == ["Moved"]
    assert {one.owner_id for one in customer.open.values()} == {"ada"}


def test_satisfaction_and_contacts_before_the_first_handoff_are_remembered() -> None:
    nobody = Customer(replace(ACME, manager_id=None))
    nobody.hears("satisfaction.recorded", score=20, recorded_at=NOON)
    nobody.hears("contact.made", made_at=NOON + DAY, by="sam")
    nobody.account = replace(nobody.account, manager_id="mia")
    nobody.take(keep_in_touch(nobody.account, {}, NOON + 2 * DAY, RULES))
    assert nobody.due() == {Kind.CONTACT: 4 * DAY}


def test_a_contact_in_the_future_counts_from_when_it_was_told() -> None:
    customer = in_touch()
    far = NOON + 9999 * DAY
    assert customer.hears("contact.made", NOON + DAY, made_at=far, by="mia") == ["Met", "Set"]
    assert customer.due() == {Kind.CONTACT: 31 * DAY}
    later = NOON + 2 * DAY
    assert customer.hears("contact.made", made_at=later, by="mia") == ["Met", "Set"]
    customer.hears("satisfaction.recorded", later, score=20, recorded_at=far)
    assert customer.hears("satisfaction.recorded", score=90, recorded_at=later + DAY) == ["Moved"]


def test_a_contact_older_than_the_handover_ends_no_count() -> None:
    customer = in_touch()
    assert customer.hears("contact.made", made_at=NOON, by="mia") == []
    assert customer.due() == {Kind.CONTACT: 30 * DAY}


def test_an_unhappy_customer_is_never_called_later_than_was_due() -> None:
    customer = in_touch()
    almost = NOON + 30 * DAY - timedelta(hours=1)
    assert customer.hears("satisfaction.recorded", score=1, recorded_at=almost) == []
    late = NOON + 31 * DAY
    assert customer.hears("satisfaction.recorded", score=2, recorded_at=late) == []
    assert customer.due() == {Kind.CONTACT: 30 * DAY}


def test_a_dispute_updated_at_the_moment_it_was_opened_goes_on() -> None:
    customer = Customer()
    customer.hears("dispute.opened", dispute_id="x", opened_at=NOON)
    assert customer.hears("dispute.updated", dispute_id="x", updated_at=NOON) == ["Met"]
    assert customer.due() == {Kind.UPDATE: DAY, Kind.RESOLVE: 10 * DAY}


def test_speaking_with_the_customer_is_a_follow_up_and_an_opportunity_has_one() -> None:
    customer = in_touch()
    found = {"opportunity_id": "o", "identified_at": NOON}
    assert customer.hears("opportunity.identified", **found) == ["Set"]
    again = found | {"identified_at": NOON + DAY}
    assert customer.hears("opportunity.identified", **again) == []
    said = customer.hears("contact.made", made_at=NOON + 2 * DAY, by="mia")
    assert said == ["Met", "Met", "Set"]
    assert customer.due() == {Kind.CONTACT: 32 * DAY}


def test_other_events_bring_nothing() -> None:
    nobody = Customer(replace(ACME, manager_id=None))
    assert nobody.take(keep_in_touch(nobody.account, {}, NOON, RULES)) == []
    money = {"value": "1", "currency": "EUR"}
    assert Customer().hears("budget.set", period="2026", amount=money, set_at=NOON) == []


def test_what_is_said_of_an_unknown_customer_waits_for_its_first_deal() -> None:
    book, company = Book(), rules()
    opened = EVENTS["dispute.opened.v1"].model_validate(
        {"account_id": "acme", "dispute_id": "x", "opened_at": NOON}
    )
    assert decide(event(opened), book, company) == ()
    assert book.accounts["acme"].manager_id is None
    decide(event(manager("mia")), book, company)
    told = decide(event(deal()), book, company)
    assert [one.type for one in told].count("deadline.set.v1") == 4 + 3
    assert {one.owner_id for one in book.obligations["acme"].values()} == {"mia"}
    assert book.accounts["acme"].name == "Account acme"
    target = EVENTS["target.set.v1"].model_validate(
        {"manager_id": "mia", "period": "2026", "set_at": NOON,
         "amount": {"value": "1", "currency": "EUR"}}
    )  # fmt: skip
    decide(event(target), book, company)
    assert set(book.accounts) == {"acme"}
