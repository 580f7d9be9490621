"""Webhooks over HTTP to events on a real Kafka."""

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from services.handoff.intake import door
from shared.contracts.topics import Topic
from tahvil.reading import events, records
from tests.support.builders import event, manager
from tests.support.system import PASSWORD, System

WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()
HEX = "0123456789abcdef" * 4
BASIC = "a password of pipedrive"
PAYLOADS = Path("tests/unit/golden/intake/payloads").resolve()
WON = json.loads((PAYLOADS / "pipedrive-won.json").read_text())
DOCUMENT = Path("docs/intake.md").read_text(encoding="utf-8")
OUTBOUND = (PAYLOADS / "salesforce-outbound.xml").read_bytes()

INTAKE = """
public_url: https://hooks.example.com
sources:
  pipedrive:
    authentication: {kind: basic, user: tahvil, secrets: [pipedrive]}
    mapping: pipedrive
    rate: 100000/minute
  slow:
    authentication: {kind: basic, user: tahvil, secrets: [pipedrive]}
    mapping: pipedrive
    rate: 3/hour
  helpdesk:
    authentication: {kind: standard-webhooks, secrets: [helpdesk]}
    mapping: cloudevents
    topics: [accounts, deals]
    rate: 100000/minute
  salesforce:
    authentication: {kind: path, secrets: [path]}
    mapping: salesforce-outbound
    with: {currency: USD}
    organizations: [00D000000000001]
  didar:
    authentication: {kind: path, secrets: [path]}
    mapping: didar
"""


class Client:
    """A CRM, as far as the intake sees one."""

    def __init__(self, system: System, door: str) -> None:
        self.system = system
        self.http = httpx.AsyncClient(base_url=door, timeout=30)

    async def pipedrive(self, content: Any, source: str = "pipedrive") -> httpx.Response:
        return await self.http.post(f"/intake/{source}", json=content, auth=("tahvil", BASIC))

    async def raw(self, body: bytes, content_type: str = "application/json") -> httpx.Response:
        headers = {"content-type": content_type}
        auth = ("tahvil", BASIC)
        return await self.http.post("/intake/pipedrive", content=body, headers=headers, auth=auth)

    async def helpdesk(
        self, body: bytes, content_type: str = "application/cloudevents+json", **headers: str
    ) -> httpx.Response:
        now = datetime.now(UTC)
        signed = {
            "content-type": content_type,
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(WHSEC).sign("msg_1", now, body.decode()),
        }
        return await self.http.post("/intake/helpdesk", content=body, headers=signed | headers)

    async def ends(self) -> dict[str, int]:
        return {
            topic: len(await records(self.system.kafka, topic))
            for topic in (Topic.DEALS, Topic.ACCOUNTS, Topic.DEADLINES)
        }


@pytest.fixture
async def client(system: System, tmp_path: Path) -> AsyncIterator[Client]:
    file = tmp_path / "intake.yaml"
    file.write_text(INTAKE)
    system.extra |= {
        "TAHVIL_INTAKE": str(file),
        "TAHVIL_INTAKE_SECRET_PIPEDRIVE": BASIC,
        "TAHVIL_INTAKE_SECRET_HELPDESK": WHSEC,
        "TAHVIL_INTAKE_SECRET_PATH": HEX,
    }
    (process,) = await system.start("handoff")
    client = Client(system, process.door)
    yield client
    await client.http.aclose()


def satisfaction(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "s-1",
        "source": "/helpdesk",
        "type": "satisfaction.recorded.v1",
        "time": "2026-11-24T12:00:00Z",
        "data": {"account_id": "2", "score": 80, "recorded_at": "2026-11-24T12:00:00Z"},
    } | changes


async def test_a_webhook_becomes_a_handoff_once_however_often_it_is_sent(client: Client) -> None:
    await client.system.publish([event(manager(regions=()))])
    answers = [await client.pipedrive(WON | {"attempt": n}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.text for answer in answers}) == 1
    moved = await client.pipedrive(WON | {"previous": {"stage_id": 1}})
    assert moved.status_code == 200
    assert moved.json()["ignored"] == [
        "the deal was neither closed, reopened nor amended by this change"
    ]
    await client.system.settled()
    found = await events(client.system.kafka, Topic.DEALS)
    assert {one.id for one in found} == {"pipedrive:746:2026-05-15T18:00:00+00:00"}
    assert len(found) == 3
    totals = await client.system.accounts_add_up("handoff")
    assert totals["duplicate"] == 2
    assert await client.system.mongo["handoff"]["handoffs"].count_documents({}) == 1
    metrics = (await client.http.get("/metrics", auth=("ops", PASSWORD))).text
    assert 'tahvil_intake_requests_total{outcome="accepted",source="pipedrive"} 3.0' in metrics
    assert 'tahvil_intake_requests_total{outcome="ignored",source="pipedrive"} 1.0' in metrics


