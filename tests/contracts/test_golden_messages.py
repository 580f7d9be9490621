"""Golden messages: changing one of these files is changing a public contract."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.contracts import generate
from shared.contracts.cloudevents import decode, encode
from shared.contracts.registry import EVENTS

GOLDEN = sorted(Path("tests/contracts/golden").rglob("*.json"))
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def binary(golden: dict[str, Any]) -> tuple[bytes, list[tuple[str, bytes]]]:
    headers = [
        (f"ce_{name}", str(value).encode()) for name, value in golden.items() if name != "data"
    ]
    return json.dumps(golden["data"]).encode(), [*headers, ("content-type", b"application/json")]


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_three_modes_read_the_same_event(file: Path) -> None:
    golden = read(file)
    value, headers = binary(golden)
    whole = json.dumps(golden).encode()
    event = decode(file.parent.name, value, headers)

    assert decode(file.parent.name, whole, STRUCTURED) == event
    assert decode(file.parent.name, whole, []) == event  # as kcat sends it
    assert (event.id, event.source, event.type) == (golden["id"], golden["source"], golden["type"])
    assert event.data.subject == golden["subject"]
    assert event.data.key == golden["partitionkey"]
    assert decode(file.parent.name, *encode(event)) == event


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_dump_is_the_golden_message(file: Path) -> None:
    golden = read(file)
    event = decode(file.parent.name, *binary(golden))
    dumped = json.loads(event.data.model_dump_json(exclude_unset=True))
    assert dumped == golden["data"]


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_fields_of_the_future_are_ignored(file: Path) -> None:
    golden = read(file)
    event = decode(file.parent.name, *binary(golden))
    golden["data"]["field_of_the_future"] = {"nested": [1]}
    golden["extensionofthefuture"] = "1"
    assert decode(file.parent.name, *binary(golden)) == event


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_schema_accepts_the_golden_message(file: Path) -> None:
    golden = read(file)
    jsonschema.validate(golden["data"], generate.schema(EVENTS[golden["type"]]))


def test_every_event_has_a_golden_message() -> None:
    assert {read(file)["type"] for file in GOLDEN} == set(EVENTS)


def test_what_is_generated_is_current_and_a_change_is_noticed(tmp_path: Path) -> None:
    assert generate.stale() == []
    for name, content in generate.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert generate.stale(tmp_path) == []
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2.0.0")
    assert generate.stale(tmp_path) == [tmp_path / "asyncapi.yaml"]


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((generate.FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return (
            [found for item in node for found in references(item)] if isinstance(node, list) else []
        )

    for reference in references(document):
        if reference.startswith("#/"):
            place = document
            for part in reference.removeprefix("#/").split("/"):
                place = place[part]
        else:
            assert (generate.FOLDER / reference).exists(), reference


def fields(schema: dict[str, Any], node: Any = None, path: str = "") -> dict[str, set[str]]:
    """Dotted paths of all fields, down to their choices, and of those that are required."""
    node = schema if node is None else node
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    found: dict[str, set[str]] = {
        "required": {f"{path}{name}" for name in node.get("required", [])},
        "properties": {f"{path.rstrip('.')}={choice}" for choice in node.get("enum", [])},
    }
    inner = [(f"{path}{name}.", child) for name, child in node.get("properties", {}).items()]
    found["properties"] |= {name.rstrip(".") for name, _ in inner}
    inner += [(path, choice) for choice in node.get("anyOf", [])]
    inner += [(f"{path.rstrip('.')}[].", node["items"])] if "items" in node else []
    for name, child in inner:
        for kind, names in fields(schema, child, name).items():
            found[kind] |= names
    return found


def test_required_fields_never_grow_and_no_field_goes() -> None:
    """`required.json` is the contract as first published: it changes by additions only."""
    pinned = json.loads(Path("tests/contracts/required.json").read_text(encoding="utf-8"))
    for name, first in pinned.items():
        now = fields(generate.schema(EVENTS[name]))
        # What is required of a new part of an event is no burden to those who do not send it.
        known = {
            field
            for field in now["required"]
            if field.rpartition(".")[0]
            in {"", *first["properties"]} | {part + "[]" for part in first["properties"]}
        }
        assert known <= set(first["required"]), name
        assert now["properties"] >= set(first["properties"]), name
    assert set(pinned) == set(EVENTS), "a new event is pinned when it is added"
