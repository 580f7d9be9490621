"""Every route of handoff, asked by everybody: a route without a line here fails."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.handoff import sessions
from services.handoff.app import build
from services.handoff.config import Settings
from services.handoff.directory import Directory
from services.handoff.links import Links
from services.handoff.listing import FIELDS, Order, managed, owing, own, sort_name
from services.handoff.people import Person
from services.handoff.repository import Repository
from services.handoff.rights import Viewer
from services.handoff.sessions import Seal
from shared import http, mongo
from shared.contracts.accounts import (
    DisputeOpened,
    OpportunityIdentified,
    SatisfactionRecorded,
)
from shared.contracts.deadlines import DeadlineMet, DeadlineMoved
from shared.contracts.directory import Absence, AbsenceSet, PersonRemoved, Role
from shared.contracts.event import EventData
from shared.metrics import Metrics
from shared.mongo import Database, Session
from shared.outbox import Message, Outbox
from shared.relay import Relay
from shared.runtime import Plumbing, ensure_indexes
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import deal, event, manager
from tests.support.system import PASSWORD

NOW = datetime.now(UTC)
SECRET = "s" * 32
SEES_ALL = {"ops", "carla", "hana", "mia"}
"""hana leads mia, who manages acme; sam sold it. noah, his head otto, and sue have no part."""
SEES = SEES_ALL | {"sam"}
OUTSIDE = {"noah", "otto", "sue"}
OWES = {"olga"}
"""A follow-up of acme was handed on to her: she has no handoff, and sees the customer."""
OPEN = {
    "GET /live", "GET /ready", "GET /openapi.json",
    "GET /login", "POST /login", "GET /login/{token}", "POST /login/{token}",
    "GET /", "GET /pages/static/{name}", "POST /pages/language",
}  # fmt: skip
FOR_OPS = {"GET /metrics"}
FOR_FORMS = {"POST /logout", "POST /pages/handoffs/{handoff_id}/{what}"}
"""Refused without the token of a form, whoever asks."""
LISTS = {
    "GET /handoffs": ("acme", SEES),
    "GET /accounts": ("acme", SEES | OWES),
    "GET /managers": ('"mia"', SEES_ALL),
}
"""Answered to everybody; what must be in it for who may see it, and for nobody else."""
OF_ACME = {
    "GET /handoffs/{handoff_id}",
    "GET /handoffs/{handoff_id}/explanation",
    "GET /accounts/{account_id}",
    "POST /handoffs/{handoff_id}/accept",
    "POST /handoffs/{handoff_id}/ask",
    "POST /handoffs/{handoff_id}/return",
    "POST /handoffs/{handoff_id}/resubmit",
    "POST /handoffs/{handoff_id}/package",
    "POST /handoffs/{handoff_id}/steps/{step}/done",
    "POST /handoffs/{handoff_id}/steps/{step}/move",
    "POST /handoffs/{handoff_id}/reassign",
}
PAGES: Mapping[str, tuple[int, set[str]]] = {
    "GET /pages": (200, SEES),
    "GET /pages/portfolio": (200, SEES | OWES),
    "GET /pages/account": (404, SEES | OWES),
    "GET /pages/handoffs/{handoff_id}": (404, SEES | OWES),
    "GET /pages/{rest}": (404, set()),
    "GET /reports": (200, set()),
}
"""What those get who do not see acme, and who sees it there. Pages are not for `ops`."""
BODIES = {
    "ask": {"questions": []},
    "return": {"reasons": []},
    "package": {"package": {}},
    "move": {"due_at": "2026-12-24T12:00:00Z"},
    "reassign": {"to": "nobody", "why": "so it is"},
}
"""Well formed, and refused by the rules: the matrix changes nothing."""


class Nowhere:
    async def publish(self, messages: Sequence[Message]) -> None:
        pass


def settings(uri: str = "none") -> Settings:
    return Settings(
        kafka_bootstrap="none",
        mongo_uri=SecretStr(uri),
        http_password=SecretStr(PASSWORD),
        session_key=SecretStr("k" * 32),
        smtp_host="127.0.0.1",
        proxy_user_header="X-User",
        proxy_secret=SecretStr(SECRET),
    )


class House:
    """handoff's app over a real MongoDB; no Kafka: events are applied by hand."""

    def __init__(self, database: Database) -> None:
        outbox = Outbox(database, 2)
        self.database = database
        self.service = build(
            Plumbing(
                settings=settings(),
                database=database,
                outbox=outbox,
                relay=Relay(outbox, Nowhere()),
                metrics=Metrics(),
            )
        )
        self.app = http.build_http(
            "handoff", password=SecretStr(PASSWORD), metrics=Metrics(), not_ready=list
        )
        assert self.service.router
        self.app.include_router(self.service.router)
        for layer in self.service.middleware:
            self.app.add_middleware(layer)

    async def say(self, *datas: EventData, at: datetime = NOW) -> None:
        events = [event(data, id=f"{data.type}:{data.subject}:{at}", time=at) for data in datas]

        async def apply(session: Session) -> None:
            work = self.service.work()
            await work.load(events, session)
            for one in events:
                work.apply(one)
            await work.save(session)

        await mongo.transaction(self.database, apply)

    async def handed_on(self, deadline_id: str, subject_id: str, to: str) -> None:
        """As Mia does it in an answer to a reminder."""
        await self.say(
            DeadlineMoved(
                deadline_id=deadline_id,
                subject_id=subject_id,
                account_id="acme",
                due_at=NOW,
                owner_id=to,
                from_owner_id="mia",
                moved_at=NOW,
            )
        )

    async def olga_owes(self) -> dict[str, Any]:
        """What is owed to acme and was handed on to olga."""
        await self.say(
            manager("olga", region="North", reports_to="otto"),
            OpportunityIdentified(account_id="acme", opportunity_id="o", identified_at=NOW),
        )
        one = await self.database["obligations"].find_one({"subject_id": "o"})
        assert one
        await self.handed_on(one["_id"], "o", "olga")
        return dict(one)

    def client(self, who: str | None) -> httpx.AsyncClient:
        headers = {"X-User": who or "", "X-Tahvil-Proxy-Secret": SECRET}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://tahvil",
            auth=("ops", PASSWORD) if who == "ops" else None,
            headers={"Sec-Fetch-Site": "same-origin"}
            | (headers if who not in (None, "ops") else {}),
        )

    async def get(self, who: str, path: str) -> Any:
        async with self.client(who) as client:
            return (await client.get(path)).raise_for_status().json()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    server = EmbeddedMongo(tmp_path)
    await server.start()
    database = mongo.connect(settings(server.uri), "handoff")
    house = House(database)
    await ensure_indexes(database, house.service.indexes, timedelta(days=1))
    await house.say(
        manager("mia", reports_to="lena"),
        manager("lena", roles=(), reports_to="hana"),
        manager("hana", roles=(Role.HEAD,)),
        manager("noah", region="East", reports_to="otto"),
        manager("otto", roles=(Role.HEAD,)),
        manager("carla", roles=(Role.COMPANY_MANAGER,)),
        manager("sam", roles=(Role.SALESPERSON,)),
        manager("sue", roles=(Role.SALESPERSON,)),
    )
    await house.say(deal(account="acme", closed_at=NOW, package={"needs": ["speed"]}))
    yield house
    await mongo.close(database)
    await server.stop()


