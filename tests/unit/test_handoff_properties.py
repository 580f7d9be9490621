"""Whatever happens, in whatever order: what must always hold of handoff."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from hypothesis import event as hypothesis_event
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.handoff import lifecycle, obligations, portfolio
from services.handoff.assignment import Reason, Tier
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
    Moment,
    Owner,
    Step,
    Template,
    Words,
)
from services.handoff.handlers import decide
from services.handoff.lifecycle import Act, Refused
from services.handoff.portfolio import Change, Moved
from services.handoff.rules import TierRules
from services.handoff.states import LIVE, Handoff, Status, deadline_id
from services.handoff.steps import open_steps
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlineSet,
)
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.directory import Absence, AbsenceSet, PersonRemoved
from shared.contracts.event import EventData
from shared.contracts.handoffs import HandoffAssigned
from shared.contracts.registry import EVENTS
from shared.contracts.values import Money
from tests.support.builders import NOON, deal, event, manager, rules

PEOPLE = st.sampled_from(["mia", "noah", "olga", "pari"])
REGIONS = st.sampled_from(["North", "South"])
STEPS = ("contract", "call", "meeting", "review", "meet-again")


def step(name: str, anchor: Anchor = CLOSED, **more: Any) -> Step:
    return Step(id=name, title=name, amount=1, anchor=anchor, **more)


def template(*steps: Step, when: Condition = ALWAYS) -> Template:
    checklist = Checklist(name=str(when), version=1, digest="", steps=steps)
    return Template(checklist=checklist, when=when, whens=(ALWAYS,) * len(steps))


CHECKLISTS = Checklists(
    (
        template(
            step("contract", owner=Owner.SALESPERSON),
            step("meet-again", ACCEPTED),
            when=Condition((Words("kind", ("transfer",)),)),
        ),
        template(
            step("contract", owner=Owner.SALESPERSON),
            step("call", ASSIGNED),
            step("meeting", ACCEPTED, owner=Owner.HEAD, needs=("contract",)),
            step("review", Anchor(Moment.DONE, "meeting"), needs=("call",)),
        ),
    )
)
RULES = rules(
    checklists=CHECKLISTS,
    tiers=TierRules(won={Tier.NATIONAL: Money(value=Decimal(250), currency="USD")}),
)
ABOUT_CUSTOMERS: dict[str, dict[str, Any]] = {
    "dispute.opened.v1": {},
    "dispute.updated.v1": {"severity": "critical"},
    "dispute.resolved.v1": {},
    "satisfaction.recorded.v1": {"score": 10},
    "contact.made.v1": {"by": "mia"},
    "opportunity.identified.v1": {},
    "opportunity.won.v1": {},
    "opportunity.lost.v1": {},
    "product.introduced.v1": {"product": "GTX"},
}


class Company(RuleBasedStateMachine):
    """A company at work. The model is what was published; the states must agree with it."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.now = NOON
        self.won: dict[str, str] = {}
        self.due: dict[str, tuple[str, str]] = {}
        """Open deadlines as published: owner and subject."""

    def publish(self, datas: Any) -> None:
        for data in datas:
            match data:
                case DeadlineSet():
                    assert data.deadline_id not in self.due, "one open step, one open deadline"
                    self.due[data.deadline_id] = (data.owner_id, data.subject_id)
                case DeadlineMoved() if data.owner_id:
                    self.due[data.deadline_id] = (data.owner_id, data.subject_id)
                case DeadlineMet() | DeadlineCancelled():
                    del self.due[data.deadline_id]
                case HandoffAssigned():
                    found = self.book.explanations.get(data.handoff_id)
                    if found and found.manager_id:
                        assert dict(found.verdicts)[data.manager_id] == Reason.CHOSEN
                        candidates = {
                            m.id for m in self.book.pool.managers.values() if m.active or not m.head
                        }
                        assert candidates - set(dict(found.verdicts)) <= {
                            self.book.handoffs[data.handoff_id].salesperson_id
                        }
                        chosen = self.book.pool.managers[data.manager_id]
                        assert chosen.capacity is None or chosen.load <= chosen.capacity

    def happen(self, data: EventData, **envelope: Any) -> None:
        self.now += timedelta(hours=1)
        self.publish(decide(event(data, time=self.now, **envelope), self.book, RULES))

    @initialize()
    def begin(self) -> None:
        self.happen(manager("mia", "North", roles=("account_manager", "head")))
        for name in ("noah", "olga", "pari"):
            self.happen(manager(name, regions=()))
        for number in range(3):
            self.win(number, number, "North")

    @rule(person=PEOPLE, region=REGIONS, capacity=st.none() | st.integers(0, 3))
    def join(self, person: str, region: str, capacity: int | None) -> None:
        known = self.book.pool.managers.get(person)
        if known and capacity is not None and known.load > capacity:
            capacity = known.load  # a company may take capacity away; that moves no account
        self.happen(manager(person, region, capacity=capacity))

    @rule(person=PEOPLE, then=st.booleans())
    def leave(self, person: str, *, then: bool) -> None:
        self.happen(PersonRemoved(person_id=person, removed_at=self.now))
        if then:
            self.sweep()

    @rule(person=PEOPLE, hours=st.integers(0, 5), then=st.booleans())
    def go_away(self, person: str, hours: int, *, then: bool) -> None:
        until = self.now + timedelta(hours=hours) if hours else None
        away = (Absence(since=self.now, until=until),)
        self.happen(AbsenceSet(person_id=person, absences=away))
        if then:
            self.sweep()

    @rule(person=PEOPLE, then=st.booleans())
    def come_back(self, person: str, *, then: bool) -> None:
        self.happen(AbsenceSet(person_id=person))
        if then:
            self.sweep()

    @rule(number=st.integers(0, 9), account=st.integers(0, 4), region=REGIONS)
    def win(self, number: int, account: int, region: str) -> None:
        name = self.won.setdefault(f"d{number}", f"a{account}")
        self.happen(deal(f"d{number}", {"id": name, "name": name, "region": region}))

    @rule(number=st.integers(0, 9))
    def win_again_or_redeliver(self, number: int) -> None:
        if name := self.won.get(f"d{number}"):
            self.happen(deal(f"d{number}", name))

    @rule(number=st.integers(0, 9), cents=st.integers(0, 10**6))
    def amend(self, number: int, cents: int) -> None:
        amount = {"value": f"{cents / 100:.2f}", "currency": "USD"}
        if name := self.won.get(f"d{number}"):
            self.happen(
                DealAmended.model_validate(
                    {"deal_id": f"d{number}", "account_id": name, "amended_at": NOON,
                     "amount": amount}
                )
            )  # fmt: skip

    @rule(number=st.integers(0, 9))
    def reopen(self, number: int) -> None:
        if name := self.won.get(f"d{number}"):
            self.happen(DealReopened(deal_id=f"d{number}", account_id=name, reopened_at=NOON))
            handoff = self.book.of_deal(f"d{number}")
            assert handoff is None or handoff.status == Status.CANCELLED

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        handoffs = sorted(self.book.handoffs)
        if not handoffs:
            return
        handoff = self.book.handoffs[data.draw(st.sampled_from(handoffs))]
        name = data.draw(st.sampled_from(["accept", "ask", "return", "resubmit", "step"]))
        by = handoff.salesperson_id if name == "resubmit" else handoff.manager_id or "nobody"
        doing = Act(
            by=by,
            at=self.now,
            account=self.book.accounts[handoff.account_id],
            rules=RULES,
            heads=frozenset(m.id for m in self.book.pool.managers.values() if m.head),
        )
        outcome = {
            "accept": lambda: lifecycle.accept(handoff, doing),
            "ask": lambda: lifecycle.ask(handoff, ("?",), doing),
            "return": lambda: lifecycle.give_back(handoff, ("!",), doing),
            "resubmit": lambda: lifecycle.resubmit(handoff, ("so",), None, doing),
            "step": lambda: lifecycle.do_step(
                handoff,
                data.draw(st.sampled_from(STEPS)),
                doing,
            ),
        }[name]()
        if isinstance(outcome, Refused):
            assert outcome.reason
            return
        self.book.keep_handoff(outcome.handoff)
        self.publish(outcome.publish)
        if outcome.handoff.status == Status.COMPLETED:  # as the commands do
            account = self.book.accounts[handoff.account_id]
            known = self.book.obligations.get(account.id, {})
            owed = obligations.keep_in_touch(account, known, self.now, RULES)
            self.publish(self.book.keep_owed(account.id, owed))

    @rule(
        account=st.integers(0, 4),
        what=st.sampled_from(sorted(ABOUT_CUSTOMERS)),
        subject=st.sampled_from(["x", "y"]),
    )
    def hear(self, account: int, what: str, subject: str) -> None:
        """Something happens with a customer."""
        fields = {"account_id": f"a{account}", **ABOUT_CUSTOMERS[what]}
        fields |= {
            name: subject if name.endswith("_id") else self.now
            for name in EVENTS[what].model_fields
            if name.endswith(("_id", "_at")) and name != "account_id"
        }
        self.happen(EVENTS[what].model_validate(fields), id=f"{what}:{self.now}")

    def moves(self) -> dict[str, Callable[[], Moved]]:
        """What the mover may do now, by name."""
        pool = self.book.pool
        change = Change(at=self.now, pool=pool, rules=RULES, reason="so it is")
        found: dict[str, Callable[[], Moved]] = {}
        for name, state in self.book.accounts.items():
            live = self.book.live(name)
            known = pool.managers.get(state.manager_id or "")
            home = pool.managers.get(state.home_manager_id or "")
            for one in (known, home):
                if one and not one.active:
                    found[f"{name} leaves {one.id}"] = partial(
                        portfolio.leave, state, live, one.id, change
                    )
            if known and known.active and known.absent(self.now):
                found[f"{name} is covered"] = partial(
                    portfolio.cover, state, live, known.id, change
                )
            if home and home.active and not home.absent(self.now):
                found[f"{name} goes home"] = partial(
                    portfolio.give_back, state, live, home.id, change
                )
            if state.tier_wanted not in (None, state.tier):
                found[f"{name} changes tier"] = partial(portfolio.retier, state, live, change)
            for handoff in live:
                if handoff.status == Status.UNASSIGNED:
                    found[f"{handoff.id} is tried again"] = partial(
                        portfolio.receive, handoff, state, live, change
                    )
        return found

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """As the mover does, one account at a time, in any order, again and again."""
        if moves := self.moves():
            self.do(moves, data.draw(st.sampled_from(sorted(moves))))

    def sweep(self) -> None:
        """The mover comes by and does all there is to do."""
        for name in self.moves():
            if name in (now := self.moves()):
                self.do(now, name)

    def do(self, moves: dict[str, Callable[[], Moved]], name: str) -> None:
        moved = moves[name]()
        hypothesis_event(name.partition(" ")[2] + (" " if moved != Moved() else " in vain"))
        self.publish(self.book.keep(moved, self.now))

    @invariant()
    def loads_are_the_weights_of_the_accounts(self) -> None:
        loads: Counter[str] = Counter()
        for account in self.book.accounts.values():
            if account.manager_id:
                loads[account.manager_id] += account.weight
            if account.home_manager_id:
                loads[account.home_manager_id] += account.home_weight
        for one in self.book.pool.managers.values():
            assert one.load == loads[one.id], one

    @invariant()
    def every_won_deal_has_exactly_one_live_handoff(self) -> None:
        for deal_id in self.won:
            rounds = [
                h for h in self.book.handoffs.values()
                if h.deal_id == deal_id and h.kind != "transfer"
            ]  # fmt: skip
            assert sum(h.status != Status.CANCELLED for h in rounds) <= 1
            assert rounds, "a won deal had its handoff, even if it was reopened since"

    @invariant()
    def every_open_step_has_exactly_one_open_deadline_of_the_right_person(self) -> None:
        open_steps = {
            deadline_id(handoff, due.step): (due.owner_id, handoff.id)
            for handoff in self.book.handoffs.values()
            for due in handoff.deadlines
        }
        owed = {
            one.id: (one.owner_id, one.subject_id)
            for known in self.book.obligations.values()
            for one in known.values()
        }
        assert open_steps | owed == self.due

    @invariant()
    def a_salespersons_step_stays_the_salespersons_and_a_managers_is_the_managers(self) -> None:
        for handoff in self.book.handoffs.values():
            owners = {step.id: step.owner for step in open_steps(handoff)}
            for due in handoff.deadlines:
                if owners.get(due.step) == Owner.SALESPERSON:
                    assert due.owner_id == handoff.salesperson_id
                if owners.get(due.step) == Owner.MANAGER:
                    assert due.owner_id == handoff.manager_id
            if handoff.status == Status.COMPLETED:
                assert not owners

    @invariant()
    def the_manager_owes_what_is_owed(self) -> None:
        for name, known in self.book.obligations.items():
            manager_id = self.book.accounts[name].manager_id
            if manager_id is not None:
                assert {one.owner_id for one in known.values()} <= {manager_id}

    @invariant()
    def an_account_has_one_manager_and_its_handoffs_know(self) -> None:
        for handoff in self.book.handoffs.values():
            if handoff.status in LIVE and handoff.manager_id:
                account = self.book.accounts[handoff.account_id]
                assert account.manager_id in (handoff.manager_id, None), _told(handoff)


def _told(handoff: Handoff) -> Handoff:
    return replace(handoff, package=None)


Company.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestCompany = Company.TestCase
