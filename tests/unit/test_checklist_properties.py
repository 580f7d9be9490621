"""Any checklist, whatever happens to its handoff: what must always hold of the steps.

The model counts every due date anew from what it saw happen; the rules only follow what moved.
"""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import event as hypothesis_event
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.handoff import lifecycle, portfolio
from services.handoff.book import Book
from services.handoff.checklists import (
    ACCEPTED,
    ALWAYS,
    ASSIGNED,
    CLOSED,
    Anchor,
    Checklist,
    Checklists,
    Condition,
    Deal,
    Moment,
    Owner,
    Step,
    Template,
    Words,
)
from services.handoff.handlers import decide
from services.handoff.lifecycle import Act, Moved, Refused
from services.handoff.portfolio import Change
from services.handoff.states import Handoff, Status
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlineSet,
)
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.directory import PersonRemoved
from shared.contracts.event import EventData
from shared.contracts.handoffs import HandoffCompleted
from tests.support.builders import NOON, deal, event, manager, rules

IDS = ("a", "b", "c", "d", "e")
NOT_STEPS = ("accept", "answer", "mend", "assign")
ONLY_X = Condition((Words("product", ("X",)),))


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Steps that hang on moments and on steps before them, in any order of the file."""
    steps: list[Step] = []
    for number, name in enumerate(IDS[: draw(st.integers(0, len(IDS)))]):
        before = IDS[:number]
        anchors = [CLOSED, ASSIGNED, ACCEPTED]
        anchors += [Anchor(m, one) for one in before for m in (Moment.DUE, Moment.DONE)]
        owner = draw(st.sampled_from(Owner))
        steps.append(
            Step(
                id=name,
                title=name.upper(),
                owner=owner,
                person_id="tara" if owner == Owner.PERSON else None,
                amount=draw(st.integers(-9, 9)),
                unit=draw(st.sampled_from(["days", "hours"])),
                anchor=draw(st.sampled_from(anchors)),
                needs=tuple(draw(st.sets(st.sampled_from(before)))) if before else (),
            )
        )
    order = draw(st.permutations(steps))
    checklist = Checklist(name="any", version=1, digest="", steps=tuple(order))
    whens = tuple(draw(st.sampled_from([ALWAYS, ALWAYS, ONLY_X])) for _ in order)
    return Template(checklist=checklist, whens=whens)


@given(templates(), st.sampled_from([(), ("x",)]))
def test_what_is_left_of_a_template_hangs_together(
    template: Template, products: tuple[str, ...]
) -> None:
    chosen = Checklists((template,)).choose(Deal(kind="new", products=products))
    assert chosen
    there = {step.id for step in chosen.steps}
    whole = {step.id: step for step in template.checklist.steps}
    for step, when in zip(template.checklist.steps, template.whens, strict=True):
        assert (step.id in there) == (when is ALWAYS or products == ("x",))
    for step in chosen.steps:
        assert step.anchor.step in {None, *there}
        assert set(step.needs) <= there
        assert step.amount == whole[step.id].amount
        assert set(whole[step.id].needs) & there <= set(step.needs)


class OneHandoff(RuleBasedStateMachine):
    """The handoff of one deal from beginning to end, and what was published of its deadlines."""

    @initialize(template=templates(), products=st.sampled_from([(), ("x",)]), head=st.booleans())
    def begin(self, template: Template, products: tuple[str, ...], *, head: bool) -> None:
        self.now = NOON
        self.book = Book()
        self.rules = rules(checklists=Checklists((template,)))
        self.due: dict[str, tuple[str, datetime]] = {}
        """Open deadlines of the handoff as published: owner and time."""
        self.completed = 0
        self.moments: dict[Anchor, datetime] = {}
        """What the model saw happen. Due dates of what is done, too, which stay."""
        self.by_hand: dict[str, datetime] = {}
        self.done: list[str] = []
        if head:
            self.happen(manager("hana", roles=("head",)))
        for name in ("mia", "noah"):
            self.happen(manager(name, regions=()))
        self.happen(deal(closed_at=NOON, products=products))
        self.moments |= {CLOSED: NOON, ASSIGNED: self.now}

    # What the model knows ------------------------------------------------------------------------

    @property
    def handoff(self) -> Handoff:
        found = self.book.of_deal("d1")
        assert found
        return found

    @property
    def steps(self) -> tuple[Step, ...]:
        assert self.handoff.checklist
        return self.handoff.checklist.steps

    @property
    def running(self) -> bool:
        return self.handoff.status not in (Status.CANCELLED, Status.COMPLETED)

    def dates(self) -> dict[str, datetime]:
        """Of every step that has one, counted from the beginning."""
        found = {**self.by_hand}
        for anchor, at in self.moments.items():
            if anchor.moment == Moment.DUE and anchor.step:
                found[anchor.step] = at
        for _ in self.steps:
            for step in self.steps:
                known = self.moments.get(step.anchor)
                if step.anchor.moment == Moment.DUE:
                    known = found.get(step.anchor.step or "")
                if known is not None and step.id not in found:
                    found[step.id] = known + timedelta(**{step.unit: step.amount})
        return found

    def owner(self, step: Step) -> str:
        head = self.book.pool.head
        return {
            Owner.MANAGER: self.handoff.manager_id or "",
            Owner.SALESPERSON: "sam",
            Owner.HEAD: head or self.handoff.manager_id or "",
            Owner.PERSON: "tara",
        }[step.owner]

    # What happens --------------------------------------------------------------------------------

    def publish(self, datas: Any) -> None:
        for data in datas:
            if isinstance(data, HandoffCompleted):
                self.completed += 1
            subject, _, step = getattr(data, "deadline_id", "").partition(":")
            if (known := self.book.of_deal("d1")) and subject != known.id:
                continue
            match data:
                case DeadlineSet():
                    assert step not in self.due, "one open step, one open deadline"
                    assert step not in self.done
                    self.due[step] = (data.owner_id, data.due_at)
                case DeadlineMoved():
                    assert data.reason
                    owner, _ = self.due[step]
                    self.due[step] = (data.owner_id or owner, data.due_at)
                case DeadlineMet() | DeadlineCancelled():
                    del self.due[step]

    def happen(self, data: EventData) -> None:
        self.now += timedelta(hours=1)
        self.publish(decide(event(data, time=self.now), self.book, self.rules))

    def act(self, by: str) -> Act:
        self.now += timedelta(hours=1)
        return Act(
            by=by,
            at=self.now,
            account=self.book.accounts["acme"],
            rules=self.rules,
            pool=self.book.pool,
        )

    def take(self, outcome: lifecycle.Outcome) -> bool:
        if isinstance(outcome, Refused):
            assert outcome.reason
            return False
        assert isinstance(outcome, Moved)
        self.book.keep_handoff(outcome.handoff)
        self.publish(outcome.publish)
        return True

    @rule()
    def accept(self) -> None:
        doing = self.act(self.handoff.manager_id or "")
        if self.take(lifecycle.accept(self.handoff, doing)):
            self.moments[ACCEPTED] = self.now

    @rule(back=st.booleans())
    def ask_or_return(self, *, back: bool) -> None:
        doing = self.act(self.handoff.manager_id or "")
        what = lifecycle.give_back if back else lifecycle.ask
        self.take(what(self.handoff, ("?",), doing))

    @rule()
    def resubmit(self) -> None:
        self.take(lifecycle.resubmit(self.handoff, ("so",), None, self.act("sam")))

    @rule(step=st.sampled_from(IDS))
    def do_step(self, step: str) -> None:
        dates = self.dates()
        needed = next((one.needs for one in self.steps if one.id == step), ())
        may = self.running and step in {s.id for s in self.steps} - set(self.done)
        may = may and set(needed) <= set(self.done)
        assert self.take(lifecycle.do_step(self.handoff, step, self.act("anybody"))) == may
        if may:
            self.done.append(step)
            self.moments[Anchor(Moment.DONE, step)] = self.now
            self.moments[Anchor(Moment.DUE, step)] = dates.get(step, self.now)

    @rule(step=st.sampled_from(IDS), days=st.integers(-3, 30), by_head=st.booleans())
    def move_step(self, step: str, days: int, *, by_head: bool) -> None:
        due_at = NOON + timedelta(days=days)
        may = self.running and step in {s.id for s in self.steps} - set(self.done)
        may = may and self.dates().get(step) != due_at
        by = self.book.pool.head if by_head else None
        doing = self.act(by or self.handoff.manager_id or "")
        assert self.take(lifecycle.move_step(self.handoff, step, due_at, doing)) == may
        if may:
            self.by_hand[step] = due_at

    @rule(days=st.integers(-9, 9), twice=st.booleans())
    def amend(self, days: int, *, twice: bool) -> None:
        closed_at = NOON + timedelta(days=days)
        data = DealAmended(
            deal_id="d1", account_id="acme", amended_at=self.now, closed_at=closed_at
        )
        self.happen(data)
        if self.running:
            self.moments[CLOSED] = closed_at
        if twice:
            before, due = self.handoff, dict(self.due)
            self.happen(data)
            assert (self.handoff, self.due) == (before, due), "a replayed event changes nothing"

    @precondition(lambda self: len(self.done) > 1)
    @rule()
    def reopen(self) -> None:
        self.happen(DealReopened(deal_id="d1", account_id="acme", reopened_at=self.now))
        if self.handoff.status == Status.CANCELLED:
            assert not self.due

    @rule()
    def transfer(self) -> None:
        """The manager leaves; another takes over and somebody new comes in turn."""
        account = self.book.accounts["acme"]
        leaver = account.manager_id
        assert leaver
        self.happen(PersonRemoved(person_id=leaver, removed_at=self.now))
        change = Change(at=self.now, pool=self.book.pool, rules=self.rules, reason="left")
        moved = portfolio.leave(account, self.book.live("acme"), leaver, change)
        self.publish(self.book.keep(moved, self.now))
        self.happen(manager(leaver, regions=()))

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def every_open_step_that_has_a_date_has_one_deadline_of_the_right_person(self) -> None:
        said = {step: told for step, told in self.due.items() if step not in NOT_STEPS}
        if not self.running:
            assert not self.due
            return
        dates = self.dates()
        expected = {
            step.id: (self.owner(step), dates[step.id])
            for step in self.steps
            if step.id not in self.done and step.id in dates
        }
        assert said == expected
        hypothesis_event(f"{len(said)} open, {len(self.steps) - len(self.done) - len(said)} wait")

    @invariant()
    def what_is_published_is_what_is_stored(self) -> None:
        stored = {d.step: (d.owner_id, d.due_at) for d in self.handoff.deadlines}
        assert stored == self.due

    @invariant()
    def completed_is_when_all_is_done_and_accepted(self) -> None:
        if self.handoff.status == Status.CANCELLED:
            return
        whole = ACCEPTED in self.moments and set(self.done) == {step.id for step in self.steps}
        assert (self.handoff.status == Status.COMPLETED) == whole
        assert self.completed == int(whole)


OneHandoff.TestCase.settings = settings(max_examples=250, stateful_step_count=30)
TestOneHandoff = OneHandoff.TestCase