async def test_other_ways_in_and_who_is_not_let_in(client: Client) -> None:
    one = await client.helpdesk(json.dumps(satisfaction()).encode())
    assert (one.status_code, one.json()["events"]) == (202, ["s-1"])
    batch = json.dumps([satisfaction(id="s-2"), satisfaction(id="s-3", data={})]).encode()
    mixed = await client.helpdesk(batch, "application/cloudevents-batch+json")
    assert mixed.status_code == 422
    assert mixed.json()["accepted"] == 1
    assert "event 1: data.account_id: missing" in mixed.json()["detail"]
    attributes = {f"ce-{k}": v for k, v in satisfaction(id="s-4").items() if k != "data"}
    binary = await client.helpdesk(
        json.dumps(satisfaction()["data"]).encode(), "application/json", **attributes
    )
    assert binary.status_code == 202, binary.text
    other = satisfaction(type="deadline.cancelled.v1", data={"deadline_id": "d", "subject_id": "s"})
    assert "may not send" in (await client.helpdesk(json.dumps(other).encode())).json()["detail"]

    xml = {"content-type": "text/xml; charset=UTF-8"}
    sent = await client.http.post(f"/intake/salesforce/{HEX}", content=OUTBOUND, headers=xml)
    assert (sent.status_code, "<Ack>true</Ack>" in sent.text) == (200, True)
    foreign = OUTBOUND.replace(b"00D000000000001", b"00D000000000009")
    refused = await client.http.post(f"/intake/salesforce/{HEX}", content=foreign, headers=xml)
    assert (refused.status_code, "Ack" in refused.text) == (403, False)

    for path, auth, status in (
        ("/intake/pipedrive", ("tahvil", "wrong"), 401),
        ("/intake/pipedrive", None, 401),
        ("/intake/helpdesk", None, 401),
        ("/intake/nobody", ("tahvil", BASIC), 404),
        ("/intake/didar", None, 404),
        (f"/intake/didar/{HEX[:-1]}0", None, 404),
        (f"/intake/didar/{HEX}/", None, 404),
    ):
        answer = await client.http.post(path, json=WON, auth=auth)
        assert answer.status_code == status, path
        assert BASIC not in answer.text
        assert HEX not in answer.text + str(answer.headers)
    slow = [(await client.pipedrive(WON, "slow")) for _ in range(4)]
    assert [one.status_code for one in slow] == [202, 202, 202, 429]
    assert int(slow[-1].headers["retry-after"]) > 0

    thin = (PAYLOADS / "didar-thin.json").read_bytes()
    json_type = {"content-type": "application/json"}
    await client.http.post(f"/intake/didar/{HEX}", content=thin, headers=json_type)
    await client.http.post(f"/intake/didar/{HEX}", content=b"{", headers=json_type)
    wrong = await client.http.get(f"/intake/didar/{HEX}")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    log = client.system.processes[0].log.read_text()
    assert "intake.refused" in log
    assert HEX not in log, "a secret in an address must not reach a log"
    assert BASIC not in log
    assert "Biview" not in log


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    content = json.loads(json.dumps(WON))
    change(content)
    return json.dumps(content).encode()


