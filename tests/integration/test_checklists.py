"""Checklists on real servers: chosen by the deal, moved by their anchors, kept in their version."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.deadlines import DeadlineMoved
from shared.contracts.deals import DealAmended
from shared.contracts.handoffs import HandoffCreated
from shared.contracts.topics import Topic
from tahvil.reading import events
from tests.integration.test_handoff import Office
from tests.integration.test_start import GOOD, one_line, run
from tests.support.builders import deal, manager
from tests.support.system import PASSWORD, System

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
FIRST = """
templates:
  - name: big
    version: 1
    when: {amount: {at_least: 1000 USD}}
    steps:
      - {id: contract, title: Contract, owner: salesperson, due: {days: 1, after: closed}}
      - {id: plan, title: Plan, due: {days: 2, before: kick-off.due}, needs: [contract]}
      - id: kick-off
        title: {en: Kick-off, fa: آغاز}
        owner: head
        due: {days: 10, after: closed}
        needs: [plan]
      - {id: review, title: Review, due: {days: 20, after: kick-off.done}}
  - name: small
    version: 1
    steps:
      - {id: call, title: Call, due: {hours: 8, after: accepted}}
"""
SECOND = FIRST.replace("version: 1", "version: 2").replace("days: 20", "days: 99")


@pytest.fixture(name="office")
async def _office(system: System, tmp_path: Path) -> AsyncIterator[Office]:
    (tmp_path / "checklists.yaml").write_text(FIRST, encoding="utf-8")
    system.extra["TAHVIL_CALENDAR"] = "examples/crm/calendar.yaml"  # around the clock
    system.extra["TAHVIL_CHECKLISTS"] = str(tmp_path / "checklists.yaml")
    await system.start("handoff", "reminders")
    office = Office(system)
    await office.say(manager("mia"), manager("hana", roles=("head",)))
    yield office
    await office.http.aclose()


async def of_deal(office: Office, name: str) -> Any:
    return next(one for one in await office.get("/handoffs") if one["deal_id"] == name)


def due(handoff: Any) -> dict[str, datetime]:
    return {d["step"]: datetime.fromisoformat(d["due_at"]) for d in handoff["deadlines"]}


async def reminded(office: Office, handoff: Any) -> dict[str, datetime]:
    """Open deadlines as reminders knows them."""
    await office.system.settled()
    found = office.system.mongo["reminders"]["deadlines"].find(
        {"subject_id": handoff["id"], "status": {"$ne": "met"}}
    )
    return {one["_id"].partition(":")[2]: one["due_at"] async for one in found}


async def test_a_checklist_from_the_deal_to_its_end(office: Office) -> None:
    big = {"value": "1000.00", "currency": "USD"}
    await office.say(deal("d1", amount=big, closed_at=NOW), deal("d2", closed_at=NOW))
    small, one = await of_deal(office, "d2"), await of_deal(office, "d1")
    assert (small["checklist"]["name"], one["checklist"]["name"]) == ("small", "big")
    assert due(small).keys() == {"accept"}
    assert due(one) | {"accept": NOW} == {
        "accept": NOW, "contract": NOW + DAY, "kick-off": NOW + 10 * DAY, "plan": NOW + 8 * DAY,
    }  # fmt: skip
    owners = {d["step"]: d["owner_id"] for d in one["deadlines"]}
    assert owners == {"accept": "mia", "contract": "sam", "plan": "mia", "kick-off": "hana"}
    said = [e.data for e in await events(office.system.kafka, Topic.HANDOFFS)]
    created = {d.deal_id: d.checklist for d in said if isinstance(d, HandoffCreated)}
    assert {name: ref and (ref.name, ref.version) for name, ref in created.items()} == {
        "d1": ("big", 1), "d2": ("small", 1),
    }  # fmt: skip

    # the closing date is corrected: what hangs on it moves, and reminders hear of it
    amended = DealAmended(deal_id="d1", account_id="acme", amended_at=NOW, closed_at=NOW + 3 * DAY)
    await office.say(amended)
    one = await of_deal(office, "d1")
    assert due(one)["plan"] == NOW + 11 * DAY
    assert await reminded(office, one) == due(one)
    moves = [e.data for e in await events(office.system.kafka, Topic.DEADLINES)]
    reasons = {m.deadline_id.partition(":")[2]: m.reason for m in moves
               if isinstance(m, DeadlineMoved)}  # fmt: skip
    assert reasons["plan"] == "counted from kick-off.due, which moved"

    # a step is moved by hand, to and fro; the salesperson may not
    later = (NOW + 15 * DAY).isoformat()
    refused = await office.do(one["id"], "steps/kick-off/move", "sam", due_at=later)
    assert refused.status_code == 409
    assert refused.json()["detail"] == "a step can only be moved by mia or the head"
    for when in (later, (NOW + 16 * DAY).isoformat(), later):
        assert (await office.do(one["id"], "steps/kick-off/move", "hana", due_at=when)).is_success
    one = await of_deal(office, "d1")
    assert due(one)["plan"] == NOW + 13 * DAY
    assert await reminded(office, one) == due(one)
    wrong = await office.do(one["id"], "steps/kick-off/move", "hana", due_at="tomorrow")
    assert wrong.status_code == 422

    early = await office.do(one["id"], "steps/kick-off/done", "hana")
    assert early.json()["detail"] == "the step 'kick-off' cannot be done before plan"
    assert (await office.do(one["id"], "accept", "mia")).json()["status"] == "accepted"
    for step in ("contract", "plan", "kick-off"):
        done = await office.do(one["id"], f"steps/{step}/done", "mia")
    assert due(done.json()).keys() == {"review"}
    assert await reminded(office, one) == due(done.json())
    last = await office.do(one["id"], "steps/review/done", "mia")
    assert last.json()["status"] == "completed"


async def test_what_runs_keeps_its_version_and_an_edit_without_one_is_refused(
    office: Office, tmp_path: Path
) -> None:
    system, file = office.system, tmp_path / "checklists.yaml"
    big = {"value": "1000.00", "currency": "USD"}
    await office.say(deal("d1", amount=big, closed_at=NOW))
    (handoff,) = [one for one in system.processes if one.name == "handoff"]
    await system.kill(handoff)

    file.write_text(FIRST.replace("days: 20", "days: 99"), encoding="utf-8")
    addresses = {
        "TAHVIL_KAFKA_BOOTSTRAP": system.servers.kafka.bootstrap,
        "TAHVIL_MONGO_URI": system.servers.mongo.uri,
        "TAHVIL_CHECKLISTS": str(file),
    }
    said = one_line(*run("services.handoff", **GOOD | addresses))
    assert "template big was edited and still is version 1" in said
    assert said.endswith("write version: 2")

    file.write_text(SECOND, encoding="utf-8")
    await system.start("handoff")
    await office.say(deal("d2", amount=big, closed_at=NOW))
    old, new = await of_deal(office, "d1"), await of_deal(office, "d2")
    assert (old["checklist"]["version"], new["checklist"]["version"]) == (1, 2)
    for one, days in ((old, 20), (new, 99)):
        for step in ("contract", "plan", "kick-off"):
            done = (await office.do(one["id"], f"steps/{step}/done", "mia")).json()
        gap = due(done)["review"] - datetime.now(UTC)
        assert abs(gap - days * DAY) < timedelta(minutes=1), "counted from when it was done"

    # the template is gone altogether: what runs goes on
    (handoff,) = [one for one in system.processes if one.name == "handoff"]
    await system.kill(handoff)
    file.write_text("templates: [{name: other, version: 1, steps: []}]", encoding="utf-8")
    await system.start("handoff")
    assert (await of_deal(office, "d1"))["checklist"]["name"] == "big"
    assert (await office.do(old["id"], "steps/review/done", "mia")).is_success
    assert (await office.do(old["id"], "accept", "mia")).json()["status"] == "completed"


def test_a_bad_template_ends_the_start_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "checklists.yaml"
    file.write_text(FIRST.replace("owner: head", "owner: boss"), encoding="utf-8")
    said = one_line(*run("services.handoff", **GOOD, TAHVIL_CHECKLISTS=str(file)))
    assert f"TAHVIL_CHECKLISTS: {file}:11: template big: step kick-off: owner: write" in said
    assert PASSWORD not in said
