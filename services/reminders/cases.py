"""A case: a deadline, the policy it began with, and how far that has come."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.reminders.calendars import LATEST, Interval, earlier, later
from services.reminders.domain import ENDED, Deadline, Status, changed
from services.reminders.policies import Policy, Wait
from services.reminders.world import Failure, Reached, World
from shared.working_time import Calendar

_FAILURES = frozenset(Failure)
ENTRIES = 50
"""Of a case's log; the oldest go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Somebody has taken it in hand: until then nobody else is told."""

    since: datetime
    until: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A step that reached nobody; whom it is for hears of it once that is possible."""

    call: int
    occurrence: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a step came to: told, or a code that says why not."""

    at: datetime
    step: int
    """From 1; 0: the end of a quiet time."""
    call: int
    code: str
    person_id: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it reached nobody, for a reason that may pass."""
        return self.code in _FAILURES


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that decides what happens next, and when that is."""

    deadline: Deadline
    policy: Policy
    since: datetime
    """When the deadline was last set, moved or handed on: no reminder is late before that."""
    made: tuple[int, ...] = ()
    """How often each call of the policy was made."""
    quiet: tuple[Quiet, ...] = ()
    returns: bool = False
    """Whether the end of the last quiet time is still to be told to who asked for it."""
    held: tuple[Held, ...] = ()
    told: tuple[str, ...] = ()
    """Who has heard of it, and so may act."""
    log: tuple[Entry, ...] = ()
    silent: bool = False
    """It was long past when it became known: recorded, and nobody is written to."""
    next_at: datetime | None = None
    concerned: tuple[str, ...] = ()
    """Whose change in the directory matters, while there is something to come."""

    @property
    def live(self) -> bool:
        """Whether its clock runs."""
        return self.deadline.status in (Status.OPEN, Status.MISSED)

    def noted(self, *entries: Entry, **changes: Any) -> "Case":
        """With more in its log, and what else changes with it."""
        return changed(self, log=(*self.log, *entries)[-ENTRIES:], **changes)

    def begun_again(self, at: datetime) -> "Case":
        """With every step to come: the deadline has another time or another owner."""
        return changed(
            self,
            since=at,
            made=(0,) * len(self.policy.calls),
            held=(),
        )


class Moment(NamedTuple):
    """A call that is to be made at a time."""

    at: datetime
    call: int
    occurrence: int
    """Which repetition; 0 is the first."""
    again: bool
    """Whether it was held before."""


@dataclass(slots=True)
class Plan:
    """When the calls of a case are to be made, as the world is now."""

    case: Case
    world: World
    reached: Mapping[int, Reached] = field(init=False)
    _firsts: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reach = self.world.reach
        deadline = self.case.deadline
        self.reached = {n: reach(deadline, c.target) for n, c in enumerate(self.case.policy.calls)}

    def gone_on(self, case: Case) -> Case:
        """The same case further on, its owner and times the same: what is to come, and who."""
        self.case = case
        at = self.next()
        waits = case.deadline.status not in ENDED and (at is not None or bool(case.held))
        concerned = self.world.concerned(case.deadline, case.policy) if waits else ()
        return changed(case, next_at=at, concerned=concerned)

    def until(self, now: datetime) -> list[Moment]:
        """The calls that are due, in their order."""
        found = [m for number in range(len(self.reached)) for m in self._until(number, now)]
        return sorted([*found, *(moment for moment in self._held() if moment.at <= now)])

    def next(self) -> datetime | None:
        """When the case must be looked at again."""
        case = self.case
        if not case.live:
            return None
        times = [case.deadline.due_at] if case.deadline.status == Status.OPEN else []
        if not case.silent:
            times += [moment.at for moment in self._held()]
            for number in range(len(self.reached)):
                if moment := next(self._moments(number), None):
                    times.append(moment.at)
            if case.returns:
                times.append(case.quiet[-1].until)
        at = min(times, default=LATEST)
        return at if at < LATEST else None

    def _until(self, number: int, now: datetime) -> Iterator[Moment]:
        for moment in self._moments(number):
            if moment.at > now:
                return
            yield moment

    def _moments(self, number: int) -> Iterator[Moment]:
        """The calls of one step and recipient that were not made yet."""
        call = self.case.policy.calls[number]
        made = self.case.made[number]
        if made > call.step.repeat:
            return
        at = self._first(number)
        for occurrence in range(call.step.repeat + 1):
            if occurrence and call.step.every:
                at = self._wait(number, at, call.step.every)
            if occurrence >= made:
                yield Moment(self._not_quiet(at), number, occurrence, again=False)

    def _first(self, number: int) -> datetime:
        """When a step first comes: never before the one above it."""
        if number not in self._firsts:
            calls = self.case.policy.calls
            step = calls[number].number
            above = [self._first(n) for n in range(number) if calls[n].number == step - 1]
            self._firsts[number] = max([self._own(number), *above])
        return self._firsts[number]

    def _own(self, number: int) -> datetime:
        step, due = self.case.policy.calls[number].step, self.case.deadline.due_at
        calendar = self._calendar(number)
        if step.before:
            return earlier(calendar, due, step.before)
        return self._wait(number, due, step.after) if step.after else due

    def _wait(self, number: int, start: datetime, wait: Wait) -> datetime:
        """When a wait of a recipient is over, or is known to be in vain.

        Absences do not count as working time; but who is away when the wait would be over
        otherwise is not waited for.
        """
        calendar, apart = self._calendar(number), self._apart
        at = later(calendar, start, wait, apart)
        person = self.reached[number].person
        if not wait.working or person is None or not person.absences or person.away(at):
            return at
        away = [(since, until) for since, until in person.absences if until]
        return later(calendar, start, wait, [*apart, *away])

    def _held(self) -> Iterator[Moment]:
        for held in self.case.held:
            reached = self.reached[held.call]
            back = reached.person.back(held.at) if reached.person and not reached.missing else None
            if back:
                yield Moment(self._not_quiet(back), held.call, held.occurrence, again=True)

    def _not_quiet(self, at: datetime) -> datetime:
        for quiet in self.case.quiet:
            if quiet.since <= at < quiet.until:
                at = quiet.until
        return at

    def _calendar(self, number: int) -> Calendar:
        return self.world.calendars.of(self.reached[number].person)

    @property
    def _apart(self) -> list[Interval]:
        """Time that does not count for the steps after the due time."""
        quiet = [(one.since, one.until) for one in self.case.quiet]
        return [*quiet, *self.case.deadline.pauses]


def planned(case: Case, world: World) -> Case:
    """With the time of its next step, and whom a change in the directory must not escape."""
    return Plan(case, world).gone_on(case)
