"""The example CRM's CSV files as events: every closed opportunity is one `deal.closed`."""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path

from shared.contracts.deals import AccountRef, DealClosed, Salesperson
from shared.contracts.event import Event
from shared.contracts.values import Money
from shared.errors import Misconfigured

SOURCE = "/crm/maven-analytics"
_OUTCOMES = {"Won": "won", "Lost": "lost"}


def read(folder: Path) -> list[Event]:
    """All closed deals, the oldest first. The time of an event is the close date, at noon UTC."""
    try:
        accounts = {row["account"]: row for row in _rows(folder / "accounts.csv")}
        regions = {
            row["sales_agent"]: row["regional_office"] for row in _rows(folder / "sales_teams.csv")
        }
        rows = [
            row for row in _rows(folder / "sales_pipeline.csv") if row["deal_stage"] in _OUTCOMES
        ]
        events = [_event(row, accounts[row["account"]], regions) for row in rows]
    except FileNotFoundError as error:
        raise Misconfigured(f"{error.filename} is missing: name the folder of the CSVs") from None
    except KeyError as error:
        raise Misconfigured(f"{folder}: no column or account {error} in the CSVs") from None
    return sorted(events, key=lambda event: (event.time, event.id))


def slug(name: str) -> str:
    """Id made of a name: the CSVs have none."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as content:
        yield from csv.DictReader(content)


def _event(row: dict[str, str], account: dict[str, str], regions: dict[str, str]) -> Event:
    closed_at = datetime.combine(
        datetime.fromisoformat(row["close_date"]).date(), time(12), tzinfo=UTC
    )
    event_id = f"{row['opportunity_id']}:{row['deal_stage'].lower()}:{row['close_date']}"
    return Event(
        id=event_id,
        source=SOURCE,
        time=closed_at,
        correlation_id=event_id,
        data=DealClosed(
            deal_id=row["opportunity_id"],
            outcome="won" if row["deal_stage"] == "Won" else "lost",
            closed_at=closed_at,
            title=f"{row['product']} for {row['account']}",
            amount=Money(value=Decimal(row["close_value"] or "0"), currency="USD"),
            products=(row["product"],),
            account=AccountRef(
                id=slug(row["account"]),
                name=row["account"],
                industry=account["sector"],
                country=account["office_location"],
                region=regions[row["sales_agent"]],
                parent_id=slug(account["subsidiary_of"]) or None,
            ),
            salesperson=Salesperson(id=slug(row["sales_agent"]), name=row["sales_agent"]),
        ),
    )
