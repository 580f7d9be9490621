"""What is said to be done elsewhere, in an answer to a reminder or by another system."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from services.handoff import lifecycle
from services.handoff.book import Book
from services.handoff.handlers import decide
from services.handoff.lifecycle import Act
from services.handoff.states import Handoff, Status, deadline_id
from shared.contracts.cloudevents import encode
from shared.contracts.deadlines import DeadlineMet, DeadlineMoved, DeadlineSet
from shared.contracts.directory import Role
from shared.contracts.event import EventData
from shared.contracts.handoffs import Acceptance
from shared.contracts.registry import EVENTS
from shared.records import receive
from tests.support.builders import NOON, deal, event, manager, rules

RULES = rules()
STEPS = ("welcome-call", "kick-off", "first-review")
ACCEPT = "accept"


class Company:
    """One account manager with one customer."""

    def __init__(self) -> None:
        self.book = Book()
        for data in (manager(), deal()):
            self.hears(data)

    def hears(self, data: EventData, at: datetime = NOON) -> list[str]:
        told = decide(event(data, time=at), self.book, RULES)
        return [type(data).__name__ for data in told]

    @property
    def handoff(self) -> Handoff:
        (handoff,) = self.book.handoffs.values()
        return handoff

    def done(self, step: str, **more: Any) -> list[str]:
        fields: dict[str, Any] = {
            "deadline_id": deadline_id(self.handoff, step),
            "subject_id": self.handoff.id,
            "account_id": "acme",
            "met_at": NOON,
            "by": "mia",
        }
        return self.hears(DeadlineMet.model_validate(fields | more))

    def owed(self) -> list[str]:
        return sorted(one.kind for one in self.book.obligations.get("acme", {}).values())

    def done_with(self, kind: str, at: datetime) -> list[str]:
        one = next(one for one in self.book.obligations["acme"].values() if one.kind == kind)
        met = DeadlineMet(
            deadline_id=one.id, subject_id=one.subject_id, account_id="acme", met_at=at, by="mia"
        )
        return self.hears(met, at)


def test_a_step_is_done_and_its_deadline_not_met_once_more() -> None:
    company = Company()
    assert company.done("kick-off") == ["HandoffStepDone"]
    assert company.handoff.done == ("kick-off",)
    assert company.book.history[-1].what == "step"
    assert company.done("kick-off") == [], "twice is once"


def test_what_saying_so_does_not_do_is_told_with_the_page_where_it_is_done() -> None:
    """Every deadline that handoff sets: either saying so does something, or it says where to go."""
    there = replace(RULES, url="https://handoff.example.com")
    for begun in ("nobody can take it", "asked", "returned"):
        company = Company()
        if begun == "nobody can take it":
            company.book = Book()
            told = [
                *decide(event(manager("hana", roles=(Role.HEAD,))), company.book, there),
                *decide(event(deal()), company.book, there),
            ]
        else:
            act = Act(by="mia", at=NOON, account=company.book.accounts["acme"], rules=there)
            does = lifecycle.ask if begun == "asked" else lifecycle.give_back
            outcome = does(company.handoff, ("Who signs?",), act)
            assert isinstance(outcome, lifecycle.Moved)
            told = [*outcome.publish]
            company.book.keep_act(outcome, act, begun)
        (data,) = [one for one in told if isinstance(one, DeadlineSet)]
        page = f"https://handoff.example.com/pages/handoffs/{company.handoff.id}"
        assert data.done_only_on == page, begun
        assert company.done(str(data.step), by=data.owner_id) == [], begun
        assert company.handoff.deadline(data.deadline_id), "still open"


def test_what_is_done_by_saying_so_has_no_other_page() -> None:
    book, there = Book(), replace(RULES, url="https://handoff.example.com")
    told = [one for data in (manager(), deal()) for one in decide(event(data), book, there)]
    steps = {one.step: one.done_only_on for one in told if isinstance(one, DeadlineSet)}
    assert ACCEPT in steps
    assert set(steps.values()) == {None}


def test_to_say_so_of_the_acceptance_is_to_accept() -> None:
    company = Company()
    company.book.records["sam"] = Acceptance(id="sam", accepted=4, returned=2)
    assert company.done(ACCEPT, by="noah") == [], "only the account manager accepts"
    assert company.done(ACCEPT) == ["HandoffAccepted"]
    assert company.handoff.status == Status.ACCEPTED
    assert company.book.records["sam"].accepted == 5


def test_what_others_were_to_be_done_before_is_done_all_the_same() -> None:
    company = Company()
    known = company.handoff
    assert known.checklist
    steps = tuple(
        replace(step, needs=("welcome-call",)) if step.id == "kick-off" else step
        for step in known.checklist.steps
    )
    company.book.keep_handoff(replace(known, checklist=replace(known.checklist, steps=steps)))
    assert company.done("kick-off") == ["HandoffStepDone"]


def test_the_last_step_completes_and_the_next_contact_is_owed() -> None:
    company = Company()
    for step in (ACCEPT, *STEPS[:-1]):
        company.done(step)
    assert company.done(STEPS[-1]) == ["HandoffStepDone", "HandoffCompleted", "DeadlineSet"]
    assert company.owed() == ["contact"]


def test_whoever_owed_it_did_it_where_nobody_is_named() -> None:
    company = Company()
    company.done("kick-off", by=None)
    assert company.book.history[-1].by == "mia"


@pytest.mark.parametrize(
    "more",
    [{"deadline_id": "another"}, {"subject_id": "another"}, {"deadline_id": "x:kick-off"}],
)
def test_deadlines_of_others_are_none_of_ours(more: dict[str, str]) -> None:
    assert Company().done("kick-off", **more) == []


@pytest.mark.parametrize(
    ("opened", "kind", "told", "left"),
    [
        ("dispute.opened", "dispute-answer", [], ["dispute-resolve", "dispute-update"]),
        (
            "dispute.opened",
            "dispute-update",
            ["DeadlineSet"],
            ["dispute-answer", "dispute-resolve", "dispute-update"],
        ),
        ("dispute.opened", "dispute-resolve", ["DeadlineMet", "DeadlineMet"], []),
        ("opportunity.identified", "follow-up", [], []),
    ],
)
def test_what_is_owed_afterwards(opened: str, kind: str, told: list[str], left: list[str]) -> None:
    company = Company()
    about = opened.partition(".")[0]
    at = "opened_at" if about == "dispute" else "identified_at"
    company.hears(
        EVENTS[f"{opened}.v1"].model_validate({"account_id": "acme", f"{about}_id": "x", at: NOON})
    )
    assert company.done_with(kind, NOON + timedelta(hours=1)) == told
    assert company.owed() == left


def test_a_contact_that_was_made_begins_the_count_anew() -> None:
    company = Company()
    for step in (ACCEPT, *STEPS):
        company.done(step)
    (before,) = company.book.obligations["acme"].values()
    later = NOON + timedelta(days=1)
    assert company.done_with("contact", later) == ["DeadlineSet"]
    (now,) = company.book.obligations["acme"].values()
    assert now.since == later
    assert now.due_at > before.due_at
    assert company.book.accounts["acme"].contacted_at == later


def handed_on(company: Company, step: str, before: str | None, now: str) -> list[str]:
    return company.hears(
        DeadlineMoved(
            deadline_id=deadline_id(company.handoff, step),
            subject_id=company.handoff.id,
            account_id="acme",
            due_at=NOON,
            owner_id=now,
            from_owner_id=before,
            moved_at=NOON,
        )
    )


def owners(company: Company) -> dict[str, str]:
    return {one.step: one.owner_id for one in company.handoff.deadlines}


def test_what_is_handed_on_in_a_message_is_another_s_here_too_and_nothing_is_said_of_it() -> None:
    company = Company()
    due = {one.step: one.due_at for one in company.handoff.deadlines}
    assert handed_on(company, "kick-off", "mia", "noah") == []
    assert owners(company)["kick-off"] == "noah"
    assert {one.step: one.due_at for one in company.handoff.deadlines} == due
    assert handed_on(company, "kick-off", "noah", "olga") == []
    assert owners(company)["kick-off"] == "olga"
    assert company.done("kick-off", by="olga") == ["HandoffStepDone"]


@pytest.mark.parametrize("before", ["olga", None])
def test_what_has_changed_hands_here_meanwhile_stays_so(before: str | None) -> None:
    company = Company()
    handed_on(company, "kick-off", before, "noah")
    assert owners(company)["kick-off"] == "mia"


def test_who_decides_does_not_change_by_handing_on_a_deadline() -> None:
    company = Company()
    handed_on(company, ACCEPT, "mia", "noah")
    assert owners(company)[ACCEPT] == "mia"


def test_a_date_that_is_moved_does_not_take_back_what_was_handed_on_elsewhere() -> None:
    """On its way here the hand-on may meet a move of the date: that tells no owner."""
    company = Company()
    act = Act(by="mia", at=NOON, account=company.book.accounts["acme"], rules=RULES)
    moved = lifecycle.move_step(company.handoff, "kick-off", NOON + timedelta(days=9), act)
    assert isinstance(moved, lifecycle.Moved)
    told = [one for one in moved.publish if isinstance(one, DeadlineMoved)]
    assert told
    assert {one.owner_id for one in told} == {None}


def test_what_is_owed_and_handed_on_is_the_manager_s_again_when_it_comes_anew() -> None:
    company = Company()
    for step in (ACCEPT, *STEPS):
        company.done(step)
    (one,) = company.book.obligations["acme"].values()
    company.hears(
        DeadlineMoved(
            deadline_id=one.id, subject_id=one.subject_id, account_id="acme", due_at=one.due_at,
            owner_id="noah", from_owner_id="mia", moved_at=NOON,
        )
    )  # fmt: skip
    (now,) = company.book.obligations["acme"].values()
    assert now == replace(one, owner_id="noah")
    assert company.done_with("contact", NOON + timedelta(days=1)) == ["DeadlineSet"]
    (anew,) = company.book.obligations["acme"].values()
    assert anew.owner_id == "mia"


def test_a_service_passes_over_its_own_words_and_reads_those_of_others() -> None:
    met = DeadlineMet(deadline_id="x", subject_id="y", met_at=NOON)
    for source, own in (("/tahvil/handoff", True), ("/tahvil/reminders", False)):
        value, headers = encode(event(met, source=source))
        record = ConsumerRecord(
            "deadlines", 0, 0, 0, 0, b"y", value, None, len(value), len(value), headers
        )
        received = receive(record, "handoff")
        assert (received.event is None) is own
        assert (received.skipped is not None) is own
