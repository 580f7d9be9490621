"""Every route of reporting, asked by everybody: a route without a line here fails."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.reporting.asking import Asked, Wrong, understood
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Figure
from services.reporting.questions import dimensions
from services.reporting.rights import ACCOUNT, PERSONS
from shared.clock import utc_now
from shared.contracts.accounts import (
    BudgetSet,
    BudgetSpent,
    DisputeOpened,
    OpportunityWon,
    SatisfactionRecorded,
    TargetSet,
)
from shared.contracts.directory import PersonRemoved, Role
from shared.contracts.handoffs import HandoffAssigned, HandoffCreated
from shared.contracts.values import Money
from shared.passes import Bearer, Passes
from tests.integration.test_rights import paths
from tests.support.builders import deal, manager
from tests.support.reporting import KEY, NOW, Reports, reports

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEES_ALL = {"ops", "carla", "hana", "mia"}
"""hana leads lena, who leads mia, who manages acme. noah, his head otto, and sue have no part."""
OUTSIDE = {"noah", "otto", "sue"}
OPEN = {
    "GET /live", "GET /ready", "GET /openapi.json", "GET /", "GET /enter",
    "GET /pages/static/{name}", "POST /pages/language", "POST /pages/look",
}  # fmt: skip
FOR_OPS = {"GET /metrics", "GET /ops"}
FOR_ALL = {"GET /figures"}
FIGURE_ROUTES = {"GET /figures/{name}", "GET /figures/{name}.csv", "GET /figures/{name}.xlsx"}
PAGES = {
    "/pages": 200, "/pages/team": 200, "/pages/accounts": 200, "/pages/deadlines": 200,
    "/pages/disputes": 200, "/pages/targets": 200, "/pages/account": 404, "/pages/{rest}": 404,
}  # fmt: skip
"""What those get who do not see acme."""
LIVE = "GET /pages/live"
"""Tells only that there is something new."""
SECRET = "987654.32"
"""An amount of acme's, and no other's."""


def _money(value: str = SECRET) -> Money:
    return Money(value=value, currency="EUR")  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reports]:
    async with reports(tmp_path_factory.mktemp("reports")) as found:
        await found.say(
            manager("mia", reports_to="lena"),
            manager("lena", roles=(), reports_to="hana"),
            manager("hana", roles=(Role.HEAD,)),
            manager("noah", reports_to="otto"),
            manager("otto", roles=(Role.HEAD,)),
            manager("carla", roles=(Role.COMPANY_MANAGER,)),
            manager("sam", roles=(Role.SALESPERSON,)),
            manager("sue", roles=(Role.SALESPERSON,)),
        )
        await found.say(deal(account="acme", closed_at=NOW, amount=_money()))
        await found.say(
            HandoffCreated(handoff_id="h", account_id="acme", account_name="Account acme",
                           deal_id="d1", kind="new", salesperson_id="sam", closed_at=NOW,
                           completeness=63, created_at=NOW),
            HandoffAssigned(handoff_id="h", account_id="acme", manager_id="mia", assigned_at=NOW,
                            reason="it fits"),
            SatisfactionRecorded(account_id="acme", score=80, recorded_at=NOW),
            DisputeOpened(account_id="acme", dispute_id="x", opened_at=NOW, severity="high",
                          title="Late"),
            BudgetSet(account_id="acme", period="2026", amount=_money(), set_at=NOW),
            BudgetSpent(account_id="acme", spending_id="s", spent_at=NOW, amount=_money()),
            TargetSet(manager_id="mia", period="2026", amount=_money(), set_at=NOW),
            OpportunityWon(account_id="acme", opportunity_id="o", won_at=NOW, amount=_money()),
        )  # fmt: skip
        yield found


def questions(figure: Figure) -> list[str]:
    """Every single breakdown, and every pair."""
    names = dimensions(figure)
    pairs = [f"by={one}&by={two}" for one in names for two in names if one < two]
    found = []
    for query in [*(f"by={name}" for name in names), *pairs]:
        with contextlib.suppress(Wrong):
            understood(figure, Asked(by=[part[3:] for part in query.split("&")]))
            found.append(query)
    return found


async def test_every_figure_has_somebody_whose_it_is() -> None:
    for figure in FIGURES.values():
        assert {*PERSONS, ACCOUNT} & {*figure.dimensions}, figure.name


async def test_every_route_has_a_rule(house: Reports) -> None:
    ruled = FOR_OPS | FOR_ALL | FIGURE_ROUTES
    pages = {f"GET {path}" for path in PAGES} | {LIVE}
    found = {path.replace(":path}", "}") for path in paths(house.app)}
    assert found == ruled | OPEN | pages
    for route in sorted(ruled):
        path = route.removeprefix("GET ").format(name="deals")
        async with house.client(None) as client:
            answer = await client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 401, route
            assert answer.headers["www-authenticate"].startswith("Basic"), "browsers ask"
        async with house.client("mia") as client:
            answer = await client.get(path)
            assert answer.status_code == (401 if route in FOR_OPS else 200), (route, answer.text)


@pytest.mark.parametrize("name", FIGURES)
async def test_nobody_reads_another_teams_account_by_any_question(
    house: Reports, name: str
) -> None:
    told = False
    for query in questions(FIGURES[name]):
        for who in sorted(SEES_ALL | OUTSIDE):
            async with house.client(who) as client:
                for file in ("", ".csv"):
                    answer = await client.get(f"/figures/{name}{file}?{query}&limit=50")
                    asked = f"{who} asks {name}{file}?{query}: {answer.status_code} {answer.text}"
                    if who in OUTSIDE:
                        hidden = answer.status_code == 403 or _nothing(answer.text, file)
                        assert hidden, asked
                    elif who in ("ops", "carla"):
                        assert answer.status_code == 200, asked
                    elif not file and answer.status_code == 200 and SECRET in answer.text:
                        told = True
    money = any(measure.name == "amount" for measure in FIGURES[name].measures)
    assert told == (money and name != "transactions"), "who may see it does"


def _nothing(text: str, file: str) -> bool:
    return text.count("\r\n") == 1 if file else '"rows":[]' in text


async def test_every_page_keeps_the_rules(house: Reports) -> None:
    for path, otherwise in PAGES.items():
        query = {"id": "acme"} if path == "/pages/account" else {"period": "all"}
        for who in sorted(SEES_ALL | OUTSIDE):
            for manager_ in (None, "mia"):
                async with house.client(who) as client:
                    client.headers["Accept"] = "text/html"
                    asked_for = query | ({"manager": manager_} if manager_ else {})
                    answer = await client.get(path, params=asked_for)
                asked = f"{who} asks {path} of {manager_}: {answer.status_code}"
                if who in OUTSIDE:
                    code = 404 if manager_ else otherwise
                    assert answer.status_code == code, asked
                    for told in ("Account acme", "987,654", "Manager mia"):
                        assert told not in answer.text, (asked, told)
                elif path != "/pages/{rest}":
                    assert answer.status_code == 200, asked
                    told = "Account acme" if "account" in path else "Manager mia"
                    assert told in answer.text or path == "/pages", asked
                policy = answer.headers["content-security-policy"]
                assert "script-src 'self'" in policy
                assert "unsafe" not in policy
        for accept, code in (("text/html", 303), ("application/json", 401)):
            async with house.client(None) as client:
                answer = await client.get(path, headers={"Accept": accept}, params=query)
            assert answer.status_code == code, path
            if code == 303:
                assert answer.headers["location"].startswith("http://127.0.0.1:8081/reports?next=")
    async with house.client(None) as client:
        assert (await client.get("/pages/live")).status_code == 401


async def test_who_only_sells_sees_what_was_sold_and_how_it_was_handed_over(
    house: Reports,
) -> None:
    async def page(who: str, path: str, **asked: str) -> tuple[int, str]:
        async with house.client(who) as client:
            client.headers["Accept"] = "text/html"
            answer = await client.get(path, params={"period": "all"} | asked)
            return answer.status_code, answer.text

    for who, asked in (("sam", {}), ("sam", {"manager": "sam"}), ("carla", {"manager": "sam"})):
        code, text = await page(who, "/pages", **asked)
        assert code == 200
        for told in ("987,654", "Handoffs made", "<bdi>63</bdi> of 100 complete"):
            assert told in text, (who, told)
        assert "Account acme" not in text
    code, text = await page("sue", "/pages")
    assert (code, "Handoffs made" in text, "987,654" in text) == (200, True, False)
    assert "Nothing was handed over in this time." in text
    for who in ("sue", "mia", "hana", "noah"):
        assert (await page(who, "/pages", manager="sam"))[0] == 404, "sam is none of theirs"
    for path in PAGES.keys() - {"/pages"}:
        code, text = await page("sam", path, **({"id": "acme"} if "account" in path else {}))
        assert code == PAGES[path]
        for told in ("Account acme", "987,654", "Manager mia"):
            assert told not in text, (path, told)
    await house.say(deal("d2", account="acme", closed_at=NOW))
    choice = '<select id="currency"'
    assert [choice in (await page(who, "/pages"))[1] for who in ("sam", "sue")] == [True, False]


async def test_who_manages_too_has_the_managers_overview(house: Reports) -> None:
    await house.say(manager("both", roles=(Role.SALESPERSON, Role.ACCOUNT_MANAGER)))
    async with house.client("both") as client:
        text = (await client.get("/pages", headers={"Accept": "text/html"})).text
    assert "Deadlines overdue" in text
    assert "Handoffs made" not in text


async def test_a_pass_is_turned_into_a_cookie_once_it_is_fresh(house: Reports) -> None:
    now, mia = utc_now(), Bearer("mia", "fa")
    passes = Passes([KEY], "reporting")
    async with house.client(None) as client:
        for bad in (
            passes.write(mia, now - timedelta(minutes=2)),
            Passes(["x" * 32], "reporting").write(mia, now),
            Passes([KEY], "reporting cookie").write(mia, now),
        ):
            assert (await client.get("/enter", params={"pass": bad})).status_code == 410
        for wanted, leads in (("/pages/team", "/pages/team"), ("//evil.example", "/")):
            signed = passes.write(mia, now)
            answer = await client.get("/enter", params={"pass": signed, "next": wanted})
            assert (answer.status_code, answer.headers["location"]) == (303, leads)
        assert "HttpOnly" in answer.headers["set-cookie"]
        page = await client.get("/pages/team", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert 'lang="fa"' in page.text
        unknown = passes.write(Bearer("nobody", "en"), now)
        await client.get("/enter", params={"pass": unknown})
        lost = await client.get("/pages", headers={"Accept": "text/html"})
        assert lost.status_code == 403, "and is not led around for ever"


async def test_what_is_rolled_up_names_nobody_above(house: Reports) -> None:
    async def managers(who: str, query: str = "rolled=true") -> set[str]:
        rows = (await house.get(who, f"/figures/deals?by=manager&{query}"))["rows"]
        return {row["by"]["manager"] for row in rows}

    assert await managers("mia") == {"mia"}
    assert await managers("hana") == {"mia", "lena", "hana"}
    assert await managers("otto") == set()
    assert await managers("noah", "where=manager:mia") == set()
    assert await managers("otto", "where=head:lena") == set()


async def test_who_left_comes_in_no_more(house: Reports) -> None:
    await house.say(manager("eve", roles=(Role.COMPANY_MANAGER,)))
    async with house.client("eve") as client:
        assert (await client.get("/figures/deals")).status_code == 200
        await house.say(
            PersonRemoved(person_id="eve", removed_at=NOW), at=NOW + timedelta(seconds=1)
        )
        assert (await client.get("/figures/deals")).status_code == 403


async def test_forged_old_and_foreign_cookies(house: Reports) -> None:
    now, carla = utc_now(), Bearer("carla", "en")
    wrong = {
        "forged": Passes(["x" * 32], "reporting cookie").write(carla, now),
        "old": Passes([KEY], "reporting cookie").write(carla, now - timedelta(minutes=16)),
        "a pass": Passes([KEY], "reporting").write(carla, now),
        "nonsense": "nonsense",
    }
    for why, cookie in wrong.items():
        async with house.client(None) as client:
            client.cookies["tahvil_reporting"] = cookie
            assert (await client.get("/figures/deals")).status_code == 401, why


async def test_without_a_key_there_is_nobody_but_ops(tmp_path: Path) -> None:
    async with reports(tmp_path, session_key=None) as found:
        async with found.client("carla") as client:
            assert (await client.get("/figures/deals")).status_code == 401
        assert await found.get("ops", "/figures/deals")
