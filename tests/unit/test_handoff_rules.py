"""How a handoff begins and ends, with no server and no clock."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from services.handoff.assignment import Pool
from services.handoff.candidates import Manager, Tier
from services.handoff.config import CompanyTime, Counted
from services.handoff.domain import (
    Decision,
    amend_deal,
    assign,
    close_deal,
    completeness,
    reopen_deal,
)
from services.handoff.rules import COUNTED
from services.handoff.states import Account, Handoff, Status
from shared.contracts.deadlines import DeadlineCancelled, DeadlineMet, DeadlineSet
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.handoffs import (
    HandoffAssigned,
    HandoffCancelled,
    HandoffCreated,
    HandoffUnassigned,
)
from shared.contracts.values import Money
from shared.working_time import Calendar
from tests.support.builders import NOON, deal, rules

MIA = Manager(id="mia", regions=("Central",))
NOAH = Manager(id="noah", regions=("East",))
HEAD = Manager(id="hana", active=False, head=True)
RULES = rules()


def pool(*managers: Manager) -> Pool:
    return Pool({manager.id: manager for manager in managers})


def closing(
    known: Account | None = None,
    handoff: Handoff | None = None,
    managers: tuple[Manager, ...] = (MIA, NOAH),
    **changes: object,
) -> Decision:
    return close_deal(
        deal(**changes),  # type: ignore[arg-type]
        NOON,
        account=known,
        handoff=handoff,
        pool=pool(*managers),
        rules=RULES,
    )


def reopening(first: Decision) -> Decision:
    data = DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON)
    return reopen_deal(data, NOON, account=first.account, handoff=first.handoff)


def amending(first: Decision, **changes: object) -> Decision:
    data = DealAmended.model_validate(
        {"deal_id": "d1", "account_id": "acme", "amended_at": NOON} | changes
    )
    return amend_deal(data, NOON, account=first.account, handoff=first.handoff, rules=RULES)


def kinds(decision: Decision) -> list[str]:
    return [type(data).__name__ for data in decision.publish]


def test_a_won_deal_gives_a_new_customer_a_manager_and_deadlines() -> None:
    decision = closing()

    assert kinds(decision) == ["HandoffCreated", "HandoffAssigned", *["DeadlineSet"] * 4]
    assert decision.account
    assert decision.account.manager_id == "mia"
    assert [m.load for m in decision.managers] == [1]
    created, assigned, accept, *steps = decision.publish
    assert isinstance(created, HandoffCreated)
    assert (created.kind, created.closed_at) == ("new", NOON)
    assert isinstance(assigned, HandoffAssigned)
    assert assigned.reason == "the only one who can take the account"
    assert isinstance(accept, DeadlineSet)
    assert accept.due_at == NOON + RULES.accept_within
    dues = {"welcome-call": 1, "kick-off": 5, "first-review": 20}
    for (step, days), deadline in zip(dues.items(), steps, strict=True):
        assert isinstance(deadline, DeadlineSet)
        assert (deadline.step, deadline.owner_id) == (step, "mia")
        assert deadline.due_at == RULES.working.add_days(NOON, days)
        assert deadline.titles
        assert set(deadline.titles) == {"en", "fa"}


def test_a_lost_deal_changes_nothing() -> None:
    assert closing(outcome="lost") == Decision()


def test_a_customer_keeps_its_manager_whoever_is_less_loaded() -> None:
    account = Account(id="acme", name="Acme", region="Central", manager_id="noah")
    decision = closing(account, managers=(MIA, NOAH))
    assert decision.handoff
    assert decision.handoff.manager_id == "noah"
    assert not decision.managers, "a repeat customer is no further account"
    assert decision.explanation is None
    created = decision.publish[0]
    assert isinstance(created, HandoffCreated)
    assert created.kind == "expansion"


def test_a_deal_won_again_while_its_handoff_lives_begins_no_second_one() -> None:
    first = closing()
    assert closing(first.account, first.handoff) == Decision()


def test_reopened_cancels_and_won_again_begins_a_new_round_with_the_same_manager() -> None:
    first = closing()
    reopened = reopening(first)
    assert [type(data) for data in reopened.publish] == [HandoffCancelled, *[DeadlineCancelled] * 4]
    cancelled = {d.deadline_id for d in reopened.publish if isinstance(d, DeadlineCancelled)}
    assert cancelled == {d.deadline_id for d in first.publish if isinstance(d, DeadlineSet)}
    assert reopened.account
    assert reopened.account.manager_id == "mia"
    assert reopened.account.won == {"USD": 0}

    again = closing(reopened.account, reopened.handoff)
    assert again.handoff
    assert first.handoff
    assert (again.handoff.round, again.handoff.status) == (2, Status.ASSIGNED)
    assert (again.handoff.kind, again.handoff.manager_id) == ("expansion", "mia")
    assert again.handoff.id != first.handoff.id
    assert reopening(reopened) == Decision(), "reopened twice is reopened once"


def test_reopening_or_amending_what_is_not_handed_over_changes_nothing() -> None:
    assert reopening(Decision()) == Decision()
    assert amending(Decision(), title="New") == Decision()
    assert amending(reopening(closing()), title="New") == Decision()


def test_amended_corrects_the_won_value_and_keeps_the_manager() -> None:
    first = closing()
    amended = amending(first, amount={"value": "70.25", "currency": "USD"})
    assert amended.account
    assert amended.handoff
    assert amended.account.won == {"USD": Money.model_validate(
        {"value": "70.25", "currency": "USD"}).value}  # fmt: skip
    assert amended.account.manager_id == "mia"
    assert not amended.publish
    reopened = reopening(amended)
    assert reopened.account
    assert reopened.account.won == {"USD": 0}, "what was added by the amendment goes too"
    other = amending(first, amount={"value": "1", "currency": "EUR"})
    assert other.account
    assert other.account.won == {"USD": 0, "EUR": 1}


def test_nobody_fits_is_said_the_head_is_told_and_it_is_mended_later() -> None:
    decision = closing(managers=(NOAH, HEAD))
    *_, refusal, told = decision.publish
    assert isinstance(refusal, HandoffUnassigned)
    assert refusal.reason == "nobody can take the account: 1 has another territory"
    assert isinstance(told, DeadlineSet)
    assert (told.owner_id, told.step) == ("hana", "assign")
    assert decision.handoff
    assert decision.account
    assert decision.handoff.status == Status.UNASSIGNED
    again = assign(decision.handoff, decision.account, NOON, pool(NOAH, HEAD), RULES)
    assert kinds(again) == ["HandoffUnassigned"], "the head has one deadline, not two"
    later = assign(decision.handoff, decision.account, NOON, pool(MIA, HEAD), RULES)
    assert kinds(later) == ["HandoffAssigned", "DeadlineMet", *["DeadlineSet"] * 4]
    met = later.publish[1]
    assert isinstance(met, DeadlineMet)
    assert met.deadline_id == told.deadline_id


def test_an_empty_directory_is_named() -> None:
    refusal = closing(managers=()).publish[-1]
    assert isinstance(refusal, HandoffUnassigned)
    assert refusal.reason == "the directory has no account manager"


def test_completeness_names_what_is_missing() -> None:
    score, missing = completeness(deal(products=["P"]), Tier.REGIONAL, RULES)
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
    whole = deal(products=["P"], package=package)
    assert completeness(whole, Tier.REGIONAL, RULES) == (100, ())


def test_what_is_required_is_set_by_tier() -> None:
    asked = rules(required={Tier.GLOBAL: ("amount", "package.needs"), Tier.NATIONAL: ()})
    assert completeness(deal(), Tier.GLOBAL, asked) == (50, ("package.needs",))
    assert completeness(deal(), Tier.NATIONAL, asked) == (100, ())
    assert completeness(deal(), Tier.REGIONAL, asked) == completeness(deal(), Tier.GLOBAL, RULES)


@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_a_deal_of_an_absurd_year_is_handed_over_all_the_same(moment: datetime) -> None:
    absurd = rules(working=CompanyTime(Calendar.monday_to_friday("Asia/Tehran", "IR")))
    decision = close_deal(
        deal(closed_at=moment), moment, account=None, handoff=None, pool=pool(MIA), rules=absurd
    )
    assert decision.handoff
    assert len(decision.handoff.deadlines) == 4


def test_the_settings_name_the_parts_that_the_rules_know() -> None:
    assert get_args(Counted) == COUNTED


def test_the_same_event_makes_the_same_messages() -> None:
    assert closing() == closing()


def test_what_a_later_deal_does_not_say_of_the_customer_stays() -> None:
    first = closing(
        account={"id": "acme", "name": "Acme", "region": "Central", "city": "Qom"},
        package={"language": "fa"},
    )
    second = closing(first.account, deal_id="d2")
    assert second.account
    assert (second.account.city, second.account.language) == ("Qom", "fa")
    assert second.account.won == {"USD": 201}


@pytest.mark.parametrize("tier", list(Tier))
def test_tiers_are_in_ascending_order(tier: Tier) -> None:
    assert [t for t in Tier if t.rank <= tier.rank][-1] == tier
