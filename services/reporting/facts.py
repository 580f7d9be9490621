"""Facts: what is known of a deal, a handoff, a customer. Registers, so that no order matters.

A fact has a register for each of its fields, and a register keeps what was said last. Last is by
the time of the event, then by its rank (what closes comes before what amends), then by source
and id, so that any order of events, any of them any number of times, ends in the same fact.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

from shared.contracts.event import Event

FIRST = "first:"
"""Registers whose name begins so keep what was said first."""
TOLD = "told:"
"""Registers whose name begins so are events, one each: they are counted, and never overwritten."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANKS = {
    "deal.amended.v1": 1,
    "deal.reopened.v1": 2,
    "dispute.updated.v1": 1,
    "dispute.resolved.v1": 2,
    "opportunity.won.v1": 1,
    "opportunity.lost.v1": 2,
    "handoff.package_added.v1": 1,
    "handoff.resubmitted.v1": 2,
    "deadline.moved.v1": 1,
    "deadline.recalculated.v1": 2,
    "deadline.met.v1": 3,
    "deadline.cancelled.v1": 4,
    "person.removed.v1": 1,
    "person.erased.v1": 2,
}  # events of one time, in the order in which they make sense; what is not named comes first


class Key(NamedTuple):
    """Which fact."""

    kind: str
    id: str


class Stamp(NamedTuple):
    """When something was said, and by which event. The greater one is the later one."""

    time: int
    rank: int
    source: str
    id: str

    @classmethod
    def of(cls, event: Event) -> "Stamp":
        """The stamp of an event."""
        return cls(micros(event.time), _RANKS.get(event.type, 0), event.source, event.id)

    @property
    def digest(self) -> str:
        """Short name of the event."""
        return digest(f"{self.source}\0{self.id}")


class Tell(NamedTuple):
    """What an event says of one fact."""

    key: Key
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one subject. Values are text, whole numbers, lists of these, or None."""

    key: Key
    values: Mapping[str, Any] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """A field, or None where nothing was said of it."""
        return self.values.get(name)

    @property
    def account(self) -> str | None:
        """The customer it is about."""
        if self.key.kind == "account":
            return self.key.id
        account: str | None = self.values.get("account")
        return account

    def told(self) -> list["Told"]:
        """The events that are counted one by one, by their time."""
        return sorted(
            Told(value[0], name.split(":")[1], value[1])
            for name, value in self.values.items()
            if name.startswith(TOLD)
        )


class Told(NamedTuple):
    """An event of a fact."""

    at: int
    """Microseconds since 1970."""
    what: str
    whose: str
    """Id of the person it concerns, or `-`."""


def heard(fact: Fact, fields: Mapping[str, Any], stamp: Stamp) -> Fact:
    """The fact after an event. The same fact when the event says nothing new."""
    if not fact.values:
        return Fact(fact.key, fields, dict.fromkeys(fields, stamp))
    new = [
        name
        for name in fields
        if (known := fact.stamps.get(name)) is None
        or (stamp < known if name.startswith(FIRST) else stamp > known)
    ]
    if not new:
        return fact
    return Fact(
        fact.key,
        {**fact.values, **{name: fields[name] for name in new}},
        {**fact.stamps, **dict.fromkeys(new, stamp)},
    )


def merged(facts: Mapping[Key, Fact], tells: Iterable[tuple[Tell, Stamp]]) -> dict[Key, Fact]:
    """Those facts that are others after these events."""
    after: dict[Key, Fact] = {}
    for tell, stamp in tells:
        key = tell.key
        before = after.get(key) or facts.get(key) or Fact(key)
        fact = heard(before, tell.fields, stamp)
        if fact is not before:
            after[key] = fact
    return after


def digest(text: str) -> str:
    """A name of 16 characters, good as a part of a field's name whatever the text is."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def micros(moment: datetime) -> int:
    """Microseconds since 1970: MongoDB's own times have milliseconds only."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(at: int) -> datetime:
    """The other way."""
    return _EPOCH + timedelta(microseconds=at)
