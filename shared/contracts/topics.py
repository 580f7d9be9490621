"""The topics, spelled once."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

SERVICES = ("handoff", "reminders", "reporting")


class Topic(StrEnum):
    """A Kafka topic that carries events."""

    DEALS = "deals"
    ACCOUNTS = "accounts"
    DIRECTORY = "directory"
    HANDOFFS = "handoffs"
    DEADLINES = "deadlines"
    NOTIFICATIONS = "notifications"
    REMINDERS = "reminders"


COMPACTED = frozenset({Topic.DIRECTORY})
"""Topics of which Kafka keeps the last record of every key, for ever."""


READS: Mapping[str, tuple[Topic, ...]] = MappingProxyType(
    {
        "handoff": (Topic.DEALS, Topic.ACCOUNTS, Topic.DIRECTORY, Topic.DEADLINES),
        "reminders": (Topic.DEADLINES, Topic.NOTIFICATIONS, Topic.DIRECTORY),
        "reporting": tuple(Topic),
    }
)
"""Which topics each service reads. What it said itself there it passes over."""

INTAKE = (Topic.DEALS, Topic.ACCOUNTS, Topic.DIRECTORY, Topic.DEADLINES, Topic.NOTIFICATIONS)
"""Topics that handoff's HTTP intake publishes to for systems that cannot speak Kafka."""

PUBLISHES: Mapping[str, tuple[Topic, ...]] = MappingProxyType(
    {
        "handoff": (Topic.HANDOFFS, *INTAKE),
        "reminders": (Topic.REMINDERS, Topic.DEADLINES),
        "reporting": (Topic.NOTIFICATIONS,),
    }
)
"""Which topics each service publishes. Other systems publish to the rest, and to `deadlines`."""


def dead_letters(service: str) -> str:
    """Topic of the records that a service set aside."""
    return f"{service}.dead-letters"
