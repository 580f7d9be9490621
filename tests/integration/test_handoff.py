"""The two sides of a handoff over HTTP, and portfolios that move, on real servers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.accounts import DisputeOpened, DisputeResolved
from shared.contracts.directory import Absence, AbsenceSet, PersonRemoved
from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from tahvil.reading import events
from tests.support.builders import deal, event, manager
from tests.support.system import PASSWORD, System

NOW = datetime.now(UTC)


class Office:
    """The running system, and a client of handoff's door."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.http = httpx.AsyncClient(auth=("ops", PASSWORD))

    @property
    def door(self) -> str:
        return next(one.door for one in self.system.processes if one.name == "handoff")

    async def say(self, *datas: EventData, at: datetime = NOW) -> None:
        await self.system.publish(
            [
                event(data, id=f"{data.type}:{data.subject}:{at.isoformat()}", time=at)
                for data in datas
            ]
        )
        await self.system.settled()

    async def get(self, path: str) -> Any:
        return (await self.http.get(self.door + path)).raise_for_status().json()

    async def do(self, handoff: str, what: str, by: str, **more: Any) -> httpx.Response:
        return await self.http.post(
            f"{self.door}/handoffs/{handoff}/{what}", json={"by": by, **more}
        )

    async def until(self, path: str, holds: Callable[[Any], bool], seconds: float = 20) -> Any:
        for _ in range(int(seconds * 5)):
            if holds(found := await self.get(path)):
                return found
            await asyncio.sleep(0.2)
        raise AssertionError(f"{path}: {found}")

    async def said(self, topic: Topic = Topic.HANDOFFS) -> list[str]:
        await self.system.settled()
        return [one.type for one in await events(self.system.kafka, topic)]


@pytest.fixture
async def office(system: System) -> AsyncIterator[Office]:
    system.extra["TAHVIL_CALENDAR"] = "examples/crm/calendar.yaml"
    await system.start("handoff", "reminders", "reporting")
    office = Office(system)
    await office.say(manager("mia"), manager("noah"), manager("hana", roles=("head",)))
    await office.say(deal(account="acme", closed_at=NOW))
    yield office
    await office.http.aclose()


async def test_the_two_sides_of_a_handoff(office: Office) -> None:
    (inbox,) = await office.get("/handoffs?manager=mia&status=assigned")
    handoff = inbox["id"]
    assert (await office.do(handoff, "accept", "noah")).status_code == 409
    asked = await office.do(handoff, "ask", "mia", questions=["Who pays?"])
    assert asked.json()["status"] == "info_requested"
    (mine,) = await office.get("/handoffs?salesperson=sam&status=info_requested")
    assert mine["deadlines"][-1]["owner_id"] == "sam"
    refused = await office.do(handoff, "accept", "mia")
    assert refused.status_code == 409
    assert "waits for the salesperson's answer" in refused.json()["detail"]
    answered = await office.do(
        handoff, "resubmit", "sam", answers=["They do."], package={"needs": ["speed"]}
    )
    assert (answered.json()["status"], answered.json()["attempt"]) == ("assigned", 2)
    assert (await office.do(handoff, "accept", "mia")).json()["status"] == "accepted"
    added = await office.do(handoff, "package", "sam", package={"promises": ["a discount"]})
    assert added.json()["completeness"] == 50
    for step in ("welcome-call", "kick-off", "first-review"):
        done = await office.do(handoff, f"steps/{step}/done", "mia")
        assert done.status_code == 200
    assert done.json()["status"] == "completed"
    assert done.json()["deadlines"] == []
    assert (await office.do(handoff, "steps/kick-off/done", "mia")).status_code == 409
    assert await office.said() == [
        f"handoff.{name}.v1" for name in (
            "created", "assigned", "info_requested", "resubmitted", "accepted",
            "package_added",
            "step_done", "step_done", "step_done", "completed",
        )
    ]  # fmt: skip
    deadlines = office.system.mongo["reminders"]["deadlines"]
    assert await deadlines.count_documents({"status": "met"}) == 5
    (next_contact,) = [one async for one in deadlines.find({"status": "open"})]
    assert next_contact["title"] == "Get in touch with the customer"
    told = office.system.mongo["handoff"]["history"].find().sort("at", 1)
    assert [(one["what"], one["by"], one["said"]) async for one in told] == [
        ("ask", "mia", ["Who pays?"]),
        ("resubmit", "sam", ["They do."]),
        ("accept", "mia", []),
        ("package", "sam", []),
        *[("step", "mia", [])] * 3,
    ]
    record = await office.system.mongo["handoff"]["salespeople"].find_one()
    assert record == {"_id": "sam", "accepted": 1, "returned": 0}


async def test_bad_requests_say_what_is_wrong(office: Office) -> None:
    assert (await office.do("nothing", "accept", "mia")).status_code == 404
    (inbox,) = await office.get("/handoffs")
    wrong = await office.do(inbox["id"], "ask", "mia", questions="?", why="not")
    assert wrong.status_code == 422
    assert {str(fault["loc"][-1]) for fault in wrong.json()["detail"]} == {"questions", "why"}
    async with httpx.AsyncClient(base_url=office.door) as stranger:
        for path in ("/handoffs", "/managers", "/accounts/acme"):
            assert (await stranger.get(path)).status_code == 401


