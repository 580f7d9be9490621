"""Every word a CRM may say of a deal, in every state its handoff may be in.

Each row of the table is one word, each column one state; a cell says how the deal's latest
handoff stands afterwards, and what is told.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from services.handoff import lifecycle
from services.handoff.book import Book
from services.handoff.handlers import decide
from services.handoff.lifecycle import Act, Outcome
from services.handoff.states import LIVE, Handoff, Status
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.event import EventData
from tests.support.builders import NOON, deal, event, manager, rules

RULES = rules()
DAY = timedelta(days=1)
STATES = ("unassigned", "assigned", "info_requested", "returned", "accepted", "completed",
          "cancelled")  # fmt: skip


class Desk:
    """One deal of one account, brought to a state."""

    def __init__(self, state: str) -> None:
        self.book = Book()
        self.hears(manager("hana", roles=("head",)))
        if state != "unassigned":
            self.hears(manager("mia"))
        self.hears(deal("d1"))
        for act in _WAYS[state]:
            self.does(act)
        if state == "cancelled":
            self.hears(DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON))
        assert self.handoff.status == Status(state)

    @property
    def handoff(self) -> Handoff:
        found = self.book.of_deal("d1")
        assert found
        return found

    def does(self, act: Callable[[Handoff, Act], Outcome]) -> None:
        doing = Act(by="mia", at=NOON, account=self.book.accounts["acme"], rules=RULES)
        outcome = act(self.handoff, doing)
        assert isinstance(outcome, lifecycle.Moved), outcome
        self.book.keep_handoff(outcome.handoff)

    def hears(self, data: EventData, at: datetime = NOON) -> list[str]:
        """What is told, in short; several of one kind as one."""
        said = decide(event(data, time=at), self.book, RULES)
        names = [one.type.removesuffix(".v1").removeprefix("handoff.") for one in said]
        return list(dict.fromkeys(names))


def _step(name: str) -> Callable[[Handoff, Act], Outcome]:
    return lambda handoff, act: lifecycle.do_step(handoff, name, act)


_ALL_STEPS = [_step(name) for name in ("welcome-call", "kick-off", "first-review")]
_WAYS: dict[str, list[Callable[[Handoff, Act], Outcome]]] = {
    "unassigned": [],
    "assigned": [],
    "info_requested": [lambda handoff, act: lifecycle.ask(handoff, ("who pays?",), act)],
    "returned": [lambda handoff, act: lifecycle.give_back(handoff, ("no contact",), act)],
    "accepted": [lifecycle.accept],
    "completed": [lifecycle.accept, *_ALL_STEPS],
    "cancelled": [],
}

SAID: dict[str, EventData] = {
    "won": deal("d1"),
    "won by another": deal("d1", salesperson={"id": "sue"}),
    "won with more": deal("d1", products=["GTX"]),
    "lost": deal("d1", outcome="lost"),
    "amended amount": DealAmended.model_validate(
        {"deal_id": "d1", "account_id": "acme", "amended_at": NOON,
         "amount": {"value": "70.25", "currency": "USD"}}
    ),
    "amended closed_at": DealAmended.model_validate(
        {"deal_id": "d1", "account_id": "acme", "amended_at": NOON, "closed_at": NOON - DAY}
    ),
    "reopened": DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON),
    "won for another account": deal("d1", "other"),
    "another deal won": deal("d2"),
}  # fmt: skip

NOTHING: list[str] = []
ENDED = ["cancelled", "deadline.cancelled"]
BEGUN = ["created", "assigned", "deadline.set"]
WAITS = ["created", "unassigned", "deadline.set"]
# What is said, in which state: the status of the deal's latest handoff, its round, what is told.
TABLE: dict[str, dict[str, tuple[str, int, list[str]]]] = {
    "won": {
        **{state: (state, 1, NOTHING) for state in STATES},
        "cancelled": ("assigned", 2, BEGUN),
    },
    "won by another": {
        **{state: (state, 1, NOTHING) for state in STATES},
        "info_requested": ("info_requested", 1, ["deadline.moved"]),
        "returned": ("returned", 1, ["deadline.moved"]),
        "cancelled": ("assigned", 2, BEGUN),
    },
    "won with more": {
        **{state: (state, 1, ["package_added"]) for state in STATES},
        "cancelled": ("assigned", 2, BEGUN),
    },
    "lost": {
        **dict.fromkeys(STATES, ("cancelled", 1, ENDED)),
        "completed": ("cancelled", 1, ["cancelled"]),
        "cancelled": ("cancelled", 1, NOTHING),
    },
    "amended amount": {state: (state, 1, NOTHING) for state in STATES},
    "amended closed_at": {
        **{state: (state, 1, ["deadline.moved"]) for state in STATES},
        **{state: (state, 1, NOTHING) for state in ("unassigned", "completed", "cancelled")},
    },
    "reopened": {
        **dict.fromkeys(STATES, ("cancelled", 1, ENDED)),
        "completed": ("cancelled", 1, ["cancelled"]),
        "cancelled": ("cancelled", 1, NOTHING),
    },
    "won for another account": {
        **{state: ("assigned", 2, [*ENDED, *BEGUN]) for state in STATES},
        "unassigned": ("unassigned", 2, [*ENDED, *WAITS]),
        "completed": ("assigned", 2, ["cancelled", *BEGUN]),
        "cancelled": ("assigned", 2, BEGUN),
    },
    "another deal won": {
        **{state: (state, 1, BEGUN) for state in STATES},
        "unassigned": ("unassigned", 1, WAITS),
    },
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("said", SAID)
def test_every_word_in_every_state(said: str, state: str) -> None:
    desk = Desk(state)
    status, number, told = TABLE[said][state]
    assert desk.hears(SAID[said], NOON + DAY) == told
    assert (desk.handoff.status, desk.handoff.round) == (Status(status), number)
    of_deal = [h for h in desk.book.handoffs.values() if h.deal_id == "d1"]
    assert sum(one.status in (*LIVE, Status.COMPLETED) for one in of_deal) <= 1
    owner = desk.book.accounts["acme"].manager_id
    assert owner == (None if state == "unassigned" else "mia"), "the customer keeps its manager"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("said", SAID)
def test_every_word_twice_says_nothing_new(said: str, state: str) -> None:
    desk = Desk(state)
    desk.hears(SAID[said], NOON + DAY)
    before = (dict(desk.book.accounts), dict(desk.book.handoffs))
    assert desk.hears(SAID[said], NOON + DAY) == []
    assert (desk.book.accounts, desk.book.handoffs) == before


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("said", SAID)
def test_won_value_follows_every_word(said: str, state: str) -> None:
    desk = Desk(state)
    desk.hears(SAID[said], NOON + DAY)
    nothing_stands = {"amended amount": "0", "amended closed_at": "0", "another deal won": "100.50"}
    known = {
        "lost": "0",
        "reopened": "0",
        "won for another account": "0",
        "amended amount": "70.25",
        "another deal won": "201.00",
    } | (nothing_stands if state == "cancelled" else {})
    expected = known.get(said, "100.50")
    assert desk.book.accounts["acme"].won["USD"] == Decimal(expected)


@pytest.mark.parametrize("state", STATES)
def test_reopened_and_won_again_begins_a_new_round_with_the_same_manager(state: str) -> None:
    desk = Desk(state)
    desk.hears(SAID["reopened"])
    desk.hears(SAID["won by another"], NOON + DAY)
    assert (desk.handoff.round, desk.handoff.salesperson_id) == (2, "sue")
    assert desk.handoff.manager_id == (None if state == "unassigned" else "mia")
    assert desk.handoff.kind == ("new" if state == "unassigned" else "expansion")


def test_lost_is_never_begun() -> None:
    desk = Desk("assigned")
    assert desk.hears(deal("d9", "nobody", outcome="lost")) == []
    assert "nobody" not in desk.book.accounts


def test_who_answers_is_the_new_salesperson() -> None:
    desk = Desk("info_requested")
    desk.hears(SAID["won by another"])
    (answer,) = [due for due in desk.handoff.deadlines if due.step == "answer"]
    assert answer.owner_id == desk.handoff.salesperson_id == "sue"
    doing = Act(by="sue", at=NOON, account=desk.book.accounts["acme"], rules=RULES)
    assert isinstance(lifecycle.resubmit(desk.handoff, ("they do",), None, doing), lifecycle.Moved)


def test_an_amendment_says_what_was_missing() -> None:
    desk = Desk("assigned")
    thin = replace(desk.handoff, amount=None, missing=("amount", *desk.handoff.missing))
    desk.book.keep_handoff(thin)
    assert desk.hears(SAID["amended amount"]) == ["package_added"]
    assert "amount" not in desk.handoff.missing


def test_a_word_under_another_account_that_is_older_is_no_news() -> None:
    desk = Desk("assigned")
    for said in (deal("d1", "other"), deal("d1", "other", outcome="lost")):
        assert desk.hears(said, NOON - DAY) == []
    assert desk.handoff.account_id == "acme"


def test_amended_and_reopened_under_another_account_change_the_deals_own() -> None:
    desk = Desk("accepted")
    amended = SAID["amended amount"].model_copy(update={"account_id": "other"})
    desk.hears(amended)
    assert desk.book.accounts["acme"].won["USD"] == Decimal("70.25")
    desk.hears(DealReopened(deal_id="d1", account_id="other", reopened_at=NOON))
    assert desk.handoff.status == Status.CANCELLED
    assert set(desk.book.accounts) == {"acme"}