def malformed() -> dict[str, tuple[bytes, str]]:
    """Two hundred bodies, each wrong in a way of its own; body and content type."""
    good = json.dumps(WON).encode()
    bad: dict[str, tuple[bytes, str]] = {}
    plain = "application/json"
    for n in range(60):
        bad[f"cut after {n * 10} bytes"] = (good[: n * 10], plain)
    for n in range(20):
        bad[f"byte {n * 13} is no UTF-8"] = (good[: n * 13] + b"\xff" + good[n * 13 :], plain)
    for n, value in enumerate(
        (None, [], {}, True, "", " ", "x" * 129, {"$gt": ""}, 1.5, "a\nb\x00", "\u202e" * 3)
    ):
        bad[f"deal id {n}"] = (changed(lambda c, v=value: c["data"].update(id=v)), plain)
        bad[f"customer {n}"] = (
            changed(lambda c, v=value: c["data"].update(org_id=v, person_id=v)),
            plain,
        )
        bad[f"owner {n}"] = (changed(lambda c, v=value: c["data"].update(owner_id=v)), plain)
    for n, value in enumerate(("soon", "2026-13-01", "2026-05-15T25:00:00Z", True, [1], {"a": 1},
                               10**14, -1, "0000-00-00", "12/05/2026")):  # fmt: skip
        bad[f"won time {n}"] = (changed(lambda c, v=value: c["data"].update(won_time=v)), plain)
    for n, value in enumerate(("-1", "1,000", "1e99999999", [], {}, True, "NaN", "٫", "1.23456",
                               10**19, "12 EUR", "--1")):  # fmt: skip
        bad[f"amount {n}"] = (changed(lambda c, v=value: c["data"].update(value=v)), plain)
    for n, value in enumerate(("EURO", "E", "123", [], {}, True, "XXQ", "€", "e u", "")):
        bad[f"currency {n}"] = (changed(lambda c, v=value: c["data"].update(currency=v)), plain)
    for n, value in enumerate((None, 1, "x", True, [1], [None], [[]], "", 1.5, [{}], ["a", "b"])):
        bad[f"whole body {n}"] = (json.dumps(value).encode(), plain)
        if value != []:
            bad[f"meta {n}"] = (json.dumps({**WON, "meta": value}).encode(), plain)
    for n, value in enumerate((None, "", [], {}, 0)):
        bad[f"no data {n}"] = (json.dumps({**WON, "data": value}).encode(), plain)
    for n, value in enumerate(("NaN", "Infinity", "-Infinity", "01", "1.", "+1", "0x1", "'a'")):
        bad[f"number {n}"] = (good.replace(b"1234.1", value.encode()), plain)
    for n, kind in enumerate(("text/plain", "application/xml", "", "multipart/form-data", "json",
                              "application/x-www-form-urlencoded", "image/png")):  # fmt: skip
        bad[f"content type {n}"] = (good, kind)
    bad["a name twice"] = (good.replace(b'"data":', b'"data": {}, "data":'), plain)
    bad["too deep"] = (b"[" * 50_000, plain)
    bad["deep in a field"] = (changed(lambda c: c.update(x=json.loads("[" * 70 + "]" * 70))), plain)
    bad["too many digits"] = (good.replace(b"1234.1", b"1" * 5000), plain)
    bad["two MiB"] = (b'"' + b"x" * 2 * 2**20 + b'"', plain)
    bad["UTF-16"] = (json.dumps(WON).encode("utf-16"), plain)
    bad["Persian in cp1256"] = ("{'نام'}".encode("cp1256"), plain)
    bad["101 records"] = (json.dumps([WON] * 101).encode(), plain)
    bad["version 1"] = ((PAYLOADS / "pipedrive-version-1.json").read_bytes(), plain)
    bad["half a character"] = (good.replace(b"746", b'"\\ud800"'), plain)
    for n in range(10):
        bad[f"control character {n}"] = (good.replace(b"Biview ", bytes([n + 1])), plain)
    bad["no JSON but YAML"] = (b"meta: {entity: deal}", plain)
    return bad


MALFORMED = malformed()


