"""The steps of a handoff: whose each is, when it is due, and what moves it.

A step has a deadline from when its anchor is known: the closing date and the assignment at once,
the acceptance and another step's end when they happen. When an anchor moves, the open steps that
hang on it move along. What is done stays, and so does what somebody moved by hand.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.handoff.checklists import ASSIGNED, CLOSED, Anchor, Moment, Owner, Step
from services.handoff.rules import Working
from services.handoff.states import (
    Account,
    Deadline,
    Handoff,
    Status,
    move_deadline,
    set_deadline,
)
from shared.contracts.event import EventData

Published = tuple[EventData, ...]

CLOCKS = frozenset({"accept", "answer", "mend", "assign"})
"""Deadlines of a handoff's states, no steps: a move ends them, nobody ticks them off."""


def due_dates(
    steps: Iterable[Step], known: Mapping[Anchor, datetime], working: Working
) -> dict[str, datetime]:
    """Of the steps that hang on these anchors, by themselves or through each other."""
    moments, found = dict(known), dict[str, datetime]()
    waiting = list(steps)
    while ready := [step for step in waiting if step.anchor in moments]:
        waiting = [step for step in waiting if step.anchor not in moments]
        for step in ready:
            due = _due(step, moments[step.anchor], working)
            found[step.id] = moments[Anchor(Moment.DUE, step.id)] = due
    return found


def open_steps(handoff: Handoff) -> tuple[Step, ...]:
    """What is not done yet, whether it has a deadline or waits for its anchor."""
    steps = handoff.checklist.steps if handoff.checklist else ()
    return tuple(step for step in steps if step.id not in handoff.done)


def begin(
    handoff: Handoff,
    account: Account,
    accept: Deadline,
    at: datetime,
    *,
    working: Working,
    head: str | None,
) -> tuple[Handoff, Published]:
    """Give a handoff to the manager who is to accept it; the steps begin whose anchor is known."""
    known = {CLOSED: handoff.closed_at, ASSIGNED: at}
    steps = open_steps(handoff)
    dues = due_dates(steps, known, working)
    begun = [
        _deadline(step, accept.owner_id, handoff.salesperson_id, head, dues[step.id])
        for step in steps
        if step.id in dues
    ]
    deadlines = (accept, *begun)
    now = replace(handoff, status=Status.ASSIGNED, manager_id=accept.owner_id, deadlines=deadlines)
    return now, tuple([set_deadline(now, account, due, at) for due in deadlines])


def follow(
    handoff: Handoff,
    account: Account,
    known: Mapping[Anchor, datetime],
    at: datetime,
    *,
    working: Working,
    head: str | None = None,
    why: str = "moved",
) -> tuple[Handoff, Published]:
    """Anchors happened or moved: the deadlines that begin or move with them.

    `why` says what became of them, for the reason of a move.
    """
    steps = [step for step in open_steps(handoff) if step.id not in handoff.moved]
    present = {due.step: due for due in handoff.deadlines}
    deadlines, published = list(handoff.deadlines), list[EventData]()
    for step_id, due_at in due_dates(steps, known, working).items():
        step = next(step for step in steps if step.id == step_id)
        if before := present.get(step_id):
            if before.due_at != due_at:
                become = why if step.anchor in known else "moved"
                reason = f"counted from {step.anchor}, which {become}"
                deadlines[deadlines.index(before)] = now = replace(before, due_at=due_at)
                published.append(move_deadline(handoff, now, reason, at))
        else:
            due = _begun(step, handoff, head, due_at)
            deadlines.append(due)
            published.append(set_deadline(handoff, account, due, at))
    return replace(handoff, deadlines=tuple(deadlines)), tuple(published)


def set_by_hand(
    handoff: Handoff,
    account: Account,
    step: Step,
    due_at: datetime,
    at: datetime,
    *,
    by: str,
    working: Working,
    head: str | None = None,
) -> tuple[Handoff, Published]:
    """Give a step a due date that no anchor moves; what hangs on it moves along."""
    due_at = _stored(due_at)
    told: EventData
    before = next((due for due in handoff.deadlines if due.step == step.id), None)
    if before:
        due = replace(before, due_at=due_at)
        told = move_deadline(handoff, due, f"moved by {by}", at)
        deadlines = tuple(due if one is before else one for one in handoff.deadlines)
    else:
        due = _begun(step, handoff, head, due_at)
        told = set_deadline(handoff, account, due, at)
        deadlines = (*handoff.deadlines, due)
    moved = (*(one for one in handoff.moved if one != step.id), step.id)
    now = replace(handoff, deadlines=deadlines, moved=moved)
    known = {Anchor(Moment.DUE, step.id): due_at}
    now, others = follow(now, account, known, at, working=working, head=head)
    return now, (told, *others)