def routes(among: Sequence[Any]) -> Iterator[str]:
    for route in among:
        if nested := getattr(route, "original_router", None):
            yield from routes(nested.routes)
        else:
            for method in sorted((getattr(route, "methods", None) or {"GET"}) - {"HEAD"}):
                yield f"{method} {route.path}"


def paths(app: FastAPI) -> set[str]:
    return set(routes(app.routes))


async def test_every_route_has_a_rule_and_keeps_it(house: House) -> None:
    await house.olga_owes()
    await house.say(manager("olga", region="North"))  # who leads her sees what she sees
    ruled = OPEN | FOR_OPS | FOR_FORMS | set(LISTS) | OF_ACME
    assert {path.replace(":path}", "}") for path in paths(house.app)} == ruled | set(PAGES)
    ((handoff,),) = [await house.get("ops", "/handoffs")]
    before = await house.get("ops", "/accounts/acme")
    for route in sorted(ruled - OPEN):
        method, template = route.split()
        path = template.format(
            handoff_id=handoff["id"], account_id="acme", step="kick-off", token="x", what="accept"
        )
        for who in (*sorted(SEES | OUTSIDE | OWES), None):
            body = BODIES.get(path.rsplit("/", 1)[-1], {})
            if who == "ops":
                body = {**body, "by": "sue"}
            elif path.endswith(("accept", "done", "move")):
                body = {**body, "by": "somebody-else"}
            async with house.client(who) as client:
                answer = await client.request(method, path, json=body if method == "POST" else None)
            asked = f"{who} asks {route}: {answer.status_code} {answer.text}"
            if who is None:
                assert answer.status_code == 401, asked
            elif route in FOR_OPS:
                assert answer.status_code == (200 if who == "ops" else 401), asked
            elif route in FOR_FORMS:
                assert answer.status_code == 403, asked
            elif route in LISTS:
                text, seers = LISTS[route]
                assert answer.status_code == 200, asked
                assert (text in answer.text) == (who in seers), asked
            elif who in OUTSIDE:
                assert answer.status_code == 404, asked
                assert "Account acme" not in answer.text
            elif method == "GET":
                assert answer.status_code == 200, asked
            elif not (who == "ops" and path.endswith("done")):
                assert answer.status_code in (403, 409), asked
    after = await house.get("ops", "/accounts/acme")
    assert [h["status"] for h in after["handoffs"]] == [h["status"] for h in before["handoffs"]]


