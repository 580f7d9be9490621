"""The figures: pure folds from events to changes of counters.

Every figure is a sum over facts, so the order of events of different keys does not matter. What
can be corrected (a deal) is remembered as a fact; a correction takes the old fact out and puts
the new one in. People's names and hierarchy are joined when figures are read, never when folded:
a directory event that comes late changes no figure.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.contracts import deadlines, deals, handoffs, reminders
from shared.contracts.event import Event, EventData

NO_CURRENCY = "-"


class Figure(NamedTuple):
    """What is counted, and its dimensions as pairs of name and value, in a fixed order."""

    name: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        """One document a figure. The separator cannot occur in an id or a name."""
        return "\x1f".join([self.name, *(value for _, value in self.dimensions)])


@dataclass(slots=True)
class Change:
    """What to add to a figure."""

    count: int = 0
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DealFact:
    """A deal as it counts now."""

    id: str
    outcome: str
    """won, lost or open; open deals count nowhere."""
    closed_at: datetime
    salesperson: str
    amount: Decimal
    currency: str


@dataclass(slots=True)
class Fold:
    """Changes of figures and facts that one batch makes."""

    time_zone: ZoneInfo
    deals: dict[str, DealFact] = field(default_factory=dict)
    """Facts as loaded, then as changed."""
    changes: dict[Figure, Change] = field(default_factory=lambda: defaultdict(Change))
    changed_deals: set[str] = field(default_factory=set)
    new_deals: set[str] = field(default_factory=set)
    """Those changed of which no fact was loaded."""

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        self.changes[Figure("events", (("type", data.type),))].count += 1
        match data:
            case deals.DealClosed():
                self._put(
                    DealFact(
                        id=data.deal_id,
                        outcome=data.outcome,
                        closed_at=data.closed_at,
                        salesperson=data.salesperson.id,
                        amount=data.amount.value if data.amount else Decimal(0),
                        currency=data.amount.currency if data.amount else NO_CURRENCY,
                    )
                )
            case deals.DealAmended() if fact := self.deals.get(data.deal_id):
                self._put(_amended(fact, data))
            case deals.DealReopened() if fact := self.deals.get(data.deal_id):
                self._put(replace(fact, outcome="open"))
            case _:
                if figure := counted(data):
                    self.changes[figure].count += 1

    def _put(self, fact: DealFact) -> None:
        before = self.deals.get(fact.id)
        if before is None:
            self.new_deals.add(fact.id)
        for counted_fact, sign in ((before, -1), (fact, 1)):
            if counted_fact and counted_fact.outcome != "open":
                change = self.changes[_deal_figure(counted_fact, self.time_zone)]
                change.count += sign
                change.amount += sign * counted_fact.amount
        self.deals[fact.id] = fact
        self.changed_deals.add(fact.id)


_PERSON: Mapping[type[EventData], str] = {
    handoffs.HandoffAssigned: "manager_id",
    reminders.DeadlineMissed: "owner_id",
    reminders.DeadlineEscalated: "to_id",
    reminders.ReminderSent: "recipient_id",
    reminders.ReminderFailed: "recipient_id",
    reminders.ReminderAcknowledged: "recipient_id",
    deadlines.DeadlineSet: "owner_id",
}
"""Whose figure an event is: the field that names the person."""


def counted(data: EventData) -> Figure | None:
    """The figure in which handoffs, deadlines and reminders are counted: by what and whose."""
    name, _, what = data.type.removesuffix(".v1").partition(".")
    if name not in {"handoff", "deadline", "reminder"}:
        return None
    whose = str(getattr(data, _PERSON[type(data)])) if type(data) in _PERSON else "-"
    return Figure(f"{name}s", (("event", what), ("manager", whose)))


def _deal_figure(fact: DealFact, time_zone: ZoneInfo) -> Figure:
    return Figure(
        "deals",
        (
            ("outcome", fact.outcome),
            ("month", fact.closed_at.astimezone(time_zone).strftime("%Y-%m")),
            ("salesperson", fact.salesperson),
            ("currency", fact.currency),
        ),
    )


def _amended(fact: DealFact, data: deals.DealAmended) -> DealFact:
    if data.amount:
        fact = replace(fact, amount=data.amount.value, currency=data.amount.currency)
    return replace(fact, closed_at=data.closed_at or fact.closed_at)
