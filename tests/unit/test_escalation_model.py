"""The escalation machine against a slow model that walks through time minute by minute."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from services.reminders import acts, escalation
from services.reminders.acts import Refused
from services.reminders.cases import Case
from services.reminders.domain import Status
from services.reminders.escalation import Turn
from services.reminders.people import Person
from services.reminders.policies import Policies, Policy, Wait
from services.reminders.world import World
from shared.contracts.deadlines import DeadlineMoved, DeadlinePaused, DeadlineResumed, DeadlineSet
from shared.contracts.reminders import DeadlineMissed
from shared.working_time import Calendar, Calendars, is_open
from tests.support.builders import NOON

MINUTE = timedelta(minutes=1)
START = NOON - timedelta(days=10)
SPAN = 60 * 24 * 60
"""Minutes of the model's world."""
CALENDARS = Calendars(
    company=Calendar.monday_to_friday("UTC"),
    named={
        "tehran": Calendar.saturday_to_wednesday(country=None),
        "nights": Calendar.weekly("UTC", {day: [(1200, 240)] for day in range(5)}),
    },
)


def at(minute: int) -> datetime:
    return START + minute * MINUTE


def minute_of(moment: datetime) -> int:
    return (moment - START) // MINUTE


def away(*hours: tuple[int, int | None]) -> tuple[tuple[datetime, datetime | None], ...]:
    hour = timedelta(hours=1)
    return tuple((NOON + a * hour, None if b is None else NOON + b * hour) for a, b in hours)


PEOPLE = {
    "mia": Person(id="mia", name="Mia", reports_to="hal", absences=away((30, 33))),
    "hal": Person(id="hal", name="Hal", roles=("head",), reports_to="bo", calendar="tehran",
                  absences=away((20, 90), (200, 204))),
    "bo": Person(id="bo", name="Bo", roles=("company_manager",), calendar="nights"),
    "lee": Person(id="lee", name="Lee", active=False),
}  # fmt: skip
OPEN = {
    name: bytes(is_open(CALENDARS.of(person), at(minute)) for minute in range(SPAN))
    for name, person in PEOPLE.items()
}
ABSENT = {
    name: bytes(person.away(at(minute)) for minute in range(SPAN))
    for name, person in PEOPLE.items()
}
OPEN[None] = bytes(  # type: ignore[index]
    is_open(CALENDARS.company, at(minute)) for minute in range(SPAN)
)


def policy(*steps: dict[str, object], **more: object) -> Policy:
    return Policy.model_validate({"name": "p", "version": 1, "steps": list(steps), **more})


POLICIES = [
    policy({"before": "24 hours", "to": "owner"}, {"at": "due", "to": "owner"}),
    policy(
        {"before": "3 working hours", "to": ["owner", "salesperson"]},
        {"at": "due", "to": "owner"},
        {"after": "2 working hours", "to": "head", "repeat": 2, "every": "3 working hours"},
        {"after": "4 working hours", "to": ["company_manager", "owner"], "importance": "important"},
        acknowledged_for="5 working hours",
    ),
    policy(
        {"at": "due", "to": ["owner", {"person": "lee"}], "repeat": 3, "every": "90 minutes"},
        {"after": "1 hour", "to": "head"},
        {"after": "2 hours", "to": "company_manager", "repeat": 1, "every": "1 working hour"},
        acknowledged_for="3 hours",
        put_off_times=2,
    ),
]
WHO = {"owner": "mia", "head": "hal", "company_manager": "bo", "salesperson": None}


ALWAYS, NEVER = b"\1" * SPAN, bytes(SPAN)


