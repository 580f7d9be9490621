"""How a handoff begins, finds its manager and ends.

Nothing in the rules reads a clock, makes up an id, logs or awaits. What the two sides do with a
handoff is in `lifecycle`, how accounts change hands in `portfolio`, who gets one in `assignment`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from services.handoff import steps
from services.handoff.assignment import Choice, Pool
from services.handoff.candidates import Manager
from services.handoff.checklists import Deal
from services.handoff.package import complete, completeness
from services.handoff.rules import Rules
from services.handoff.states import (
    Account,
    Deadline,
    Explanation,
    Handoff,
    Status,
    cancel_deadline,
    meet_deadline,
    move_deadline,
    set_deadline,
)
from shared.contracts.deals import DealAmended, DealClosed, DealReopened
from shared.contracts.event import EventData
from shared.contracts.handoffs import (
    ChecklistRef,
    HandoffAssigned,
    HandoffCancelled,
    HandoffCreated,
    HandoffUnassigned,
)
from shared.contracts.ids import derived
from shared.contracts.values import Money

T = TypeVar("T")

"""Steps of the salesperson; every other one goes along when the account changes hands."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The new states, where they changed, and what the rest of the system must hear."""

    account: Account | None = None
    handoff: Handoff | None = None
    managers: tuple[Manager, ...] = ()
    explanation: Explanation | None = None
    publish: tuple[EventData, ...] = ()


def close_deal(
    deal: DealClosed,
    at: datetime,
    *,
    account: Account | None,
    handoff: Handoff | None,
    pool: Pool,
    rules: Rules,
    judge: Callable[[Account], Account] | None = None,
) -> Decision:
    """Begin the handoff of a won deal: at most one is live, however often the deal is won.

    A manager that the account has keeps it, and gets an expansion; else one is chosen. `judge`
    gives the account its tier, which decides who can be chosen.
    """
    if deal.outcome != "won" or (handoff and handoff.status != Status.CANCELLED):
        return Decision()
    known = account or Account(id=deal.account.id, name=deal.account.name)
    won = moved_value(known.won, None, deal.amount)
    account = told(known, deal, won=won, last_deal=deal.deal_id)
    account = judge(account) if judge else account
    number = handoff.round + 1 if handoff else 1
    kind = "expansion" if account.manager_id else "new"
    score, missing = completeness(deal, account.tier, rules)
    begun = Handoff(
        # No account in it: two replicas that begin one deal for two accounts collide.
        id=derived("handoff", deal.deal_id, str(number)),
        deal_id=deal.deal_id,
        account_id=account.id,
        kind=kind,
        round=number,
        status=Status.UNASSIGNED,
        salesperson_id=deal.salesperson.id,
        closed_at=deal.closed_at,
        told_at=at,
        amount=deal.amount,
        completeness=score,
        missing=missing,
        package=deal.package,
        checklist=rules.checklists.choose(
            facts(account, kind, amount=deal.amount, products=deal.products)
        ),
    )
    return begin(begun, account, at, pool, rules)


def assign(
    handoff: Handoff,
    account: Account,
    at: datetime,
    pool: Pool,
    rules: Rules,
    *,
    excluded: Iterable[str] = (),
) -> Decision:
    """Give a handoff to the account's manager, or to the one who is to manage it from now on."""
    explanation = None
    managers: tuple[Manager, ...] = ()
    manager_id, reason = account.manager_id, "manages the account"
    if manager_id is None:
        weight = _weight(account, rules)
        choice = pool.choose(account.need, weight, at, rules.policy, excluded=excluded)
        explanation = _explain(handoff, account, weight, at, choice)
        if choice.manager is None:
            refusal = HandoffUnassigned(
                handoff_id=handoff.id, account_id=account.id, reason=choice.why, at=at
            )
            handoff, to_head = tell_head(handoff, account, at, pool, rules)
            return Decision(account, handoff, (), explanation, (refusal, *to_head))
        manager_id, reason = choice.manager.id, choice.why
        kept = 0
        if account.home_manager_id == manager_id:  # back where it belongs: the place kept is free
            kept = account.home_weight
            account = replace(account, home_manager_id=None, home_weight=0)
        managers = (pool.give(manager_id, weight - kept, at),)
        account = replace(account, manager_id=manager_id, weight=weight)
    waiting = handoff
    accept = Deadline(
        step="accept",
        title="Accept the handoff",
        owner_id=manager_id,
        due_at=rules.working.add(at, rules.accept_within),
    )
    handoff, begun = steps.begin(
        waiting, account, accept, at, working=rules.working, head=pool.head
    )
    assigned = HandoffAssigned(
        handoff_id=handoff.id,
        account_id=account.id,
        manager_id=manager_id,
        reason=reason,
        assigned_at=at,
    )
    published = [
        *(meet_deadline(waiting, d, manager_id, at) for d in waiting.deadlines),
        *begun,
    ]
    return Decision(account, handoff, managers, explanation, (assigned, *published))


def tell_head(
    handoff: Handoff, account: Account, at: datetime, pool: Pool, rules: Rules
) -> tuple[Handoff, tuple[EventData, ...]]:
    """Somebody has to find a manager: the head, once; another one when that one is head no more."""
    known = next((due for due in handoff.deadlines if due.step == "assign"), None)
    head = pool.head
    if head is None or (known and pool.managers[known.owner_id].head):
        return handoff, ()
    due = Deadline(
        step="assign",
        title="Find an account manager",
        owner_id=head,
        due_at=known.due_at if known else rules.working.add(at, rules.assign_within),
    )
    waiting = replace(handoff, deadlines=(due,))
    if known:
        return waiting, (move_deadline(waiting, due, "there is another head", at, handed=True),)
    page = rules.page(handoff.id)
    return waiting, (set_deadline(waiting, account, due, at, done_only_on=page),)


