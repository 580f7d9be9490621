"""`tahvil intake try`: what a payload would become, with no server and no secret."""

import json
from pathlib import Path
from typing import Any

from services.handoff.intake import bodies, sources
from services.handoff.intake.mapping import Mapped, Taken
from services.handoff.intake.refusal import Refused
from shared.contracts.cloudevents import write_time
from shared.contracts.event import Event
from shared.errors import Misconfigured


def attempt(name: str, payload: Path, intake: Path | None) -> Taken:
    """Apply a mapping, or with `intake` the mapping of a source in that file, to a payload."""
    mapped = _of_source(name, intake) if intake else _of_mapping(name)
    try:
        body = payload.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{payload}: {error.strerror}") from None
    try:
        content = bodies.read_soap(body) if mapped.reads == "soap" else bodies.read_json(body)
        return mapped.apply(content)
    except Refused as refusal:
        return Taken(refused=[refusal.reason])


def shown(event: Event) -> str:
    """The event as a CloudEvent in JSON."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": write_time(event.time),
        "data": event.data.model_dump(mode="json", exclude_none=True),
    }
    return json.dumps(envelope, indent=2, ensure_ascii=False)


def _of_mapping(name: str) -> Mapped:
    source = Path(name).stem.lower()
    return sources.mapped(name, {}, source=source, beside=Path())


def _of_source(name: str, intake: Path) -> Mapped:
    source = sources.parsed(intake).sources.get(name)
    if source is None:
        raise Misconfigured(f"{intake}: there is no source {name!r}")
    if source.mapping == sources.CLOUDEVENTS:
        raise Misconfigured(f"{intake}: source {name!r} sends CloudEvents; nothing is mapped")
    return sources.mapped(source.mapping, source.values, source=name, beside=intake.parent)
