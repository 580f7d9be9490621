"""`tahvil erase`: what the services are asked to forget. Whether they have is in `proving`."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AnyHttpUrl, Field, SecretStr

from shared.config import KafkaSettings
from shared.contracts.cloudevents import Skipped, Unreadable, decode
from shared.contracts.deals import Contact, DealClosed
from shared.contracts.directory import AbsenceSet, ContactErased, PersonErased, PersonUpserted
from shared.contracts.event import Event, EventData
from shared.contracts.topics import Topic
from shared.erasure import Sought, emptied, mark_of, parted
from shared.errors import Misconfigured
from shared.identities import Digests, Keys
from shared.signing import Keys as Signing
from shared.signing import split
from tahvil.reading import stream
from tahvil.running import Running, erasure_key


class EraseSettings(KafkaSettings):
    """What erasing needs to know besides Kafka."""

    doors: dict[str, AnyHttpUrl] = Field(
        default_factory=dict, description="JSON of service to the address of its HTTP door"
    )
    http_password: SecretStr = SecretStr("")
    erasure_key: Signing | None = None


class Company(NamedTuple):
    """The running system, as far as erasing goes."""

    kafka: KafkaSettings
    doors: Mapping[str, str]
    password: str
    keys: Keys

    @property
    def digests(self) -> Digests:
        """What makes them now."""
        return self.keys.first


def company(data: Path) -> Company:
    """Of the environment; where it names no Kafka, of what runs here."""
    running = Running.find(data)
    try:
        values = EraseSettings.read()
    except Misconfigured:
        if running is None:
            raise
        keys = Keys(split(SecretStr(erasure_key(data))))
        return Company(running.settings, running.doors, running.password, keys)
    keys = Keys(split(values.erasure_key) if values.erasure_key else ())
    doors = {name: str(door).rstrip("/") for name, door in values.doors.items()}
    return Company(values, doors, values.http_password.get_secret_value(), keys)


@dataclass(frozen=True, slots=True)
class Known:
    """By what somebody is known, as the operator or Kafka tells it. Never logged or stored."""

    names: frozenset[str] = field(default_factory=frozenset)
    mails: frozenset[str] = field(default_factory=frozenset)
    numbers: frozenset[str] = field(default_factory=frozenset)
    addresses: frozenset[str] = field(default_factory=frozenset)

    def __or__(self, other: "Known") -> "Known":
        """All of both."""
        return Known(
            self.names | other.names,
            self.mails | other.mails,
            self.numbers | other.numbers,
            self.addresses | other.addresses,
        )

    @property
    def values(self) -> tuple[str, ...]:
        """All of it, in one order."""
        return tuple(sorted(self.names | self.mails | self.numbers | self.addresses))

    def digests(self, made: Digests) -> tuple[str, ...]:
        """What the services look for; `Misconfigured` names what can be no name or number."""
        found = {made.of_mail(one) for one in self.mails}
        found |= {made.of_address(one) for one in self.addresses}
        for kind, digest, values in (
            ("number", made.of_number, self.numbers), ("name", made.of_name, self.names),
        ):  # fmt: skip
            for value in values:
                if (one := digest(value)) is None:
                    limits = {"number": "7 digits at least", "name": "1 to 6 words"}
                    raise Misconfigured(f"a {kind} has {limits[kind]}")
                found.add(one)
        return tuple(sorted(found))

    def told(self) -> str:
        """How much is known, and nothing of it."""
        parts = (
            (self.names, "name", "names"),
            (self.mails, "mail address", "mail addresses"),
            (self.numbers, "number", "numbers"),
            (self.addresses, "other address", "other addresses"),
        )
        told = [f"{len(of)} {one if len(of) == 1 else many}" for of, one, many in parts if of]
        return ", ".join(told) or "nothing"


def person(person_id: str, directory: Sequence[Event]) -> tuple[Known, PersonUpserted]:
    """What the directory has told of somebody, and its last word.

    `Misconfigured`: it has told of nobody so, or the person is erased already.
    """
    said = [event for event in directory if getattr(event.data, "person_id", None) == person_id]
    upserted = [event.data for event in said if isinstance(event.data, PersonUpserted)]
    last = next((e for e in reversed(said) if not isinstance(e.data, AbsenceSet)), None)
    if last and isinstance(last.data, PersonErased):
        raise Misconfigured(
            f"{person_id!r} was erased on {last.time:%Y-%m-%d %H:%M} UTC, by erasure "
            f"{last.data.erasure_id}: `tahvil erase status {last.data.erasure_id}`"
        )
    if not upserted:
        raise Misconfigured(f"the directory has told of nobody with the id {person_id!r}")
    known = Known()
    for one in upserted:
        channels = [c.address for c in one.channels if c.address]
        known |= Known(
            frozenset([one.name]),
            frozenset([one.email] if one.email else []),
            addresses=frozenset(channels),
        )
    return known, upserted[-1]


async def contact(account: str, known: Known, company: Company) -> tuple[Known, int]:
    """Whom Kafka's deals of a customer tell of under any of these, by what else; how many do."""
    search = company.digests.search(frozenset(known.digests(company.digests)))
    contacts: list[Contact] = []
    async for event in _closed(company.kafka, account):
        contacts += event.package.contacts if event.package else ()
    left, _ = parted(contacts, search)
    gone = [one for one in contacts if one not in left]
    for one in gone:
        known |= Known(
            frozenset([one.name]),
            frozenset([one.email] if one.email else []),
            frozenset([one.phone] if one.phone and company.digests.of_number(one.phone) else []),
        )
    return known, len(gone)


