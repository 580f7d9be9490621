"""Which checklist a deal gets, which steps of it, when each is due, and what moves it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.handoff import checklist_file
from services.handoff.assignment import Pool
from services.handoff.candidates import Manager, Tier
from services.handoff.checklists import (
    ACCEPTED,
    ASSIGNED,
    CLOSED,
    Anchor,
    Checklists,
    Deal,
    Moment,
)
from services.handoff.config import CompanyTime
from services.handoff.domain import Decision, amend_deal, close_deal, reopen_deal
from services.handoff.lifecycle import (
    Act,
    Moved,
    Outcome,
    Refused,
    accept,
    do_step,
    give_back,
    move_step,
    resubmit,
)
from services.handoff.portfolio import Change, leave
from services.handoff.states import Account, Handoff, Status
from services.handoff.steps import due_dates
from shared.contracts.deadlines import DeadlineMoved, DeadlineSet
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.event import EventData
from shared.contracts.handoffs import ChecklistRef, HandoffCreated
from shared.contracts.values import Money
from shared.working_time import Calendar
from tests.support.builders import NOON, deal, rules

DAY = timedelta(days=1)
LATER = NOON + timedelta(hours=3)
HEADS = Pool({name: Manager(id=name, head=True) for name in ("hana", "zoe")})
STEPS = """
      - {id: contract, title: Contract, owner: salesperson, due: {hours: 8, after: closed}}
      - {id: plan, title: Plan, due: {days: 2, before: kick-off.due}, needs: [contract]}
      - {id: kick-off, title: {en: Kick-off, fa: آغاز}, owner: head,
         due: {days: 10, after: closed}, needs: [plan]}
      - {id: training, title: Training, owner: {person: tara}, due: {days: 3, after: accepted}}
      - {id: review, title: Review, due: {days: 20, after: kick-off.done}}
      - {id: letter, title: Letter, due: {days: 1, after: review.due}}
