"""What is left of events and dead letters once somebody in them is erased. Pure.

What was said until the time of an erasure is told again without the person, however often and in
whatever order it comes. What is said at a later time is news, and none of an erasure's business.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from shared.contracts.deals import Contact, DealClosed
from shared.contracts.directory import (
    AbsenceSet,
    ContactErased,
    PersonErased,
    PersonRemoved,
    PersonUpserted,
)
from shared.contracts.event import Event, EventData
from shared.contracts.values import Value
from shared.identities import Search

TEXTS = frozenset(
    "answers body chart interests lines lost_reason needs notes promises purpose questions reason "
    "reasons sections state title titles".split()
)
"""Fields of events that people fill as they like."""
_LONGEST = 200  # of what is a name, such as a title
_NO_LETTERS = dict.fromkeys([*range(32), 0xFFFD], " ")
"""Control characters, and what stands for bytes that are no text."""
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Somebody was erased; what the services go by. `until`: what was said up to then is of it."""

    id: str
    """Of the erasure."""
    kind: Literal["person", "contact"]
    of: str
    """Id of the person, or of the contact's account."""
    until: datetime
    key_name: str
    digests: frozenset[str]

    @property
    def least(self) -> int:
        """Words of a name within a text: staff may be mentioned anywhere."""
        return 2 if self.kind == "person" else 1


class Sought(NamedTuple):
    """A mark, and what looks for who it is about."""

    mark: Mark
    search: Search


def mark_of(event: Event) -> Mark | None:
    """The mark that an event sets, if any."""
    match event.data:
        case PersonErased() as said:
            kind: Literal["person", "contact"] = "person"
            of = said.person_id
        case ContactErased() as said:
            kind, of = "contact", said.account_id
        case _:
            return None
    return Mark(
        id=said.erasure_id,
        kind=kind,
        of=of,
        until=event.time,
        key_name=said.key_name,
        digests=frozenset(said.digests),
    )


def account_of(data: EventData) -> str | None:
    """The customer an event is about."""
    account: str | None = getattr(data, "account_id", None)
    return data.account.id if isinstance(data, DealClosed) else account


def remaining(event: Event, known: Iterable[Sought]) -> Event | None:
    """The event without whom was erased at its time or later; None: it is about nobody else."""
    data = event.data
    if isinstance(data, PersonErased | ContactErased):
        return event
    account = account_of(data)
    for mark, search in known:
        if event.time > mark.until or (mark.kind == "contact" and mark.of != account):
            continue
        if isinstance(data, PersonUpserted | PersonRemoved | AbsenceSet):
            if mark.kind == "person" and data.person_id == mark.of:
                return None
        else:
            data = without(data, search, contacts=mark.kind == "contact")
    return event if data is event.data else replace(event, data=data)


def without(data: EventData, search: Search, *, contacts: bool) -> EventData:
    """What an event says, without somebody. `contacts`: also not as a contact of the customer."""
    if contacts and isinstance(data, DealClosed) and data.package:
        staying, search = parted(data.package.contacts, search)
        if len(staying) < len(data.package.contacts):
            package = data.package.model_copy(update={"contacts": staying})
            data = data.model_copy(update={"package": package})
    left: EventData = without_texts(data, search)
    return left


def parted(contacts: Sequence[Contact], search: Search) -> tuple[tuple[Contact, ...], Search]:
    """The contacts that stay. Who is found by one address is looked for by the others as well."""
    while True:
        gone = [one for one in contacts if is_contact(one, search)]
        wider = search.also(digest for one in gone for digest in known_by(one, search))
        if wider == search:
            return tuple(one for one in contacts if one not in gone), search
        search = wider


def is_contact(contact: Contact, search: Search) -> bool:
    """Whether this is whom is looked for."""
    return search.named(contact.name) or search.reached(contact.email, contact.phone)


def known_by(contact: Contact, search: Search) -> list[str | None]:
    """Digests of all that a contact is known by."""
    made = search.digests
    return [
        made.of_name(contact.name),
        made.of_mail(contact.email) if contact.email else None,
        made.of_number(contact.phone) if contact.phone else None,
    ]


def scrub(values: Mapping[str, Any], search: Search, names: Iterable[str]) -> dict[str, Any]:
    """Those of the named fields of a document that are others without somebody."""
    found = {name: _text(values[name], search) for name in names if name in values}
    return {name: value for name, value in found.items() if value != values[name]}


def without_texts(data: Any, search: Search) -> Any:
    """A value of the contract with its texts without somebody."""
    changed: dict[str, Any] = {}
    for name, value in data:
        now = value
        if name in TEXTS:
            now = _text(value, search)
            if isinstance(now, str) and name == "title":
                now = now[:_LONGEST]
        elif isinstance(value, Value):
            now = without_texts(value, search)
        elif isinstance(value, tuple):
            now = tuple(
                without_texts(one, search) if isinstance(one, Value) else one for one in value
            )
        if now != value:
            changed[name] = now
    return data.model_copy(update=changed) if changed else data


def _text(value: Any, search: Search) -> Any:
    if isinstance(value, str):
        return search.scrubbed(value)
    if isinstance(value, Value):
        return value.model_copy(update={name: _text(one, search) for name, one in value})
    if isinstance(value, Mapping):
        return {name: _text(one, search) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_text(one, search) for one in value)
    return value


def readable(content: bytes | None) -> str:
    """Bytes of a record as text to search in; letters that JSON has escaped are letters again."""
    text = (content or b"").decode(errors="replace")
    letters = _ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), text)
    return letters.translate(_NO_LETTERS)


def emptied(letter: Mapping[str, Any], known: Iterable[Sought]) -> dict[str, Any] | None:
    """What changes in a dead letter's document that tells of somebody; None: it tells of nobody.

    It is emptied, not mended: what cannot be read cannot be read in part. Where the record stands
    is kept.
    """
    if letter.get("erased"):
        return None
    key = readable(letter["key"])
    texts = [key, readable(letter["value"]), letter["reason"]]
    texts += [readable(value) for _, value in letter["headers"]]
    for mark, search in known:
        own = mark.kind == "person" and letter["topic"] == "directory" and key == mark.of
        # Without a customer it is not known whose name it is: one word of it says too little.
        near = mark.kind == "person" or mark.of in key or any(mark.of in text for text in texts)
        narrow = search if near and mark.kind == "contact" else replace(search, least=2)
        if own or any(narrow.holds(text) for text in texts):
            reason = "what it said is erased: it was about somebody who is forgotten"
            kept = None if narrow.holds(key) else letter["key"]
            return {
                "value": None, "headers": [], "reason": reason, "key": kept, "erased": True,
            }  # fmt: skip
    return None
