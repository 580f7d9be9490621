"""Writes the contract for other people's tools: JSON Schemas and an AsyncAPI 3 document.

python -m shared.contracts.generate          writes docs/contracts
python -m shared.contracts.generate --check  says whether what is written is current
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.event import EventData
from shared.contracts.registry import EVENTS
from shared.contracts.topics import COMPACTED, INTAKE, PUBLISHES, READS, SERVICES, Topic

FOLDER = Path("docs/contracts")

KEYS: dict[Topic, str] = {
    Topic.DEALS: "account id",
    Topic.ACCOUNTS: "account id; of target.set the manager's id",
    Topic.DIRECTORY: "person id; of absence.set `<person id>#absence`, of contact.erased "
    "`<account id>#contact#<erasure id>`",
    Topic.HANDOFFS: "account id",
    Topic.DEADLINES: "account id, else the subject's id",
    Topic.NOTIFICATIONS: "the recipient's person id",
    Topic.REMINDERS: "account id, else the person's or the subject's id",
}
_HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "with ce_source the event's name: the same pair twice is the same event",
    "ce_source": "who says it",
    "ce_type": "type and major version",
    "ce_time": "when it happened, RFC 3339 with an offset",
}


def schema(data: type[EventData]) -> dict[str, Any]:
    """JSON Schema (2020-12) of an event's data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tahvil:{data.type}",
        **data.model_json_schema(mode="validation"),
        "title": data.type,
    }


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3 document of all topics, and of who reads and publishes them."""
    operations: dict[str, Any] = {}
    for service in SERVICES:
        for action, topics in (("receive", READS[service]), ("send", PUBLISHES[service])):
            for topic in topics:
                operations[f"{service}-{action}-{topic}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{topic}"},
                    "summary": _summary(service, action, topic),
                }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tahvil",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 over Kafka. Accepted: binary and structured mode, and "
            "structured JSON with no headers. Published: binary mode.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.value: _channel(topic) for topic in Topic},
        "operations": operations,
        "components": {
            "messages": {name: _message(data) for name, data in EVENTS.items()},
            "schemas": {
                "headers": {
                    "type": "object",
                    "required": list(_HEADERS),
                    "properties": {
                        name: {"type": "string", "description": text}
                        for name, text in _HEADERS.items()
                    },
                }
            },
        },
    }


def _summary(service: str, action: str, topic: Topic) -> str:
    if action == "receive":
        return f"{service} reads it"
    if service == "handoff" and topic in INTAKE:
        own = ", its own and" if topic is Topic.DEADLINES else ""
        return f"handoff publishes it{own} what comes in over its HTTP intake"
    return f"{service} publishes it"


def _channel(topic: Topic) -> dict[str, Any]:
    policy = ["compact"] if topic in COMPACTED else ["delete"]
    return {
        "address": topic.value,
        "description": f"Key: {KEYS[topic]}. Events of one key are applied in order.",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for name, data in EVENTS.items()
            if data.topic == topic
        },
        "bindings": {
            "kafka": {
                "topic": topic.value,
                "partitions": 12,
                "topicConfiguration": {"cleanup.policy": policy},
            }
        },
    }


def _message(data: type[EventData]) -> dict[str, Any]:
    return {
        "name": data.type,
        "summary": (data.__doc__ or "").strip().split("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"./schemas/{data.type}.json"},
        "bindings": {"kafka": {"key": {"type": "string", "description": KEYS[data.topic]}}},
    }


def files() -> dict[Path, str]:
    """All files, and what belongs in them."""
    written = {
        Path("schemas", f"{name}.json"): json.dumps(schema(data), indent=2) + "\n"
        for name, data in EVENTS.items()
    }
    written[Path("asyncapi.yaml")] = yaml.safe_dump(asyncapi(), sort_keys=False, width=100)
    return written


def stale(folder: Path = FOLDER) -> list[Path]:
    """Files that are not as they should be, missing and superfluous ones among them."""
    wanted = {folder / name: content for name, content in files().items()}
    there = {path for path in folder.rglob("*") if path.suffix in {".json", ".yaml"}}
    wrong = {
        path
        for path, content in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    }
    return sorted(wrong | (there - wanted.keys()))


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; the exit code."""
    if "--check" in arguments:
        wrong = stale()
        for path in wrong:
            sys.stderr.write(f"{path} is not current: run `make contracts`\n")
        return 1 if wrong else 0
    for path in stale():
        path.unlink(missing_ok=True)
    for name, content in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