async def test_every_page_keeps_the_rules(house: House) -> None:
    await house.olga_owes()
    await house.say(manager("olga", region="North"))
    ((handoff,),) = [await house.get("ops", "/handoffs")]
    for route, (otherwise, seers) in PAGES.items():
        path = route.removeprefix("GET ").format(handoff_id=handoff["id"], rest="nothing")
        query = {"id": "acme"} if path == "/pages/account" else {"manager": "mia"}
        for who in (*sorted(SEES | OUTSIDE | OWES), None):
            async with house.client(who) as client:
                client.headers["Accept"] = "text/html"
                answer = await client.get(path, params=query)
            asked = f"{who} asks {route}: {answer.status_code}"
            if who is None:
                assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login")
            elif who == "ops":
                assert answer.status_code == 403, asked
            else:
                seen = who in seers
                assert ("Account acme" in answer.text) == seen, asked
                assert answer.status_code == (200 if seen else otherwise), asked
                won = path == "/pages/portfolio" and "100.50" in answer.text
                assert won == (path == "/pages/portfolio" and who in SEES_ALL), asked
            if who:
                assert "script-src 'none'" in answer.headers["content-security-policy"]


async def test_who_owes_a_customer_something_sees_the_customer_until_it_is_done(
    house: House,
) -> None:
    one = await house.olga_owes()
    for who in ("olga", "otto"):
        seen = await house.get(who, "/accounts/acme")
        assert (seen["whole"], seen["won"]) == (True, {"USD": "100.50"})
        assert [owed["owner_id"] for owed in seen["obligations"]] == ["olga"]
        assert [row["id"] for row in (await house.get(who, "/accounts"))["items"]] == ["acme"]
    met = DeadlineMet(
        deadline_id=one["_id"], subject_id="o", account_id="acme", met_at=NOW, by="olga"
    )
    await house.say(met)
    for who in ("olga", "otto"):
        assert (await house.get(who, "/accounts"))["items"] == []
        async with house.client(who) as client:
            assert (await client.get("/accounts/acme")).status_code == 404