async def test_why_not_somebody_else(office: Office) -> None:
    (inbox,) = await office.get("/handoffs")
    found = await office.get(f"/handoffs/{inbox['id']}/explanation")
    assert (found["manager_id"], found["weight"]) == ("mia", 1)
    assert {one["manager_id"]: one["reason"] for one in found["verdicts"]} == {
        "mia": "chosen",
        "noah": "later_id",
    }
    await office.say(deal("d2", "acme", closed_at=NOW))
    (second,) = [one for one in await office.get("/handoffs") if one["deal_id"] == "d2"]
    found = await office.get(f"/handoffs/{second['id']}/explanation")
    assert "had a manager already" in found["reason"]


async def test_a_leavers_portfolio_moves_with_its_deadlines(office: Office) -> None:
    await office.say(PersonRemoved(person_id="mia", removed_at=NOW))
    moved = await office.until("/accounts/acme", lambda one: one["manager_id"] == "noah")
    owners = {d["owner_id"] for h in moved["handoffs"] for d in h["deadlines"]}
    assert owners == {"noah"}
    loads = {one["id"]: one["load"] for one in await office.get("/managers")}
    assert loads == {"noah": 1}, "who left and manages nothing is not listed"
    assert "account.transferred.v1" in await office.said()
    open_deadlines = office.system.mongo["reminders"]["deadlines"].find({"status": "open"})
    assert {one["owner_id"] async for one in open_deadlines} == {"noah"}


async def test_an_absence_is_covered_and_ends(office: Office) -> None:
    away = Absence(since=NOW - timedelta(hours=1))
    await office.say(AbsenceSet(person_id="mia", absences=(away,)))
    covered = await office.until("/accounts/acme", lambda one: one["manager_id"] == "noah")
    assert covered["home_manager_id"] == "mia"
    await office.say(AbsenceSet(person_id="mia"), at=NOW + timedelta(seconds=1))
    back = await office.until("/accounts/acme", lambda one: one["manager_id"] == "mia")
    assert back["home_manager_id"] is None
    loads = {one["id"]: one["load"] for one in await office.get("/managers")}
    assert loads == {"mia": 1, "noah": 0}


async def test_nobody_fits_and_the_head_is_told(office: Office) -> None:
    far = {"id": "far", "name": "Far", "region": "Moon"}
    await office.say(deal("d9", far, closed_at=NOW))
    (waiting,) = await office.get("/handoffs?status=unassigned")
    assert [(d["step"], d["owner_id"]) for d in waiting["deadlines"]] == [("assign", "hana")]
    await office.say(manager("olga", region="Moon"), at=NOW + timedelta(seconds=1))
    assert await office.get("/handoffs?status=unassigned") == []
    (found,) = await office.get("/handoffs?manager=olga")
    assert found["account_id"] == "far"
    met = await office.system.mongo["reminders"]["deadlines"].find_one(
        {"_id": f"{waiting['id']}:assign"}
    )
    assert met
    assert met["status"] == "met"


async def test_a_dispute_is_owed_by_whoever_manages_the_account(office: Office) -> None:
    opened = DisputeOpened(account_id="acme", dispute_id="x", opened_at=NOW, severity="high")
    await office.say(opened)
    reminders = office.system.mongo["reminders"]["deadlines"]
    about = {"subject_id": "x", "status": "open"}
    assert {one["owner_id"] async for one in reminders.find(about)} == {"mia"}
    await office.say(PersonRemoved(person_id="mia", removed_at=NOW))
    await office.until("/accounts/acme", lambda one: one["manager_id"] == "noah")
    await office.system.settled()
    assert {one["owner_id"] async for one in reminders.find(about)} == {"noah"}
    await office.say(DisputeResolved(account_id="acme", dispute_id="x", resolved_at=NOW))
    assert await reminders.count_documents(about) == 0
    assert await office.system.mongo["handoff"]["obligations"].count_documents({}) == 0


async def test_a_subsidiary_makes_the_whole_group_national(office: Office) -> None:
    office.system.extra["TAHVIL_TIER_COUNTRIES"] = '{"national": 2}'
    (handoff,) = [one for one in office.system.processes if one.name == "handoff"]
    await office.system.kill(handoff)
    await office.system.start("handoff")
    for number, country in enumerate(("IR", "DE")):
        ref = {"id": f"c{number}", "name": "C", "region": "Central", "country": country}
        await office.say(deal(f"g{number}", ref | {"parent_id": "acme"}, closed_at=NOW))
    for name in ("acme", "c0", "c1"):
        await office.until(f"/accounts/{name}", lambda one: one["tier"] == "national")
    assert (await office.said()).count("account.tier_changed.v1") == 3
    loads = {one["id"]: one["load"] for one in await office.get("/managers")}
    assert sum(loads.values()) == 6
