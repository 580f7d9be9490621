"""What the two sides do with a handoff: accept, ask, return, answer, do and move its steps.

A move that is not allowed is refused with a reason; that is an answer, not an error. Each state
has its own clock: while the salesperson is to answer, the account manager's stands still.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.handoff.assignment import Pool
from services.handoff.checklists import ACCEPTED, Step
from services.handoff.package import complete, merged
from services.handoff.rules import Rules
from services.handoff.states import (
    Account,
    Deadline,
    Handoff,
    Status,
    deadline_id,
    meet_deadline,
    set_deadline,
)
from services.handoff.steps import end, follow, open_steps, set_by_hand
from shared.contracts.deadlines import DeadlineMoved, DeadlinePaused, DeadlineResumed
from shared.contracts.deals import Package
from shared.contracts.event import EventData
from shared.contracts.handoffs import (
    Acceptance,
    HandoffAccepted,
    HandoffCompleted,
    HandoffInfoRequested,
    HandoffPackageAdded,
    HandoffResubmitted,
    HandoffReturned,
    HandoffStepDone,
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a move is not made, in words for who wanted it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The handoff as it stands now, and what is to be told."""

    handoff: Handoff
    publish: tuple[EventData, ...]
    record: Acceptance | None = None
    """How the salesperson's handoffs fared, if this one counts for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does something, when, and what is known then."""

    by: str
    at: datetime
    account: Account
    rules: Rules
    record: Acceptance | None = None
    """How the salesperson's handoffs fared so far."""
    pool: Pool = field(default_factory=Pool)
    """The heads at least."""


Outcome = Refused | Moved

_OPEN = {
    Status.UNASSIGNED: "nobody manages the account yet",
    Status.ASSIGNED: "it waits for the account manager to accept it",
    Status.INFO_REQUESTED: "it waits for the salesperson's answer",
    Status.RETURNED: "it was returned to the salesperson",
    Status.ACCEPTED: "it was accepted already",
    Status.COMPLETED: "it is completed",
    Status.CANCELLED: "it was cancelled",
}


def accept(handoff: Handoff, act: Act) -> Outcome:
    """Take the customer over. Steps that were done before count: it may complete at once."""
    if refused := _refused(handoff, "accepted", act.by, (Status.ASSIGNED,), handoff.manager_id):
        return refused
    counted = _count(handoff, act.record, accepted=1)
    accepted = HandoffAccepted(
        handoff_id=handoff.id,
        account_id=handoff.account_id,
        accepted_at=act.at,
        by=act.by,
        salesperson=counted,
    )
    now, met = _meet(replace(handoff, status=Status.ACCEPTED), "accept", act.by, act.at)
    now, begun = follow(
        now, act.account, {ACCEPTED: act.at}, act.at, working=act.rules.working, head=act.pool.head
    )
    now, completed = _completed(now, act.at)
    return Moved(now, (accepted, *met, *begun, *completed), counted)


def ask(handoff: Handoff, questions: tuple[str, ...], act: Act) -> Outcome:
    """Ask the salesperson for more. The clock to accept stands still meanwhile."""
    if refused := _refused(handoff, "asked about", act.by, (Status.ASSIGNED,), handoff.manager_id):
        return refused
    if not questions:
        return Refused("ask at least one question")
    asked = HandoffInfoRequested(
        handoff_id=handoff.id,
        account_id=handoff.account_id,
        questions=questions,
        requested_at=act.at,
        by=act.by,
    )
    now = replace(handoff, status=Status.INFO_REQUESTED)
    return _to_salesperson(now, asked, "answer", "Answer the account manager's questions", act)


