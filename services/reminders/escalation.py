"""Who hears of a deadline, and when: (case, event or time, world) to (case, reminders, events).

One case has one time at which it must be looked at again, reckoned anew whenever anything
changes. What is due at once is told at once, to each person at most once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.reminders import domain
from services.reminders.cases import Case, Entry, Held, Moment, Plan, planned
from services.reminders.domain import Deadline, Kind, Reminder, Status, changed
from services.reminders.world import World
from shared.caused import Said
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineSet,
)
from shared.contracts.ids import derived
from shared.contracts.reminders import DeadlineEscalated, DeadlineMissed, DeadlineRecalculated

LATE = timedelta(minutes=5)
"""From then on a reminder says how late it is."""

TOLD = "told"

Word = DeadlineMoved | DeadlinePaused | DeadlineResumed | DeadlineMet | DeadlineCancelled


@dataclass(frozen=True, slots=True)
class Turn:
    """A case after something happened, and what others must hear."""

    case: Case
    reminders: tuple[Reminder, ...] = ()
    said: tuple[Said, ...] = ()
    failures: tuple[str, ...] = ()
    """Codes of steps that reached nobody."""


def begin(data: DeadlineSet, source: str, world: World) -> Turn:
    """Open a case with the first policy that fits."""
    deadline = domain.set_deadline(data, source)
    policy = world.policy(deadline)
    case = Case(deadline=deadline, policy=policy, since=data.set_at, made=(0,) * len(policy.calls))
    return Turn(planned(case, world))


def follow(case: Case, data: Word, at: datetime, world: World) -> Turn:
    """Take over what is said of a deadline. `at`: when, where the event does not say it."""
    deadline = case.deadline
    calendar = world.calendars.of(world.people.get(deadline.owner_id))
    said: tuple[Said, ...] = ()
    match data:
        case DeadlineMoved():
            now, at = domain.move(deadline, data), data.moved_at
        case DeadlinePaused():
            now = domain.pause(deadline, data.paused_at, calendar)
        case DeadlineResumed():
            now = domain.resume(deadline, data.resumed_at, calendar)
        case DeadlineMet():
            now = domain.end(deadline, Status.MET)
        case DeadlineCancelled():
            now = domain.end(deadline, Status.CANCELLED)
    if not isinstance(data, DeadlineMoved) and now.due_at != deadline.due_at:
        said = (_recalculated(deadline, now, "the clock stood still", at),)
    turned = _with(case, now, at)
    if isinstance(data, DeadlineMoved) and _another(deadline, now):
        turned = changed(turned, quiet=(), returns=False)
    return Turn(planned(turned, world), said=said)


def recalculate(case: Case, now: datetime, world: World) -> Turn:
    """Reckon anew after a change of a calendar or of the directory."""
    before = case.deadline
    if not case.live:
        return Turn(planned(case, world))
    owner = world.people.get(before.owner_id)
    after = domain.reckoned(before, world.calendars.of(owner))
    if after.due_at == before.due_at:
        return Turn(planned(case, world))
    case = planned(_with(case, after, now), world)
    # The owner is told of the new time: a reminder that it is near would only say so again.
    plan = Plan(case, world)
    made = list(case.made)
    for moment in plan.until(now):
        if case.policy.calls[moment.call].step.before:
            made[moment.call] = moment.occurrence + 1
    case = changed(case, made=tuple(made))
    reason = "a calendar has changed"
    reminders: tuple[Reminder, ...] = ()
    if owner and owner.active:
        reminders = (
            changed(
                _reminder(case, owner.id, Kind.RECALCULATED, before.due_at.isoformat()),
                old_due_at=before.due_at,
            ),
        )
    said = (_recalculated(before, after, reason, now),)
    return Turn(planned(case, world), reminders, said)


def fire(case: Case, now: datetime, world: World) -> Turn:
    """Do what is due: tell people, record that a deadline is missed, say what failed.

    What several steps would tell one person at once is told once, by the last of them. A first
    reminder that comes only when the time is up gives way to the one that says so.
    """
    if not case.live:
        return Turn(planned(case, world))
    case, said = _miss(case, now, world)
    if case.silent:
        return Turn(planned(changed(case, held=(), returns=False), world), said=said)
    plan = Plan(case, world)
    made, held, entries = list(case.made), {one.call: one for one in case.held}, list[Entry]()
    telling: dict[str, Moment | None] = {}
    for moment in plan.until(now):
        entry = _entry(moment, plan, now)
        if moment.again:
            held.pop(moment.call, None)
        else:
            made[moment.call] = moment.occurrence + 1
        if entry.failed:
            held[moment.call] = Held(call=moment.call, occurrence=moment.occurrence, at=now)
        elif entry.code == TOLD and entry.person_id:
            entries = [_joined(one, entry) for one in entries]
            telling.pop(entry.person_id, None)
            telling[entry.person_id] = moment
        entries.append(entry)
    if case.returns and case.quiet[-1].until <= now:
        case = changed(case, returns=False)
        entries += _return(case, now, world, telling)
    case = case.noted(
        *entries,
        made=tuple(made),
        held=tuple(held.values()),
        told=tuple(dict.fromkeys((*case.told, *telling))),
    )
    reminders = tuple(_tell(plan, person, moment, now) for person, moment in telling.items())
    for person, last in telling.items():
        said += _escalated(plan, person, last, now) if last else ()
    failures = tuple(entry.code for entry in entries if entry.failed)
    return Turn(plan.gone_on(case), reminders, said, failures)


def _miss(case: Case, now: datetime, world: World) -> tuple[Case, tuple[Said, ...]]:
    """Record once that the time is up. Long past when it becomes known: nobody is written to."""
    deadline = case.deadline
    if deadline.status != Status.OPEN or deadline.due_at > now:
        return case, ()
    missed = DeadlineMissed(
        deadline_id=deadline.id,
        subject_id=deadline.subject_id,
        account_id=deadline.account_id,
        owner_id=deadline.owner_id,
        due_at=deadline.due_at,
        missed_at=now,
    )
    stale = now - deadline.due_at > world.stale_after
    deadline = changed(deadline, status=Status.MISSED, missed_at=now)
    case = changed(case, deadline=deadline, silent=case.silent or stale)
    return case, ((f"{deadline.id}:{deadline.due_at.isoformat()}", missed),)


def _return(
    case: Case, now: datetime, world: World, telling: dict[str, Moment | None]
) -> list[Entry]:
    """Tell who had taken it in hand that it is not done, unless a step says so anyway."""
    by = case.quiet[-1].by
    if failure := world.person(by).failure(now):
        return [Entry(at=now, step=0, call=-1, code=failure.value, person_id=by)]
    telling.setdefault(by, None)
    return []


def _with(case: Case, now: Deadline, at: datetime) -> Case:
    """Let every step come again where the time or the owner is another."""
    before = case.deadline
    case = changed(case, deadline=now)
    if not _another(before, now):
        return case
    silent = case.silent and before.due_at == now.due_at
    return changed(case.begun_again(at), silent=silent)


def _another(before: Deadline, now: Deadline) -> bool:
    return (before.due_at, before.owner_id) != (now.due_at, now.owner_id)


def _joined(entry: Entry, later: Entry) -> Entry:
    """A step that a later one for the same person speaks for."""
    same = entry.code == TOLD and entry.person_id == later.person_id
    return replace(entry, code="joined") if same else entry


def _entry(moment: Moment, plan: Plan, now: datetime) -> Entry:
    call = plan.case.policy.calls[moment.call]
    reached = plan.reached[moment.call]
    failure = reached.failure(now)
    if call.step.before and now >= plan.case.deadline.due_at:
        code = "overtaken"
    else:
        code = failure.value if failure else TOLD
    person = reached.person.id if reached.person else None
    return Entry(at=now, step=call.number, call=moment.call, code=code, person_id=person)


def _tell(plan: Plan, person: str, moment: Moment | None, now: datetime) -> Reminder:
    case = plan.case
    if moment is None:
        return _reminder(case, person, Kind.RETURNED, case.quiet[-1].until.isoformat())
    call = case.policy.calls[moment.call]
    if call.step.before:
        kind = Kind.BEFORE
    elif call.step.at:
        kind = Kind.DUE
    else:
        kind = Kind.OVERDUE if person == case.deadline.owner_id else Kind.ESCALATED
    late = now - max(moment.at, case.since)
    owner = plan.world.people.get(case.deadline.owner_id)
    return _reminder(
        case,
        person,
        kind,
        str(moment.call),
        str(moment.occurrence),
        important=call.step.importance == "important",
        owner_name=owner.name if owner and owner.id != person else None,
        late_by=late if late > LATE else None,
    )


def _reminder(case: Case, person: str, kind: Kind, *parts: str, **more: Any) -> Reminder:
    deadline = case.deadline
    due = deadline.due_at.isoformat()
    return Reminder(
        id=derived("reminder", deadline.id, kind, due, person, *parts),
        recipient_id=person,
        kind=kind,
        title=deadline.title,
        titles=deadline.titles,
        deadline_id=deadline.id,
        account_id=deadline.account_id,
        account_name=deadline.account_name,
        step=deadline.step,
        done_only_on=deadline.done_only_on,
        due_at=deadline.due_at,
        **more,
    )


def _escalated(plan: Plan, person: str, moment: Moment, now: datetime) -> tuple[Said, ...]:
    """To whom further up it went, once it was due."""
    deadline, call = plan.case.deadline, plan.case.policy.calls[moment.call]
    if call.step.before or call.target in ("owner", "salesperson") or person == deadline.owner_id:
        return ()
    data = DeadlineEscalated(
        deadline_id=deadline.id,
        subject_id=deadline.subject_id,
        account_id=deadline.account_id,
        owner_id=deadline.owner_id,
        due_at=deadline.due_at,
        to_id=person,
        step=call.number,
        escalated_at=now,
    )
    parts = (str(moment.call), str(moment.occurrence), person)
    return ((":".join((deadline.id, deadline.due_at.isoformat(), *parts)), data),)


def _recalculated(before: Deadline, after: Deadline, reason: str, at: datetime) -> Said:
    data = DeadlineRecalculated(
        deadline_id=after.id,
        subject_id=after.subject_id,
        account_id=after.account_id,
        owner_id=after.owner_id,
        old_due_at=before.due_at,
        new_due_at=after.due_at,
        reason=reason,
        recalculated_at=at,
    )
    times = f"{before.due_at.isoformat()}:{after.due_at.isoformat()}"
    return f"{after.id}:{times}:{at.isoformat()}", data
