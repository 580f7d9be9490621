"""What the two sides do with a handoff: every move, every refusal, every clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.handoff.assignment import Pool
from services.handoff.candidates import Manager
from services.handoff.domain import close_deal
from services.handoff.lifecycle import (
    Act,
    Moved,
    Outcome,
    Refused,
    accept,
    add,
    ask,
    do_step,
    give_back,
    resubmit,
)
from services.handoff.states import Handoff, Status
from shared.contracts.deals import Package
from shared.contracts.handoffs import Acceptance, HandoffAccepted, HandoffReturned
from tests.support.builders import NOON, deal, rules

RULES = rules()
_begun = close_deal(
    deal(), NOON, account=None, handoff=None, pool=Pool({"mia": Manager(id="mia")}), rules=RULES
)
assert _begun.handoff
assert _begun.account
ASSIGNED, ACCOUNT = _begun.handoff, _begun.account
LATER = NOON + timedelta(hours=2)
WHY = ("no contact named",)


def act(by: str = "mia", record: Acceptance | None = None) -> Act:
    return Act(by=by, at=LATER, account=ACCOUNT, rules=RULES, record=record)


def moved(outcome: Outcome) -> Moved:
    assert isinstance(outcome, Moved), outcome
    return outcome


def refused(outcome: Outcome) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def kinds(outcome: Outcome) -> list[str]:
    return [type(data).__name__ for data in moved(outcome).publish]


def steps(handoff: Handoff) -> list[str]:
    return [deadline.step for deadline in handoff.deadlines]


ACCEPTED = moved(accept(ASSIGNED, act())).handoff
ASKED = moved(ask(ASSIGNED, ("who pays?",), act())).handoff
RETURNED = moved(give_back(ASSIGNED, WHY, act())).handoff


def test_accepting_meets_its_deadline_and_leaves_the_steps() -> None:
    outcome = accept(ASSIGNED, act())
    assert kinds(outcome) == ["HandoffAccepted", "DeadlineMet"]
    assert moved(outcome).handoff.status == Status.ACCEPTED
    assert steps(ACCEPTED) == ["welcome-call", "kick-off", "first-review"]


def test_asking_stops_the_managers_clock_and_starts_the_salespersons() -> None:
    outcome = ask(ASSIGNED, ("who pays?",), act())
    assert kinds(outcome) == ["HandoffInfoRequested", "DeadlinePaused", "DeadlineSet"]
    answer = ASKED.deadlines[-1]
    assert (answer.step, answer.owner_id) == ("answer", "sam")
    assert answer.due_at == LATER + RULES.answer_within


@pytest.mark.parametrize("waiting", [ASKED, RETURNED])
def test_an_answer_starts_the_managers_clock_anew(waiting: Handoff) -> None:
    more = Package(needs=("speed",))
    outcome = resubmit(waiting, ("the customer",), more, act("sam"))
    assert kinds(outcome) == [
        "HandoffResubmitted", "DeadlineMet", "DeadlineResumed", "DeadlineMoved",
    ]  # fmt: skip
    now = moved(outcome).handoff
    assert (now.status, now.attempt) == (Status.ASSIGNED, 2)
    assert steps(now) == steps(ASSIGNED)
    assert now.deadlines[0].due_at == LATER + RULES.accept_within
    assert now.completeness > ASSIGNED.completeness
    assert "package.needs" not in now.missing


def test_a_package_grows_and_nothing_is_said_twice() -> None:
    first = moved(resubmit(ASKED, (), Package(needs=("a", "b")), act("sam"))).handoff
    asked = moved(ask(first, ("more?",), act())).handoff
    second = moved(
        resubmit(asked, (), Package(needs=("b", "c"), language="fa"), act("sam"))
    ).handoff
    assert second.package
    assert (second.package.needs, second.package.language) == (("a", "b", "c"), "fa")


def test_a_salesperson_may_add_at_any_time_and_touches_no_clock() -> None:
    more = Package(promises=("a discount",))
    for handoff in (ASSIGNED, ASKED, RETURNED, ACCEPTED):
        outcome = add(handoff, more, act("sam"))
        assert kinds(outcome) == ["HandoffPackageAdded"]
        now = moved(outcome).handoff
        assert (now.status, now.deadlines, now.attempt) == (
            handoff.status, handoff.deadlines, handoff.attempt,
        )  # fmt: skip
        assert "package.promises" not in now.missing
        assert "says all that already" in refused(add(now, more, act("sam")))


def test_the_salespersons_acceptance_is_counted_and_published() -> None:
    record = Acceptance(id="sam", accepted=3, returned=1)
    accepted = moved(accept(ASSIGNED, act(record=record)))
    assert isinstance(accepted.publish[0], HandoffAccepted)
    assert accepted.publish[0].salesperson == Acceptance(id="sam", accepted=4, returned=1)
    returned = moved(give_back(ASSIGNED, WHY, act()))
    assert isinstance(returned.publish[0], HandoffReturned)
    assert returned.record == Acceptance(id="sam", accepted=0, returned=1)
    transfer = replace(ASSIGNED, kind="transfer")
    assert moved(accept(transfer, act())).record is None, "a transfer is no salesperson's"


def test_the_last_step_completes_and_not_before_it_is_accepted() -> None:
    handoff = ASSIGNED
    for step in ("welcome-call", "kick-off", "first-review"):
        outcome = do_step(handoff, step, act())
        assert kinds(outcome) == ["HandoffStepDone", "DeadlineMet"]
        handoff = moved(outcome).handoff
    assert handoff.status == Status.ASSIGNED
    assert kinds(accept(handoff, act())) == ["HandoffAccepted", "DeadlineMet", "HandoffCompleted"]

    handoff = ACCEPTED
    for step in ("first-review", "welcome-call"):
        handoff = moved(do_step(handoff, step, act("somebody"))).handoff
    last = do_step(handoff, "kick-off", act())
    assert kinds(last) == ["HandoffStepDone", "DeadlineMet", "HandoffCompleted"]
    assert moved(last).handoff.status == Status.COMPLETED


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (accept(ASSIGNED, act("noah")), "can only be accepted by mia"),
        (accept(ACCEPTED, act()), "cannot be accepted: it was accepted already"),
        (accept(ASKED, act()), "cannot be accepted: it waits for the salesperson's answer"),
        (accept(RETURNED, act()), "cannot be accepted: it was returned to the salesperson"),
        (ask(ASSIGNED, (), act()), "ask at least one question"),
        (ask(ASSIGNED, ("?",), act("sam")), "can only be asked about by mia"),
        (ask(ACCEPTED, ("?",), act()), "cannot be asked about: it was accepted already"),
        (give_back(ASSIGNED, (), act()), "say at least one reason"),
        (give_back(ACCEPTED, WHY, act()), "cannot be returned: it was accepted already"),
        (give_back(replace(ASSIGNED, kind="transfer"), WHY, act()), "ask the head"),
        (resubmit(ASSIGNED, ("x",), None, act("sam")), "it waits for the account manager"),
        (resubmit(ASKED, ("x",), None, act("mia")), "can only be resubmitted by sam"),
        (resubmit(ASKED, (), None, act("sam")), "nothing was said"),
        (add(ASSIGNED, Package(), act("mia")), "can only be added to by sam"),
        (
            add(replace(ASSIGNED, status=Status.CANCELLED), Package(), act("sam")),
            "it was cancelled",
        ),
        (do_step(ASSIGNED, "accept", act()), "no open step 'accept'"),
        (do_step(ASSIGNED, "dance", act()), "no open step 'dance'"),
        (do_step(replace(ASSIGNED, done=("kick-off",)), "kick-off", act()), "is done already"),
        (accept(replace(ASSIGNED, status=Status.CANCELLED), act()), "it was cancelled"),
        (accept(replace(ASSIGNED, status=Status.COMPLETED), act()), "it is completed"),
        (accept(replace(ASSIGNED, status=Status.UNASSIGNED), act()), "nobody manages"),
    ],
)
def test_what_is_not_allowed_is_refused_with_a_reason(outcome: Outcome, reason: str) -> None:
    assert reason in refused(outcome)


def test_a_contact_told_of_again_is_one_contact() -> None:
    known = Package.model_validate({"contacts": [{"name": "Ada", "email": "ada@acme.example"}]})
    more = Package.model_validate({"contacts": [{"name": "ada", "role": "CFO"}]})
    told = replace(ASSIGNED, package=known)
    now = moved(add(told, more, act("sam"))).handoff
    assert now.package
    assert [(c.name, c.role, c.email) for c in now.package.contacts] == [
        ("ada", "CFO", "ada@acme.example")
    ]
    assert "says all that already" in refused(add(now, more, act("sam")))
