"""The envelope where producers, spellings and our own writing differ."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.cloudevents import LARGEST, Skipped, Unreadable, decode, encode
from shared.contracts.registry import EVENTS
from tests.support.builders import deal, event, manager

STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
VALUE, HEADERS = encode(event(deal()))
WHOLE = json.dumps(
    {name.removeprefix("ce_"): text.decode() for name, text in HEADERS[1:]}
    | {"data": json.loads(VALUE)}
).encode()


def refusal(value: bytes | None, headers: Any, topic: str = "deals") -> str:
    with pytest.raises(Unreadable) as refused:
        decode(topic, value, headers)
    return refused.value.reason


def headers_with(name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [*(header for header in HEADERS if header[0] != name), (name, value)]


def test_the_content_type_decides_the_mode() -> None:
    """A proxy or an instrumentation may repeat attributes as headers of a structured event."""
    assert decode("deals", WHOLE, [*HEADERS[1:], *STRUCTURED]) == event(deal())
    assert decode("deals", WHOLE, STRUCTURED) == decode("deals", VALUE, HEADERS)


@pytest.mark.parametrize("kind", [b"application/cloudevents-batch+json", b"text/plain", b"avro"])
def test_another_content_type_is_refused_by_name(kind: bytes) -> None:
    reason = refusal(WHOLE, [("content-type", kind)])
    assert reason.startswith("content-type: must be application/cloudevents+json")


def test_header_names_are_read_in_any_case_and_the_last_of_two_counts() -> None:
    shouted = [(name.upper(), value) for name, value in HEADERS]
    assert decode("deals", VALUE, shouted) == event(deal())
    assert decode("deals", VALUE, [*HEADERS, ("ce_id", b"e2")]).id == "e2"


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion"])
@pytest.mark.parametrize("value", [None, b"", b"\0", b"\xff", b"x" * 9999])
def test_every_header_that_names_the_event_is_needed(name: str, value: bytes | None) -> None:
    assert name.removeprefix("ce_") in refusal(VALUE, headers_with(name, value))


@pytest.mark.parametrize("trace", ["", "garbage", TRACE.upper(), TRACE + "\n", TRACE + "-x"])
def test_a_trace_is_passed_on_only_if_it_is_one(trace: str) -> None:
    assert decode("deals", VALUE, headers_with("ce_traceparent", TRACE.encode())).traceparent
    assert not decode("deals", VALUE, headers_with("ce_traceparent", trace.encode())).traceparent


def test_what_follows_is_correlated_by_the_first_event() -> None:
    assert decode("deals", VALUE, headers_with("ce_correlationid", None)).correlation_id == (
        event(deal()).id
    )
    first = decode("deals", VALUE, headers_with("ce_correlationid", b"e0"))
    assert decode("deals", *encode(first)).correlation_id == "e0"


def test_a_time_is_written_in_utc_whatever_its_offset() -> None:
    """Equal times of two offsets are one key to a cache: the one must not spoil the other."""
    there = datetime(1999, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=3, minutes=30)))
    for time in (there, there.astimezone(UTC)):  # in this order, and a time of no other test
        value, headers = encode(replace(event(deal()), time=time))
        assert dict(headers)["ce_time"] == b"1999-01-01T23:34:05Z"
        assert decode("deals", value, headers).time == time


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_no_number_without_end_comes_in(mode: str, number: bytes) -> None:
    bad = b'"package":{"relationship":{"satisfaction":' + number + b"}},"
    place = b'"deal_id"'
    if mode == "binary":
        reason = refusal(VALUE.replace(place, bad + place), HEADERS)
    else:
        reason = refusal(WHOLE.replace(place, bad + place), STRUCTURED)
    assert "must be a finite number" in reason or "the value is not JSON" in reason


def test_a_persian_name_is_a_name() -> None:
    persian = deal(account="acme", title="قرارداد نرم‌افزار")
    assert decode("deals", *encode(event(persian))).data == persian


def test_thousands_of_problems_are_counted_not_named() -> None:
    bad = VALUE.replace(b'"products":[]', b'"products":[' + b"1," * 5000 + b"1]")
    assert refusal(bad, HEADERS) == "data: 5001 problems, too many to name"


def test_a_mebibyte_is_accepted_and_a_byte_more_is_not() -> None:
    filled = VALUE + b" " * (LARGEST - len(VALUE))
    assert decode("deals", filled, HEADERS) == event(deal())
    assert refusal(filled + b" ", HEADERS) == (
        "the value has 1048577 bytes; at most 1048576 are accepted"
    )


def test_nothing_is_a_tombstone_only_where_kafka_keeps_the_last() -> None:
    with pytest.raises(Skipped, match="tombstone"):
        decode("directory", None, [])
    assert refusal(None, HEADERS) == "the value is missing"


@pytest.mark.parametrize(
    ("name", "topic", "refused"),
    [
        ("deal.closed.v2", "deals", Unreadable),
        ("deal.closed.v10", "deals", Unreadable),
        ("deal.closed", "deals", Skipped),
        ("deal.closed.v", "deals", Skipped),
        ("deal.closed.v1.1", "deals", Skipped),
        ("deal.opened.v1", "deals", Skipped),
        ("deal.closed.v1", "accounts", Skipped),
        ("deal.closed.v2", "accounts", Skipped),
        ("deal.closed.v1", "elsewhere", Skipped),
    ],
)
def test_a_strange_type_is_skipped_and_a_strange_version_is_not(
    name: str, topic: str, refused: type[Exception]
) -> None:
    with pytest.raises(refused):
        decode(topic, VALUE, headers_with("ce_type", name.encode()))


def test_an_absence_does_not_take_the_place_of_the_person() -> None:
    absence = EVENTS["absence.set.v1"].model_validate({"person_id": "mia"})
    assert manager("mia").key == absence.subject == "mia"
    assert absence.key == "mia#absence"


@given(
    st.sampled_from(sorted(EVENTS)),
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.text() | st.sampled_from(["account", "amount", "products", "absences"]), inner
            )
        ),
        max_leaves=10,
    ).map(lambda content: json.dumps(content).encode()),
)
def test_no_data_under_a_good_envelope_raises_anything_else(name: str, value: bytes) -> None:
    with contextlib.suppress(Unreadable, Skipped):
        decode(EVENTS[name].topic, value, headers_with("ce_type", name.encode()))
