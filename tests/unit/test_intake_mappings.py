"""Real payloads of CRMs (golden/intake/payloads) and the events that are made of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.handoff.intake import mapping, sources
from services.handoff.intake.bodies import read_json
from services.handoff.intake.mapping import Mapped
from services.handoff.intake.refusal import Refused
from services.handoff.intake.rules import Wrong
from tahvil.intake import attempt, shown

GOLDEN = Path(__file__).parent / "golden" / "intake"
PAYLOADS = sorted((GOLDEN / "payloads").iterdir())
NAMES = sorted(sources.SHIPPED.glob("*.yaml"))


def outcome(payload: Path) -> dict[str, Any]:
    source = next(one.stem for one in NAMES if payload.stem.startswith(one.stem))
    taken = attempt(source, payload, GOLDEN / "intake.yaml")
    return {
        "events": [json.loads(shown(event)) for event in taken.events],
        "ignored": taken.ignored,
        "refused": taken.refused,
    }


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_a_payload_becomes_these_events_or_says_why_not(payload: Path) -> None:
    golden = json.loads((GOLDEN / f"{payload.stem}.json").read_text(encoding="utf-8"))
    assert outcome(payload) == golden


@pytest.mark.parametrize(
    ("mapping", "content", "code", "said"),
    [
        ("pipedrive", None, 0, '"type": "deal.closed.v1"'),
        ("pipedrive", {"meta": {"entity": "person", "action": "change"}}, 0, "ignored: it is"),
        ("pipedrive", {}, 1, "refused: meta.entity or meta.action: missing"),
        ("pipedrive", b"{", 1, "refused: the body is not JSON"),
        ("nothing", {}, 1, "nothing"),
    ],
)
def test_the_command_says_what_would_become_of_a_payload(
    mapping: str, content: Any, code: int, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "payload.json"
    won = (GOLDEN / "payloads" / "pipedrive-won.json").read_bytes()
    body = won if content is None else json.dumps(content, default=str).encode()
    file.write_bytes(content if isinstance(content, bytes) else body)
    ran = subprocess.run(
        [sys.executable, "-m", "tahvil", "intake", "try", mapping, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, said in ran.stdout + ran.stderr) == (code, True), ran


def test_a_retry_is_the_same_event() -> None:
    payload = GOLDEN / "payloads" / "pipedrive-won.json"
    first = json.loads(payload.read_text())
    again = json.loads(payload.read_text())
    again["meta"] |= {"attempt": 3, "id": "another", "timestamp": "2026-05-15T18:05:00.000Z"}
    pipedrive = sources.mapped("pipedrive", {}, source="crm", beside=Path())
    assert pipedrive.apply(first).events == pipedrive.apply(again).events


def test_won_that_was_won_already_is_no_closing() -> None:
    content = read_json((GOLDEN / "payloads" / "pipedrive-won.json").read_bytes())
    pipedrive = sources.mapped("pipedrive", {}, source="crm", beside=Path())
    assert not pipedrive.apply({**content, "previous": {"status": "won"}}).events
    assert pipedrive.apply({**content, "previous": {"status": "lost"}}).events


def made(written: dict[str, Any], content: Any, **terms: Any) -> mapping.Taken:
    return own(written, **terms).apply(content)


def own(written: dict[str, Any], **terms: Any) -> Mapped:
    event = {
        "type": "contact.made.v1",
        "id": ["id"],
        "time": {"take": "at", "as": "time"},
        "data": {
            "account_id": "id",
            "by": "by",
            "made_at": {"take": "at", "as": "time"},
        },
    }
    data = event["data"]
    assert isinstance(data, dict)
    full = {"with": written.pop("with", {}), "events": [{**event, "data": {**data, **written}}]}
    return mapping.read(full, source="own", terms=terms, name="own.yaml")


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        (1782371972793, "2026-06-25T07:19:32.793000+00:00"),
        ("1782371972793", "2026-06-25T07:19:32.793000+00:00"),
        (1727447128, "2024-09-27T14:25:28+00:00"),
        ("2026-11-24T10:00:00+03:30", "2026-11-24T06:30:00+00:00"),
        ("2026-11-24", "2026-11-24T08:30:00+00:00"),
        ("2026-11-24 10:00:00", "2026-11-24T06:30:00+00:00"),
        ("2020-07-01T10:00:00", "2020-07-01T05:30:00+00:00"),  # Iran's summer time of then
    ],
)
def test_times_in_every_form(at: Any, moment: str) -> None:
    taken = made({"with": {"time_zone": "Asia/Tehran"}}, {"id": 7, "at": at, "by": "mia"})
    assert [event.time.isoformat() for event in taken.events] == [moment], taken.refused


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"id": 7, "at": "soon", "by": "mia"}, "at: must be a time"),
        ({"id": 7, "at": 10**30, "by": "mia"}, "at: must be a time"),
        ({"id": 7, "by": "mia"}, "at: missing; it says when it happened"),
        ({"at": "2026-11-24", "by": "mia"}, "id: missing, and the event's id is made of it"),
        ({"id": 7, "at": "2026-11-24"}, "data.by (from by): missing"),
        ({"id": {"$gt": ""}, "at": "2026-11-24", "by": "m"}, "id: must be text or a whole number"),
        ({"id": True, "at": "2026-11-24", "by": "m"}, "id: must be text or a whole number"),
        ("text", "must be a JSON object"),
    ],
)
def test_what_cannot_be_mapped_names_the_place_in_the_payload(content: Any, reason: str) -> None:
    taken = made({}, content)
    assert not taken.events
    assert reason in taken.refused[0]


def test_one_bad_record_holds_no_other_up() -> None:
    good = {"id": "7", "at": "2026-11-24", "by": "mia"}
    taken = made({}, [good, {}, good])
    assert len(taken.events) == 2
    assert taken.refused == ["record 1: id: missing, and the event's id is made of it"]


@pytest.mark.parametrize(
    ("amount", "written"),
    [("1e3", "1000"), (12.50, "12.5"), ("0.00", "0"), (0, "0"), ("۱۲", "12")],
)
def test_money_is_written_as_it_is(amount: Any, written: str) -> None:
    full = {
        "events": [
            {
                "type": "budget.set.v1",
                "id": ["id"],
                "time": {"take": "at", "as": "time"},
                "data": {
                    "account_id": "id",
                    "period": "'2026'",
                    "set_at": {"take": "at", "as": "time"},
                    "amount": {"money": "amount", "currency": "'eur'"},
                },
            }
        ]
    }
    body = json.dumps({"id": 1, "at": "2026-11-24", "amount": amount}).encode()
    taken = mapping.read(full, source="own", terms={}, name="own").apply(read_json(body))
    (event,) = taken.events
    assert event.data.model_dump(mode="json")["amount"] == {"value": written, "currency": "EUR"}


@pytest.mark.parametrize("amount", ["1,000", "1e99999999", "NaN", "Infinity", "-5", "1.23456", []])
def test_money_that_is_none_is_refused(amount: Any) -> None:
    pipedrive = sources.mapped("pipedrive", {}, source="crm", beside=Path())
    content = json.loads((GOLDEN / "payloads" / "pipedrive-won.json").read_text())
    content["data"]["value"] = amount
    taken = pipedrive.apply(content)
    assert not taken.events
    assert "data.value" in taken.refused[0]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"by": "a b"}, "events[0].data.by.take: 'a b' is not JMESPath"),
        ({"by": "!a.b"}, "write !(a.…)"),
        ({"by": {"take": "a", "throu": "b"}}, "'throu' is not known here"),
        ({"by": {"take": "a", "through": "owners"}}, "`with` has no table 'owners'"),
        ({"by": {"take": "a", "as": "date"}}, "must be id, name, text, time, flag or number"),
        ({"by": 7}, "must be a rule"),
        ({"by": {"money": "a"}}, "currency: missing"),
    ],
)
def test_a_mapping_that_is_wrong_says_where(written: dict[str, Any], reason: str) -> None:
    with pytest.raises(Wrong) as wrong:
        own(written)
    assert reason in str(wrong.value)


def test_terms_that_the_mapping_does_not_use_are_told() -> None:
    with pytest.raises(Wrong, match="`with` names 'ownners'"):
        own({"with": {"owners": {}}}, ownners={})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b"{", "is not JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b"[" * 100_000, "nested deeper"),
        (b"[" * 70 + b"]" * 70, "nested deeper"),
        (b"\xff", "is not UTF-8"),
        (b"1" * 5000, "too many digits"),
    ],
)
def test_json_is_read_strictly(body: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read_json(body)
    assert reason in refused.value.reason