"""
PATH = f"templates:\n  - name: path\n    version: 3\n    steps:{STEPS}"


def written(text: str, folder: Path) -> Checklists:
    file = folder / "checklists.yaml"
    file.write_text(text, encoding="utf-8")
    return checklist_file.load(file)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Checklists:
    return written(PATH, tmp_path)


# Choosing ----------------------------------------------------------------------------------------


def only(when: str, folder: Path) -> Checklists:
    """A template with that condition, and the default."""
    return written(
        f"templates:\n  - {{name: fits, version: 1, steps: [], when: {when}}}\n"
        "  - {name: default, version: 1, steps: []}\n",
        folder,
    )


EUROS = Money(value=Decimal("10000.00"), currency="EUR")


@pytest.mark.parametrize(
    ("when", "about", "fits"),
    [
        ("{product: GTX Pro}", {"products": ("gtx pro", "MG")}, True),
        ("{product: [A, GTX Pro]}", {"products": ("GTX Pro",)}, True),
        ("{product: GTX}", {"products": ("GTX Pro",)}, False),
        ("{product: GTX}", {}, False),
        ("{product: {not: GTX}}", {"products": ("GTX", "MG")}, False),
        ("{product: {not: GTX}}", {}, True),
        ("{product: {is: MG, not: GTX}}", {"products": ("MG",)}, True),
        ("{product: {is: MG, not: GTX}}", {"products": ("MG", "GTX")}, False),
        ("{tier: [national, global]}", {"tier": Tier.GLOBAL}, True),
        ("{tier: [national, global]}", {"tier": Tier.REGIONAL}, False),
        ("{language: fa}", {"language": "FA"}, True),
        ("{language: fa}", {}, False),
        ("{country: NO}", {"country": "no"}, True),
        ("{region: Central, industry: retail}", {"region": "central", "industry": "Retail"}, True),
        ("{region: Central, industry: retail}", {"region": "Central"}, False),
        ("{kind: expansion}", {"kind": "expansion"}, True),
        ("{kind: expansion}", {"kind": "new"}, False),
        ("{kind: {not: new}}", {"kind": "transfer"}, False),
        ("{kind: [new, transfer]}", {"kind": "transfer"}, True),
        ("{amount: {at_least: 10000 EUR}}", {"amount": EUROS}, True),
        ("{amount: {more_than: 10000 EUR}}", {"amount": EUROS}, False),
        ("{amount: {more_than: 9999.99 EUR, at_most: 10000EUR}}", {"amount": EUROS}, True),
        ("{amount: {below: 10000 EUR}}", {"amount": EUROS}, False),
        ("{amount: {below: 10000.01 EUR}}", {"amount": EUROS}, True),
        ("{amount: {at_least: 1 USD}}", {"amount": EUROS}, False),
        ("{amount: {below: 1 USD}}", {}, False),
        ("{any: [{tier: global}, {product: X}]}", {"products": ("x",)}, True),
        ("{any: [{tier: global}, {product: X}]}", {"products": ("y",)}, False),
        ("{kind: new, any: [{tier: regional}]}", {"kind": "expansion"}, False),
    ],
)
def test_a_condition_on_the_deal(
    when: str, about: dict[str, Any], fits: bool, tmp_path: Path
) -> None:
    found = only(when, tmp_path)
    what = Deal(**{"kind": "new"} | about)
    chosen = found.choose(what)
    assert (chosen.name if chosen else None) == (
        "fits" if fits else None if what.kind == "transfer" else "default"
    )
    last = found.explain(what)[-1]
    assert (last.because is None) == (chosen is not None)


def test_the_first_that_fits_is_taken_across_the_files_of_a_folder(tmp_path: Path) -> None:
    for name, text in {
        "20-rest.yaml": "templates: [{name: rest, version: 1, steps: []}]",
        "10-big.yaml": "templates:\n"
        "  - {name: big, version: 2, steps: [], when: {amount: {at_least: 5 EUR}}}\n"
        "  - {name: any-big, version: 1, steps: [], when: {amount: {at_least: 1 EUR}}}",
        "notes.txt": "not read",
    }.items():
        (tmp_path / name).write_text(text)
    found = checklist_file.load(tmp_path)
    for value, name in ((9, "big"), (5, "big"), (2, "any-big"), (0, "rest")):
        chosen = found.choose(Deal(kind="new", amount=Money(value=Decimal(value), currency="EUR")))
        assert chosen
        assert chosen.name == name
    tried = found.explain(Deal(kind="new"))
    assert [one.because for one in tried] == [
        "not so: amount is at least 5 EUR", "not so: amount is at least 1 EUR", None,
    ]  # fmt: skip


def test_without_a_setting_there_are_the_three_steps() -> None:
    chosen = checklist_file.load(None).choose(Deal(kind="new"))
    assert chosen
    assert [(s.id, s.title, s.offset) for s in chosen.steps] == [
        ("welcome-call", "Welcome call", "1 working day after closed"),
        ("kick-off", "Kick-off meeting", "5 working days after closed"),
        ("first-review", "First review with the customer", "20 working days after closed"),
    ]


def test_a_step_whose_condition_does_not_hold_is_left_out_and_its_followers_close_up(
    tmp_path: Path,
) -> None:
    found = written(
        """
templates:
  - name: chain
    version: 1
    steps:
      - {id: a, title: A, due: {days: 1, after: accepted}}
      - {id: b, title: B, due: {days: 2, after: a.done}, needs: [a], when: {product: X}}
      - {id: c, title: C, due: {days: 3, after: b.due}, needs: [b], when: {product: X}}
      - {id: d, title: D, due: {days: 4, after: c.done}, needs: [c, b]}
