"""A head gives an account to a manager of the head's choice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.handoff.assignment import Pool
from services.handoff.candidates import Away, Manager, Tier
from services.handoff.domain import close_deal
from services.handoff.lifecycle import Refused
from services.handoff.portfolio import Change, Moved, cover, leave
from services.handoff.reassignment import reassign
from services.handoff.states import Account, Handoff, Status
from tests.support.builders import NOON, deal, rules

RULES = rules()
LATER = NOON + timedelta(days=1)
HANA = Manager(id="hana", active=False, head=True)


def begun(*managers: Manager) -> tuple[Account, Handoff, Pool]:
    pool = Pool({one.id: one for one in (*managers, HANA)})
    decision = close_deal(deal(), NOON, account=None, handoff=None, pool=pool, rules=RULES)
    assert decision.account
    assert decision.handoff
    return decision.account, decision.handoff, pool


def given(
    account: Account, live: list[Handoff], pool: Pool, to: str = "noah", by: str = "hana"
) -> Moved:
    moved = reassign(account, live, to, by=by, why="x", change=change(pool))
    assert isinstance(moved, Moved), moved
    return moved


def change(pool: Pool) -> Change:
    return Change(at=LATER, pool=pool, rules=RULES, reason="reassigned by hana: x")


def kinds(moved: Moved) -> list[str]:
    return [type(data).__name__ for data in moved.publish]


def loads(pool: Pool) -> dict[str, int]:
    return {name: one.load for name, one in pool.managers.items() if name != "hana"}


def test_an_account_is_handed_over_with_its_deadlines_and_the_reason_is_kept() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=5))
    moved = given(account, [handoff], pool)
    assert kinds(moved) == [
        "AccountTransferred", "HandoffCreated", "HandoffAssigned", "DeadlineSet",
        *["DeadlineMoved"] * 4,
    ]  # fmt: skip
    assert moved.account
    assert moved.account.manager_id == "noah"
    assert loads(pool) == {"mia": 0, "noah": 6}
    transfer, mine = moved.handoffs
    assert (transfer.salesperson_id, mine.manager_id) == ("mia", "noah")
    assert moved.explanation
    assert moved.explanation.id == transfer.id
    assert moved.explanation.reason == "reassigned by hana: x"


def test_a_transfer_that_was_not_accepted_is_cancelled() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=5))
    first = given(account, [handoff], pool)
    assert first.account
    second = given(first.account, list(first.handoffs), pool, to="mia")
    ended, transfer, mine = second.handoffs
    assert (ended.status, transfer.manager_id, mine.manager_id) == (
        Status.CANCELLED, "mia", "mia",
    )  # fmt: skip
    assert loads(pool) == {"mia": 1, "noah": 5}


def test_what_waits_has_a_manager_then() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=3, capacity=3))
    pool.keep(replace(pool.managers["mia"], active=False))
    left = leave(account, [handoff], "mia", change(pool))
    assert left.account
    assert left.account.manager_id is None
    pool.keep(replace(pool.managers["noah"], capacity=4))
    moved = given(left.account, list(left.handoffs), pool)
    assert {one.manager_id for one in moved.handoffs} == {"noah"}
    assert {due.owner_id for one in moved.handoffs for due in one.deadlines} == {"noah"}
    assert loads(pool) == {"mia": 0, "noah": 4}


def test_a_new_customer_whom_nobody_can_take_is_given_to_somebody_who_can_now() -> None:
    account, handoff, pool = begun(Manager(id="noah", capacity=0))
    assert handoff.status == Status.UNASSIGNED
    pool.keep(replace(pool.managers["noah"], capacity=1))
    moved = given(account, [handoff], pool)
    assert kinds(moved)[:2] == ["HandoffAssigned", "DeadlineMet"]
    assert moved.account
    assert moved.account.weight == 1
    assert loads(pool) == {"noah": 1}


@pytest.mark.parametrize("to", ["mia", "olga"])
def test_what_is_covered_goes_for_good_and_the_place_kept_is_given_up(to: str) -> None:
    account, handoff, pool = begun(Manager(id="mia", capacity=1))
    for name in ("noah", "olga"):
        pool.keep(Manager(id=name, load=0 if name == "noah" else 9))
    away = Away(LATER, LATER + timedelta(days=9))
    pool.keep(replace(pool.managers["mia"], absences=(away,)))
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    assert loads(pool) == {"mia": 1, "noah": 1, "olga": 9}
    pool.keep(replace(pool.managers["mia"], absences=()))
    moved = given(covered.account, list(covered.handoffs), pool, to=to)
    assert moved.account
    assert (moved.account.manager_id, moved.account.home_manager_id) == (to, None)
    assert loads(pool) == {"mia": int(to == "mia"), "noah": 0, "olga": 9 + int(to == "olga")}


@pytest.mark.parametrize(
    ("noah", "reason"),
    [
        (Manager(id="noah", active=False), "noah cannot take the account: is no account manager"),
        (Manager(id="noah", regions=("East",)), "cannot take the account: has another territory"),
        (Manager(id="noah", capacity=3, load=3), "cannot take the account: has no capacity left"),
        (Manager(id="noah", absences=(Away(NOON, None),)), "cannot take the account: is absent"),
        (Manager(id="noah", level=Tier.REGIONAL), "does not serve accounts of this tier"),
    ],
)
def test_who_does_not_fit_is_refused_with_the_reason(noah: Manager, reason: str) -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    pool.keep(noah)
    account = replace(account, tier=Tier.NATIONAL if noah.level else account.tier)
    before = loads(pool)
    refused = reassign(account, [handoff], "noah", by="hana", why="x", change=change(pool))
    assert isinstance(refused, Refused)
    assert reason in refused.reason
    assert loads(pool) == before


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"by": "mia"}, "by a head"),
        ({"why": ""}, "say why"),
        ({"why": "x" * 201}, "say why"),
        ({"to": "mia"}, "mia manages the account already"),
        ({"to": "hana"}, "is no account manager"),
        ({"to": "x"}, "is no account manager"),
    ],
)
def test_what_else_is_refused(more: dict[str, str], reason: str) -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah"))
    told = {"to": "noah", "by": "hana", "why": "x"} | more
    refused = reassign(
        account, [handoff], told["to"], by=told["by"], why=told["why"], change=change(pool)
    )
    assert isinstance(refused, Refused)
    assert reason in refused.reason
    nothing = reassign(
        replace(account, manager_id=None), [], "noah", by="hana", why="x", change=change(pool)
    )
    assert nothing == Refused("nothing of the account waits for a manager")