def give_back(handoff: Handoff, reasons: tuple[str, ...], act: Act) -> Outcome:
    """Return the handoff to the salesperson, who is to mend it."""
    if refused := _refused(handoff, "returned", act.by, (Status.ASSIGNED,), handoff.manager_id):
        return refused
    if handoff.kind == "transfer":
        return Refused("a transfer between managers cannot be returned: ask the head to move it")
    if not reasons:
        return Refused("say at least one reason, so that the salesperson knows what to mend")
    counted = _count(handoff, act.record, returned=1)
    returned = HandoffReturned(
        handoff_id=handoff.id,
        account_id=handoff.account_id,
        reasons=reasons,
        returned_at=act.at,
        by=act.by,
        salesperson=counted,
    )
    now = replace(handoff, status=Status.RETURNED)
    moved = _to_salesperson(now, returned, "mend", "Mend the returned handoff", act)
    return replace(moved, record=counted)


def resubmit(
    handoff: Handoff, answers: tuple[str, ...], package: Package | None, act: Act
) -> Outcome:
    """Answer, or mend. What the package says more is added; the manager's clock begins anew."""
    states = (Status.INFO_REQUESTED, Status.RETURNED)
    if refused := _refused(handoff, "resubmitted", act.by, states, handoff.salesperson_id):
        return refused
    if not answers and package is None:
        return Refused("answer, or add to the package: nothing was said")
    waiting = "answer" if handoff.status == Status.INFO_REQUESTED else "mend"
    now = added(handoff, package, act)
    now = replace(now, status=Status.ASSIGNED, attempt=handoff.attempt + 1)
    resubmitted = HandoffResubmitted(
        handoff_id=handoff.id,
        account_id=handoff.account_id,
        completeness=now.completeness,
        missing=now.missing,
        answers=answers,
        resubmitted_at=act.at,
        by=act.by,
    )
    now, met = _meet(now, waiting, act.by, act.at)
    resumed = DeadlineResumed(
        deadline_id=deadline_id(handoff, "accept"),
        account_id=handoff.account_id,
        subject_id=handoff.id,
        resumed_at=act.at,
    )
    due = act.rules.working.add(act.at, act.rules.accept_within)
    moved = DeadlineMoved(
        deadline_id=deadline_id(handoff, "accept"),
        account_id=handoff.account_id,
        subject_id=handoff.id,
        due_at=due,
        reason="the salesperson has answered",
        moved_at=act.at,
    )
    deadlines = tuple(replace(d, due_at=due) if d.step == "accept" else d for d in now.deadlines)
    return Moved(replace(now, deadlines=deadlines), (resubmitted, *met, resumed, moved))


def add(handoff: Handoff, package: Package, act: Act) -> Outcome:
    """Tell more, unasked; also after the handoff was accepted. No clock is touched."""
    states = tuple(Status(name) for name in Status if name != Status.CANCELLED)
    if refused := _refused(handoff, "added to", act.by, states, handoff.salesperson_id):
        return refused
    now = added(handoff, package, act)
    if now == handoff:
        return Refused("the package says all that already")
    told = HandoffPackageAdded(
        handoff_id=handoff.id,
        account_id=handoff.account_id,
        completeness=now.completeness,
        missing=now.missing,
        added_at=act.at,
        by=act.by,
    )
    return Moved(now, (told,))


def do_step(handoff: Handoff, step: str, act: Act) -> Outcome:
    """Mark a step of the checklist as done. The last one completes an accepted handoff."""
    found = _open_step(handoff, step)
    if isinstance(found, Refused):
        return found
    if first := [one for one in found.needs if one not in handoff.done]:
        return Refused(f"the step {step!r} cannot be done before {', '.join(first)}")
    return _done(handoff, step, act)


def told_done(handoff: Handoff, step: str, act: Act) -> Outcome:
    """It was said elsewhere that a deadline is met, and nobody is reminded of it any more.

    So a step is done even where others should have been done first. To say so of the handoff's
    acceptance is to accept it. Answers and a manager to be found are not there by being said.
    """
    if step == "accept":
        return accept(handoff, act)
    found = _open_step(handoff, step)
    return found if isinstance(found, Refused) else _done(handoff, step, act)


def _done(handoff: Handoff, step: str, act: Act) -> Moved:
    met = tuple(
        meet_deadline(handoff, due, act.by, act.at) for due in handoff.deadlines if due.step == step
    )
    now, begun = end(
        handoff, act.account, step, act.at, working=act.rules.working, head=act.pool.head
    )
    done = HandoffStepDone(
        handoff_id=handoff.id, account_id=handoff.account_id, step=step, done_at=act.at, by=act.by
    )
    now, completed = _completed(now, act.at)
    return Moved(now, (done, *met, *begun, *completed))