async def test_to_whom_a_step_is_handed_on_does_that_step_and_no_other(house: House) -> None:
    await house.say(manager("fay", roles=()))
    ((handoff,),) = [await house.get("ops", "/handoffs")]
    await house.handed_on(f"{handoff['id']}:kick-off", handoff["id"], "fay")
    assert (await house.get("fay", "/accounts/acme"))["whole"]
    (seen,) = await house.get("fay", "/handoffs")
    assert seen["may"] == ["steps/kick-off/done"]
    async with house.client("fay") as client:
        steps = f"/handoffs/{handoff['id']}/steps"
        assert (await client.post(f"{steps}/welcome-call/done", json={})).status_code == 403
        assert (await client.post(f"{steps}/kick-off/done", json={})).status_code == 200
        assert (await client.get("/accounts/acme")).status_code == 404


async def test_how_much_of_a_customer_is_seen(house: House) -> None:
    await house.say(
        DisputeOpened(account_id="acme", dispute_id="x", opened_at=NOW, severity="high"),
        SatisfactionRecorded(account_id="acme", score=80, recorded_at=NOW),
    )
    second = deal(
        "d2",
        "acme",
        salesperson={"id": "sue"},
        closed_at=NOW + timedelta(hours=1),
        package={"needs": ["speed", "quiet"], "contacts": [{"name": "Ada", "role": "CFO"}]},
    )
    await house.say(second)
    whole = await house.get("mia", "/accounts/acme")
    assert (whole["whole"], whole["satisfaction"], whole["won"]) == (True, 80, {"USD": "201.00"})
    assert whole["package"]["needs"] == ["speed", "quiet"]
    assert [h["deal_id"] for h in whole["handoffs"]] == ["d1", "d2"]
    assert {o["kind"] for o in whole["obligations"]} == {
        "dispute-answer", "dispute-update", "dispute-resolve",
    }  # fmt: skip
    assert {o["owner_name"] for o in whole["obligations"]} == {"Manager mia"}
    part = await house.get("sue", "/accounts/acme")
    assert (part["whole"], part["satisfaction"], part["won"]) == (False, None, {})
    assert part["manager_name"] == "Manager mia"
    assert [h["deal_id"] for h in part["handoffs"]] == ["d2"]
    assert part["obligations"] == []
    assert [c["name"] for c in part["package"]["contacts"]] == ["Ada"]
    verdicts = {}
    (first,) = await house.get("sam", "/handoffs")
    for who in ("hana", "sam"):
        found = await house.get(who, f"/handoffs/{first['id']}/explanation")
        verdicts[who] = {one["manager_id"] for one in found["verdicts"]}
    assert verdicts == {"hana": {"mia", "noah", "lena"} - {"lena"}, "sam": {"mia"}}


async def test_pages_follow_each_other_and_lists_agree_with_single_answers(house: House) -> None:
    for number in range(7):
        region = "East" if number % 2 else "Central"
        ref = {"id": f"c{number}", "name": f"C{number}", "region": region}
        seller = {"id": "sue" if number < 3 else "sam"}
        at = NOW + timedelta(minutes=number)
        await house.say(deal(f"p{number}", ref, salesperson=seller, closed_at=at), at=at)
    for who in sorted(SEES | OUTSIDE):
        for path, step in (("/accounts", 2), ("/handoffs", 3)):
            seen: list[str] = []
            more: str | None = f"{path}?limit={step}"
            async with house.client(who) as client:
                while more:
                    answer = await client.get(more)
                    content = answer.json()
                    items = content if path == "/handoffs" else content["items"]
                    assert len(items) <= step
                    seen += [item["id"] for item in items]
                    if path == "/handoffs":
                        more = answer.links.get("next", {}).get("url")
                    else:
                        more = content["next"] and f"{path}?limit={step}&after={content['next']}"
                assert len(seen) == len(set(seen))
                for row in await house.database[path[1:]].find().to_list(None):
                    single = await client.get(f"{path}/{row['_id']}")
                    assert single.status_code == (200 if row["_id"] in seen else 404), (who, path)
    assert len(await house.get("ops", "/handoffs?limit=500")) == 8
    async with house.client("ops") as client:
        assert (await client.get("/accounts?limit=201")).status_code == 422