class Model:
    """What should happen, as slowly and plainly as it can be said. Times are minutes."""

    def __init__(self, policy: Policy, due: int) -> None:
        self.policy = policy
        self.targets = [
            call.target.person if not isinstance(call.target, str) else WHO[call.target]
            for call in policy.calls
        ]
        self.quiet: list[list[int]] = []
        self.by: list[str] = []
        self.returns = False
        self.pauses: list[tuple[int, int]] = []
        self.paused: int | None = None
        self.told: set[str] = set()
        self.still = bytearray(SPAN)
        self.missed = False
        self.restart(due)

    def restart(self, due: int) -> None:
        self.due = due
        self.made = [0] * len(self.targets)
        self.held: dict[int, tuple[int, int]] = {}
        self.missed = False

    def is_quiet(self, minute: int) -> bool:
        return any(begin <= minute < end for begin, end in self.quiet)

    def stand_still(self) -> None:
        """Mark the minutes that do not count."""
        self.still = bytearray(SPAN)
        for begin, end in [*self.quiet, *self.pauses]:
            self.still[begin:end] = b"\1" * (end - begin)

    def absent(self, person: str, minute: int) -> bool:
        return bool(ABSENT[person][minute])

    def walk(self, start: int, wait: Wait, person: str | None, until: int) -> int | None:
        """The minute at which a wait is over; None: not until then."""
        need, plain, present = wait.length // MINUTE, 0, 0
        hours = OPEN[person] if wait.working else ALWAYS  # type: ignore[index]
        gone = ABSENT[person] if wait.working and person else NEVER
        for minute in range(start, until):
            if self.still[minute] or not hours[minute]:
                continue
            plain += 1
            if plain == need and gone[minute + 1]:
                return minute + 1
            present += not gone[minute]
            if present == need:
                return minute + 1
        return None

    def back(self, wait: Wait, person: str | None) -> int:
        left, minute = wait.length // MINUTE, self.due
        while left:
            minute -= 1
            left -= 1 if not wait.working or OPEN[person][minute] else 0  # type: ignore[index]
        return minute

    def reachable(self, call: int) -> str | None:
        name = self.targets[call]
        return name if name and PEOPLE[name].active else None

    def moments(self, until: int) -> list[tuple[int, int, int]]:
        """Every call up to a minute."""
        found: list[tuple[int, int, int]] = []
        reached: dict[int, int | None] = {}
        for number, call in enumerate(self.policy.calls):
            person, step = self.targets[number], call.step
            if step.before:
                first: int | None = self.back(step.before, person)
            elif step.after:
                first = self.walk(self.due, step.after, person, until)
            else:
                first = self.due
            for above in range(number):
                if self.policy.calls[above].number == call.number - 1:
                    one = reached[above]
                    first = None if first is None or one is None else max(first, one)
            reached[number] = first
            time = first
            for occurrence in range(step.repeat + 1):
                if occurrence and time is not None and step.every:
                    time = self.walk(time, step.every, person, until)
                if time is None:
                    break
                shown = time
                while self.is_quiet(shown):
                    shown += 1
                if shown <= until:
                    found.append((shown, number, occurrence))
        return found

    def next(self, until: int, since: int) -> int | None:
        """The next minute at which something happens."""
        if self.paused is not None:
            return None
        times = [t for t, call, n in self.moments(until) if n >= self.made[call]]
        times += [] if self.missed else [self.due]
        times += [self.quiet[-1][1]] if self.returns else []
        for call, (_, failed) in self.held.items():
            if name := self.reachable(call):
                minute = failed
                while self.absent(name, minute) or self.is_quiet(minute):
                    minute += 1
                times.append(minute)
        return min((max(time, since) for time in times if time <= until), default=None)

    def happens(self, now: int) -> set[tuple[str, str]]:
        """What is told at a minute: recipient and kind."""
        self.missed = self.missed or self.due <= now
        due = [(t, c, n, False) for t, c, n in self.moments(now) if n >= self.made[c]]
        for call, (occurrence, failed) in self.held.items():
            if name := self.reachable(call):
                minute = failed
                while self.absent(name, minute) or self.is_quiet(minute):
                    minute += 1
                if minute <= now:
                    due.append((minute, call, occurrence, True))
        telling: dict[str, str] = {}
        for _, call, occurrence, again in sorted(due):
            if again:
                del self.held[call]
            else:
                self.made[call] = occurrence + 1
            step = self.policy.calls[call].step
            if step.before and now >= self.due:
                continue
            name = self.reachable(call)
            if name is None or self.absent(name, now):
                self.held[call] = (occurrence, now)
                continue
            late = "overdue" if name == "mia" else "escalated"
            telling[name] = "before" if step.before else "due" if step.at else late
        if self.returns and self.quiet[-1][1] <= now:
            self.returns = False
            by = self.by[-1]
            if not self.absent(by, now):
                telling.setdefault(by, "returned")
        self.told |= set(telling)
        return set(telling.items())


