"""Golden messages with one part exchanged for anything: read, refused or skipped, never an error.

What is read can also be written, stored and read again.
"""

import copy
import json
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.contracts.cloudevents import Skipped, Unreadable, decode, encode
from shared.contracts.event import Event

GOLDEN = sorted(Path("tests/contracts/golden").rglob("*.json"))
CANARY = "tell-nobody"

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 10**400, "\ud800", CANARY, "x" * 10_001])
    | st.floats()
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Places of everything in a message, objects and lists among them."""
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    below = [place for key, value in items for place in leaves(value, (*path, key))]
    return [path, *below] if path else below


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    file = draw(st.sampled_from(GOLDEN))
    message = copy.deepcopy(json.loads(file.read_text(encoding="utf-8")))
    *above, last = draw(st.sampled_from(leaves(message)))
    node = message
    for key in above:
        node = node[key]
    if draw(st.booleans()):
        node[last] = draw(_JSON)
    else:
        del node[last]
    return file.parent.name, message


def changed(golden: str, name: str, content: Any) -> tuple[str, dict[str, Any]]:
    file = Path("tests/contracts/golden", f"{golden}.json")
    message = json.loads(file.read_text(encoding="utf-8"))
    message["data"][name] = content
    return file.parent.name, message


def outcome(topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> Event | None:
    try:
        return decode(topic, value, headers)
    except Unreadable as refused:
        reason = refused.reason
    except Skipped:
        return None
    assert CANARY not in reason
    return None


def stored(event: Event) -> dict[str, Any]:
    """As the database would give it back; MongoDB has no integers above 64 bits."""
    document: dict[str, Any] = bson.decode(bson.encode(event.data.model_dump(mode="json")))
    return document


@settings(max_examples=400)
@given(mutated())
@example(changed("directory/person.upserted", "capacity", 2**63))
@example(changed("reminders/deadline.escalated", "step", -(2**63) - 1))
def test_a_mutated_message_is_read_alike_in_both_modes_or_refused(
    case: tuple[str, dict[str, Any]],
) -> None:
    topic, message = case
    whole = outcome(topic, json.dumps(message).encode(), [])
    if whole is None:
        return
    headers = [(f"ce_{name}", text.encode()) for name, text in message.items()
               if name != "data" and isinstance(text, str)]  # fmt: skip
    assert outcome(topic, json.dumps(message["data"]).encode(), headers) == whole
    assert decode(topic, *encode(whole)) == whole
    assert stored(whole)


_NAMES = st.text(st.characters(), max_size=5) | st.sampled_from(
    ["ce_id", "CE_ID", "ce_type", "ce_source", "ce_time", "ce_specversion", "content-type"]
)


@given(
    st.sampled_from(GOLDEN),
    st.lists(st.tuples(_NAMES, st.none() | st.binary(max_size=20)), max_size=4),
)
def test_a_message_with_any_headers_raises_nothing_else(
    file: Path, headers: list[tuple[str, bytes | None]]
) -> None:
    for value in (file.read_bytes(), json.dumps(json.loads(file.read_bytes())["data"]).encode()):
        try:
            decode(file.parent.name, value, headers)
        except (Unreadable, Skipped) as said:
            said.reason.encode()  # it is stored and published, so it must be text


@pytest.mark.parametrize("name", ["ce_\ud800", "ce_" + "x" * 9999])
def test_a_header_name_that_is_no_text_is_told_in_text(name: str) -> None:
    with pytest.raises(Unreadable) as refused:
        decode("deals", b"{}", [(name, b"\xff" + CANARY.encode())])
    assert len(refused.value.reason.encode()) < 200
    assert CANARY not in refused.value.reason
