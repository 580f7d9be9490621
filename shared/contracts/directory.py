"""Topic `directory`: the people. Compacted: Kafka keeps the last record of every key."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import override

from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Email, Id, Instant, Name, Value


class Role(StrEnum):
    """What a person does."""

    ACCOUNT_MANAGER = "account_manager"
    SALESPERSON = "salesperson"
    HEAD = "head"
    COMPANY_MANAGER = "company_manager"


_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")

Tier: TypeAlias = Literal["regional", "national", "global"]


class Absence(Value):
    """From one moment to another; no end: until further notice."""

    since: Instant
    until: Instant | None = None


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)  # cached, where available_timezones() reads a folder at every call
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError(
            "value", 'must be an IANA time zone such as "Asia/Tehran"'
        ) from None
    return name


TimeZone: TypeAlias = Annotated[str, AfterValidator(_time_zone)]

_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)


def _clock_time(text: str) -> str:
    if not _CLOCK_TIME.fullmatch(text):
        raise PydanticCustomError("value", 'must be a time of day such as "22:00"')
    return text


def _address(text: str) -> str:
    if 0 < len(text) <= 254 and text.isprintable() and " " not in text:
        return text
    raise PydanticCustomError("value", "must be 1 to 254 printable characters without spaces")


ClockTime: TypeAlias = Annotated[
    str,
    AfterValidator(_clock_time),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK_TIME.pattern}$"}),
]
Address: TypeAlias = Annotated[
    str,
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 254}),
]
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Channel(Value):
    """A way to a person: never a password, which is the reminders service's own setting."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """`email`, `telegram`, `bale`, `slack`, `webhook`, or one that the service's settings name."""
    address: Address | None = None
    """Chat, phone number, user or URL; of `email` the person's own where none is given."""
    only: Literal["ordinary", "important"] | None = None
    """None: for both."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "email":
            if self.address is not None:
                _EMAIL.validate_python(self.address)
        elif self.address is None:
            raise PydanticCustomError("value", "must have an address, unless its kind is email")
        return self


class QuietHours(Value):
    """When a person is left alone, on the clock of the person's time zone."""

    since: ClockTime
    until: ClockTime
    """Not later than `since`: on the next day."""
    days: tuple[Weekday, ...] = ()
    """Days on which they begin; none: every day."""


Figures: TypeAlias = Literal[
    "weekly-digest", "monthly-digest", "budget-alert", "satisfaction-alert", "target-alert"
]
"""What people are told of figures."""


def _range(text: str) -> str:
    begin, _, end = text.partition("-")
    if not _HOURS.fullmatch(text) or begin == end:
        raise PydanticCustomError("value", 'must be hours such as "08:00-16:30"')
    return text


def _some(
    week: "dict[Weekday, tuple[Hours, ...]] | None",
) -> "dict[Weekday, tuple[Hours, ...]] | None":
    if week is not None and not any(week.values()):
        raise PydanticCustomError("value", "must give one day at least hours, or be left out")
    return week


Hours: TypeAlias = Annotated[
    str,
    AfterValidator(_range),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOURS.pattern}$"}),
]
"""From an hour to another, to the next day's where it does not end later."""


