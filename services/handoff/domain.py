"""How a handoff begins, finds its manager and ends.

Nothing in the rules reads a clock, makes up an id, logs or awaits. What the two sides do with a
handoff is in `lifecycle`, how accounts change hands in `portfolio`, who gets one in `assignment`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from services.handoff import steps
from services.handoff.assignment import Choice, Manager, Pool, Tier
from services.handoff.checklists import CLOSED, Deal
from services.handoff.rules import COUNTED, Rules
from services.handoff.states import (
    Account,
    Deadline,
    Explanation,
    Handoff,
    Status,
    cancel_deadline,
    meet_deadline,
    set_deadline,
)
from shared.contracts.deals import DealAmended, DealClosed, DealReopened, Package
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
) -> Decision:
    """Begin the handoff of a won deal: at most one is live, however often the deal is won.

    A manager that the account has keeps it, and gets an expansion; else one is chosen.
    """
    if deal.outcome != "won" or (handoff and handoff.status != Status.CANCELLED):
        return Decision()
    known = account or Account(id=deal.account.id, name=deal.account.name)
    account = _told(known, deal)
    number = handoff.round + 1 if handoff else 1
    kind = "expansion" if account.manager_id else "new"
    score, missing = completeness(deal, account.tier, rules)
    begun = Handoff(
        id=derived("handoff", deal.account.id, deal.deal_id, str(number)),
        deal_id=deal.deal_id,
        account_id=account.id,
        kind=kind,
        round=number,
        status=Status.UNASSIGNED,
        salesperson_id=deal.salesperson.id,
        closed_at=deal.closed_at,
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
            if (head := pool.head) and not handoff.deadlines:
                due = Deadline(
                    step="assign",
                    title="Find an account manager",
                    owner_id=head,
                    due_at=rules.working.add(at, rules.assign_within),
                )
                handoff = replace(handoff, deadlines=(due,))
                told = (refusal, set_deadline(handoff, account, due, at))
                return Decision(account, handoff, (), explanation, told)
            return Decision(account, handoff, (), explanation, (refusal,))
        manager_id, reason = choice.manager.id, choice.why
        managers = (pool.give(manager_id, weight, at),)
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
    won = _moved(account.won, handoff.amount, changed.amount)
    told: tuple[EventData, ...] = ()
    if changed.closed_at != handoff.closed_at and handoff.status != Status.UNASSIGNED:
        known = {CLOSED: changed.closed_at}
        changed, told = steps.follow(
            changed, account, known, at, working=rules.working, why="was amended"
        )
    return Decision(replace(account, won=won), changed, publish=told)


def reopen_deal(
    deal: DealReopened, at: datetime, *, account: Account | None, handoff: Handoff | None
) -> Decision:
    """Cancel the handoff of a deal that is not won any more, and its open deadlines.

    The customer keeps its manager, who knows it, should the deal be won again.
    """
    if handoff is None or account is None or handoff.status == Status.CANCELLED:
        return Decision()
    reason = deal.reason or "the deal was reopened"
    cancelled = HandoffCancelled(
        handoff_id=handoff.id, account_id=handoff.account_id, reason=reason, at=at
    )
    deadlines = tuple(cancel_deadline(handoff, d, reason, at) for d in handoff.deadlines)
    account = replace(account, won=_moved(account.won, handoff.amount, None))
    ended = replace(handoff, status=Status.CANCELLED, deadlines=())
    return Decision(account, ended, publish=(cancelled, *deadlines))


def completeness(deal: DealClosed, tier: Tier, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """How much of what the account manager should know is told, 0-100, and what is missing."""
    told = {"amount": deal.amount, "products": deal.products}
    return score({**told, **package_told(deal.package)}, tier, rules)


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


def package_told(package: Package | None) -> Mapping[str, object]:
    """The parts of a package that count, and what is told of each."""
    return {
        "package.contacts": package and package.contacts,
        "package.needs": package and package.needs,
        "package.promises": package and package.promises,
        "package.relationship": package and package.relationship,
    }


def score(told: Mapping[str, object], tier: Tier, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """Percentage told of what an account of this tier requires, and the names of the rest."""
    required = rules.required.get(tier, COUNTED)
    missing = tuple(name for name in required if not told[name])
    return round(100 * (1 - len(missing) / len(required))) if required else 100, missing


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


def _told(account: Account, deal: DealClosed) -> Account:
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
        won=_moved(account.won, None, deal.amount),
        salesperson_id=deal.salesperson.id,
        deal_id=deal.deal_id,
    )


def _moved(
    won: Mapping[str, Decimal], before: Money | None, after: Money | None
) -> Mapping[str, Decimal]:
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
