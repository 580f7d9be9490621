"""The topics, spelled once."""

from enum import StrEnum

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


def dead_letters(service: str) -> str:
    """Topic of the records that a service set aside."""
    return f"{service}.dead-letters"