class PersonUpserted(EventData):
    """A person, whole: what an earlier event said of it holds no more."""

    type: ClassVar[str] = "person.upserted.v1"
    topic: ClassVar[Topic] = Topic.DIRECTORY
    keyed_by: ClassVar[tuple[str, ...]] = ("person_id",)
    about: ClassVar[str] = "person_id"
    person_id: Id
    name: Name
    email: Email | None = None
    roles: tuple[Role, ...] = ()
    regions: tuple[Name, ...] = ()
    countries: tuple[Name, ...] = ()
    cities: tuple[Name, ...] = ()
    """Territory: the accounts of any of these places; none at all: of any place."""
    speaks: tuple[Name, ...] = ()
    """Languages for customers, as deals spell them; none: not asked. `language` is for mails."""
    industries: tuple[Name, ...] = ()
    level: Tier | None = None
    """Accounts up to this tier; none: of any."""
    reports_to: Id | None = None
    language: Literal["fa", "en"] = "en"
    time_zone: TimeZone = "UTC"
    team: Name | None = None
    calendar: Name | None = None
    """Name of a calendar of the company; none: the team's, else the company's."""
    hours: Annotated[dict[Weekday, tuple[Hours, ...]] | None, AfterValidator(_some)] = None
    """The person's own week; days that are not named are free."""
    capacity: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    """Weights of accounts at most; an account weighs 1 by default, more by tier and revenue."""
    channels: Annotated[tuple[Channel, ...], Field(max_length=10)] = ()
    """How the person is reached, best first; none: by mail."""
    quiet_hours: Annotated[tuple[QuietHours, ...], Field(max_length=10)] = ()
    """Messages wait for their end, all but important ones."""
    digest: Mapping[Id, Literal["none", "hourly", "daily"]] = Field(
        default_factory=dict, max_length=50
    )
    """Messages of a kind that come together; the kind `*` stands for all that are not named."""
    digest_at: ClockTime = "08:00"
    """When the daily digest comes."""
    mutes: tuple[Figures, ...] = Field(default=(), max_length=5)
    """What the person is not told of figures."""

    @model_serializer(mode="wrap")
    def _as_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """No time zone where none was said: `UTC` would take the place of the calendar's."""
        content: dict[str, Any] = write(self)
        if "time_zone" not in self.model_fields_set:
            content.pop("time_zone", None)
        return content


class PersonRemoved(EventData):
    """A person has left."""

    type: ClassVar[str] = "person.removed.v1"
    topic: ClassVar[Topic] = Topic.DIRECTORY
    keyed_by: ClassVar[tuple[str, ...]] = ("person_id",)
    about: ClassVar[str] = "person_id"
    person_id: Id
    removed_at: Instant


class AbsenceSet(EventData):
    """When a person is away, whole: an earlier list holds no more.

    Its key is not the person's: compaction would let it take the place of `person.upserted`.
    """

    type: ClassVar[str] = "absence.set.v1"
    topic: ClassVar[Topic] = Topic.DIRECTORY
    about: ClassVar[str] = "person_id"
    person_id: Id
    absences: tuple[Absence, ...] = ()

    @property
    @override
    def key(self) -> str:
        return f"{self.person_id}#absence"


Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""Keyed, of a name, a mail address, a number or another address; see `shared.identities`."""


class PersonErased(PersonRemoved):
    """A person is to be forgotten, and so has left. The id stays, as a pseudonym.

    Compaction lets it take the place of all that was said of the person. What is said of the
    same id at a later time is of somebody who has come, or come back.
    """

    type: ClassVar[str] = "person.erased.v1"
    erasure_id: Id
    """Of the request: its record in each service is kept by it."""
    key_name: Id
    """Of the key that the digests were made with."""
    digests: Annotated[tuple[Digest, ...], Field(max_length=200)] = ()
    """Of all names and addresses the person was known by."""
    reports_to: Id | None = None
    """As it was last: figures of a head keep what is the person's."""
    roles: tuple[Role, ...] = ()
    asked_by: Id | None = None
    """A ticket, a case number: nothing personal."""


class ContactErased(EventData):
    """A person at a customer is to be forgotten, in all that was told until then."""

    type: ClassVar[str] = "contact.erased.v1"
    topic: ClassVar[Topic] = Topic.DIRECTORY
    about: ClassVar[str] = "account_id"
    account_id: Id
    erasure_id: Id
    """Of the request: its record in each service is kept by it."""
    erased_at: Instant
    key_name: Id
    """Of the key that the digests were made with."""
    digests: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=200)]
    """Of the names, mail addresses and numbers by which the person is known."""
    asked_by: Id | None = None
    """A ticket, a case number: nothing personal."""

    @property
    @override
    def key(self) -> str:
        return f"{self.account_id}#contact#{self.erasure_id}"
