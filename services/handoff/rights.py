"""Who may see and do what. What somebody may not see does not exist for them: 404, never 403.

A person sees what is the person's own: accounts managed or covered, handoffs on either side,
steps to do, what is owed to a customer. A head sees what is the team's, too; the company's manager
and `ops` see everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from services.handoff.obligations import Obligation
from services.handoff.people import Person
from services.handoff.states import LIVE, Account, Handoff, Status
from services.handoff.steps import open_steps
from shared.contracts.directory import Role


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks."""

    person: Person | None
    """None: `ops`, a machine that knows the password."""
    team: frozenset[str] = field(default_factory=frozenset)
    """Who reports to this person, transitively; counts for a head only."""

    @property
    def sees_everything(self) -> bool:
        """Whether nothing is hidden."""
        return self.person is None or Role.COMPANY_MANAGER in self.person.roles

    @property
    def whose(self) -> frozenset[str]:
        """The people whose work this viewer sees, if not everybody's."""
        if self.person is None:
            return frozenset()
        led = self.team if Role.HEAD in self.person.roles else frozenset()
        return led | {self.person.id}


class Reach(IntEnum):
    """How much of an account is seen."""

    NOTHING = 0
    OWN = 1
    """The handoffs that are the viewer's, and what they say of the customer."""
    ALL = 2


def of_account(
    viewer: Viewer,
    account: Account,
    handoffs: Iterable[Handoff] = (),
    owed: Iterable[Obligation] = (),
) -> Reach:
    """How much of an account somebody sees. `handoffs`, `owed`: those of the account.

    Who manages it or is away from it, and whoever has a step to do in it for the manager or owes
    the customer something, sees all. A salesperson, and who managed it once, sees the own handoffs.
    """
    if manages(viewer, account):
        return Reach.ALL
    whose, reach = viewer.whose, Reach.NOTHING
    if any(one.owner_id in whose for one in owed):
        return Reach.ALL
    for handoff in handoffs:
        if works_on(whose, handoff):
            return Reach.ALL
        if is_own(viewer, handoff):
            reach = Reach.OWN
    return reach


def manages(viewer: Viewer, account: Account) -> bool:
    """Whether an account is the viewer's, or the team's."""
    return viewer.sees_everything or not viewer.whose.isdisjoint(
        {account.manager_id, account.home_manager_id}
    )


def works_on(whose: Iterable[str], handoff: Handoff) -> bool:
    """Whether one of these belongs to the account's team: has a step to do that is open.

    What the salesperson owes (an answer) makes no such member.
    """
    members = {due.owner_id for due in handoff.deadlines} - {handoff.salesperson_id}
    return handoff.status in LIVE and not members.isdisjoint(whose)


def is_own(viewer: Viewer, handoff: Handoff) -> bool:
    """Whether a handoff is the viewer's, or the team's: on either side, or by a step to do."""
    concerned = {handoff.manager_id, handoff.salesperson_id}
    concerned |= {due.owner_id for due in handoff.deadlines}
    return viewer.sees_everything or not viewer.whose.isdisjoint(concerned)


def sees_handoff(
    viewer: Viewer,
    handoff: Handoff,
    account: Account,
    handoffs: Iterable[Handoff] = (),
    owed: Iterable[Obligation] = (),
) -> bool:
    """Whether somebody sees a handoff. `handoffs`, `owed`: those of its account."""
    return is_own(viewer, handoff) or of_account(viewer, account, handoffs, owed) == Reach.ALL


def sees_manager(viewer: Viewer, manager_id: str) -> bool:
    """Whether somebody sees the load and absences of an account manager."""
    return viewer.sees_everything or manager_id in viewer.whose


def sees_portfolio(viewer: Viewer, manager_id: str | None) -> bool:
    """Whether somebody sees all that is known of a manager's accounts; None: of nobody's."""
    return viewer.sees_everything or manager_id in viewer.whose


def may_do_step(viewer: Viewer, handoff: Handoff, account: Account, step: str) -> bool:
    """Whether somebody who sees a handoff may mark a step of it as done.

    Who owns the step, who manages the account, and who leads one of them.
    """
    owners = {due.owner_id for due in handoff.deadlines if due.step == step}
    return manages(viewer, account) or not viewer.whose.isdisjoint(owners | {handoff.manager_id})


def may(viewer: Viewer, handoff: Handoff, account: Account) -> tuple[str, ...]:
    """What somebody may do with a handoff as it stands: paths under it.

    `ops` acts in the name of others, so nothing is said for it.
    """
    if viewer.person is None:
        return ()
    moves: list[str] = []
    if viewer.person.id == handoff.manager_id and handoff.status == Status.ASSIGNED:
        moves += ["accept", "ask"] + (["return"] if handoff.kind != "transfer" else [])
    if viewer.person.id == handoff.salesperson_id and handoff.status != Status.CANCELLED:
        answers = handoff.status in (Status.INFO_REQUESTED, Status.RETURNED)
        moves += ["resubmit", "package"] if answers else ["package"]
    if handoff.status not in (Status.UNASSIGNED, Status.CANCELLED):
        mover = viewer.person.id == handoff.manager_id or Role.HEAD in viewer.person.roles
        for step in open_steps(handoff):
            ready = all(one in handoff.done for one in step.needs)
            if ready and may_do_step(viewer, handoff, account, step.id):
                moves.append(f"steps/{step.id}/done")
            if mover:
                moves.append(f"steps/{step.id}/move")
    if Role.HEAD in viewer.person.roles and (is_own(viewer, handoff) or manages(viewer, account)):
        moves.append("reassign")
    return tuple(moves)


def acts_for(viewer: Viewer, by: str | None) -> str | None:
    """In whose name something is done: a person's own, or whom a machine names; None: nobody's.

    A person who names somebody else acts for nobody.
    """
    if viewer.person is None:
        return by
    return viewer.person.id if by in (None, viewer.person.id) else None
