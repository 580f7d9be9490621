"""Reads CloudEvents over HTTP (structured, binary, batched): our own language, nothing mapped."""

import json
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

from services.handoff.intake import bodies
from services.handoff.intake.mapping import RECORDS, Taken
from services.handoff.intake.refusal import Refused
from shared.contracts.cloudevents import Skipped, Unreadable, decode
from shared.contracts.event import Event
from shared.contracts.registry import EVENTS
from shared.contracts.topics import Topic

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def read(topics: Set[Topic], content_type: str, headers: Mapping[str, str], body: bytes) -> Taken:
    """Events of a body, of these topics only. What is wrong with one holds no other up."""
    if content_type not in (STRUCTURED, BATCH, "application/json"):
        raise Refused(415, f"content-type: must be {STRUCTURED}, {BATCH} or application/json")
    content = bodies.read_json(body)
    taken = Taken()
    if content_type == BATCH:
        if not isinstance(content, list):
            raise Refused(400, f"the body is no list, as {BATCH} is")
        if len(content) > RECORDS:
            raise Refused(413, f"the body has {len(content)} events; {RECORDS} are read at once")
        if not content:
            taken.ignored.append("the body is an empty list")
    elif content_type == "application/json" and "ce-type" in headers:
        content = [{**_attributes(headers), "data": content}]
    else:
        content = [content]
    for number, one in enumerate(content):
        try:
            taken.events.append(_event(topics, one))
        except (Unreadable, Skipped) as error:
            place = f"event {number}: " if content_type == BATCH else ""
            taken.refused.append(f"{place}{error.reason}")
    return taken


def _event(topics: Set[Topic], content: Any) -> Event:
    if not isinstance(content, Mapping):
        raise Unreadable("must be a JSON object: a CloudEvent")
    name = content.get("type")
    model = EVENTS.get(name) if isinstance(name, str) else None
    if model is None:
        raise Unreadable("type: is no event that is known here")
    if model.topic not in topics:
        raise Unreadable(f"type: this source may not send events of the topic {model.topic}")
    return decode(model.topic, json.dumps(content, default=_number).encode(), [])


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    return {k.removeprefix("ce-"): v for k, v in headers.items() if k.startswith("ce-")}


def _number(value: Decimal) -> float:
    return float(value)
