"""Events that follow from events: their ids and times follow from the cause, so they repeat."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from shared.contracts.event import Event, EventData
from shared.contracts.ids import derived

Said: TypeAlias = tuple[str, EventData]
"""What is published, behind the name of what happened: by that and its own it has its id."""


def caused_by(cause: Event, service: str, published: Iterable[EventData]) -> list[Event]:
    """What a service says because of an event: the same ids whenever the event is applied."""
    return [
        Event(
            id=derived(cause.source, cause.id, data.type, data.subject, str(number)),
            source=f"/tahvil/{service}",
            time=cause.time,
            data=data,
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
            traceparent=cause.traceparent,
        )
        for number, data in enumerate(published)
    ]


def by_itself(
    identity: str, service: str, published: Iterable[EventData], at: datetime
) -> list[Event]:
    """What a service says with no event as its cause, such as when a timer fires.

    `identity` names what happened, so that saying it twice is saying the same.
    """
    return [
        Event(
            id=(event_id := derived(identity, data.type, data.subject)),
            source=f"/tahvil/{service}",
            time=at,
            data=data,
            correlation_id=event_id,
        )
        for data in published
    ]
