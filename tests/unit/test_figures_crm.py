"""Every figure that pandas can compute from the example CRM's files, to the cent."""

import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from services.reporting.figures.catalogue import FIGURES
from services.reporting.periods import months
from services.reporting.questions import Question, cube_for
from shared.contracts.event import Event
from tahvil import crm
from tests.support.telling import Stored, applied

EXAMPLE = Path("examples/crm")
Table = dict[tuple[str, ...], tuple[int, Decimal]]
BROKEN_DOWN = [
    (),
    ("day",),
    ("month",),
    ("jalali_month",),
    ("salesperson",),
    ("salesperson", "month"),
    ("product",),
    ("industry", "product"),
    ("country", "region"),
    ("country", "jalali_month"),
]


@pytest.fixture(scope="module")
def closed() -> Any:
    pipeline = pd.read_csv(EXAMPLE / "sales_pipeline.csv", dtype=str)
    teams = pd.read_csv(EXAMPLE / "sales_teams.csv", dtype=str)
    accounts = pd.read_csv(EXAMPLE / "accounts.csv", dtype=str)
    closed = pipeline[pipeline.deal_stage.isin(["Won", "Lost"])]
    closed = closed.merge(teams, on="sales_agent").merge(accounts, on="account")
    closed["outcome"] = closed.deal_stage.str.lower()
    closed["amount"] = closed.close_value.fillna("0").map(Decimal)
    closed["day"] = closed.close_date
    closed["month"] = closed.close_date.str[:7]
    closed["jalali_month"] = closed.close_date.map(lambda day: months(day)[1])
    closed["salesperson"] = closed.sales_agent.map(crm.slug)
    closed["industry"] = closed.sector
    closed["country"] = closed.office_location
    closed["region"] = closed.regional_office
    return closed


def by_pandas(closed: Any, by: tuple[str, ...]) -> Table:
    grouped = closed.groupby(["outcome", *by])["amount"].agg(["count", "sum"])
    return {
        key if isinstance(key, tuple) else (key,): (int(row["count"]), row["sum"])
        for key, row in grouped.iterrows()
    }


def by_counters(stored: Stored, by: tuple[str, ...]) -> Table:
    deals = FIGURES["deals"]
    cube = cube_for(deals, Question(by=by))
    names = (*deals.always, *deals.cubes[cube])
    found: Table = {}
    for (figure, number, day, values_), (count, amount) in stored.counters.items():
        if figure == "deals" and number == cube:
            month, jalali_month = months(day)
            values = dict(zip(names, values_, strict=True)) | {
                "day": day, "month": month, "jalali_month": jalali_month
            }  # fmt: skip
            key = tuple(values[name] for name in ("outcome", *by))
            before = found.get(key, (0, Decimal(0)))
            found[key] = (before[0] + int(count), before[1] + amount)
    return found


def shuffled(events: list[Event]) -> list[Event]:
    chance = random.Random(7)
    return chance.sample(events, k=len(events))


def with_repetitions(events: list[Event]) -> list[Event]:
    return shuffled([*events, *shuffled(events)[: len(events) // 3]])


@pytest.mark.parametrize("order", [list, shuffled, with_repetitions])
async def test_figures_equal_pandas(
    closed: Any, order: Callable[[list[Event]], list[Event]]
) -> None:
    events = order(crm.read(EXAMPLE))
    stored = await applied([events[n : n + 1000] for n in range(0, len(events), 1000)])
    for by in BROKEN_DOWN:
        expected = by_pandas(closed, by)
        assert len(expected) > 1
        assert by_counters(stored, by) == expected, by
