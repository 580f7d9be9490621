"""A person and a contact are erased across three services on real servers, and stay so."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import httpx
import pytest

from services.handoff.erasing import ERASING
from services.reporting.repository import Repository
from services.reporting.told import SEPARATOR
from shared import mongo
from shared.config import ServiceSettings
from shared.contracts.accounts import DisputeOpened
from shared.contracts.directory import AbsenceSet, PersonRemoved, Role
from shared.contracts.event import Event, EventData
from shared.contracts.notifications import NotificationRequested
from shared.contracts.topics import SERVICES
from shared.dead_letters import letter_message
from shared.eraser import Eraser
from shared.errors import Transient
from shared.identities import ERASED, Keys
from shared.mongo import Database
from shared.outbox import Message, Outbox
from shared.runtime import ensure_indexes
from tahvil import erasing
from tahvil.erasing import Known
from tahvil.reading import records
from tahvil.running import environment
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import deal, event, manager, soon
from tests.support.system import PASSWORD, System
from tests.unit.test_erasure import contact_erased, person_erased

HOUR = timedelta(hours=1)
SARA = {"name": "Sara Xanthippe", "email": "Sara.Xanthippe@customer.example",
        "phone": "+98 912 555 0199", "interests": ["origami cranes"],
        "notes": "prefers to be called on Sundays"}  # fmt: skip
OF_SARA = ("xanthippe", "9125550199", "912 555 0199", "origami", "on Sundays")
OF_SAM = ("quillfeather", "tg-77123")
OF_MIA = ("zephyrina", "tg-55321", "zephyr-hook")


async def cli(system: System, *arguments: str, answer: str = "") -> tuple[int | None, str]:
    """`tahvil erase …`: its exit code and all it said."""
    doors = {process.name: process.door for process in system.processes}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tahvil", *arguments, "--data", str(system.folder / "none"),
        env={**environment(system.servers, PASSWORD), "COLUMNS": "240",
             "TAHVIL_DOORS": json.dumps(doors)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(180):
        output, _ = await process.communicate(answer.encode())
    return process.returncode, output.decode()


async def figures(system: System) -> dict[str, Any]:
    """Every sum that is stored, by every dimension, and what is joined when it is asked."""
    database = mongo.connect(system.settings, "reporting")
    repository = Repository(database)
    slot = await repository.live()
    found: dict[str, Any] = {one.id: one.measures async for one in repository.counters(slot)}
    await mongo.close(database)
    assert {one.partition(SEPARATOR)[0] for one in found} >= {"deals", "handoffs", "deadlines"}
    for path in ("deals?by=salesperson", "deals?by=sales_manager", "portfolio?by=manager",
                 "handoffs?by=manager", "disputes?by=manager"):  # fmt: skip
        found[path] = await system.figures(path)
    return found


async def dumped(system: System) -> Mapping[str, list[bytes]]:
    """All documents and indexes of the three databases, as bytes; what is packed is unpacked."""
    found: dict[str, list[bytes]] = {}
    for service in SERVICES:
        database = system.mongo[service]
        for name in await database.list_collection_names():
            rows = found.setdefault(f"{service}.{name}", [])
            async for row in database[name].find():
                rows.append(bson.encode(row))
                if "packed" in row:
                    rows.append(repr(mongo.unpack(row["packed"])).encode())
            async for index in await database[name].list_indexes():
                rows.append(bson.encode(index))
    return found


async def places(system: System, needles: Sequence[str]) -> set[str]:
    """Collections that have any of these, in whatever case."""
    dumps = await dumped(system)
    return {
        name
        for name, rows in dumps.items()
        for row in rows
        for needle in needles
        if needle.lower().encode() in row.lower()
    }


def story(at: datetime) -> list[Event]:
    """What was said at a time of whom is to be erased."""
    told = [
        manager("hana", name="Hana Head", roles=(Role.HEAD,), regions=()),
        manager("mia", name="Mia Zephyrina", email="mia.zephyrina@example.com",
                reports_to="hana", capacity=100,
                channels=[{"kind": "email"}, {"kind": "telegram", "address": "tg-55321"}]),
        manager("sam", name="Sam Quillfeather", email="sam.quillfeather@example.com",
                roles=(Role.SALESPERSON,), reports_to="hana",
                channels=[{"kind": "telegram", "address": "tg-77123"}]),
        AbsenceSet.model_validate({"person_id": "sam", "absences": [{"since": at + 99 * HOUR}]}),
    ]  # fmt: skip
    package = {
        "contacts": [SARA, {"name": "Tom Hill", "email": "tom@customer.example"}],
        "needs": ["ask Sara Xanthippe, says Sam Quillfeather", "a crane"],
        "promises": ["Mia Zephyrina calls +98 (912) 555-0199"],
    }
    sales = {"id": "sam", "name": "Sam Quillfeather", "email": "sam.quillfeather@example.com"}
    sold = deal(account="acme", closed_at=at, package=package, salesperson=sales)
    dispute = DisputeOpened(account_id="acme", dispute_id="x", opened_at=at, severity="high",
                            title="Sara Xanthippe is cross with Sam Quillfeather")  # fmt: skip
    notice = NotificationRequested(
        notification_id="n",
        recipient_id="hana",
        kind="note",
        title="From Sam Quillfeather",
        body="Mia Zephyrina left, write to sam.quillfeather@example.com",
    )
    datas: list[EventData] = [*told, sold, dispute, notice]
    return [event(data, id=f"{at}:{data.type}:{data.subject}", time=at) for data in datas]


def letters(where: str) -> list[Message]:
    """Records that nobody can read, and that tell of people."""
    return [
        Message("deals", b"acme", f'{{"{where}": "{SARA["email"]}, on Sundays'.encode(), []),
        Message("deals", b"", rb'{"n": "\u0053ara \u0058anthippe of acme", ' + where.encode(), []),
        Message("directory", b"sam", f'{{"{where}": "Sam Quillfeather'.encode(),
                [("note", b"sam.quillfeather@example.com")]),
        Message("directory", b"mia", f'{{"{where}": "Mia Zephyrina'.encode(), []),
    ]  # fmt: skip


async def seeded(system: System, at: datetime) -> None:
    """Every place that can hold anything of them holds it."""
    said = story(at)
    for part in (said[:4], said[4:5], said[5:]):
        await system.publish(part)
        await system.settled()
    await system.publish_raw(letters("first"))
    await system.settled()
    handoff, reminders = system.mongo["handoff"], system.mongo["reminders"]
    (row,) = [one async for one in handoff["handoffs"].find()]
    await handoff["history"].insert_one({
        "_id": "h", "handoff_id": row["_id"], "at": at, "by": "mia", "what": "ask", "step": None,
        "title": None, "said": ["Does Sara Xanthippe know?", "ask sam.quillfeather@example.com"],
    })  # fmt: skip
    for person in ("mia", "sam"):
        await handoff["login_links"].insert_one({
            "_id": person, "person_id": person, "back": "/", "expires_at": soon(hours=1),
        })  # fmt: skip
    endpoints = ("telegram:tg-77123", "telegram:tg-55321", "webhook:https://example.com/")
    await reminders["gone"].insert_many([{"_id": one, "at": at} for one in endpoints])
    await until(no_messages_wait, system)
    waits = {"state": "pending", "next_at": soon(hours=9), "title": "Call", "kind": "note",
             "titles": {}, "attempts": 1, "made_at": at}  # fmt: skip
    await reminders["reminders"].insert_many([
        {"_id": "w1", "recipient_id": "sam", **waits, "tried": ["telegram:tg-77123"],
         "reasons": ["email: 550 sam.quillfeather@example.com"], "because": "tg-77123"},
        {"_id": "w2", "recipient_id": "hana", **waits, "owner_name": "Sam Quillfeather"},
        {"_id": "w3", "recipient_id": "hana", **waits, "account_id": "acme",
         "body": "Sara Xanthippe waits"},
    ])  # fmt: skip


async def no_messages_wait(system: System) -> bool:
    soon_due = {"state": "pending", "next_at": {"$lt": soon(hours=1)}}
    return not await system.mongo["reminders"]["reminders"].count_documents(soon_due)


async def until(met: Any, *arguments: Any) -> None:
    async with asyncio.timeout(60):
        while not await met(*arguments):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.2)
    for one in arguments:
        await one.settled()


@pytest.mark.timeout(600)
async def test_nothing_is_left_of_them_and_no_figure_changes(system: System) -> None:
    await system.start(*SERVICES)
    at = datetime.now(UTC)
    await seeded(system, at)
    assert {"handoff.people", "handoff.handoffs", "handoff.history", "handoff.obligations",
            "handoff.dead_letters", "reminders.people", "reminders.reminders", "reminders.gone",
            "reminders.deadlines", "reminders.dead_letters", "reporting.facts_a",
            "reporting.dead_letters"} <= await places(system, [*OF_SARA, *OF_SAM])  # fmt: skip
    before = await figures(system)
    assert before["deals?by=salesperson"][0]["by"] == {"salesperson": "sam"}
    assert before["deals?by=sales_manager"][0]["by"] == {"sales_manager": "hana"}

    code, said = await cli(system, "erase", "verify", "--name", "Sara Xanthippe")
    assert code == 1, said
    assert "handoff: FOUND in" in said
    assert "handoffs.package.contacts.name" in said

    code, said = await cli(
        system, "erase", "contact", "--account", "acme", "--phone", "0912 555 0199",
        "--asked-by", "ticket-1", "--yes", "--wait", "90",
    )  # fmt: skip
    assert code == 0, said
    assert "tell of this contact 1 times, by 1 name, 1 mail address, 2 numbers" in said
    assert said.count("not found,") == 3, said
    assert "record(s) of deals, gone by 202" in said, "what Kafka still has is said, with a date"
    assert "xanthippe" not in said.lower(), "nothing personal is shown"
    assert await places(system, OF_SARA) == set()
    assert await figures(system) == before

    code, said = await cli(system, "erase", "person", "sam", "--wait", "90", answer="y\n")
    assert code == 0, said
    assert await places(system, OF_SAM) == set()
    assert await figures(system) == before

    handoff, reminders = system.mongo["handoff"], system.mongo["reminders"]
    (row,) = [one async for one in handoff["handoffs"].find()]
    assert [one["name"] for one in row["package"]["contacts"]] == ["Tom Hill"]
    assert row["package"]["needs"] == ["ask […], says […]", "a crane"]
    assert row["package"]["promises"] == ["Mia Zephyrina calls […]"]
    known = await handoff["people"].find_one({"_id": "sam"})
    assert known
    assert (known["name"], known["active"]) == (ERASED, False)
    states = {one["_id"]: one["state"] async for one in reminders["reminders"].find()}
    assert (states["w1"], states["w2"], states["w3"]) == ("dropped", "pending", "pending")
    assert [one["_id"] async for one in reminders["gone"].find()] == [
        "telegram:tg-55321", "webhook:https://example.com/",
    ]  # fmt: skip
    kept = [one async for one in handoff["erasures"].find().sort("heard_at", 1)]
    assert [(one["kind"], one["of"], one["asked_by"]) for one in kept] == [
        ("contact", "acme", "ticket-1"), ("person", "sam", None),
    ]  # fmt: skip
    assert kept[0]["removed"] == {
        "handoffs": 1,
        "history": 1,
        "obligations": 3,
        "dead_letters": 2,
    }
    assert kept[1]["removed"] == {
        "people": 1, "managers": 1, "login_links": 1, "handoffs": 1, "history": 1,
        "obligations": 3, "dead_letters": 1,
    }  # fmt: skip

    # told again, replayed, rebuilt: it stays away
    again = [replace(one, id=f"again:{one.id}") for one in story(at)]
    await system.publish(again)
    await system.publish_raw(letters("second"))
    await system.settled()
    (letter, *_) = await system.dead_letters("handoff")
    code, said = await cli(system, "dead-letters", "replay", "handoff", letter.id)
    assert (code, "tells of somebody who was erased" in said) == (1, True), said
    code, said = await system.rebuild()
    assert code == 0, said
    assert await places(system, [*OF_SARA, *OF_SAM]) == set()
    assert await figures(system) == before
    for service in SERVICES:
        await system.accounts_add_up(service)

    # who comes back is somebody again; a team file in which one only forgot to look is refused
    code, said = await cli(system, "erase", "person", "sam", "--yes")
    assert (code, "was erased on" in said) == (1, True), said
    file = system.folder / "team.yaml"
    file.write_text("people: [{id: sam, name: Sam Returned}]")
    code, said = await cli(system, "team", "publish", str(file))
    assert (code, "was erased on" in said) == (1, True), said
    code, said = await cli(system, "team", "publish", str(file), "--again", "sam")
    assert code == 0, said
    await system.settled()
    assert await places(system, ["Sam Returned"]) == {
        "handoff.people", "reminders.people", "reporting.facts_b",
    }  # fmt: skip


async def test_a_dead_letter_that_tells_of_somebody_erased_is_not_replayed(system: System) -> None:
    key = environment(system.servers, PASSWORD)["TAHVIL_ERASURE_KEY"]
    made = Keys([key]).first
    known = Known(names=frozenset([str(SARA["name"])]), mails=frozenset([str(SARA["email"])]))
    at = datetime.now(UTC)
    await system.publish(
        erasing.contact_erased("acme", known, made, at=at, erasure_id="e1", asked_by=None)
    )
    told = [f'{{"of": "{SARA["email"]}', '{"of": "tom@example.com"']
    rows = [
        {
            "topic": "deals", "partition": 0, "offset": number, "cause": "unreadable",
            "reason": "the value is not JSON", "at": at, "key": b"acme", "value": text.encode(),
            "headers": [],
        }
        for number, text in enumerate(told)
    ]  # fmt: skip
    await system.publish_raw([letter_message(row, "handoff") for row in rows])
    code, said = await cli(system, "dead-letters", "replay", "handoff", "deals/0/0")
    assert (code, "tells of somebody who was erased (erasure e1)" in said) == (1, True), said
    assert "xanthippe" not in said.lower()
    code, said = await cli(system, "dead-letters", "replay", "handoff", "deals/0/1")
    assert code == 0, said
    assert [one.value for one in await records(system.kafka, "deals")] == [told[1].encode()]


@pytest.mark.timeout(300)
async def test_an_erased_manager_leaves_and_nothing_is_without_an_owner(system: System) -> None:
    (process, _) = await system.start("handoff", "reminders")
    at = datetime.now(UTC)
    await seeded(system, at)
    await system.publish([event(manager("noah", capacity=100, reports_to="hana"))])
    await system.settled()

    # reporting is away, and handoff dies as soon as it is told
    code, said = await cli(system, "erase", "person", "mia", "--yes")
    assert code == 0, said
    await system.kill(process)
    await system.start("handoff")
    await system.settled()
    code, said = await cli(system, "erase", "status")
    assert "reporting" in said
    assert "does not answer" in said
    identity = next(part for part in said.split() if part.startswith(f"{at:%Y}"))
    await system.start("reporting")

    async def done(_: System) -> bool:
        return (await cli(system, "erase", "status", identity))[0] == 0

    await until(done, system)
    assert await places(system, OF_MIA) == set()
    code, said = await cli(
        system, "erase", "verify", "--name", "Mia Zephyrina", "--value", "tg-55321"
    )
    assert code == 0, said
    assert "record(s) of directory, gone by" in said

    async def moved(_: System) -> bool:
        account = await system.mongo["handoff"]["accounts"].find_one({"_id": "acme"})
        return bool(account) and account["manager_id"] == "noah"

    await until(moved, system)
    open_ones = system.mongo["reminders"]["deadlines"].find({"status": {"$in": ["open", "missed"]}})
    owners = {one["owner_id"] async for one in open_ones}
    assert owners
    assert "mia" not in owners
    waiting = {"recipient_id": "mia", "state": {"$in": ["pending", "gathered"]}}
    assert not await system.mongo["reminders"]["reminders"].count_documents(waiting)


@pytest.mark.timeout(240)
async def test_who_left_before_is_erased_and_no_figure_changes(system: System) -> None:
    await system.start(*SERVICES)
    at = datetime.now(UTC)
    await system.publish([*story(at), event(manager("noah", capacity=100, reports_to="hana"))])
    await system.settled()
    await system.publish([event(PersonRemoved(person_id="mia", removed_at=soon()), time=soon())])
    await system.settled()

    async def moved(_: System) -> bool:
        account = await system.mongo["handoff"]["accounts"].find_one({"_id": "acme"})
        return bool(account) and account["manager_id"] == "noah"

    await until(moved, system)
    await until(no_messages_wait, system)
    before = await figures(system)
    code, said = await cli(system, "erase", "person", "mia", "--yes", "--wait", "90")
    assert code == 0, said
    assert await figures(system) == before
    assert await places(system, OF_MIA) == set()


@pytest.mark.timeout(180)
async def test_what_is_wrong_is_said(system: System) -> None:
    await system.start(*SERVICES)
    await system.publish(story(datetime.now(UTC)))
    await system.settled()
    for arguments, expected in (
        (("person", "nobody", "--yes"), "the directory has told of nobody with the id 'nobody'"),
        (("contact", "--account", "acme", "--yes"), "whom? Give --email, --phone or --name"),
        (("contact", "--account", "acme", "--phone", "12", "--yes"), "a number has 7 digits"),
        (("verify",), "what is to be looked for?"),
    ):
        code, said = await cli(system, "erase", *arguments)
        assert (code, expected in said) == (1, True), said
    code, said = await cli(system, "erase", "person", "mia", answer="n\n")
    assert (code, "nothing is erased" in said) == (1, True), said
    code, said = await cli(system, "erase", "contact", "--account", "acme", "--email",
                           "nobody@example.com", "--yes", "--wait", "90")  # fmt: skip
    assert code == 1, said
    assert "no deal that Kafka still has tells of this contact" in said
    assert "Nothing matched" in said
    for process in system.processes:
        async with httpx.AsyncClient(base_url=process.door) as client:
            for method, path in (("GET", "/erasures"), ("POST", "/erasures/search")):
                answer = await client.request(method, path, json={"values": ["mia"]})
                assert answer.status_code == 401, (process.name, path)
                answer = await client.request(
                    method, path, json={"values": ["mia"]}, auth=("ops", PASSWORD)
                )
                assert answer.status_code == 200, answer.text
    # made with a key that nobody has: nothing is skipped, and it is said why
    await system.publish([replace(person_erased(), time=soon())])
    process = next(one for one in system.processes if one.name == "reminders")

    async def waits(_: System) -> bool:
        async with httpx.AsyncClient(base_url=process.door) as client:
            return "TAHVIL_ERASURE_KEY" in (await client.get("/ready")).text

    async with asyncio.timeout(30):
        while not await waits(system):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.2)
    people = await system.mongo["reminders"]["people"].find_one({"_id": "mia"})
    assert people
    assert people["active"]


@pytest.fixture
async def database(mongod: EmbeddedMongo) -> AsyncIterator[Database]:
    settings = ServiceSettings.model_validate(
        {"kafka_bootstrap": "none", "mongo_uri": mongod.uri, "http_password": PASSWORD}
    )
    database = mongo.connect(settings, f"erasing_{datetime.now(UTC):%H%M%S%f}")
    await ensure_indexes(database, {name: [] for name in ("people", "handoffs")}, HOUR)
    yield database
    await mongo.close(database)


async def test_it_is_done_when_nothing_older_can_come(database: Database) -> None:
    """Not before transactions have ended that began before, nor while messages wait."""
    outbox = Outbox(database, 2)

    def eraser(settled: timedelta) -> Eraser:
        return Eraser(database=database, outbox=outbox, keys=Keys(["k" * 32]), erasing=ERASING,
                      settled=settled)  # fmt: skip

    erased = contact_erased("0" * 32)
    now = await mongo.server_time(database)

    async def body(session: mongo.Session) -> None:
        await eraser(HOUR).passed([erased], now, session)
        await outbox.add([Message("handoffs", b"a", b"b", [])], now - HOUR, session=session)

    await mongo.transaction(database, body)
    await eraser(HOUR).sweep()
    await eraser(timedelta(0)).sweep()
    (record,) = await eraser(HOUR).records()
    assert record.done_at is None, "a message waits that was written before"
    await outbox.forget(await outbox.waiting([0, 1], 10))
    await eraser(HOUR).sweep()
    assert (await eraser(HOUR).records())[0].done_at is None, "too early"
    await eraser(timedelta(0)).sweep()
    assert (await eraser(HOUR).records("e1"))[0].done_at
    assert await eraser(HOUR).records("other") == []


async def test_a_key_is_needed_as_long_as_marks_count(database: Database) -> None:
    outbox = Outbox(database, 2)
    eraser = Eraser(database=database, outbox=outbox, keys=Keys(["o" * 32]), erasing=ERASING,
                    kept=HOUR)  # fmt: skip
    now = await mongo.server_time(database)

    async def passed(said: datetime) -> Sequence[Event]:
        events = [event(manager("mia"), time=said - HOUR), replace(person_erased(), time=said)]
        return await mongo.transaction(
            database, lambda session: eraser.passed(events, now, session)
        )

    with pytest.raises(Transient, match="another TAHVIL_ERASURE_KEY"):
        await passed(now)
    assert not await eraser.records(), "nothing was kept of it"
    (left,) = await passed(now - HOUR)
    assert left.type == "person.erased.v1", "by the id the person is known without a key"


async def test_how_long_things_are_kept_follows_the_settings(database: Database) -> None:
    async def kept(name: str, field: str) -> int:
        found = await database[name].index_information()
        return int(found[f"{field}_1"]["expireAfterSeconds"])

    assert await kept("inbox", "at") == 3600
    assert await kept("dead_letters", "at") == 90 * 86_400
    assert await kept("erasure_marks", "heard_at") == 400 * 86_400
    await ensure_indexes(database, {}, 2 * HOUR, letters_kept=HOUR, marks_kept=HOUR)
    assert await kept("inbox", "at") == 7200
    assert await kept("dead_letters", "at") == 3600
    assert await kept("erasure_marks", "heard_at") == 3600