def end(
    handoff: Handoff,
    account: Account,
    step: str,
    at: datetime,
    *,
    working: Working,
    head: str | None = None,
) -> tuple[Handoff, Published]:
    """A step is done: what waited for that begins.

    What was done before it was due at all counts as due when it was done.
    """
    known = {Anchor(Moment.DONE, step): at}
    if step not in {due.step for due in handoff.deadlines}:
        known[Anchor(Moment.DUE, step)] = at
    now = replace(
        handoff,
        done=(*handoff.done, step),
        deadlines=tuple(due for due in handoff.deadlines if due.step != step),
    )
    return follow(now, account, known, at, working=working, head=head)


def reclosed(
    handoff: Handoff, account: Account, before: datetime, at: datetime, *, working: Working
) -> tuple[Handoff, Published]:
    """The closing date is another than `before`: what is counted from it moves along."""
    if handoff.closed_at == before or handoff.status == Status.UNASSIGNED:
        return handoff, ()
    known = {CLOSED: handoff.closed_at}
    return follow(handoff, account, known, at, working=working, why="was amended")


def hand_on(
    handoff: Handoff, new: str, head: str | None, reason: str, at: datetime
) -> tuple[Handoff, Published]:
    """Give a handoff to another manager, and the manager's deadlines in it.

    What others are to do stays theirs, also where one person is both. What the head is to do and
    the old manager had goes to the head there is now.
    """
    old = handoff.manager_id

    def owner(due: Deadline) -> str:
        role = _role(handoff, due)
        if role == Owner.MANAGER:
            return new
        return head or new if role == Owner.HEAD and due.owner_id == old else due.owner_id

    now, told = _owned(handoff, owner, reason, at)
    return replace(now, manager_id=new), told


def stand_in(
    handoff: Handoff, heads: Sequence[str], reason: str, at: datetime
) -> tuple[Handoff, Published]:
    """Nobody manages the account: until somebody does, a head has the manager's deadlines."""

    def owner(due: Deadline) -> str:
        mine = _role(handoff, due) == Owner.MANAGER and heads and due.owner_id not in heads
        return heads[0] if mine else due.owner_id

    return _owned(handoff, owner, reason, at)


def answered_by(
    handoff: Handoff, person: str, reason: str, at: datetime
) -> tuple[Handoff, Published]:
    """Another person stands for the salesperson, also for what was asked before."""

    def owner(due: Deadline) -> str:
        return person if _role(handoff, due) == Owner.SALESPERSON else due.owner_id

    now, told = _owned(handoff, owner, reason, at)
    return replace(now, salesperson_id=person), told


def _owned(
    handoff: Handoff, owner: Callable[[Deadline], str], reason: str, at: datetime
) -> tuple[Handoff, Published]:
    deadlines = tuple(due.given_to(owner(due)) for due in handoff.deadlines)
    told = tuple(
        move_deadline(handoff, now, reason, at, handed=True)
        for now, before in zip(deadlines, handoff.deadlines, strict=True)
        if now != before
    )
    return replace(handoff, deadlines=deadlines), told


def _role(handoff: Handoff, due: Deadline) -> Owner:
    if due.step in ("answer", "mend"):
        return Owner.SALESPERSON
    if due.step == "assign":
        return Owner.HEAD
    step = handoff.checklist.step(due.step) if handoff.checklist else None
    return step.owner if step else Owner.MANAGER


def _begun(step: Step, handoff: Handoff, head: str | None, due_at: datetime) -> Deadline:
    assert handoff.manager_id  # noqa: S101 - no step begins before there is a manager
    return _deadline(step, handoff.manager_id, handoff.salesperson_id, head, due_at)


def _deadline(
    step: Step, manager_id: str, salesperson_id: str, head: str | None, due_at: datetime
) -> Deadline:
    match step.owner:
        case Owner.MANAGER:
            owner = manager_id
        case Owner.SALESPERSON:
            owner = salesperson_id
        case Owner.HEAD:
            owner = head or manager_id
        case Owner.PERSON:
            assert step.person_id  # noqa: S101 - a template that names nobody is refused
            owner = step.person_id
    return Deadline(
        step=step.id, title=step.title, titles=step.titles, owner_id=owner, due_at=due_at
    )


def _due(step: Step, anchor: datetime, working: Working) -> datetime:
    if step.unit == "days":
        return working.add_days(_stored(anchor), step.amount)
    return working.add(_stored(anchor), timedelta(hours=step.amount))


def _stored(moment: datetime) -> datetime:
    """As the database keeps it: else a date counted again from there would seem to have moved."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
