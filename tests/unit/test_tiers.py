"""Regional, national, global: up at a threshold, down with a margin, the whole group at once."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.handoff.book import Book
from services.handoff.candidates import Manager, Tier
from services.handoff.handlers import decide
from services.handoff.portfolio import Change, Moved, retier
from services.handoff.rules import TierRules
from services.handoff.states import Account
from services.handoff.tiers import Facts, tier_of
from shared.contracts.deals import DealReopened
from shared.contracts.handoffs import AccountTierChanged
from shared.contracts.values import Money
from tests.support.builders import NOON, deal, event, rules

REGIONAL, NATIONAL, GLOBAL = Tier
RULES = TierRules(
    won={NATIONAL: Money(value=Decimal(1000), currency="USD")},
    countries={NATIONAL: 2, GLOBAL: 4},
)


def facts(won: int = 0, country: str | None = None, *, key: bool = False) -> Facts:
    return Facts({"USD": Decimal(won)}, country, key)


@pytest.mark.parametrize(
    ("members", "present", "expected"),
    [
        ([facts(999)], REGIONAL, REGIONAL),
        ([facts(1000)], REGIONAL, NATIONAL),
        ([facts(500), facts(500)], REGIONAL, NATIONAL),
        ([facts(800)], NATIONAL, NATIONAL),
        ([facts(799)], NATIONAL, REGIONAL),
        ([facts(800)], REGIONAL, REGIONAL),
        ([Facts({"EUR": Decimal(9999)})], REGIONAL, REGIONAL),
        ([facts(key=True)], REGIONAL, GLOBAL),
        ([facts(country="IR"), facts(country="ir")], REGIONAL, REGIONAL),
        ([facts(country="IR"), facts(country="DE")], REGIONAL, NATIONAL),
        ([facts(country=name) for name in ("A", "B", "C", "D")], REGIONAL, GLOBAL),
        ([facts(country=name) for name in ("A", "B", "C")], GLOBAL, GLOBAL),
        ([facts(country=name) for name in ("A", "B")], GLOBAL, NATIONAL),
        ([facts()], GLOBAL, REGIONAL),
    ],
)
def test_thresholds_and_margins(members: list[Facts], present: Tier, expected: Tier) -> None:
    named = {str(number): one for number, one in enumerate(members)}
    assert tier_of(named, present, RULES)[0] == expected


class Company:
    """Deals in a book, and the mover that brings accounts to their tiers."""

    def __init__(self, *managers: Manager) -> None:
        self.book = Book()
        self.rules = rules(tiers=RULES)
        for manager in managers:
            self.book.keep_manager(manager)

    def win(self, deal_id: str, account: str, amount: int, **ref: Any) -> None:
        money = {"value": str(amount), "currency": "USD"}
        data = deal(deal_id, {"id": account, "name": account} | ref, amount=money)
        decide(event(data), self.book, self.rules)

    def account(self, name: str) -> Account:
        return self.book.accounts[name]

    def move(self, name: str) -> Moved:
        state = self.account(name)
        group = self.book.groups.get(state.group_id or "")
        if group and group.tier != state.tier:
            state = replace(state, tier_wanted=group.tier, tier_reason=group.reason)
        change = Change(at=NOON, pool=self.book.pool, rules=self.rules, reason="tier")
        moved = retier(state, self.book.live(name), change)
        self.book.keep(moved, NOON)
        return moved


def kinds(moved: Moved) -> list[str]:
    return [type(data).__name__ for data in moved.publish]


def test_promotion_hands_the_account_to_a_manager_of_that_level() -> None:
    company = Company(
        Manager(id="mia", level=REGIONAL, capacity=9), Manager(id="nora", level=NATIONAL)
    )
    company.win("d1", "acme", 900)
    assert (company.account("acme").manager_id, company.account("acme").tier) == ("mia", REGIONAL)
    assert company.move("acme") == Moved()
    company.win("d2", "acme", 100)
    assert company.account("acme").tier_wanted == NATIONAL
    moved = company.move("acme")
    told = moved.publish[0]
    assert isinstance(told, AccountTierChanged)
    assert (told.from_tier, told.to_tier) == ("regional", "national")
    assert told.reason == "won value of 1000 USD"
    assert kinds(moved)[1:5] == [
        "AccountTransferred", "HandoffCreated", "HandoffAssigned", "DeadlineSet",
    ]  # fmt: skip
    assert company.account("acme").manager_id == "nora"
    loads = {name: one.load for name, one in company.book.pool.managers.items()}
    assert loads == {"mia": 0, "nora": 2}
    assert company.move("acme") == Moved(), "once is enough"


def test_without_room_above_the_present_manager_keeps_it_and_its_weight_grows() -> None:
    company = Company(Manager(id="mia", level=REGIONAL))
    company.win("d1", "acme", 1)
    company.win("d2", "acme", 5000)
    assert kinds(company.move("acme")) == ["AccountTierChanged"]
    assert company.account("acme").manager_id == "mia"
    assert company.book.pool.managers["mia"].load == 2


def test_subsidiaries_follow_the_group_in_whatever_order_they_come() -> None:
    company = Company(Manager(id="mia"))
    company.win("d1", "child", 400, parent_id="parent")
    company.win("d2", "parent", 300)
    company.win("d3", "other", 200, parent_id="parent")
    assert {company.account(name).tier_wanted for name in ("child", "parent", "other")} == {None}
    company.win("d4", "other", 100, parent_id="parent")
    group = company.book.groups["parent"]
    assert (group.tier, group.moving, set(group.members)) == (
        NATIONAL, True, {"child", "parent", "other"},
    )  # fmt: skip
    for name in ("child", "parent", "other"):
        company.move(name)
        assert company.account(name).tier == NATIONAL
    assert company.book.pool.managers["mia"].load == 6
    company.win("d5", "late", 1, parent_id="parent")
    assert company.account("late").tier == NATIONAL, "who joins later follows too"
    assert company.book.pool.managers["mia"].load == 8


def test_demotion_waits_until_it_is_clear_and_keeps_the_manager() -> None:
    company = Company(Manager(id="nora", level=NATIONAL))
    for number in range(5):
        company.win(f"d{number}", "acme", 200)
    company.move("acme")
    assert company.account("acme").tier == NATIONAL

    def reopen(number: int) -> None:
        data = DealReopened(deal_id=f"d{number}", account_id="acme", reopened_at=NOON)
        decide(event(data), company.book, company.rules)

    reopen(0)
    assert company.account("acme").tier_wanted is None, "800 of 1000 keep it"
    reopen(1)
    assert company.account("acme").tier_wanted == REGIONAL
    assert kinds(company.move("acme")) == ["AccountTierChanged"]
    assert company.account("acme").manager_id == "nora"
    assert company.book.pool.managers["nora"].load == 1


def test_a_new_account_has_its_tier_before_somebody_is_chosen() -> None:
    company = Company(Manager(id="mia", level=REGIONAL), Manager(id="gil", level=GLOBAL))
    company.win("d1", "acme", 1, key=True)
    assert company.move("acme") == Moved(), "no transfer of an account a minute old"
    assert (company.account("acme").tier, company.account("acme").manager_id) == (GLOBAL, "gil")


def members(company: Company) -> dict[str, set[str]]:
    return {name: set(group.members) for name, group in company.book.groups.items()}


def test_parents_in_a_circle_are_one_group() -> None:
    company = Company(Manager(id="mia"))
    for number in range(2):
        company.win(f"a{number}", "a", 300, parent_id="b")
        company.win(f"b{number}", "b", 300, parent_id="a")
        assert members(company) == {"b": {"a", "b"}}
    for name in ("a", "b"):
        company.move(name)
        assert company.account(name).tier == NATIONAL
    company.win("c", "c", 1, parent_id="c")
    assert members(company)["c"] == {"c"}


def test_a_subsidiary_that_changes_its_parent_leaves_the_group_it_was_in() -> None:
    company = Company(Manager(id="mia"))
    company.win("d1", "parent", 600)
    company.win("d2", "child", 600, parent_id="parent")
    company.move("parent")
    assert company.account("parent").tier == NATIONAL
    company.win("d3", "child", 1, parent_id="other")
    assert members(company) == {"parent": {"parent"}, "other": {"child"}}
    assert company.book.groups["parent"].tier == REGIONAL
    company.move("parent")
    assert company.account("parent").tier == REGIONAL


def test_a_grandchild_is_of_the_same_group() -> None:
    company = Company(Manager(id="mia"))
    company.win("d1", "parent", 1, parent_id="holding")
    company.win("d2", "child", 1, parent_id="parent")
    company.win("d3", "parent", 1)
    assert members(company) == {"holding": {"parent", "child"}}


def test_the_tier_of_an_account_that_waits_changes_and_so_does_whom_it_needs() -> None:
    company = Company(Manager(id="gil", level=GLOBAL, capacity=4))
    company.win("d1", "full", 1, key=True)
    company.win("d2", "acme", 1)
    assert company.account("acme").manager_id is None
    company.win("d3", "acme", 5000)
    assert company.account("acme").tier == NATIONAL
