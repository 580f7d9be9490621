"""What is accepted from strangers, and what is said of what is not."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.cloudevents import Skipped, Unreadable, decode, encode
from shared.contracts.topics import Topic
from tests.support.builders import deal, event, manager

CANARY = "tell-nobody"
DATA: dict[str, Any] = {
    "deal_id": "d1",
    "outcome": "won",
    "closed_at": "2026-11-24T12:00:00+03:30",
    "account": {"id": "acme", "name": "Acme"},
    "salesperson": {"id": "sam"},
}
ENVELOPE = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/crm",
    "type": "deal.closed.v1",
    "time": "2026-11-24T12:00:00Z",
}


def structured(data: Any = None, **envelope: Any) -> bytes:
    whole = {**ENVELOPE, "data": {**DATA, **(data or {})}, **envelope}
    return json.dumps({k: v for k, v in whole.items() if v is not None}).encode()


def refusal(value: bytes | None, headers: Any = (), topic: str = "deals") -> str:
    with pytest.raises(Unreadable) as refused:
        decode(topic, value, headers)
    assert CANARY not in refused.value.reason
    return refused.value.reason


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_events_of_the_cloudevents_sdk_are_accepted(write: Any) -> None:
    attributes = ENVELOPE | {
        "time": datetime(2026, 11, 24, 12, tzinfo=UTC),
        "datacontenttype": "application/json",
        "partitionkey": "acme",
    }
    message = write(CloudEvent(attributes=attributes, data=DATA), JSONFormat())
    headers = [(name, value) for name, value in message.headers.items()]
    read = decode("deals", message.value, headers)
    assert (read.id, read.source, read.type) == ("e1", "/crm", "deal.closed.v1")
    assert read.data.key == "acme"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"won! " + CANARY.encode(), "the value is not JSON"),
        (structured()[:-20], "the value is not JSON"),
        (b"", "the value is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"\xef\xbb\xbf" + structured(), "the value is not JSON"),
        (b'{"specversion":"1.0","data":NaN}', "the value is not JSON"),
        (b"[" * 10_000, "the value is not JSON"),
        ("{'نام'}".encode("cp1256"), "it is not UTF-8"),
        (None, "the value is missing"),
        (b'{"deal_id": "d1"}', "not a CloudEvent"),
        (structured(specversion="0.3"), 'specversion: must be "1.0"'),
        (structured(specversion=None), 'specversion: must be "1.0"'),
        (structured(id=None), "id: missing"),
        (structured(id=5), "id: must be a string"),
        (structured(id="x" * 129), "id: must be 1 to 128 printable characters"),
        (structured(source=""), "source: must be 1 to 256 printable characters"),
        (structured(time=None), "time: missing"),
        (structured(time="yesterday"), "time: must be RFC 3339 with an offset"),
        (structured(type="deal.closed.v2"), "major version"),
        (structured({"outcome": CANARY}), 'data.outcome: must be "won" or "lost"'),
        (structured({"deal_id": 7}), "data.deal_id: must be a valid string"),
        (structured({"deal_id": {"$gt": CANARY}}), "data.deal_id: must be a valid string"),
        (structured({"deal_id": "a\nb"}), "data.deal_id: must be 1 to 128 printable"),
        (structured({"closed_at": None}), "data.closed_at"),
        (structured({"closed_at": "2026-11-24"}), "data.closed_at: must be RFC 3339"),
        (structured({"closed_at": 1700000000}), "data.closed_at: must be RFC 3339"),
        (structured({"closed_at": "2026-02-30T00:00:00Z"}), "must be a date and time that exist"),
        (
            structured({"closed_at": "9999-12-31T23:59:59-05:00"}),
            "must lie between the years 1 and 9999",
        ),
        (structured({"account": {"id": "a" * 10_000, "name": "A"}}), "data.account.id: must be"),
        (structured({"account": {"id": "a"}}), "data.account.name: missing"),
        (structured({"salesperson": None}), "data.salesperson"),
        (json.dumps({**ENVELOPE, "data_base64": "aGk="}).encode(), "data: missing (data_base64"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(value: bytes | None, reason: str) -> None:
    assert reason in refusal(value)


@pytest.mark.parametrize(
    "amount",
    ["-1", "1e3", "NaN", "Infinity", "1.23456", "1,000", "", " 1", "۱۲", 5, 5.1, None, True],
)
def test_an_amount_that_is_no_decimal_string_is_refused(amount: Any) -> None:
    reason = refusal(structured({"amount": {"value": amount, "currency": "EUR"}}))
    assert "data.amount.value: must be a decimal string" in reason


def test_an_unknown_currency_is_refused() -> None:
    reason = refusal(structured({"amount": {"value": "1", "currency": "eur"}}))
    assert "data.amount.currency: must be an ISO 4217 code" in reason


def test_a_large_value_is_refused_by_its_size() -> None:
    assert "the value has 2000" in refusal(structured({"title": "x" * 2_000_000}))


@pytest.mark.parametrize(
    "zone", ["Moon", "", "../../etc/passwd", "/etc/passwd", "a\0b", "x" * 9999]
)
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    data = {"person_id": "mia", "name": "Mia", "time_zone": zone}
    value = json.dumps({**ENVELOPE, "type": "person.upserted.v1", "data": data}).encode()
    assert "data.time_zone: must be an IANA time zone" in refusal(value, topic="directory")


@pytest.mark.parametrize("said", [{}, {"time_zone": "UTC"}])
def test_a_time_zone_is_written_only_where_it_was_said(said: dict[str, str]) -> None:
    """Whoever names none works in the zone of the calendar, which need not be UTC."""
    person = event(manager(**said))
    again = decode(Topic.DIRECTORY, *encode(person))
    assert ("time_zone" in again.data.model_fields_set) == bool(said)
    assert again == person


def test_at_most_five_problems_are_told() -> None:
    reason = refusal(json.dumps({**ENVELOPE, "data": {}}).encode())
    assert reason.count("missing") == 5
    contacts = [{}] * 9
    assert "and 4 more" in refusal(structured({"package": {"contacts": contacts}}))


def test_headers_that_are_no_text() -> None:
    value, headers = encode(event(deal()))
    assert "must be UTF-8" in refusal(value, [*headers, ("ce_subject", b"\xff")])
    assert decode("deals", value, [*headers, ("x-other", b"\xff"), ("ce_x", None)]).id


def test_ids_with_dollars_and_dots_are_only_text() -> None:
    read = decode("deals", structured({"deal_id": "$where.a"}), [])
    assert read.data.subject == "$where.a"


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("deals", structured(type="deal.sniffed.v1")),
        ("accounts", structured()),
        ("directory", None),
    ],
)
def test_what_is_in_order_but_none_of_ours_is_skipped(topic: str, value: bytes | None) -> None:
    with pytest.raises(Skipped):
        decode(topic, value, [])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(
    st.sampled_from([topic.value for topic in Topic]),
    st.none() | st.binary() | st.builds(lambda v: json.dumps(v).encode(), _JSON),
    st.lists(
        st.tuples(
            st.text() | st.sampled_from(["ce_id", "ce_type", "ce_specversion", "content-type"]),
            st.none() | st.binary(),
        )
    ),
)
def test_no_bytes_whatsoever_raise_anything_else(
    topic: str, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    with pytest.raises((Unreadable, Skipped)):
        decode(topic, value, headers)


@given(st.sampled_from([*DATA, *ENVELOPE, "amount", "package", "products", "title"]), _JSON)
def test_no_value_of_a_field_raises_anything_else(name: str, content: Any) -> None:
    whole: dict[str, Any] = {**ENVELOPE, "data": dict(DATA)}
    (whole if name in ENVELOPE else whole["data"])[name] = content
    with contextlib.suppress(Unreadable, Skipped):
        decode("deals", json.dumps(whole).encode(), [])