""",
        tmp_path,
    )
    whole = found.choose(Deal(kind="new", products=("x",)))
    short = found.choose(Deal(kind="new"))
    assert whole
    assert short
    assert [step.id for step in whole.steps] == ["a", "b", "c", "d"]
    assert [step.id for step in short.steps] == ["a", "d"]
    last = short.steps[-1]
    assert (last.anchor, last.amount, last.needs) == (Anchor(Moment.DONE, "a"), 4, ("a",))
    assert found.choose(Deal(kind="new")) is short, "deals that are alike share the steps"
    assert whole.digest == short.digest


# Due dates ---------------------------------------------------------------------------------------


def test_due_dates_in_working_days_and_hours_before_and_after(path: Checklists) -> None:
    office = CompanyTime(Calendar.monday_to_friday("UTC"))  # NOON is a Tuesday
    chosen = path.choose(Deal(kind="new"))
    assert chosen
    known = {CLOSED: NOON, ASSIGNED: NOON, ACCEPTED: NOON + DAY}
    assert due_dates(chosen.steps, known, office) == {
        "contract": datetime.fromisoformat("2026-11-25T12:00Z"),
        "kick-off": datetime.fromisoformat("2026-12-08T12:00Z"),
        "plan": datetime.fromisoformat("2026-12-04T12:00Z"),
        "training": datetime.fromisoformat("2026-11-30T12:00Z"),
    }


# In a handoff ------------------------------------------------------------------------------------

MIA, NOAH = Manager(id="mia"), Manager(id="noah", load=9)
HANA = Manager(id="hana", active=False, head=True)


class Company:
    """One handoff, as it goes."""

    def __init__(self, checklists: Checklists, *, managers: Iterable[Manager] = (MIA, NOAH, HANA)):
        self.rules = rules(checklists=checklists)
        self.pool = Pool({one.id: one for one in managers})
        self.said: list[EventData] = []
        self.handoff: Handoff
        self.account: Account
        self.keep(
            close_deal(deal(), NOON, account=None, handoff=None, pool=self.pool, rules=self.rules)
        )

    def keep(self, decision: Decision) -> None:
        assert decision.handoff
        assert decision.account
        self.handoff, self.account = decision.handoff, decision.account
        self.said = list(decision.publish)

    def act(self, by: str = "mia", at: datetime = LATER) -> Act:
        return Act(by=by, at=at, account=self.account, rules=self.rules, pool=HEADS)

    def do(self, outcome: Outcome) -> None:
        assert isinstance(outcome, Moved), outcome
        self.handoff, self.said = outcome.handoff, list(outcome.publish)

    def accept(self) -> None:
        self.do(accept(self.handoff, self.act()))

    def done(self, *steps: str, at: datetime = LATER) -> None:
        for step in steps:
            self.do(do_step(self.handoff, step, self.act("anybody", at)))

    def move(self, step: str, due_at: datetime, by: str = "mia") -> None:
        self.do(move_step(self.handoff, step, due_at, self.act(by)))

    def amend(self, **changes: Any) -> None:
        data = DealAmended.model_validate(
            {"deal_id": "d1", "account_id": "acme", "amended_at": LATER} | changes
        )
        self.keep(
            amend_deal(data, LATER, account=self.account, handoff=self.handoff, rules=self.rules)
        )

    @property
    def due(self) -> dict[str, datetime]:
        return {d.step: d.due_at for d in self.handoff.deadlines if d.step != "accept"}

    @property
    def owners(self) -> dict[str, str]:
        return {d.step: d.owner_id for d in self.handoff.deadlines if d.step != "accept"}

    @property
    def moves(self) -> dict[str, str]:
        """What was said of moved deadlines: why."""
        return {
            one.deadline_id.partition(":")[2]: one.reason or ""
            for one in self.said
            if isinstance(one, DeadlineMoved)
        }


def test_steps_begin_with_the_handoff_where_their_anchor_is_known(path: Checklists) -> None:
    one = Company(path)
    assert one.due == {
        "contract": NOON + timedelta(hours=8), "kick-off": NOON + 10 * DAY, "plan": NOON + 8 * DAY,
    }  # fmt: skip
    assert one.owners == {"contract": "sam", "kick-off": "hana", "plan": "mia"}
    created = one.said[0]
    assert isinstance(created, HandoffCreated)
    assert created.checklist == ChecklistRef(name="path", version=3)
    titles = {d.step: (d.title, d.titles) for d in one.said if isinstance(d, DeadlineSet)}
    assert titles["kick-off"] == ("Kick-off", {"en": "Kick-off", "fa": "آغاز"})
    assert titles["plan"] == ("Plan", None)


def test_the_others_begin_when_their_anchor_happens(path: Checklists) -> None:
    one = Company(path)
    one.accept()
    assert one.due["training"] == LATER + 3 * DAY
    assert one.owners["training"] == "tara"
    assert one.handoff.status == Status.ACCEPTED
    one.done("contract", "plan")
    assert "review" not in one.due
    one.done("kick-off", at=LATER + DAY)
    assert one.due["review"] == LATER + 21 * DAY
    assert one.due["letter"] == LATER + 22 * DAY
    assert one.owners["review"] == "mia"
    kinds = [type(data).__name__ for data in one.said]
    assert kinds == ["HandoffStepDone", "DeadlineMet", "DeadlineSet", "DeadlineSet"]


def test_steps_that_wait_for_their_anchor_count_as_not_done(path: Checklists) -> None:
    one = Company(path)
    one.accept()
    one.done("contract", "plan", "training")
    assert one.handoff.status == Status.ACCEPTED
    one.done("kick-off", "letter")
    assert one.handoff.status == Status.ACCEPTED
    one.done("review")
    assert one.handoff.status == Status.COMPLETED
    assert one.handoff.deadlines == ()


def test_what_was_done_before_it_was_due_at_all_is_due_when_it_was_done(path: Checklists) -> None:
    one = Company(path)
    one.done("review")
    assert one.due["letter"] == LATER + DAY


def test_a_step_cannot_be_done_before_those_it_needs(path: Checklists) -> None:
    one = Company(path)
    refused = do_step(one.handoff, "kick-off", one.act())
    assert refused == Refused("the step 'kick-off' cannot be done before plan")
    one.done("contract", "plan", "kick-off")
    assert do_step(one.handoff, "plan", one.act()) == Refused("the step 'plan' is done already")


def test_an_amended_closing_date_moves_the_open_steps_and_says_why(path: Checklists) -> None:
    one = Company(path)
    one.done("contract")
    one.amend(closed_at=NOON + 5 * DAY)
    assert one.due == {"kick-off": NOON + 15 * DAY, "plan": NOON + 13 * DAY}
    assert one.moves == {
        "kick-off": "counted from closed, which was amended",
        "plan": "counted from kick-off.due, which moved",
    }
    one.amend(closed_at=NOON + 5 * DAY)
    assert one.said == [], "a redelivered amendment moves nothing"
    one.amend(amount={"value": "1", "currency": "EUR"})
    assert one.said == []


def test_a_date_that_comes_out_the_same_is_not_told(path: Checklists) -> None:
    one = Company(path)
    office = CompanyTime(Calendar.monday_to_friday("UTC"))
    one.rules = replace(one.rules, working=office)
    one.amend(closed_at=NOON + timedelta(hours=14))  # in the night
    assert one.moves.keys() == {"contract", "kick-off", "plan"}
    one.amend(closed_at=NOON + timedelta(hours=15))
    assert one.said == []


def test_a_due_date_set_by_hand_moves_what_hangs_on_it_and_stays(path: Checklists) -> None:
    one = Company(path)
    one.move("kick-off", NOON + 12 * DAY)
    assert one.due["plan"] == NOON + 10 * DAY
    assert one.moves == {
        "kick-off": "moved by mia",
        "plan": "counted from kick-off.due, which moved",
    }
    again = move_step(one.handoff, "kick-off", NOON + 12 * DAY, one.act())
    assert again == Refused("the step 'kick-off' is due then already")
    one.amend(closed_at=NOON + 5 * DAY)
    assert one.moves.keys() == {"contract"}
    one.move("kick-off", NOON + 11 * DAY, by="hana")
    assert one.due["plan"] == NOON + 9 * DAY
    assert one.handoff.moved == ("kick-off",)


def test_a_step_that_waits_may_be_given_a_date(path: Checklists) -> None:
    one = Company(path)
    one.move("review", NOON + 30 * DAY)
    assert one.due["letter"] == NOON + 31 * DAY
    one.done("contract", "plan", "kick-off")
    assert one.due["review"] == NOON + 30 * DAY, "it was set by hand"


@pytest.mark.parametrize(
    ("step", "by", "reason"),
    [
        ("plan", "sam", "can only be moved by mia or the head"),
        ("accept", "mia", "no open step 'accept'"),
        ("dance", "mia", "no open step 'dance'"),
        ("contract", "mia", "is done already"),
    ],
)
def test_a_move_that_is_refused(path: Checklists, step: str, by: str, reason: str) -> None:
    one = Company(path)
    one.done("contract")
    refused = move_step(one.handoff, step, NOON, one.act(by))
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_without_a_manager_no_step_begins(path: Checklists) -> None:
    one = Company(path, managers=(HANA,))
    assert [due.step for due in one.handoff.deadlines] == ["assign"]
    refused = do_step(one.handoff, "contract", one.act())
    assert refused == Refused(
        "the handoff's steps are not to be done: nobody manages the account yet"
    )
    one.amend(closed_at=NOON + DAY)
    assert one.said == []


def test_without_a_head_the_manager_does_what_heads_do(path: Checklists) -> None:
    assert Company(path, managers=(MIA,)).owners["kick-off"] == "mia"


def test_returned_and_answered_leaves_the_steps_alone(path: Checklists) -> None:
    one = Company(path)
    before = one.due
    one.do(give_back(one.handoff, ("no contact",), one.act()))
    one.amend(closed_at=NOON + DAY)
    assert one.moves.keys() == before.keys()
    one.do(resubmit(one.handoff, ("there",), None, one.act("sam")))
    assert one.due == {name: due + DAY for name, due in before.items()}


def test_reopened_cancels_the_steps_and_none_begins_again(path: Checklists) -> None:
    one = Company(path)
    data = DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON)
    one.keep(reopen_deal(data, NOON, account=one.account, handoff=one.handoff))
    assert len(one.said) == 1 + 4
    refused = do_step(one.handoff, "review", one.act())
    assert refused == Refused("the handoff's steps are not to be done: it was cancelled")
    assert isinstance(move_step(one.handoff, "review", NOON, one.act()), Refused)


def test_a_leavers_steps_go_along_and_those_of_others_stay(path: Checklists) -> None:
    one = Company(path)
    one.pool.keep(replace(one.pool.managers["mia"], active=False))
    change = Change(at=LATER, pool=one.pool, rules=one.rules, reason="left")
    moved = leave(one.account, [one.handoff], "mia", change)
    transfer, one.handoff = moved.handoffs
    assert one.owners == {"contract": "sam", "kick-off": "hana", "plan": "noah"}
    assert [due.step for due in transfer.deadlines] == ["accept"], "no template is for transfers"
    one.do(accept(one.handoff, one.act("noah")))
    assert one.owners["training"] == "tara"
    one.do(do_step(one.handoff, "contract", one.act()))
    one.do(do_step(one.handoff, "plan", one.act()))
    one.do(do_step(one.handoff, "kick-off", one.act()))
    assert one.owners["review"] == "noah"


def test_a_salesperson_who_manages_too_keeps_the_salespersons_steps(path: Checklists) -> None:
    one = Company(path, managers=(Manager(id="sam"), NOAH, HANA))
    assert one.owners["plan"] == one.owners["contract"] == "sam"
    one.pool.keep(replace(one.pool.managers["sam"], active=False))
    change = Change(at=LATER, pool=one.pool, rules=one.rules, reason="left")
    one.handoff = leave(one.account, [one.handoff], "sam", change).handoffs[1]
    assert one.owners == {"contract": "sam", "kick-off": "hana", "plan": "noah"}


def test_a_head_who_manages_and_leaves_is_followed_by_the_other_head(path: Checklists) -> None:
    both = Manager(id="abel", head=True)
    one = Company(path, managers=(both, NOAH, HANA))
    assert one.owners["plan"] == one.owners["kick-off"] == "abel"
    one.pool.keep(replace(one.pool.managers["abel"], active=False, head=False))
    change = Change(at=LATER, pool=one.pool, rules=one.rules, reason="left")
    one.handoff = leave(one.account, [one.handoff], "abel", change).handoffs[1]
    assert one.owners == {"contract": "sam", "kick-off": "hana", "plan": "noah"}


def test_a_transfer_has_the_steps_that_are_for_transfers(tmp_path: Path) -> None:
    found = written(
        "templates:\n"
        "  - name: over\n    version: 1\n    when: {kind: transfer}\n    steps:\n"
        "      - {id: tell, title: Tell, owner: salesperson, due: {days: 1, after: closed}}\n"
        "      - {id: meet, title: Meet, due: {days: 2, after: accepted}}\n"
        "  - {name: rest, version: 1, steps: []}\n",
        tmp_path,
    )
    one = Company(found)
    assert one.due == {}
    one.pool.keep(replace(one.pool.managers["mia"], active=False))
    change = Change(at=LATER, pool=one.pool, rules=one.rules, reason="left")
    one.handoff = leave(one.account, [one.handoff], "mia", change).handoffs[0]
    assert one.owners == {"tell": "hana"}, "mia is gone: the head answers for her"
    one.do(accept(one.handoff, one.act("noah")))
    assert one.owners == {"tell": "hana", "meet": "noah"}
    one.done("tell", "meet")
    assert one.handoff.status == Status.COMPLETED


def test_a_handoff_without_steps_is_completed_when_it_is_accepted(tmp_path: Path) -> None:
    one = Company(written("templates: [{name: none, version: 1, steps: []}]", tmp_path))
    one.accept()
    assert one.handoff.status == Status.COMPLETED


def test_a_date_counted_again_from_the_database_is_the_same(path: Checklists) -> None:
    """MongoDB keeps milliseconds: a working day that ends in between must not seem to move."""
    office = CompanyTime(Calendar.monday_to_friday("UTC"))
    chosen = path.choose(Deal(kind="new"))
    assert chosen
    told = datetime.fromisoformat("2026-11-24T09:00:00.000400+00:00")
    first = due_dates(chosen.steps, {CLOSED: told}, office)
    assert first == due_dates(chosen.steps, {CLOSED: told.replace(microsecond=0)}, office)