async def _closed(settings: KafkaSettings, account: str) -> AsyncIterator[DealClosed]:
    async for record in stream(settings, Topic.DEALS):
        try:
            data = decode(record.topic, record.value, record.headers).data
        except (Unreadable, Skipped):
            continue
        if isinstance(data, DealClosed) and data.account.id == account:
            yield data


def said(datas: Iterable[EventData], erasure_id: str, at: datetime) -> list[Event]:
    """As events of this command."""
    return [
        Event(
            id=f"{data.type}:{erasure_id}",
            source="/tahvil/erase",
            time=at,
            data=data,
            correlation_id=erasure_id,
        )
        for data in datas
    ]


def person_erased(
    last: PersonUpserted,
    known: Known,
    made: Digests,
    *,
    at: datetime,
    erasure_id: str,
    asked_by: str | None,
) -> list[Event]:
    """Takes the place of all that the directory said of a person, absences too."""
    erased = PersonErased(
        person_id=last.person_id,
        removed_at=at,
        erasure_id=erasure_id,
        key_name=made.name,
        digests=known.digests(made),
        reports_to=last.reports_to,
        roles=last.roles,
        asked_by=asked_by,
    )
    return said([erased, AbsenceSet(person_id=last.person_id)], erasure_id, at)


def contact_erased(
    account: str,
    known: Known,
    made: Digests,
    *,
    at: datetime,
    erasure_id: str,
    asked_by: str | None,
) -> list[Event]:
    """Of a customer's contact."""
    erased = ContactErased(
        account_id=account,
        erasure_id=erasure_id,
        erased_at=at,
        key_name=made.name,
        digests=known.digests(made),
        asked_by=asked_by,
    )
    return said([erased], erasure_id, at)


def refuse(letter: Mapping[str, Any], directory: Sequence[Event], keys: Keys) -> None:
    """Refuse to publish what tells of somebody who was erased: Kafka would have it anew.

    `letter`: as `shared.erasure.emptied` takes it. `directory`: all that this topic has.
    """
    for event in directory:
        mark = mark_of(event)
        if mark is None:
            continue
        digests = keys.named(mark.key_name)
        if digests is None:
            raise Misconfigured(
                f"erasure {mark.id} was made with another TAHVIL_ERASURE_KEY than this command "
                "has, so it cannot be told whether the dead letter tells of that person: give it "
                "that key as well, behind a space"
            )
        if emptied(letter, [Sought(mark, digests.search(mark.digests, mark.least))]):
            raise Misconfigured(
                f"the dead letter tells of somebody who was erased (erasure {mark.id}), so it is "
                "not published again: let its producer send what it said without the person"
            )


def back(people: Sequence[Event], directory: Sequence[Event], again: Iterable[str]) -> None:
    """Refuse a team in which somebody stands who was erased, unless the person has come back."""
    last = {
        event.data.person_id: event
        for event in directory
        if isinstance(event.data, PersonUpserted | PersonErased)
    }
    for event in people:
        one = last.get(event.data.subject)
        if one and isinstance(one.data, PersonErased) and event.data.subject not in set(again):
            raise Misconfigured(
                f"people.id: {event.data.subject!r} was erased on {one.time:%Y-%m-%d}: take the "
                f"person out of the file, or say --again {event.data.subject} if that one is back"
            )
