"""A history of everything that figures are made of, in no order, and what follows from it."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from services.reporting.domain import Counter
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Amount
from services.reporting.told import SEPARATOR
from shared.contracts.event import Event
from tests.support.builders import NOON, deal, event, manager
from tests.support.telling import Stored, applied, say

AGAIN = 150  # of all that was told, told again whenever it goes on
CUSTOMERS = 25  # that something happens with at a time

Chance = random.Random


def _money(chance: Chance) -> dict[str, str]:
    value = Decimal(chance.randrange(10**9)) / 10000
    return {"value": f"{value:.4f}", "currency": chance.choice(["EUR", "IRR"])}


def _who(chance: Chance) -> str:
    return f"m-{chance.randrange(7)}"


WHAT: Mapping[str, Callable[[Chance], dict[str, Any]]] = {
    "deal.amended": lambda c: {"deal_id": "d", "amount": _money(c)},
    "deal.reopened": lambda _: {"deal_id": "d"},
    "account.transferred": lambda c: {"to_manager_id": _who(c)},
    "account.tier_changed": lambda c: {"to_tier": c.choice(["national", "global"])},
    "handoff.assigned": lambda c: {"handoff_id": "h", "manager_id": _who(c)},
    "handoff.accepted": lambda c: {"handoff_id": "h", "by": _who(c)},
    "deadline.set": lambda c: {
        "deadline_id": "d", "subject_id": "h", "title": "T", "owner_id": _who(c),
        "due_at": NOON - timedelta(hours=c.randrange(2000)), "step": c.choice(["call", "visit"]),
    },
    "deadline.met": lambda _: {"deadline_id": "d", "subject_id": "h"},
    "dispute.opened": lambda c: {"dispute_id": "d", "severity": c.choice(["low", "critical"])},
    "dispute.resolved": lambda _: {"dispute_id": "d"},
    "satisfaction.recorded": lambda c: {"score": c.randrange(101)},
    "opportunity.identified": lambda c: {"opportunity_id": "o", "amount": _money(c)},
    "opportunity.won": lambda c: {"opportunity_id": "o", "amount": _money(c)},
    "budget.spent": lambda c: {"spending_id": f"s-{c.randrange(5)}", "amount": _money(c)},
    "transaction.recorded": lambda c: {
        "transaction_id": f"t-{c.randrange(5)}", "kind": "invoice", "amount": _money(c),
    },
    "budget.set": lambda c: {"period": c.choice(["2026-H1", "1405"]), "amount": _money(c)},
    "product.introduced": lambda c: {"product": "GTX", "by": _who(c)},
    "reminder.sent": lambda c: {
        "reminder_id": "r", "recipient_id": _who(c), "channel": "email", "kind": "due"
    },
    "contact.made": lambda c: {"by": _who(c), "channel": "phone"},
    "target.set": lambda c: {
        "manager_id": _who(c), "period": c.choice(["2026", "1405-Q2"]), "amount": _money(c)
    },
}  # fmt: skip
"""What is told of a customer; ids of its deals, handoffs and so on are its own, and few."""
PERSONS = {"manager_id", "owner_id", "to_manager_id", "recipient_id"}


class Story:
    """What was told so far. Its times are in no order, nor is what follows from what."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self.events = [event(manager(f"m-{n}")) for n in range(7)]

    def goes_on(self, count: int) -> list[Event]:
        """What comes now, in three ways: in the order of its time, in none, and told again."""
        chance = self._chance
        new = [self._one(len(self.events) + n) for n in range(count)]
        self.events += new
        again = chance.choices(self.events, k=AGAIN)
        half = sorted(new[: count // 2], key=lambda one: one.time)
        return [*half, *chance.sample([*new, *again], k=len(new) + len(again))]

    def _one(self, number: int) -> Event:
        chance = self._chance
        account = f"acme-{number // 20 + chance.randrange(CUSTOMERS)}"
        moment = NOON - timedelta(minutes=chance.randrange(400_000))
        what = chance.choice(["deal.closed", *WHAT])
        if what == "deal.closed":
            data: Any = deal(
                f"{account}-d", account, closed_at=moment, amount=_money(chance),
                outcome=chance.choice(["won", "lost"]), salesperson={"id": _who(chance)},
                products=chance.choice([[], ["GTX"], ["GTX", "MG"]]),
            )  # fmt: skip
        else:
            fields = WHAT[what](chance)
            own = {
                name: f"{account}-{value}"
                for name, value in fields.items()
                if name.endswith("_id") and name not in PERSONS
            }
            data = say(what, moment, **{"account_id": account} | fields | own).data
        return event(data, id=f"e-{number}", time=moment)

    async def reckoned(self) -> Stored:
        """What follows from all that was told, each event once, in the order of time."""
        return await applied([sorted(self.events, key=lambda one: (one.time, one.id))])


def by_document(counters: Mapping[Counter, tuple[Amount, ...]]) -> dict[str, dict[str, Amount]]:
    """Counters as they are stored: those of a month together, with the sums of the month."""
    found: dict[str, dict[str, Amount]] = defaultdict(lambda: defaultdict(int))
    for (figure, cube, day, values), measures in counters.items():
        document = found[SEPARATOR.join([figure, str(cube), day[:7], *values])]
        for measure, value in zip(FIGURES[figure].measures, measures, strict=True):
            for at in (day, day[:7]):
                document[f"{at} {measure.name}"] += value
    sums = {id_: {name: n for name, n in one.items() if n} for id_, one in found.items()}
    return {id_: one for id_, one in sums.items() if one}
