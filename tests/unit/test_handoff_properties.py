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

from services.handoff import lifecycle, portfolio
from services.handoff.assignment import Policy
from services.handoff.book import Book
from services.handoff.candidates import Tier
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
from services.handoff.reassignment import reassign
from services.handoff.rules import TierRules
from services.handoff.states import LIVE, Handoff, Status, deadline_id
from services.handoff.steps import CLOCKS, open_steps
from services.handoff.verdicts import Reason
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlinePaused,
    DeadlineResumed,
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
    policy=Policy(revenue_step=Money(value=Decimal(150), currency="USD"), revenue_most=2),
    checklists=CHECKLISTS,
    tiers=TierRules(won={Tier.NATIONAL: Money(value=Decimal(250), currency="USD")}),
)
LEVELS = {"mia": "regional", "noah": "national", "olga": None, "pari": "regional"}
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
        self.told: dict[str, str] = {}
        """Account of each deal, as last told."""
        self.won: set[str] = set()
        self.due: dict[str, tuple[str, str]] = {}
        """Open deadlines as published: owner and subject."""
        self.paused: set[str] = set()

    def publish(self, datas: Any) -> None:
        for data in datas:
            match data:
                case DeadlineSet():
                    assert data.deadline_id not in self.due, "one open step, one open deadline"
                    self.due[data.deadline_id] = (data.owner_id, data.subject_id)
                case DeadlineMoved() if data.owner_id:
                    self.due[data.deadline_id] = (data.owner_id, data.subject_id)
                case DeadlinePaused():
                    assert data.deadline_id in self.due
                    assert data.deadline_id not in self.paused
                    self.paused.add(data.deadline_id)
                case DeadlineResumed():
                    self.paused.remove(data.deadline_id)
                case DeadlineMet() | DeadlineCancelled():
                    del self.due[data.deadline_id]
                    self.paused.discard(data.deadline_id)
                case HandoffAssigned():
                    found = self.book.explanations.get(data.handoff_id)
                    if found and found.verdicts.by_reason and found.manager_id:
                        assert dict(found.verdicts)[data.manager_id] == Reason.CHOSEN
                        candidates = {
                            m.id for m in self.book.pool.managers.values() if m.active or not m.head
                        }
                        assert candidates - set(dict(found.verdicts)) <= {
                            self.book.handoffs[data.handoff_id].from_manager_id
                        }

    def happen(self, data: EventData, **envelope: Any) -> None:
        self.now += timedelta(hours=1)
        told = event(data, time=self.now, **envelope)
        self.publish(decide(told, self.book, RULES))

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
        level = LEVELS[person]
        self.happen(manager(person, region, capacity=capacity, level=level))

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

    @rule(
        number=st.integers(0, 9),
        account=st.integers(0, 4),
        region=REGIONS,
        parent=st.none() | st.integers(0, 4).map("a{}".format),
        salesperson=st.sampled_from(["sam", "sue", "mia"]),
        more=st.booleans(),
    )
    def win(
        self,
        number: int,
        account: int,
        region: str,
        parent: str | None = None,
        salesperson: str = "sam",
        *,
        more: bool = False,
    ) -> None:
        """For the first time, again, by another salesperson, or for another account."""
        name = self.told[f"d{number}"] = f"a{account}"
        ref = {"id": name, "name": name, "region": region, "parent_id": parent}
        package = {"needs": ["speed"]} if more else None
        self.won.add(f"d{number}")
        self.happen(deal(f"d{number}", ref, salesperson={"id": salesperson}, package=package))

    @rule(number=st.integers(0, 9))
    def say_nothing_new(self, number: int) -> None:
        """A deal that is won is told of once more, word for word."""
        handoff = self.book.of_deal(f"d{number}")
        if handoff and handoff.status != Status.CANCELLED:
            before = (dict(self.book.accounts), dict(self.book.handoffs), dict(self.due))
            amount = handoff.amount and handoff.amount.model_dump()
            ref = {"id": handoff.account_id, "name": handoff.account_id}
            by = {"id": handoff.salesperson_id}
            when = handoff.closed_at
            again = deal(f"d{number}", ref, salesperson=by, amount=amount, closed_at=when)
            self.happen(again)
            assert (self.book.handoffs, self.due) == before[1:]

    @rule(number=st.integers(0, 9))
    def win_late_for_another_account(self, number: int) -> None:
        """Older than what is known, from another partition: no news."""
        handoff = self.book.of_deal(f"d{number}")
        if handoff and handoff.status != Status.CANCELLED and handoff.told_at:
            before = dict(self.book.handoffs)
            late = event(deal(f"d{number}", "elsewhere"), time=handoff.told_at)
            self.publish(decide(late, self.book, RULES))
            assert self.book.handoffs == before

    @rule(number=st.integers(0, 9), account=st.integers(0, 4))
    def lose(self, number: int, account: int) -> None:
        self.won.discard(f"d{number}")
        self.happen(deal(f"d{number}", f"a{account}", outcome="lost"))

    @rule(number=st.integers(0, 9), cents=st.integers(0, 10**6))
    def amend(self, number: int, cents: int) -> None:
        amount = {"value": f"{cents / 100:.2f}", "currency": "USD"}
        if name := self.told.get(f"d{number}"):
            self.happen(
                DealAmended.model_validate(
                    {"deal_id": f"d{number}", "account_id": name, "amended_at": NOON,
                     "amount": amount}
                )
            )  # fmt: skip

    @rule(number=st.integers(0, 9))
    def reopen(self, number: int) -> None:
        if name := self.told.get(f"d{number}"):
            self.won.discard(f"d{number}")
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
            pool=self.book.pool,
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
        self.publish(self.book.keep_act(outcome, doing, name))

    @rule(data=st.data())
    def say_done(self, data: st.DataObject) -> None:
        """Somebody answers a message of reminders, which tells of it, twice, and asks nobody."""
        may = sorted(name for name in self.due if self.is_done_by_saying_so(name))
        if not may:
            return
        name = data.draw(st.sampled_from(may))
        by, subject = self.due.pop(name)
        account = (
            next(one for one, owed in self.book.obligations.items() if name in owed)
            if subject not in self.book.handoffs
            else self.book.handoffs[subject].account_id
        )
        met = DeadlineMet(
            deadline_id=name, subject_id=subject, account_id=account, met_at=self.now, by=by
        )
        self.happen(met)
        known = (dict(self.book.handoffs), dict(self.due))
        self.happen(met)
        assert (self.book.handoffs, self.due) == known

    def is_done_by_saying_so(self, name: str) -> bool:
        owner, subject = self.due[name]
        handoff = self.book.handoffs.get(subject)
        if handoff is None:
            return True
        step = name.removeprefix(f"{handoff.id}:")
        if step == "accept":
            return handoff.status == Status.ASSIGNED and handoff.manager_id == owner
        return step not in CLOCKS

    @rule(account=st.integers(0, 4), to=PEOPLE)
    def reassign(self, account: int, to: str) -> None:
        """The head gives an account to somebody: who fits gets it, whoever had it."""
        state = self.book.accounts.get(f"a{account}")
        head = self.book.pool.head
        if state is None or head is None:
            return
        live = self.book.live(state.id)
        change = Change(at=self.now, pool=self.book.pool, rules=RULES, reason="so it is")
        moved = reassign(state, live, to, by=head, why="so", change=change)
        if isinstance(moved, Refused):
            hypothesis_event(f"reassigned: {moved.reason.partition(' ')[2]}")
            return
        hypothesis_event("reassigned")
        self.publish(self.book.keep(moved, self.now))
        assert self.book.accounts[state.id].manager_id == to
        assert not [one for one in self.book.live(state.id) if one.status == Status.UNASSIGNED]

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
            if (
                state.group_id in self.book.groups
                and self.book.groups[state.group_id].tier != state.tier
            ):
                group = self.book.groups[state.group_id]
                wanting = replace(state, tier_wanted=group.tier, tier_reason=group.reason)
                found[f"{name} follows its group"] = partial(
                    portfolio.retier, wanting, live, change
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
        self.nothing_of_a_customer_without_a_manager_is_left_with_who_is_gone()

    def nothing_of_a_customer_without_a_manager_is_left_with_who_is_gone(self) -> None:
        gone = {m.id for m in self.book.pool.managers.values() if not (m.active or m.head)}
        waiting = {one.id for one in self.book.accounts.values() if one.manager_id is None}
        open_ones = [
            due.owner_id
            for one in self.book.handoffs.values()
            for due in one.deadlines
            if one.account_id in waiting and due.step != "contract"  # the salesperson's
        ]
        if self.book.pool.head:
            assert not gone.intersection(open_ones)
            for name in waiting:
                owners = {one.owner_id for one in self.book.obligations.get(name, {}).values()}
                assert not gone & owners

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
    def every_won_deal_has_exactly_one_handoff_that_is_not_cancelled(self) -> None:
        standing = [
            (one.deal_id, one.account_id)
            for one in self.book.handoffs.values()
            if one.kind != "transfer" and one.status != Status.CANCELLED
        ]
        assert sorted(standing) == sorted((name, self.told[name]) for name in self.won)

    @invariant()
    def nobody_is_over_capacity(self) -> None:
        for one in self.book.pool.managers.values():
            assert one.capacity is None or one.load <= one.capacity, one

    @invariant()
    def won_value_is_that_of_the_deals_that_stand(self) -> None:
        won: Counter[str] = Counter()
        for one in self.book.handoffs.values():
            if one.kind != "transfer" and one.status != Status.CANCELLED and one.amount:
                won[one.account_id] += int(one.amount.value * 100)
        for account in self.book.accounts.values():
            assert int(account.won.get("USD", Decimal(0)) * 100) == won[account.id]

    @invariant()
    def what_was_asked_is_the_salespersons_to_answer(self) -> None:
        for one in self.book.handoffs.values():
            asked = {due.owner_id for due in one.deadlines if due.step in ("answer", "mend")}
            assert asked <= {one.salesperson_id}

    @invariant()
    def nobody_hands_over_to_oneself(self) -> None:
        for one in self.book.handoffs.values():
            if one.kind == "transfer" and one.status in LIVE:
                assert one.manager_id is None or one.manager_id != one.from_manager_id

    @invariant()
    def every_member_is_in_the_group_it_names(self) -> None:
        for account in self.book.accounts.values():
            groups = {g.id for g in self.book.groups.values() if account.id in g.members}
            assert groups == ({account.group_id} if account.group_id else set())

    @invariant()
    def clocks_stand_still_while_the_salesperson_is_to_answer(self) -> None:
        waiting = (Status.INFO_REQUESTED, Status.RETURNED)
        assert self.paused == {
            deadline_id(handoff, "accept")
            for handoff in self.book.handoffs.values()
            if handoff.status in waiting
        }

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
            if one.owner_id
        }
        assert open_steps | owed == self.due

    @invariant()
    def a_salespersons_step_stays_the_salespersons_and_a_managers_is_the_managers(self) -> None:
        for handoff in self.book.handoffs.values():
            owners = {step.id: step.owner for step in open_steps(handoff)}
            for due in handoff.deadlines:
                if owners.get(due.step) == Owner.SALESPERSON:
                    assert due.owner_id == handoff.salesperson_id
                managed = self.book.accounts[handoff.account_id].manager_id is not None
                if owners.get(due.step) == Owner.MANAGER and managed:
                    assert due.owner_id == handoff.manager_id
            if handoff.status == Status.COMPLETED:
                assert not owners

    @invariant()
    def the_manager_owes_what_is_owed(self) -> None:
        for name, known in self.book.obligations.items():
            manager_id = self.book.accounts[name].manager_id
            if manager_id is not None:  # until then the head does, or nobody
                assert {one.owner_id for one in known.values()} <= {manager_id}

    @invariant()
    def an_account_has_one_manager_and_its_handoffs_know(self) -> None:
        for handoff in self.book.handoffs.values():
            if handoff.status in LIVE and handoff.manager_id:
                account = self.book.accounts[handoff.account_id]
                assert account.manager_id in (handoff.manager_id, None), _told(handoff)


def _told(handoff: Handoff) -> Handoff:
    return replace(handoff, package=None)


Company.TestCase.settings = settings(max_examples=300, stateful_step_count=50)
TestCompany = Company.TestCase
