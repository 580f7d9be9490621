"""The rules of handoff, with no server and no clock."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.handoff.domain import (
    CHECKLIST,
    Account,
    Decision,
    Handoff,
    Manager,
    Status,
    assign,
    close_deal,
    completeness,
    least_loaded,
    reopen_deal,
)
from shared.contracts.deadlines import DeadlineCancelled, DeadlineSet
from shared.contracts.deals import DealReopened
from shared.contracts.handoffs import (
    HandoffAssigned,
    HandoffCancelled,
    HandoffCreated,
    HandoffUnassigned,
)
from tests.support.builders import NOON, deal

MIA = Manager(id="mia", regions=("Central",))
NOAH = Manager(id="noah", regions=("East",))


def closing(
    account: Account | None = None,
    handoff: Handoff | None = None,
    managers: tuple[Manager, ...] = (MIA, NOAH),
    **changes: object,
) -> Decision:
    by_id = {manager.id: manager for manager in managers}
    return close_deal(deal(**changes), NOON, account=account, handoff=handoff, managers=by_id)  # type: ignore[arg-type]


def kinds(decision: Decision) -> list[str]:
    return [type(data).__name__ for data in decision.publish]


def test_a_won_deal_gives_a_new_customer_a_manager_and_three_deadlines() -> None:
    decision = closing()

    assert kinds(decision) == ["HandoffCreated", "HandoffAssigned", *["DeadlineSet"] * 3]
    assert decision.account
    assert decision.account.manager_id == "mia"
    assert decision.manager
    assert decision.manager.load == 1
    created, assigned, *deadlines = decision.publish
    assert isinstance(created, HandoffCreated)
    assert (created.kind, created.closed_at) == ("new", NOON)
    assert isinstance(assigned, HandoffAssigned)
    assert "region" in assigned.reason
    for step, deadline in zip(CHECKLIST, deadlines, strict=True):
        assert isinstance(deadline, DeadlineSet)
        assert deadline.due_at == NOON + step.after
        assert deadline.owner_id == "mia"


def test_a_lost_deal_changes_nothing() -> None:
    assert closing(outcome="lost") == Decision()


def test_a_customer_keeps_its_manager_whoever_is_less_loaded() -> None:
    account = Account(id="acme", name="Acme", region="Central", manager_id="noah")
    decision = closing(account, managers=(MIA, NOAH))
    assert decision.handoff
    assert decision.handoff.manager_id == "noah"
    assert decision.manager is None, "a repeat customer is no further account"
    created = decision.publish[0]
    assert isinstance(created, HandoffCreated)
    assert created.kind == "expansion"


def test_a_deal_won_again_while_its_handoff_lives_begins_no_second_one() -> None:
    first = closing()
    assert closing(first.account, first.handoff) == Decision()


def test_reopened_cancels_and_won_again_begins_a_new_round() -> None:
    first = closing()
    reopened = reopen_deal(
        DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON),
        NOON,
        handoff=first.handoff,
    )
    assert [type(data) for data in reopened.publish] == [HandoffCancelled, *[DeadlineCancelled] * 3]
    cancelled = {d.deadline_id for d in reopened.publish if isinstance(d, DeadlineCancelled)}
    assert cancelled == {d.deadline_id for d in first.publish if isinstance(d, DeadlineSet)}

    again = closing(first.account, reopened.handoff)
    assert again.handoff
    assert first.handoff
    assert (again.handoff.round, again.handoff.status) == (2, Status.ASSIGNED)
    assert again.handoff.id != first.handoff.id


def test_reopening_what_is_not_handed_over_changes_nothing() -> None:
    data = DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON)
    assert reopen_deal(data, NOON, handoff=None) == Decision()


def test_nobody_for_the_region_is_said_and_mended_later() -> None:
    decision = closing(managers=(NOAH,))
    assert isinstance(decision.publish[-1], HandoffUnassigned)
    assert "Central" in decision.publish[-1].reason
    assert decision.handoff
    assert decision.account
    assert decision.handoff.status == Status.UNASSIGNED
    later = assign(decision.handoff, decision.account, NOON, {"mia": MIA})
    assert kinds(later) == ["HandoffAssigned", *["DeadlineSet"] * 3]


@pytest.mark.parametrize(
    ("managers", "chosen"),
    [
        pytest.param([Manager(id="a", load=2), Manager(id="b", load=1)], "b", id="least loaded"),
        pytest.param(
            [Manager(id="a", last_assigned=NOON), Manager(id="b")], "b", id="waits longest"
        ),
        pytest.param([Manager(id="b"), Manager(id="a")], "a", id="by id, to be replayable"),
        pytest.param([Manager(id="a", active=False), Manager(id="b", load=9)], "b", id="who left"),
        pytest.param([Manager(id="a", regions=("East",))], None, id="another region"),
        pytest.param([Manager(id="a", regions=())], "a", id="any region"),
        pytest.param([], None, id="nobody"),
    ],
)
def test_who_is_chosen(managers: list[Manager], chosen: str | None) -> None:
    found = least_loaded("Central", managers)
    assert (found.id if found else None) == chosen


@given(st.integers(1, 300), st.integers(1, 12), st.randoms(use_true_random=False))
def test_loads_stay_within_one_of_each_other(
    accounts: int, count: int, chance: random.Random
) -> None:
    names = [f"m{number}" for number in range(count)]
    chance.shuffle(names)
    managers = {name: Manager(id=name) for name in names}
    for number in range(accounts):
        decision = close_deal(
            deal(f"d{number}", f"a{number}"),
            NOON + timedelta(minutes=number),
            account=None,
            handoff=None,
            managers=managers,
        )
        assert decision.manager
        managers[decision.manager.id] = decision.manager
    loads = [manager.load for manager in managers.values()]
    assert sum(loads) == accounts
    assert max(loads) - min(loads) <= 1


def test_completeness_names_what_is_missing() -> None:
    score, missing = completeness(deal(products=["P"]))
    assert (score, missing) == (
        33,
        ("package.contacts", "package.needs", "package.promises", "package.relationship"),
    )
    package = {
        "contacts": [{"name": "C"}],
        "needs": ["n"],
        "promises": ["p"],
        "relationship": {"state": "good"},
    }
    assert completeness(deal(products=["P"], package=package)) == (100, ())


def test_the_same_event_makes_the_same_messages() -> None:
    assert closing() == closing()