class Escalation(RuleBasedStateMachine):
    case: Case

    @initialize(
        policy=st.sampled_from(POLICIES),
        begin=st.integers(-6 * 24 * 60, 3 * 24 * 60),
        due=st.integers(-300, 3000),
    )
    def begin(self, policy: Policy, begin: int, due: int) -> None:
        self.now = minute_of(NOON) + begin
        self.world = World(
            calendars=CALENDARS,
            policies=Policies(policies=(policy,)),
            people=PEOPLE,
            stale_after=timedelta(days=99),
        )
        data = DeadlineSet(
            deadline_id="d", subject_id="s", title="Call", owner_id="mia",
            due_at=at(self.now + due), set_at=at(self.now),
        )  # fmt: skip
        self.model = Model(policy, self.now + due)
        self.case = escalation.begin(data, "/test", self.world).case
        self.run(0)

    def run(self, minutes: int, *, asleep: bool = False) -> None:
        """Let time go by; what the machine does at each moment is what the model does."""
        end = self.now + minutes
        while True:
            real, model = self.case.next_at, self.model.next(end, self.now)
            mine = max(minute_of(real), self.now) if real else None
            if asleep:
                mine, model = (end if m is not None and m <= end else None for m in (mine, model))
            assert (mine if mine is not None and mine <= end else None) == model
            if model is None:
                break
            turn = escalation.fire(self.case, at(model), self.world)
            self.case = turn.case
            missed = self.model.missed
            told = {(one.recipient_id, one.kind) for one in turn.reminders}
            assert told == self.model.happens(model)
            assert len(told) == len({who for who, _ in told})
            published = any(isinstance(data, DeadlineMissed) for _, data in turn.said)
            assert published == (self.model.missed and not missed)
            self.now = model
        self.now = end

    @rule(minutes=st.one_of(st.integers(1, 200), st.integers(200, 3000)))
    def time_goes_by(self, minutes: int) -> None:
        self.run(minutes)

    @rule(minutes=st.integers(1, 2000))
    def nobody_looks_for_a_while(self, minutes: int) -> None:
        self.run(minutes, asleep=True)

    @precondition(lambda self: self.model.paused is None)
    @rule(who=st.sampled_from(["mia", "hal", "bo"]))
    def acknowledge(self, who: str) -> None:
        outcome = acts.acknowledge(self.case, who, at(self.now), self.world)
        wait = self.model.policy.acknowledged_for
        end, left = self.now, wait.length // MINUTE
        while left:
            away = any(since <= at(end) < until for since, until in PEOPLE[who].absences if until)
            left -= 1 if not wait.working or (OPEN[who][end] and not away) else 0
            end += 1
        self.put_off(outcome, who, end, again=True)

    @precondition(lambda self: self.model.paused is None)
    @rule(who=st.sampled_from(["mia", "hal"]), minutes=st.integers(1, 2000))
    def snooze(self, who: str, minutes: int) -> None:
        until = at(self.now + minutes)
        outcome = acts.snooze(self.case, who, until, at(self.now), self.world)
        self.put_off(outcome, who, self.now + minutes, again=False)

    def put_off(self, outcome: Turn | Refused, who: str, end: int, *, again: bool) -> None:
        model = self.model
        if (
            model.quiet
            and model.by[-1] == who
            and model.quiet[-1][0] <= self.now < model.quiet[-1][1]
            and (again or model.quiet[-1][1] == end)
        ):
            assert isinstance(outcome, Turn)
            assert outcome.case == self.case
            return
        if (who != "mia" and who not in model.told) or len(
            model.quiet
        ) >= model.policy.put_off_times:
            assert isinstance(outcome, Refused)
            return
        assert isinstance(outcome, Turn)
        self.case = outcome.case
        for one in model.quiet:
            one[1] = min(one[1], max(self.now, one[0]))
        model.quiet.append([self.now, end])
        model.by.append(who)
        model.returns = True
        model.stand_still()
        self.run(0)

    @rule()
    def pause(self) -> None:
        data = DeadlinePaused(deadline_id="d", subject_id="s", paused_at=at(self.now))
        self.case = escalation.follow(self.case, data, at(self.now), self.world).case
        if self.model.paused is None:
            self.model.paused = self.now

    @precondition(lambda self: self.model.paused is not None)
    @rule()
    def resume(self) -> None:
        data = DeadlineResumed(deadline_id="d", subject_id="s", resumed_at=at(self.now))
        turn = escalation.follow(self.case, data, at(self.now), self.world)
        self.case = turn.case
        model, begun = self.model, self.model.paused
        assert begun is not None
        due = model.due
        if begun < due:
            for minute in range(begun, self.now):
                if OPEN["mia"][minute]:
                    due += 1
                    while not OPEN["mia"][due - 1]:
                        due += 1
        model.pauses.append((begun, self.now))
        model.paused = None
        model.stand_still()
        if due != model.due:
            model.restart(due)
        assert minute_of(self.case.deadline.due_at) == due
        assert bool(turn.said) == (begun < due and any(OPEN["mia"][begun : self.now]))
        self.run(0)

    @rule(due=st.integers(1, 2000))
    def move(self, due: int) -> None:
        data = DeadlineMoved(
            deadline_id="d", subject_id="s", due_at=at(self.now + due), moved_at=at(self.now)
        )
        self.case = escalation.follow(self.case, data, at(self.now), self.world).case
        model = self.model
        if model.due != self.now + due:
            model.restart(self.now + due)
            model.quiet, model.by, model.returns, model.pauses = [], [], False, []
            model.paused = None if model.paused is None else self.now
            model.stand_still()
        self.run(0)

    @rule()
    def what_is_kept_is_what_was(self) -> None:
        assert escalation.recalculate(self.case, at(self.now), self.world).case == self.case

    @invariant()
    def a_clock_that_stands_has_no_timer(self) -> None:
        if hasattr(self, "case"):
            stands = self.case.deadline.status == Status.PAUSED
            assert stands == (self.model.paused is not None)
            assert not stands or self.case.next_at is None


Escalation.TestCase.settings = settings(max_examples=80, stateful_step_count=12)
TestEscalation = Escalation.TestCase
