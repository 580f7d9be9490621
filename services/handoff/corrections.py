"""What a CRM says again, or otherwise, of a deal that is won already.

A deal is won for one account at a time. Winning it once more corrects it; losing it, or winning
it for another account, ends the handoff that there is.
"""

from dataclasses import replace
from datetime import datetime

from services.handoff.domain import TO_SALESPERSON, Decision, complete, merged, moved_value, told
from services.handoff.rules import Rules
from services.handoff.states import Account, Handoff, Status, move_deadline
from shared.contracts.deals import DealClosed
from shared.contracts.event import EventData


def contradicted(deal: DealClosed, handoff: Handoff | None, at: datetime) -> str | None:
    """Why the handoff of this deal must end, if it must.

    Events of one account come in order. Those of another may be older than what is known.
    """
    if handoff is None or handoff.status == Status.CANCELLED:
        return None
    elsewhere = deal.account.id != handoff.account_id
    if elsewhere and handoff.told_at and at <= handoff.told_at:
        return None
    if deal.outcome == "lost":
        return deal.lost_reason or "the deal was lost"
    return "the deal is another account's" if elsewhere else None


def tell_again(
    deal: DealClosed, at: datetime, *, account: Account, handoff: Handoff, rules: Rules
) -> Decision:
    """Take over what a deal that is won already says otherwise, such as its salesperson."""
    if deal.outcome != "won" or deal.account.id != handoff.account_id:
        return Decision()
    now = replace(
        handoff,
        closed_at=deal.closed_at,
        amount=deal.amount or handoff.amount,
        package=merged(handoff.package, deal.package),
    )
    now, handed = _by(now, deal.salesperson.id, at)
    now, more = complete(now, account, at, rules, products=deal.products)
    customer = replace(
        told(account, deal), won=moved_value(account.won, handoff.amount, now.amount)
    )
    if account.deal_id == deal.deal_id:
        customer = replace(customer, salesperson_id=deal.salesperson.id)
    if (now, customer) == (handoff, account):
        return Decision()
    return Decision(customer, now, publish=(*handed, *more))


def _by(handoff: Handoff, salesperson: str, at: datetime) -> tuple[Handoff, tuple[EventData, ...]]:
    """Another salesperson answers from now on, also what was asked before."""
    if salesperson == handoff.salesperson_id:
        return handoff, ()
    deadlines = tuple(
        replace(due, owner_id=salesperson) if due.step in TO_SALESPERSON else due
        for due in handoff.deadlines
    )
    now = replace(handoff, salesperson_id=salesperson, deadlines=deadlines)
    return now, tuple(
        move_deadline(now, due, "the deal has another salesperson", at)
        for due in deadlines
        if due.step in TO_SALESPERSON
    )
