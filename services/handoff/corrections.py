"""What a CRM says again, or otherwise, of a deal that is won already.

A deal is won for one account at a time. Winning it once more corrects it; losing it, or winning
it for another account, ends the handoff that there is.
"""

from dataclasses import replace
from datetime import datetime

from services.handoff import steps
from services.handoff.domain import Decision, moved_value, told
from services.handoff.package import complete, merged
from services.handoff.rules import Rules
from services.handoff.states import Account, Handoff, Status
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
    now, moved = steps.reclosed(now, account, handoff.closed_at, at, working=rules.working)
    handed: tuple[EventData, ...] = ()
    if now.salesperson_id != deal.salesperson.id:
        now, handed = steps.answered_by(
            now, deal.salesperson.id, "the deal has another salesperson", at
        )
    now, more = complete(now, account, at, rules, products=deal.products)
    won = moved_value(account.won, handoff.amount, now.amount)
    customer = told(account, deal, won=won, last_deal=account.deal_id)
    if (now, customer) == (handoff, account):
        return Decision()
    return Decision(customer, now, publish=(*moved, *handed, *more))
