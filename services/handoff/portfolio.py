"""How accounts change hands: for good when somebody leaves, or for an absence and back.

One account at a time, so that a portfolio of any size moves in small transactions. An absent
manager's capacity stays taken by the accounts that are to come back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from services.handoff.assignment import Manager, Pool
from services.handoff.domain import assign, begin, facts
from services.handoff.rules import Rules
from services.handoff.states import Account, Explanation, Handoff, Status
from services.handoff.steps import hand_on
from shared.contracts.deadlines import DeadlineMoved
from shared.contracts.event import EventData
from shared.contracts.handoffs import AccountTierChanged, AccountTransferred
from shared.contracts.ids import derived


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one account. Nothing at all when it stays where it is."""

    account: Account | None = None
    handoffs: tuple[Handoff, ...] = ()
    managers: tuple[Manager, ...] = ()
    explanation: Explanation | None = None
    publish: tuple[EventData, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """When and why accounts change hands, and among whom."""

    at: datetime
    pool: Pool
    rules: Rules
    reason: str


def leave(account: Account, live: Iterable[Handoff], leaver: str, change: Change) -> Moved:
    """Take an account from somebody who has left. When nobody fits, it waits for one who does."""
    if account.home_manager_id == leaver:  # covered by another, who now keeps it
        home = change.pool.give(leaver, -account.home_weight)
        settled = replace(account, home_manager_id=None, home_weight=0)
        return Moved(settled, managers=(home,))
    if account.manager_id != leaver:
        return Moved()
    released = change.pool.give(leaver, -account.weight)
    free = replace(account, manager_id=None, weight=0)
    return _handed(free, live, leaver, (released,), change)


def cover(account: Account, live: Iterable[Handoff], absent: str, change: Change) -> Moved:
    """Give an account to another while its manager is away. When nobody fits, it stays."""
    if account.manager_id != absent:
        return Moved()
    weight = change.rules.policy.weight(account.tier, account.won)
    if (
        change.pool.choose(
            account.need, weight, change.at, change.rules.policy, excluded=(absent,)
        ).manager
        is None
    ):
        return Moved()
    managers: tuple[Manager, ...] = ()
    if account.home_manager_id is None:
        free = replace(account, home_manager_id=absent, home_weight=account.weight)
    else:
        free, managers = account, (change.pool.give(absent, -account.weight),)
    free = replace(free, manager_id=None, weight=0)
    return _handed(free, live, absent, managers, change)


def give_back(account: Account, live: Iterable[Handoff], home: str, change: Change) -> Moved:
    """Give an account back to whom it was taken from for an absence."""
    if account.home_manager_id != home:
        return Moved()
    managers: tuple[Manager, ...] = ()
    if account.manager_id is not None:
        managers = (change.pool.give(account.manager_id, -account.weight),)
    back = replace(
        account, manager_id=home, weight=account.home_weight, home_manager_id=None, home_weight=0
    )
    return _handed(back, live, account.manager_id, managers, change)


def retier(account: Account, live: Iterable[Handoff], change: Change) -> Moved:
    """Give an account the tier it should have; a manager who does not serve it hands it over.

    When nobody who serves the tier has room, the present manager keeps it.
    """
    if account.tier_wanted is None or account.tier_wanted == account.tier:
        return Moved()
    now = replace(account, tier=account.tier_wanted, tier_wanted=None)
    told = AccountTierChanged(
        account_id=account.id,
        from_tier=account.tier.value,
        to_tier=now.tier.value,
        reason=account.tier_reason,
        at=change.at,
    )
    old = account.manager_id
    if old is None:
        return Moved(now, publish=(told,))
    manager = change.pool.managers[old]
    weight = change.rules.policy.weight(now.tier, now.won)
    if manager.level is not None and manager.level.rank < now.tier.rank:
        free = replace(now, manager_id=None, weight=0)
        choice = change.pool.choose(
            now.need, weight, change.at, change.rules.policy, excluded=(old,)
        )
        if choice.manager:
            released = change.pool.give(old, -account.weight)
            moved = _handed(free, live, old, (released,), change)
            return replace(moved, publish=(told, *moved.publish))
    grown = change.pool.give(old, weight - account.weight)
    return Moved(replace(now, weight=weight), managers=(grown,), publish=(told,))


def receive(handoff: Handoff, account: Account, live: Iterable[Handoff], change: Change) -> Moved:
    """Try again to find a manager for a handoff that waits for one."""
    decision = assign(handoff, account, change.at, change.pool, change.rules)
    if decision.handoff is None or decision.handoff.status == Status.UNASSIGNED:
        return Moved()
    publish = decision.publish
    others: list[Handoff] = []
    if handoff.kind == "transfer" and decision.handoff.manager_id:
        old, new = handoff.salesperson_id, decision.handoff.manager_id
        others, told = _hand_on(live, new, change)
        publish = (_transferred(account, old, new, change), *publish, *told)
    return Moved(
        decision.account,
        (decision.handoff, *others),
        decision.managers,
        decision.explanation,
        publish,
    )


def _handed(
    account: Account,
    live: Iterable[Handoff],
    old: str | None,
    managers: tuple[Manager, ...],
    change: Change,
) -> Moved:
    """A handoff from manager to manager, and all that goes with it."""
    account = replace(account, transfers=account.transfers + 1)
    begun = Handoff(
        id=derived("transfer", account.id, str(account.transfers)),
        deal_id=account.deal_id or account.id,
        account_id=account.id,
        kind="transfer",
        round=account.transfers,
        status=Status.UNASSIGNED,
        salesperson_id=old or account.salesperson_id or account.id,
        closed_at=change.at,
        completeness=100,
        checklist=change.rules.checklists.choose(facts(account, "transfer")),
    )
    decision = begin(
        begun, account, change.at, change.pool, change.rules, excluded=(old,) if old else ()
    )
    assert decision.account  # noqa: S101 - begin always says
    assert decision.handoff  # noqa: S101
    changed = {manager.id: manager for manager in (*managers, *decision.managers)}
    new = decision.account.manager_id
    others: list[Handoff] = []
    publish = decision.publish
    if new is not None:
        others, told = _hand_on(live, new, change)
        publish = (_transferred(account, old, new, change), *publish, *told)
    return Moved(
        decision.account,
        (decision.handoff, *others),
        tuple(changed.values()),
        decision.explanation,
        publish,
    )


def _transferred(account: Account, old: str | None, new: str, change: Change) -> AccountTransferred:
    return AccountTransferred(
        account_id=account.id,
        from_manager_id=old,
        to_manager_id=new,
        reason=change.reason,
        at=change.at,
    )


def _hand_on(
    live: Iterable[Handoff], new: str, change: Change
) -> tuple[list[Handoff], list[DeadlineMoved]]:
    """The account's other handoffs, whoever had them, and the manager's deadlines in them."""
    moved: list[Handoff] = []
    told: list[DeadlineMoved] = []
    for handoff in live:
        if handoff.manager_id in (None, new) or handoff.status == Status.UNASSIGNED:
            continue
        now, said = hand_on(handoff, new, change.pool.head, change.reason, change.at)
        moved.append(now)
        told += said
    return moved, told
