"""A head gives an account to a manager of the head's choice, who must fit as any other must."""

from collections.abc import Sequence
from dataclasses import replace

from services.handoff.lifecycle import Refused
from services.handoff.portfolio import Change, Moved, handed, receive
from services.handoff.states import Account, Explanation, Handoff, Status
from services.handoff.verdicts import WORDS, Verdicts

MOST_SIGNS = 200
"""Of a reason: it is told with every deadline that moves."""


def reassign(
    account: Account, live: Sequence[Handoff], to: str, *, by: str, why: str, change: Change
) -> Moved | Refused:
    """For good: also from whoever covers it, and then not back.

    An account with a manager is handed over; what waits for one has one. The explanation is of
    the handoff that carries it.
    """
    pool, old, home = change.pool, account.manager_id, account.home_manager_id
    weight = change.rules.policy.weight(account.tier, account.won)
    waiting = [one for one in live if one.status == Status.UNASSIGNED]
    if by not in pool.heads:
        return Refused("an account can only be given to another manager by a head")
    if not 0 < len(why) <= MOST_SIGNS:
        return Refused("say why, in 200 signs at most: whoever looks for a reason finds it here")
    if to == old:
        return Refused(f"{to} manages the account already")
    if old is None and not waiting:
        return Refused("nothing of the account waits for a manager")
    kept = account.home_weight if to == home else 0
    if barred := pool.barred(to, account.need, weight - kept, change.at):
        return Refused(f"{to} cannot take the account: {WORDS[barred]}")

    given = replace(account, manager_id=to, weight=weight, home_manager_id=None, home_weight=0)
    released = [pool.give(home, -account.home_weight)] if home else []
    if old:
        released.append(pool.give(old, -account.weight))
    managers = (*released, pool.give(to, weight, change.at))
    if old:
        moved = handed(given, live, old, managers, change)
        carrying = next(one for one in moved.handoffs if one.kind == "transfer" and one.deadlines)
    else:
        moved = _received(given, live, waiting, change)
        moved = replace(moved, managers=(*managers, *moved.managers))
        carrying = waiting[0]
    explanation = Explanation(
        id=carrying.id,
        account_id=account.id,
        at=change.at,
        reason=change.reason,
        need=account.need,
        weight=weight,
        manager_id=to,
        verdicts=Verdicts({}),  # nobody was weighed against anybody
    )
    return replace(moved, explanation=explanation)


def _received(
    account: Account, live: Sequence[Handoff], waiting: Sequence[Handoff], change: Change
) -> Moved:
    """Everything that waits, one after the other: the first may move what the next finds."""
    known = {one.id: one for one in live}
    moved = Moved(account)
    for handoff in waiting:
        one = receive(handoff, account, list(known.values()), change)
        known |= {changed.id: changed for changed in one.handoffs}
        moved = replace(
            moved,
            account=one.account or moved.account,
            handoffs=(*moved.handoffs, *one.handoffs),
            managers=(*moved.managers, *one.managers),
            publish=(*moved.publish, *one.publish),
        )
    return moved
