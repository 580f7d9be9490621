"""The whole example CRM through the system, against what pandas computes from its files."""

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from shared.contracts.event import Event
from tahvil import crm, team
from tests.support.builders import NOON
from tests.support.system import System

EXAMPLE = Path("examples/crm")
Table = dict[tuple[str, ...], tuple[int, Decimal]]


@pytest.fixture(scope="module")
def closed() -> Any:
    pipeline = pd.read_csv(EXAMPLE / "sales_pipeline.csv", dtype=str)
    teams = pd.read_csv(EXAMPLE / "sales_teams.csv", dtype=str)
    closed = pipeline[pipeline.deal_stage.isin(["Won", "Lost"])].merge(teams, on="sales_agent")
    closed["outcome"] = closed.deal_stage.str.lower()
    closed["month"] = closed.close_date.str[:7]
    closed["amount"] = closed.close_value.fillna("0").map(Decimal)
    closed["manager_id"] = closed.manager.map(crm.slug)
    return closed


def by_pandas(closed: Any, *columns: str) -> Table:
    grouped = closed.groupby(["outcome", *columns])["amount"].agg(["count", "sum"])
    return {
        key if isinstance(key, tuple) else (key,): (int(row["count"]), row["sum"])
        for key, row in grouped.iterrows()
    }


async def figures_of(system: System) -> list[Table]:
    return [
        await system.figure_table("deals?by=outcome"),
        await system.figure_table("deals?by=outcome&by=month"),
        await system.figure_table("deals?by=outcome&by=sales_manager"),
    ]


def shuffled_across_accounts(events: Sequence[Event], seed: int) -> list[Event]:
    """Another order, in which the events of each account stay in theirs."""
    keys = [event.data.key for event in events]
    random.Random(seed).shuffle(keys)
    queues: dict[str, list[Event]] = {}
    for event in reversed(events):
        queues.setdefault(event.data.key, []).append(event)
    return [queues[key].pop() for key in keys]


async def holds(system: System, closed: Any) -> list[Table]:
    """Everything that must hold after the data went through, however it did."""
    found = await figures_of(system)
    assert found == [
        by_pandas(closed),
        by_pandas(closed, "month"),
        by_pandas(closed, "manager_id"),
    ]
    assert await system.mongo["handoff"]["handoffs"].count_documents({}) == 4238
    handoffs = await system.figure_table("handoffs?by=event")
    assert handoffs[("created",)][0] == handoffs[("assigned",)][0] == 4238
    managers: dict[str, set[str]] = {}
    async for handoff in system.mongo["handoff"]["handoffs"].find():
        managers.setdefault(handoff["account_id"], set()).add(handoff["manager_id"])
    assert len(managers) == 85
    assert all(len(of_account) == 1 for of_account in managers.values()), managers
    loads = {m["_id"]: m["load"] async for m in system.mongo["handoff"]["managers"].find()}
    assert sum(loads.values()) == 85
    deadlines = await system.figure_table("deadlines?by=event")
    # what nobody could take at first was a deadline of the head, met when somebody could
    met = deadlines.get(("met",), (0, 0))[0]
    assert deadlines[("set",)] == (4 * 4238 + met, 0)
    # the steps are as old as the deals; accepting counts from when a manager was found
    assert 3 * 4238 <= deadlines[("missed",)][0] <= 4 * 4238 + met
    for service in ("handoff", "reminders", "reporting"):
        totals = await system.accounts_add_up(service)
        assert totals["dead_lettered"] == 0
    return found


@pytest.mark.timeout(240)
async def test_figures_equal_pandas_in_order_twice_and_shuffled(
    system: System, closed: Any, tmp_path: Path
) -> None:
    assert len(closed) == 4238 + 2473
    await system.start()
    await system.publish(team.read(EXAMPLE / "team.yaml", NOON))
    await system.publish(crm.read(EXAMPLE))
    await system.settled()
    once = await holds(system, closed)

    await system.publish(crm.read(EXAMPLE))
    await system.settled()
    assert await holds(system, closed) == once
    totals = await system.accounts_add_up("reporting")
    assert totals["duplicate"] == 4238 + 2473


@pytest.mark.timeout(240)
async def test_another_order_across_accounts_gives_the_same_figures(
    system: System, closed: Any
) -> None:
    await system.start()
    events = shuffled_across_accounts(crm.read(EXAMPLE), seed=7)
    await system.publish(events[:3000])
    await system.publish(team.read(EXAMPLE / "team.yaml", NOON))  # people come in between
    await system.publish(events[3000:])
    await system.settled()
    await holds(system, closed)
