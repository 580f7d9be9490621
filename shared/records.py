"""From Kafka records to events, one at a time: a poison record never takes its batch with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol

from aiokafka import ConsumerRecord

from shared.contracts.cloudevents import Skipped, Unreadable, decode
from shared.contracts.event import Event
from shared.dead_letters import REPLAY_FOR, Cause, DeadLetter
from shared.mongo import Session

Record = ConsumerRecord  # with bytes or nothing as key and value
Partition = tuple[str, int]


class Outcome(StrEnum):
    """What became of a record. The four add up to all records received."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    DEAD_LETTERED = "dead_lettered"


class Work(Protocol):
    """One transaction's worth of a service's work. Made anew for every try.

    `load` and `save` are the shell, with a few queries for the whole batch; `apply` decides, in
    memory and without a clock, and says what is to be published because of the event.
    """

    async def load(self, events: Sequence[Event], session: Session) -> None: ...  # noqa: D102
    def apply(self, event: Event) -> Sequence[Event]: ...  # noqa: D102
    async def save(self, session: Session) -> None: ...  # noqa: D102

    def committed(self) -> None:
        """What was saved is stored now. May not come, if the process dies here."""
        return


@dataclass(frozen=True, slots=True)
class Received:
    """A record that was looked at. Exactly one of event, skipped and dead is set."""

    record: "ConsumerRecord[bytes | None, bytes | None]"
    event: Event | None = None
    skipped: str | None = None
    dead: DeadLetter | None = None
    inbox_id: bytes = b""
    """Hash of the event's source and id."""
    digest: bytes = b""
    """Hash of the record's content, to tell a repetition from another event with the same id."""

    @property
    def partition(self) -> Partition:
        """Topic and partition."""
        return self.record.topic, self.record.partition


def receive(record: "ConsumerRecord[bytes | None, bytes | None]", service: str) -> Received:
    """Read one record; never raises."""
    for name, value in record.headers:
        if name == REPLAY_FOR and value != service.encode():
            return Received(record, skipped="replayed for another service")
        if name == "ce_source" and value == f"/tahvil/{service}".encode():
            return Received(record, skipped="said by this service itself")
    try:
        event = decode(record.topic, record.value, record.headers)
    except Skipped as error:
        return Received(record, skipped=error.reason)
    except Unreadable as error:
        return Received(record, dead=DeadLetter(record, Cause.UNREADABLE, error.reason))
    return Received(
        record,
        event=event,
        inbox_id=blake2b(f"{event.source}\0{event.id}".encode(), digest_size=16).digest(),
        digest=blake2b(record.value or b"", digest_size=8).digest(),
    )
