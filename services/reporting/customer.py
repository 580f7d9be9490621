"""One customer, whole: what its facts say together. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from services.reporting.facts import Fact, micros, moment
from services.reporting.figures.declaration import money
from services.reporting.health import Health, Signs, health
from services.reporting.standing import Standing

_OWES: Mapping[str, int] = {"invoice": 1, "refund": 1, "payment": -1, "credit": -1}
"""What a transaction does to what the customer owes."""
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """An open one."""

    id: str
    severity: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer as it is now. Money by currency."""

    id: str
    standing: Standing
    won: Mapping[str, Decimal] = field(default_factory=dict)
    deals: Mapping[str, int] = field(default_factory=dict)
    """Won, lost and open again."""
    products: tuple[str, ...] = ()
    """Of won deals."""
    introduced: tuple[str, ...] = ()
    pipeline: Mapping[str, Decimal] = field(default_factory=dict)
    """Amounts of open opportunities."""
    opportunities: Mapping[str, int] = field(default_factory=dict)
    disputes: tuple[Dispute, ...] = ()
    satisfaction: tuple[tuple[datetime, int], ...] = ()
    """All that was said, by time."""
    last_contact: datetime | None = None
    overdue: int = 0
    due: int = 0
    """Open deadlines that are not past."""
    owes: Mapping[str, Decimal] = field(default_factory=dict)
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    health: Health


def customer(account: str, facts: Iterable[Fact], standing: Standing, now: datetime) -> Customer:
    """All that facts about an account say of it."""
    kinds: dict[str, list[Fact]] = {}
    for fact in facts:
        kinds.setdefault(fact.key.kind, []).append(fact)
    deals, opportunities = kinds.get("deal", []), kinds.get("opportunity", [])
    won = [deal for deal in deals if deal.get("outcome") == "won"]
    waiting = [d for d in kinds.get("deadline", []) if d.get("state") == "open"]
    overdue = sum(1 for d in waiting if (d.get("due_at") or 0) < micros(now))
    said = sorted((f.get("at"), f.get("score")) for f in kinds.get("satisfaction", []))
    contacts = [contact.get("at") for contact in kinds.get("contact", [])]
    disputes = _open(kinds.get("dispute", []))
    return Customer(
        id=account,
        standing=standing,
        won=_sums((deal.get("amount"), 1) for deal in won),
        deals=Counter(deal.get("outcome") for deal in deals if deal.get("outcome")),
        products=tuple(sorted({name for deal in won for name in deal.get("products") or ()})),
        introduced=tuple(sorted({f.get("product") for f in kinds.get("introduction", [])})),
        pipeline=_sums((o.get("amount"), 1) for o in opportunities if o.get("state") == "open"),
        opportunities=Counter(o.get("state") for o in opportunities if o.get("state")),
        disputes=disputes,
        satisfaction=tuple((moment(at), score) for at, score in said),
        last_contact=moment(max(contacts)) if contacts else None,
        overdue=overdue,
        due=len(waiting) - overdue,
        owes=_sums((t.get("amount"), _OWES[t.get("kind")]) for t in kinds.get("transaction", [])),
        spent=_sums((s.get("amount"), 1) for s in kinds.get("spending", [])),
        health=health(
            Signs(
                satisfaction=said[-1][1] if said else None,
                satisfaction_before=said[-2][1] if len(said) > 1 else None,
                disputes=Counter(dispute.severity for dispute in disputes),
                overdue=overdue,
                silent_days=_silent(contacts, standing, now),
            )
        ),
    )


def _open(disputes: Iterable[Fact]) -> tuple[Dispute, ...]:
    found = [
        Dispute(
            id=dispute.key.id,
            severity=dispute.get("severity") or "normal",
            opened_at=moment(dispute.get("opened_at")),
        )
        for dispute in disputes
        if dispute.get("state") == "open"
    ]
    return tuple(sorted(found, key=lambda dispute: (dispute.opened_at, dispute.id)))


def _silent(contacts: Iterable[int], standing: Standing, now: datetime) -> int | None:
    moments = [*contacts, *(at for at, _ in standing.managers[-1:])]
    return max(0, micros(now) - max(moments)) // _DAY if moments else None


def _sums(amounts: Iterable[tuple[str | None, int]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    with localcontext(prec=60):
        for text, sign in amounts:
            value, currency = money(text)
            if text:
                sums[currency] = sums.get(currency, Decimal(0)) + sign * value
    return sums
