"""Reads the dead-letter topics, and publishes a dead letter again."""

from dataclasses import dataclass
from typing import Any

from shared.config import KafkaSettings
from shared.contracts.topics import dead_letters
from shared.dead_letters import PREFIX, REPLAY_FOR, without_marks
from shared.errors import Misconfigured
from shared.outbox import Message
from tahvil.reading import Record, records


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that a service set aside."""

    about: dict[str, str]
    """service, topic, partition, offset, cause, reason, at."""
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def id(self) -> str:
        """Where the record stands in its topic."""
        return "/".join(self.about.get(name, "?") for name in ("topic", "partition", "offset"))

    @property
    def document(self) -> dict[str, Any]:
        """As erasures look through it."""
        about = {name: self.about.get(name, "") for name in ("topic", "reason")}
        return {"key": self.key, "value": self.value, "headers": self.headers, **about}

    def replay(self) -> Message:
        """The record as it was, for the one service that set it aside."""
        return Message(
            self.about["topic"],
            self.key,
            self.value,
            [
                *((name, value or b"") for name, value in self.headers),
                (REPLAY_FOR, self.about["service"].encode()),
            ],
        )


async def read(settings: KafkaSettings, service: str) -> list[Letter]:
    """All dead letters of a service, in the order they were published."""
    return [_letter(record) for record in await records(settings, dead_letters(service))]


async def find(settings: KafkaSettings, service: str, identity: str) -> Letter:
    """One dead letter, by where its record stands."""
    for letter in await read(settings, service):
        if letter.id == identity:
            return letter
    raise Misconfigured(
        f"{service} has no dead letter {identity}: `tahvil dead-letters list` shows what it has"
    )


def _letter(record: Record) -> Letter:
    headers = list(record.headers)
    about = {
        name.removeprefix(PREFIX): (value or b"").decode(errors="replace")
        for name, value in headers
        if name.startswith(PREFIX)
    }
    return Letter(about, record.key or b"", record.value, without_marks(headers))
