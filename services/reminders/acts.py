"""What people do with a deadline: acknowledge it, put it off, hand it on, do it."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.reminders import domain
from services.reminders.calendars import later
from services.reminders.cases import Case, Quiet, planned
from services.reminders.domain import Status, changed
from services.reminders.escalation import Turn
from services.reminders.world import Failure, World
from shared.contracts.deadlines import DeadlineMet, DeadlineMoved


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked is not possible, and why. Nothing has changed."""

    reason: str


ELSEWHERE = "it is not done by saying so here: open the page where it is done"

Outcome = Turn | Refused

_ENDED = {Status.MET: "it is done", Status.CANCELLED: "it is cancelled"}
_AWAY = {
    Failure.UNKNOWN_PERSON: "is not in the directory",
    Failure.LEFT: "has left",
    Failure.ABSENT: "is away",
    Failure.NO_RECIPIENT: "is nobody",
}


def acknowledge(case: Case, by: str, now: datetime, world: World) -> Outcome:
    """Take it in hand: nobody else is told for as long as the policy says. Twice is once."""
    last = case.quiet[-1] if case.quiet else None
    if last and last.by == by and last.since <= now < last.until and case.live:
        return Turn(case)
    calendar = world.calendars.of(world.people.get(by))
    until = later(calendar, now, case.policy.acknowledged_for, _away(by, world))
    return _put_off(case, by, now, until, world)


def snooze(case: Case, by: str, until: datetime, now: datetime, world: World) -> Outcome:
    """Put it off until a time, as far as the policy allows."""
    if not now < until <= latest(case, by, now, world):
        return Refused("it can be put off to a time to come, and no further than its policy says")
    last = case.quiet[-1] if case.quiet else None
    if last and (last.by, last.until) == (by, until) and case.live:
        return Turn(case)
    return _put_off(case, by, now, until, world)


def latest(case: Case, by: str, now: datetime, world: World) -> datetime:
    """Until when somebody can put it off at most."""
    calendar = world.calendars.of(world.people.get(by))
    return later(calendar, now, case.policy.snoozed_for, _away(by, world))


def concerns(case: Case, person_id: str) -> bool:
    """Whether it is somebody's, or was brought to somebody."""
    return person_id == case.deadline.owner_id or person_id in case.told


def refused(case: Case, by: str) -> Refused | None:
    """Why somebody can do nothing with it any more, whatever it is."""
    if reason := _ENDED.get(case.deadline.status):
        return Refused(reason)
    if not concerns(case, by):
        return Refused(f"it is for {case.deadline.owner_id}, and {by} was never told of it")
    return None


def hand_on(case: Case, by: str, to: str, now: datetime, world: World) -> Outcome:
    """Make it somebody else's. The due time stays; every step begins anew, for the new owner."""
    deadline = case.deadline
    if to == deadline.owner_id and deadline.status not in domain.ENDED:
        return Turn(case)
    if reason := refused(case, by):
        return reason
    if failure := world.person(to).failure(now):
        return Refused(f"{to} {_AWAY[failure]}")
    moved = DeadlineMoved(
        deadline_id=deadline.id,
        subject_id=deadline.subject_id,
        account_id=deadline.account_id,
        due_at=deadline.due_at,
        owner_id=to,
        from_owner_id=deadline.owner_id,
        turn=deadline.turn or None,
        reason=f"handed on by {by}",
        moved_at=now,
    )
    handed = changed(case, deadline=domain.move(deadline, moved), quiet=(), returns=False)
    identity = f"{deadline.id}:handed:{by}:{to}:{now.isoformat()}"
    return Turn(planned(handed.begun_again(now), world), said=((identity, moved),))


def done(case: Case, by: str, now: datetime, world: World) -> Outcome:
    """Say that it is done. Twice is once. What is done on a page of its own is not done here."""
    deadline = case.deadline
    if deadline.status == Status.MET:
        return Turn(case)
    if reason := refused(case, by):
        return reason
    if deadline.done_only_on:
        return Refused(ELSEWHERE)
    met = DeadlineMet(
        deadline_id=deadline.id,
        subject_id=deadline.subject_id,
        account_id=deadline.account_id,
        met_at=now,
        by=by,
    )
    ended = changed(case, deadline=domain.end(deadline, Status.MET))
    identity = f"{deadline.id}:{deadline.due_at.isoformat()}:done"
    return Turn(planned(ended, world), said=((identity, met),))


def _put_off(case: Case, by: str, now: datetime, until: datetime, world: World) -> Outcome:
    if reason := refused(case, by):
        return reason
    if not case.live:
        return Refused("its clock stands still")
    if len(case.quiet) >= case.policy.put_off_times:
        return Refused(
            f"it was put off {len(case.quiet)} times already: do it, or hand it on to somebody"
        )
    before = tuple(replace(one, until=min(one.until, max(now, one.since))) for one in case.quiet)
    quiet = (*before, Quiet(since=now, until=until, by=by))
    return Turn(planned(changed(case, quiet=quiet, returns=True), world))


def _away(person_id: str, world: World) -> list[tuple[datetime, datetime]]:
    person = world.people.get(person_id)
    return [(since, until) for since, until in person.absences if until] if person else []