def amend_deal(
    deal: DealAmended,
    at: datetime,
    *,
    account: Account | None,
    handoff: Handoff | None,
    rules: Rules,
) -> Decision:
    """Correct a won deal. Its manager stays, and its checklist.

    The customer's won value follows, and so do the open steps that hang on the closing date.
    """
    if handoff is None or account is None or handoff.status == Status.CANCELLED:
        return Decision()
    changed = replace(
        handoff, amount=deal.amount or handoff.amount, closed_at=deal.closed_at or handoff.closed_at
    )
    changed, told = complete(changed, account, at, rules, products=deal.products)
    changed, moved = steps.reclosed(changed, account, handoff.closed_at, at, working=rules.working)
    won = moved_value(account.won, handoff.amount, changed.amount)
    return Decision(replace(account, won=won), changed, publish=(*told, *moved))


def reopen_deal(
    deal: DealReopened, at: datetime, *, account: Account | None, handoff: Handoff | None
) -> Decision:
    """Cancel the handoff of a deal that is not won any more, and its open deadlines.

    The customer keeps its manager, who knows it, should the deal be won again.
    """
    if handoff is None or account is None or handoff.status == Status.CANCELLED:
        return Decision()
    return take_out(handoff, account, deal.reason or "the deal was reopened", at)


def take_out(handoff: Handoff, account: Account, reason: str, at: datetime) -> Decision:
    """End the handoff of a deal that does not count as won any more."""
    account = replace(account, won=moved_value(account.won, handoff.amount, None))
    ended, told = cancel(handoff, reason, at)
    return Decision(account, ended, publish=told)


def cancel(handoff: Handoff, reason: str, at: datetime) -> tuple[Handoff, tuple[EventData, ...]]:
    """End a handoff before it is completed, with its open deadlines."""
    cancelled = HandoffCancelled(
        handoff_id=handoff.id, account_id=handoff.account_id, reason=reason, at=at
    )
    deadlines = tuple(cancel_deadline(handoff, d, reason, at) for d in handoff.deadlines)
    return replace(handoff, status=Status.CANCELLED, deadlines=()), (cancelled, *deadlines)


def facts(
    account: Account,
    kind: str,
    *,
    amount: Money | None = None,
    products: tuple[str, ...] = (),
) -> Deal:
    """What the checklist of a handoff depends on."""
    return Deal(
        kind=kind,
        tier=account.tier,
        amount=amount,
        products=products,
        language=account.language,
        country=account.country,
        region=account.region,
        industry=account.industry,
    )


def begin(
    handoff: Handoff,
    account: Account,
    at: datetime,
    pool: Pool,
    rules: Rules,
    *,
    excluded: Iterable[str] = (),
) -> Decision:
    """Open a handoff and give it away."""
    created = HandoffCreated(
        handoff_id=handoff.id,
        account_id=account.id,
        account_name=account.name,
        deal_id=handoff.deal_id,
        kind=handoff.kind,
        salesperson_id=handoff.salesperson_id,
        region=account.region,
        amount=handoff.amount,
        closed_at=handoff.closed_at,
        completeness=handoff.completeness,
        missing=handoff.missing,
        checklist=handoff.checklist
        and ChecklistRef(name=handoff.checklist.name, version=handoff.checklist.version),
        created_at=at,
    )
    given = assign(handoff, account, at, pool, rules, excluded=excluded)
    return replace(given, publish=(created, *given.publish))


def told(
    account: Account, deal: DealClosed, *, won: Mapping[str, Decimal], last_deal: str | None
) -> Account:
    """Take over what a won deal says of the customer; what it does not say stays."""
    ref = deal.account
    language = deal.package.language if deal.package else None
    return replace(
        account,
        name=ref.name,
        city=ref.city or account.city,
        region=ref.region or account.region,
        country=ref.country or account.country,
        industry=ref.industry or account.industry,
        language=language or account.language,
        key=account.key if ref.key is None else ref.key,
        group_id=ref.parent_id or account.group_id,
        won=won,
        deal_id=last_deal,
        salesperson_id=deal.salesperson.id if last_deal == deal.deal_id else account.salesperson_id,
    )


def moved_value(
    won: Mapping[str, Decimal], before: Money | None, after: Money | None
) -> Mapping[str, Decimal]:
    """Won value by currency, with one amount in the place of another."""
    changed = dict(won)
    if before:
        changed[before.currency] = changed.get(before.currency, Decimal(0)) - before.value
    if after:
        changed[after.currency] = changed.get(after.currency, Decimal(0)) + after.value
    return changed


def _weight(account: Account, rules: Rules) -> int:
    return rules.policy.weight(account.tier, account.won)


def _explain(
    handoff: Handoff, account: Account, weight: int, at: datetime, choice: Choice
) -> Explanation:
    return Explanation(
        id=handoff.id,
        account_id=account.id,
        at=at,
        reason=choice.why,
        need=account.need,
        weight=weight,
        manager_id=choice.manager.id if choice.manager else None,
        verdicts=choice.verdicts,
    )