async def test_two_hundred_malformed_bodies_each_get_a_reason_and_none_reaches_kafka(
    client: Client,
) -> None:
    assert len(MALFORMED) >= 200
    assert len({*MALFORMED.values()}) >= 195
    before = await client.ends()
    wrong = {}
    for name, (body, content_type) in MALFORMED.items():
        answer = await client.raw(body, content_type)
        said = answer.json().get("detail", "")
        if not 400 <= answer.status_code < 500 or len(said) < 10 or answer.status_code == 401:
            wrong[name] = (answer.status_code, answer.text[:200])
    assert wrong == {}
    for body in (
        b"<x",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        OUTBOUND.replace(b"<Notification>", b"<Other>").replace(b"</Notification>", b"</Other>"),
        OUTBOUND.replace(b"006000000000001", b""),
        OUTBOUND.replace(b"001000000000009", b""),
        OUTBOUND.replace(b"2017-08-04", b"04.08.2017"),
        b"<a>" * 100 + b"</a>" * 100,
    ):
        headers = {"content-type": "text/xml"}
        answer = await client.http.post(f"/intake/salesforce/{HEX}", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, body
        assert answer.json()["detail"]
        assert "root:" not in answer.text
    assert await client.ends() == before


@pytest.mark.timeout(180)
async def test_kafka_away_claims_nothing_and_loses_nothing(client: Client) -> None:
    claimed: set[str] = set()
    statuses: set[int] = set()
    slowest = 0.0
    number = 0
    clock = asyncio.get_running_loop().time

    async def send(stop: asyncio.Event) -> None:
        nonlocal number, slowest
        while not stop.is_set():
            number += 1
            deal = json.loads(json.dumps(WON))
            deal["data"]["id"] = number
            began = clock()
            answer = await client.pipedrive(deal)
            slowest = max(slowest, clock() - began)
            statuses.add(answer.status_code)
            if answer.status_code == 202:
                claimed.update(answer.json()["events"])
            else:
                assert int(answer.headers["retry-after"]) > 0
                await asyncio.sleep(0.2)

    stop = asyncio.Event()
    senders = [asyncio.create_task(send(stop)) for _ in range(20)]
    await asyncio.sleep(1)
    await client.system.servers.kafka.stop()
    await asyncio.sleep(8)
    before = len(claimed)
    await client.system.servers.kafka.start()
    for _ in range(300):
        await asyncio.sleep(0.1)
        if len(claimed) > before + 50:
            break
    stop.set()
    await asyncio.gather(*senders)
    assert statuses == {202, 503}
    assert slowest < 8
    assert len(claimed) > before > 0
    there = {one.id for one in await events(client.system.kafka, Topic.DEALS)}
    assert claimed <= there


async def test_a_slow_or_endless_body_is_not_waited_for(client: Client) -> None:
    host, port = client.http.base_url.host, client.http.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    pair = base64.b64encode(f"tahvil:{BASIC}".encode()).decode()
    head = (
        f"POST /intake/pipedrive HTTP/1.1\r\nhost: x\r\nauthorization: Basic {pair}\r\n"
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    writer.write(head.encode())
    answer = asyncio.create_task(reader.readline())
    while not answer.done():
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)
    assert b" 413 " in await answer
    writer.close()

    reader, writer = await asyncio.open_connection(host, port)
    writer.write(head.encode() + b"1\r\n{\r\n")
    async with asyncio.timeout(door.SLOWEST + 10):
        assert b" 408 " in await reader.readline()
        await reader.readuntil(b"the body did not come in 10 s")
    writer.close()


async def test_the_example_of_the_documents_works(client: Client, tmp_path: Path) -> None:
    """With curl and openssl, as it is printed."""
    (example,) = re.findall(r"(?:^    .*\n)*^    curl .*\n(?:^    .*\n)*", DOCUMENT, re.MULTILINE)
    address = "http://127.0.0.1:8081"
    assert address in example
    (tmp_path / "event.json").write_text(json.dumps(satisfaction(), indent=1) + "\n")
    run = await asyncio.create_subprocess_exec(
        *("bash", "-euc", example.replace(address, str(client.http.base_url).rstrip("/"))),
        env={"PATH": os.environ["PATH"], "TAHVIL_INTAKE_SECRET_HELPDESK": WHSEC},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await run.communicate()
    assert run.returncode == 0, complaints
    assert json.loads(said) == {"accepted": 1, "events": ["s-1"], "ignored": []}


async def test_schemathesis_finds_nothing(client: Client, tmp_path: Path) -> None:
    """Every route of the door.

    Without `positive_data_acceptance`: ids, names and texts are printable, with no spaces at their
    ends, which JSON Schema has no word for; so every route refuses (422, naming the field) some
    of what its schema takes. All 13 of its findings were of that kind.
    """
    run = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "schemathesis"), "run"),
        *("--auth", f"ops:{PASSWORD}", "--max-examples", "20", "--seed", "1"),
        *("--exclude-checks", "positive_data_acceptance", "--no-color"),
        f"{client.http.base_url}/openapi.json",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()[-6000:]