async def test_the_inbox_page_leads_on_and_leaves_nothing_out(house: House) -> None:
    await house.say(
        *(
            deal(f"q{n}", {"id": f"q{n}", "name": f"Customer-{n}-", "region": "Central"})
            for n in range(420)
        )
    )
    seen: list[str] = []
    more: str | None = "/pages"
    async with house.client("mia") as client:
        client.headers["Accept"] = "text/html"
        for _ in range(5):
            page = (await client.get(more)).text
            seen += re.findall(r"<bdi>(Customer-\d+-)</bdi></a></h3>", page)
            found = re.search(r'rel="next" href="([^"]+)"', page)
            if found is None:
                break
            more = html.unescape(found[1])
    assert sorted(seen) == sorted(f"Customer-{n}-" for n in range(420))


async def test_a_head_gives_an_account_to_somebody_of_ones_choice(house: House) -> None:
    await house.say(manager("olga", reports_to="hana"))
    (handoff,) = await house.get("ops", "/handoffs")
    path = f"/handoffs/{handoff['id']}/reassign"
    async with house.client("hana") as hana, house.client("mia") as mia:
        assert "reassign" in (await hana.get(f"/handoffs/{handoff['id']}")).json()["may"]
        for body, reason in (
            ({"to": "noah", "why": "x"}, "noah cannot take the account: has another territory"),
            ({"to": "mia", "why": "x"}, "mia manages the account already"),
        ):
            refused = await hana.post(path, json=body)
            assert refused.status_code == 409
            assert reason in refused.json()["detail"]
        assert (await mia.post(path, json={"to": "olga", "why": "x"})).status_code == 409
        assert (await hana.post(path, json={"to": "olga", "why": " "})).status_code == 422
        given = await hana.post(path, json={"to": "olga", "why": "knows  the customer"})
        assert given.status_code == 200, given.text
    transfer = given.json()
    assert (transfer["manager_id"], transfer["kind"]) == ("olga", "transfer")
    account = await house.get("hana", "/accounts/acme")
    assert account["manager_id"] == "olga"
    why = await house.get("hana", f"/handoffs/{transfer['id']}/explanation")
    assert why["reason"] == "reassigned by hana: knows the customer"
    load = {one["id"]: one["load"] for one in await house.get("ops", "/managers")}
    assert (load["mia"], load["olga"]) == (0, 1)
    (did,) = await house.database["history"].find().to_list(None)
    assert (did["what"], did["by"], did["said"]) == ("reassign", "hana", ["knows the customer"])


async def test_an_absence_shows_with_the_load(house: House) -> None:
    away = Absence(since=NOW - timedelta(hours=1))
    await house.say(AbsenceSet(person_id="mia", absences=(away,)))
    (mia,) = await house.get("hana", "/managers")
    assert (mia["name"], mia["absent"], mia["load"]) == ("Manager mia", True, 1)


async def test_who_covers_and_who_is_covered_see_the_account(house: House) -> None:
    account = await Repository(house.database).account("acme")
    assert account
    covered = replace(account, manager_id="noah", home_manager_id="mia")
    change: Mapping[str, Any] = {
        "manager_id": covered.manager_id, "home_manager_id": covered.home_manager_id
    }  # fmt: skip
    await house.database["accounts"].update_one({"_id": "acme"}, {"$set": dict(change)})
    for who in ("mia", "noah", "hana", "otto"):
        assert (await house.get(who, "/accounts/acme"))["whole"], who


