"""What a page asks for is found through an index, whatever there is beside it."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.reporting.figures.catalogue import FIGURES
from shared import mongo
from shared.contracts.directory import Role
from shared.contracts.event import EventData
from shared.contracts.handoffs import HandoffAssigned
from tests.support.builders import deal, manager
from tests.support.reporting import NOW, Reports, reports

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNTS = 600
TEAM = 12  # account managers, half of them hana's


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reports]:
    async with reports(tmp_path_factory.mktemp("reports")) as found:
        heads = [manager(one, roles=(Role.HEAD,), reports_to="carla") for one in ("hana", "otto")]
        team = [manager(f"m-{n}", reports_to=("hana", "otto")[n % 2]) for n in range(TEAM)]
        await found.say(manager("carla", roles=(Role.COMPANY_MANAGER,)), *heads, *team)
        work: list[EventData] = []
        for n in range(ACCOUNTS):
            whose = {"account_id": f"a-{n}", "manager_id": f"m-{n % TEAM}"}
            work.append(deal(f"d-{n}", {"id": f"a-{n}", "name": f"Account {n:03d}"}))
            work.append(HandoffAssigned(handoff_id=f"h-{n}", reason="r", assigned_at=NOW, **whose))
        await found.say(*work)
        yield found


async def looked(house: Reports, who: str, path: str) -> list[dict[str, Any]]:
    """How MongoDB answered what a page asked of facts and counters."""
    await house.database.command("profile", 2, sampleRate=1.0)
    try:
        async with house.client(who) as browser:
            (await browser.get(path)).raise_for_status()
    finally:
        await house.database.command("profile", 0)
    rows = await mongo.find(house.database["system.profile"], {}, sort=[("ts", 1)])
    await house.database["system.profile"].drop()
    return [row for row in rows if row["ns"].split(".")[-1][:5] in {"facts", "count"}]


def links(page: str, to: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"]*)"', page) if to in one]


@pytest.mark.parametrize("who", ["carla", "hana", "m-3"])
async def test_accounts_come_in_order_from_an_index(house: Reports, who: str) -> None:
    query = "/pages/accounts"
    async with house.client(who) as browser:
        following = links((await browser.get(query)).text, "after=")
    assert following or who == "m-3"
    for path in (query, f"{query}?search=account+1", *following):
        *_, last = await looked(house, who, path)
        assert "hasSortStage" not in last
        assert 0 < last["nreturned"] <= last["docsExamined"] < 2 * 51, path


async def test_pages_of_accounts_follow_each_other_to_the_end(house: Reports) -> None:
    for who, number in (("carla", ACCOUNTS), ("hana", ACCOUNTS // 2), ("m-3", ACCOUNTS // TEAM)):
        seen: list[str] = []
        path = "/pages/accounts"
        async with house.client(who) as browser:
            while path:
                page = (await browser.get(path)).text
                seen += links(page, "account?id=")
                path = "".join(links(page, "after="))
        assert len(seen) == len(set(seen)) == number


async def test_a_managers_overview_reads_the_managers_counters_only(house: Reports) -> None:
    cube = FIGURES["deals"].cubes.index(("manager", "tier"))
    everything = await mongo.find(house.database["counters_a"], {"figure": "deals", "cube": cube})
    assert len(everything) == TEAM
    rows = await looked(house, "m-3", "/pages?period=all")
    assert all("COLLSCAN" not in row["planSummary"] for row in rows)
    counters = [row for row in rows if row["ns"].endswith("counters_a")]
    assert len(counters) == 2, "the currencies to choose from, and all figures together"
    examined = sum(row["docsExamined"] for row in counters)
    assert 0 < examined < TEAM  # of one manager, each of which is a document
