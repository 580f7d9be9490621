"""An event: what happened, and the envelope it comes in."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.contracts.topics import Topic
from shared.contracts.values import Value


class EventData(Value):
    """What an event says. Subclasses are the contract; see docs/contracts."""

    type: ClassVar[str]
    """CloudEvents type with its major version, e.g. `deal.closed.v1`."""
    topic: ClassVar[Topic]

    keyed_by: ClassVar[tuple[str, ...]] = ()
    """Fields whose first that is set is the Kafka key."""
    about: ClassVar[str]
    """Field with the id of what the event is about."""

    @property
    def key(self) -> str:
        """Kafka key: events with one key are applied in order."""
        for name in self.keyed_by:
            if key := getattr(self, name):
                return str(key)
        raise AssertionError  # pragma: no cover - the last of the fields is required

    @property
    def subject(self) -> str:
        """Id of what the event is about."""
        subject: str = getattr(self, self.about)
        return subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`id` and `source` together name the event: the same pair twice is the same event."""

    id: str
    source: str
    time: datetime
    """When it happened, not when it was sent."""
    data: EventData
    correlation_id: str
    """The same on all that one deal brings about; the first event's id."""
    causation_id: str | None = None
    traceparent: str | None = None

    @property
    def type(self) -> str:
        """CloudEvents type."""
        return self.data.type
