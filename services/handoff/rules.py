"""What a company sets: times, weights, the checklists, the pace of keeping in touch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from urllib.parse import quote

from services.handoff.assignment import Policy
from services.handoff.candidates import Tier
from services.handoff.checklists import Checklists
from services.handoff.states import Account
from shared.contracts.values import Money


class Working(Protocol):
    """Working time of the company."""

    def add(self, start: datetime, amount: timedelta) -> datetime: ...  # noqa: D102
    def add_days(self, start: datetime, days: int) -> datetime: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How soon what is owed after the handover is due. Days are working days."""

    unhappy_below: int = 40
    happy_from: int = 70
    """Satisfaction, 0-100. Not known is reckoned as happy: nobody has complained."""
    contact: tuple[int, int, int] = (3, 14, 30)
    """Days between contacts with an unhappy customer, one in between, a happy one."""
    answer_within: Mapping[str, timedelta] = field(
        default_factory=lambda: {
            "low": timedelta(hours=16),
            "normal": timedelta(hours=8),
            "high": timedelta(hours=4),
            "critical": timedelta(hours=1),
        }
    )
    resolve_days: Mapping[str, int] = field(
        default_factory=lambda: {"low": 20, "normal": 10, "high": 5, "critical": 2}
    )
    follow_up_days: int = 5

    def contact_days(self, account: Account) -> int:
        """Days until the next contact; half of them for a global account."""
        unhappy, between, happy = self.contact
        score = account.satisfaction
        days = happy if score is None or score >= self.happy_from else between
        if score is not None and score < self.unhappy_below:
            days = unhappy
        return max(1, days // 2) if account.tier == Tier.GLOBAL else days


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRules:
    """What makes an account national or global. Any one threshold is enough."""

    won: Mapping[Tier, Money] = field(default_factory=dict)
    """Won value of the group in that currency."""
    countries: Mapping[Tier, int] = field(default_factory=dict)
    """In how many countries the group has accounts."""
    key: Tier | None = Tier.GLOBAL
    """What a key account is; None: nothing special."""
    keep: Decimal = Decimal("0.8")
    """Part of a threshold that keeps a tier once it is reached."""


COUNTED = (
    "amount",
    "products",
    "package.contacts",
    "package.needs",
    "package.promises",
    "package.relationship",
)
"""Parts of a deal that can count for completeness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a company sets: handed to every decision, so that none depends on anything else."""

    policy: Policy = field(default_factory=Policy)
    tiers: TierRules = field(default_factory=TierRules)
    working: Working
    checklists: Checklists
    accept_within: timedelta = timedelta(hours=8)
    """Working time of the account manager to accept, ask or return."""
    assign_within: timedelta = timedelta(hours=4)
    """Working time of the head to find a manager for what nobody can take."""
    answer_within: timedelta = timedelta(hours=8)
    """Working time of the salesperson to answer, or to mend what was returned."""
    required: Mapping[Tier, tuple[str, ...]] = field(default_factory=dict)
    """What counts for an account of a tier; a tier that is not named asks for all of it."""
    pace: Pace = field(default_factory=Pace)
    url: str = ""
    """Where people open the pages, without a slash at the end; empty: nowhere."""

    def page(self, handoff_id: str) -> str | None:
        """Where a handoff is decided on."""
        return f"{self.url}/pages/handoffs/{quote(handoff_id, safe='')}" if self.url else None