async def test_nothing_personal_is_kept_and_long_bodies_are_refused(house: House) -> None:
    async with house.client("mia") as client:
        answer = await client.get("/accounts/acme")
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        path = "/handoffs/x/package"
        assert (await client.post(path, content=b"x" * (1 << 21))).status_code == 413

        async def slowly() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b"x" * (1 << 16)

        assert (await client.post(path, content=slowly())).status_code == 413
        wrong = await client.post(path, json={"package": {"needs": "a secret"}})
        assert wrong.status_code == 422
        assert wrong.json()["detail"][0]["loc"] == ["body", "package", "needs"]
        assert "a secret" not in wrong.text


async def test_lists_use_indexes(house: House) -> None:
    viewer = Viewer(Person(id="mia", name="Mia", roles=frozenset({Role.HEAD})), frozenset({"noah"}))
    for collection, query in (
        ("handoffs", own(viewer)), ("accounts", managed(viewer)), ("obligations", [owing(viewer)]),
    ):  # fmt: skip
        cursor = house.database[collection].find({"$or": query})
        plan = str((await cursor.explain())["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan, plan


NAMES = ("پارس", "بهار", "acme", "Zeta", "کاوه", "گیتی", "مهر", "Ärger")
MANY = 1200


async def many_accounts(house: House) -> list[dict[str, Any]]:
    """Accounts of mia, of noah covering for her, and of noah; many with the same keys."""
    shape = await house.database["accounts"].find_one({"_id": "acme"})
    assert shape
    rows = []
    for n in range(MANY):
        whose, home = (("mia", None), ("noah", "mia"), ("noah", None))[n % 3]
        name = f"{NAMES[n % len(NAMES)]} {n % 97}"
        rows.append(
            shape
            | {
                "_id": f"a{n:04}", "name": name, "sort_name": sort_name(name),
                "manager_id": whose, "home_manager_id": home, "weight": n % 7,
                "tier": ("regional", "regional", "global")[n % 11 % 3],
                "satisfaction": None if n % 5 == 0 else n % 90,
                "contacted_at": None if n % 4 == 0 else NOW - timedelta(days=n % 50),
                "city": "Shiraz" if n == 700 else None,
            }
        )  # fmt: skip
    await house.database["accounts"].insert_many(rows)
    return [*rows, shape]


async def walked(house: House, who: str, path: str) -> list[str]:
    """Ids of the accounts on all pages from this one on, in their order."""
    found: list[str] = []
    async with house.client(who) as client:
        while path:
            page = (await client.get(path)).raise_for_status().text
            rows = re.findall(r'<th scope="row">.*?id=([^"]+)"', page, re.DOTALL)
            assert len(rows) <= 50
            found += map(unquote, rows)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = html.unescape(following[1]) if following else ""
    return found


def order_of(row: Mapping[str, Any], field: str) -> Any:
    value = row[field]
    return (value is not None, value or 0) if field != "sort_name" else value


@pytest.mark.parametrize("order", FIELDS)
async def test_the_pages_of_a_portfolio_are_all_of_it_in_order(house: House, order: Order) -> None:
    rows = await many_accounts(house)
    stored = {row["_id"]: row for row in await house.database["accounts"].find().to_list(None)}
    hers = [one["_id"] for one in rows if "mia" in (one["manager_id"], one["home_manager_id"])]
    assert len(hers) > MANY / 2
    for down in ("", "yes"):
        right = sorted(
            hers, key=lambda one: (order_of(stored[one], FIELDS[order]), one), reverse=bool(down)
        )
        path = f"/pages/portfolio?manager=mia&order={order}&down={down}"
        assert await walked(house, "hana", path) == right
        rare = [one for one in right if stored[one]["tier"] == "global"]
        assert await walked(house, "hana", f"{path}&tier=global") == rare
    assert await walked(house, "hana", f"{path}&search=SHIRaz") == ["a0700"]
    assert await walked(house, "hana", f"{path}&search=%00.*") == []


async def test_a_page_of_a_portfolio_costs_the_same_among_many(house: House) -> None:
    """Every order, direction and page: through an index, and no document more than is shown."""
    await many_accounts(house)
    await house.database.command({"profile": 2})
    for order, down, tier in product(FIELDS, ("", "yes"), ("", "global")):
        await walked(
            house, "hana", f"/pages/portfolio?manager=mia&order={order}&down={down}&tier={tier}"
        )
    await walked(house, "carla", "/pages/portfolio?manager=nobody")
    await house.database.command({"profile": 0})
    asked = {"ns": f"{house.database.name}.accounts", "op": "query"}
    said = await house.database["system.profile"].find(asked).to_list(None)
    assert len(said) > 100  # MongoDB keeps the newest
    for one in said:
        assert one["planSummary"].startswith("IXSCAN { "), one
        assert "manager_id: 1" in one["planSummary"], one
        assert "hasSortStage" not in one, one
        assert one["docsExamined"] == one["nreturned"] <= 51, one


async def test_a_salesperson_s_pages_leave_none_out_of_many(house: House) -> None:
    account = await house.database["accounts"].find_one({"_id": "acme"})
    handoff = await house.database["handoffs"].find_one({"account_id": "acme"})
    assert account
    assert handoff
    ids = [f"b{n:04}" for n in range(5100)]
    names = [f"Customer {n:04}" for n in reversed(range(5100))]  # the last id is the first name
    await house.database["accounts"].insert_many(
        account | {"_id": id_, "name": name, "sort_name": sort_name(name)}
        for id_, name in zip(ids, names, strict=True)
    )
    await house.database["handoffs"].insert_many(
        handoff | {"_id": f"h-{id_}", "deal_id": id_, "account_id": id_, "salesperson_id": "sue"}
        for id_ in ids
    )
    assert (await walked(house, "sue", "/pages/portfolio?search=customer+00"))[:2] == [
        "b5099", "b5098",
    ]  # fmt: skip
    assert await walked(house, "sue", "/pages/portfolio?search=customer+002") == [
        f"b{n:04}" for n in range(5079, 5069, -1)
    ]


async def test_a_salesperson_cannot_sort_by_what_is_hidden(house: House) -> None:
    async with house.client("sam") as client:
        page = (await client.get("/pages/portfolio?order=satisfaction")).text
        assert "acme" in page
        assert 'id="order"' not in page
        assert "aria-sort" not in page
        for after in ("[", "null", '["x"]', "[1,2]", '["acme","acme"]', "[" * 1500):
            path = f"/pages/portfolio?order=weight&after={quote(after)}"
            assert (await client.get(path)).status_code == 200, after


KEY = Seal(["k" * 32], timedelta(hours=12), timedelta(days=7))


def cookie(person: str, age: timedelta = timedelta(0)) -> dict[str, str]:
    at = datetime.now(UTC) - age
    return {
        "tahvil": KEY.close(sessions.Session(id=f"s-{person}", person_id=person, begun=at, used=at))
    }


async def test_signing_out_ends_the_session_in_every_browser(house: House) -> None:
    async with house.client(None) as browser, house.client(None) as copy:
        browser.cookies.update(cookie("mia"))
        copy.cookies.update(browser.cookies)
        assert (await copy.get("/accounts/acme")).status_code == 200
        token = KEY.form_token("session:s-mia")
        foreign = await browser.post(
            "/logout", data={"form_token": token}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert foreign.status_code == 403
        other = await browser.post("/logout", data={"form_token": KEY.form_token("session:s-2")})
        assert other.status_code == 403
        out = await browser.post("/logout", data={"form_token": token})
        assert out.status_code == 200
        assert 'tahvil=""' in out.headers["set-cookie"]
        assert (await copy.get("/accounts/acme")).status_code == 401


async def test_a_session_in_use_goes_on(house: House) -> None:
    async with house.client(None) as browser:
        browser.cookies.update(cookie("mia", timedelta(minutes=1)))
        assert "set-cookie" not in (await browser.get("/managers")).headers
        browser.cookies.update(cookie("mia", timedelta(hours=1)))
        written = (await browser.get("/managers")).headers["set-cookie"]
        assert "HttpOnly" in written
        assert 6.9 * 86400 < int(written.split("Max-Age=")[1].split(";")[0]) < 7 * 86400
        browser.cookies.clear()
        browser.cookies.update(cookie("mia", timedelta(hours=13)))
        assert (await browser.get("/managers")).status_code == 401


BROWSERS = (
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind-a-proxy"}, True),
    ({"Origin": "http://127.0.0.1:8081"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8081"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "http://127.0.0.1:8081.evil.example"}, False),
    ({}, False),
)


async def test_no_other_site_changes_anything(house: House) -> None:
    (handoff,) = await house.get("ops", "/handoffs")
    path = f"/handoffs/{handoff['id']}/ask"
    there: Mapping[str, Any] = {
        "transport": httpx.ASGITransport(house.app), "base_url": "http://tahvil"
    }  # fmt: skip
    async with (
        httpx.AsyncClient(**there, cookies=cookie("mia")) as person,
        httpx.AsyncClient(**there, auth=("ops", PASSWORD)) as machine,
    ):
        for headers, allowed in BROWSERS:
            answer = await person.post(path, json={"questions": []}, headers=headers)
            assert answer.status_code == (409 if allowed else 403), headers
            # A browser that once asked for the password sends it along for other sites, too.
            body = {"by": "mia", "questions": []}
            answer = await machine.post(path, json=body, headers=headers)
            assert answer.status_code == (409 if allowed or not headers else 403), headers


async def test_who_is_removed_is_out_whatever_the_clocks_say(house: House) -> None:
    async with house.client(None) as browser:
        browser.cookies.update(cookie("mia", timedelta(seconds=-30)))  # of a replica that is ahead
        assert (await browser.get("/managers")).status_code == 200
        await house.say(PersonRemoved(person_id="mia", removed_at=NOW))
        assert (await browser.get("/managers")).status_code == 401
    async with house.client("mia") as proxied:
        assert (await proxied.get("/managers")).status_code == 403
    gone = await house.database["people"].find_one({"_id": "mia"})
    assert gone
    assert not {"email", "address", "roles"} & set(gone)


async def test_of_many_that_use_a_link_at_once_one_gets_in(house: House) -> None:
    people = Directory(house.database)
    links = Links(database=house.database, directory=people, settings=settings())
    mia = await people.person("mia")
    assert mia
    for _ in range(5):
        first, second = [await links._make(mia, "/") for _ in range(2)]
        used = await asyncio.gather(*(links.use(first) for _ in range(8)))
        assert len([one for one in used if one]) == 1
        assert await links.use(second) is None, "the person's other links go with it"
    late = await links._make(mia, "/")
    await house.database["login_links"].update_many({}, {"$set": {"expires_at": NOW}})
    assert await links.use(late) is None
    (stored,) = await house.database["login_links"].find().to_list(None)
    assert late not in str(stored)


async def test_somebody_elses_step_is_seen_and_not_done(house: House) -> None:
    (handoff,) = await house.get("sam", "/handoffs")
    path = f"/handoffs/{handoff['id']}/steps/kick-off/done"
    async with house.client("sam") as sam, house.client("hana") as hana:
        refused = await sam.post(path, json={})
        assert refused.status_code == 403
        assert "somebody else's to do" in refused.json()["detail"]
        assert (await hana.post(path, json={})).json()["done"] == ["kick-off"]
