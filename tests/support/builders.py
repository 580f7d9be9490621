"""Events that are valid by default: a test names only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.handoff import checklist_file
from services.handoff.checklists import Checklists
from services.handoff.rules import Rules
from shared.contracts.deals import DealClosed
from shared.contracts.directory import PersonUpserted, Role
from shared.contracts.event import Event, EventData

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def event(data: EventData, **envelope: Any) -> Event:
    fields = {"id": f"{data.type}:{data.subject}", "source": "/test", "time": NOON} | envelope
    return Event(data=data, correlation_id=fields["id"], **fields)


def deal(deal_id: str = "d1", account: Any = "acme", **changes: Any) -> DealClosed:
    return DealClosed.model_validate(
        {
            "deal_id": deal_id,
            "outcome": "won",
            "closed_at": NOON,
            "account": account
            if isinstance(account, dict)
            else {"id": account, "name": f"Account {account}", "region": "Central"},
            "salesperson": {"id": "sam"},
            "amount": {"value": "100.50", "currency": "USD"},
        }
        | changes
    )


def manager(person_id: str = "mia", region: str = "Central", **changes: Any) -> PersonUpserted:
    return PersonUpserted.model_validate(
        {
            "person_id": person_id,
            "name": f"Manager {person_id}",
            "email": f"{person_id}@example.com",
            "roles": (Role.ACCOUNT_MANAGER,),
            "regions": (region,),
        }
        | changes
    )


def soon(**after: float) -> datetime:
    return datetime.now(UTC) + timedelta(**after)


BUILT_IN: Checklists = checklist_file.load(None)


class RoundTheClock:
    """Working time where every hour is one, for tests that are about something else."""

    def add(self, start: datetime, amount: timedelta) -> datetime:
        return start + amount

    def add_days(self, start: datetime, days: int) -> datetime:
        return start + timedelta(days=days)


def rules(**changes: Any) -> Rules:
    return Rules(**{"working": RoundTheClock(), "checklists": BUILT_IN} | changes)