def move_step(handoff: Handoff, step: str, due_at: datetime, act: Act) -> Outcome:
    """Set the due date of a step. What hangs on it moves along; no anchor moves it any more."""
    found = _open_step(handoff, step)
    if isinstance(found, Refused):
        return found
    if act.by != handoff.manager_id and act.by not in act.pool.heads:
        return Refused(f"a step can only be moved by {handoff.manager_id} or the head")
    if any(due.step == step and due.due_at == due_at for due in handoff.deadlines):
        return Refused(f"the step {step!r} is due then already")
    now, told = set_by_hand(
        handoff,
        act.account,
        found,
        due_at,
        act.at,
        by=act.by,
        working=act.rules.working,
        head=act.pool.head,
    )
    return Moved(now, told)


def added(handoff: Handoff, package: Package | None, act: Act) -> Handoff:
    """With a package added."""
    if package is None:
        return handoff
    whole = replace(handoff, package=merged(handoff.package, package))
    return complete(whole, act.account, act.at, act.rules)[0]


def _open_step(handoff: Handoff, step: str) -> Step | Refused:
    if step in handoff.done:
        return Refused(f"the step {step!r} is done already")
    found = next((one for one in open_steps(handoff) if one.id == step), None)
    if found is None:
        return Refused(f"the handoff has no open step {step!r}")
    if handoff.status in (Status.UNASSIGNED, Status.CANCELLED):
        return Refused(f"the handoff's steps are not to be done: {_OPEN[handoff.status]}")
    return found


def _refused(
    handoff: Handoff, verb: str, by: str, states: tuple[Status, ...], whose: str | None
) -> Refused | None:
    if handoff.status not in states:
        return Refused(f"the handoff cannot be {verb}: {_OPEN[handoff.status]}")
    if by != whose:
        return Refused(f"the handoff can only be {verb} by {whose}")
    return None


def _count(
    handoff: Handoff, record: Acceptance | None, *, accepted: int = 0, returned: int = 0
) -> Acceptance | None:
    if handoff.kind == "transfer":
        return None
    known = record or Acceptance(id=handoff.salesperson_id, accepted=0, returned=0)
    return Acceptance(
        id=known.id, accepted=known.accepted + accepted, returned=known.returned + returned
    )


def _to_salesperson(handoff: Handoff, said: EventData, step: str, title: str, act: Act) -> Moved:
    due = Deadline(
        step=step,
        title=title,
        owner_id=handoff.salesperson_id,
        due_at=act.rules.working.add(act.at, act.rules.answer_within),
    )
    paused = DeadlinePaused(
        deadline_id=deadline_id(handoff, "accept"),
        account_id=handoff.account_id,
        subject_id=handoff.id,
        reason="waits for the salesperson",
        paused_at=act.at,
    )
    now = replace(handoff, deadlines=(*handoff.deadlines, due))
    page = act.rules.page(handoff.id)
    told = set_deadline(now, act.account, due, act.at, done_only_on=page)
    return Moved(now, (said, paused, told))


def _meet(
    handoff: Handoff, step: str, by: str, at: datetime
) -> tuple[Handoff, tuple[EventData, ...]]:
    met = tuple(meet_deadline(handoff, d, by, at) for d in handoff.deadlines if d.step == step)
    left = tuple(d for d in handoff.deadlines if d.step != step)
    return replace(handoff, deadlines=left), met


def _completed(handoff: Handoff, at: datetime) -> tuple[Handoff, tuple[EventData, ...]]:
    if handoff.status != Status.ACCEPTED or handoff.deadlines or open_steps(handoff):
        return handoff, ()
    completed = HandoffCompleted(
        handoff_id=handoff.id, account_id=handoff.account_id, completed_at=at
    )
    return replace(handoff, status=Status.COMPLETED), (completed,)
