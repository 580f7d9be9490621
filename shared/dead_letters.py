"""What a record that was set aside looks like: in MongoDB, and on the dead-letter topic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aiokafka import ConsumerRecord

from shared.contracts.topics import dead_letters
from shared.mongo import Document
from shared.outbox import Message

PREFIX = "tahvil-dead-letter-"
"""Headers that a dead letter has besides the record's own."""

REPLAY_FOR = "tahvil-replay-for"
"""Header of a replayed record: the only service that is to read it."""


class Cause(StrEnum):
    """Why a record was set aside."""

    UNREADABLE = "unreadable"
    CONFLICTING_ID = "conflicting-id"
    """Its source and id were seen before, on another content: the first one stands."""
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record as it was, and why it was not applied."""

    record: "ConsumerRecord[bytes | None, bytes | None]"
    cause: Cause
    reason: str

    @property
    def id(self) -> str:
        """Where the record stands: one dead letter for one record, however often it is read."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"

    def to_document(self, at: datetime) -> Document:
        """For the collection `dead_letters`."""
        record = self.record
        return {
            "_id": self.id,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "cause": self.cause.value,
            "reason": self.reason,
            "at": at,
            "key": record.key,
            "value": record.value,
            "headers": [[name, value] for name, value in record.headers],
        }


def letter_message(letter: Document, service: str) -> Message:
    """For the topic `<service>.dead-letters`: the original bytes, key and headers, and why."""
    about = {
        "service": service,
        "topic": letter["topic"],
        "partition": str(letter["partition"]),
        "offset": str(letter["offset"]),
        "cause": letter["cause"],
        "reason": letter["reason"],
        "at": letter["at"].isoformat(),
    }
    return Message(
        topic=dead_letters(service),
        key=letter["key"] or b"",
        value=letter["value"],
        headers=[
            *((name, value or b"") for name, value in without_marks(letter["headers"])),
            *((PREFIX + name, value.encode()) for name, value in about.items()),
        ],
    )


def without_marks(
    headers: Iterable[Sequence[Any]],
) -> list[tuple[str, bytes | None]]:
    """A record's own headers, without those of an earlier dead letter or replay."""
    return [
        (name, value)
        for name, value in headers
        if not name.startswith(PREFIX) and name != REPLAY_FOR
    ]
