"""Topic `notifications`: somebody is to be told something. Key: recipient."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Id, Name, Shown, Text, Value

WebAddress: TypeAlias = Annotated[
    str, Field(pattern=r"^https?://[!-~]{1,1900}$", json_schema_extra={"format": "uri"})
]


class Line(Value):
    """One number, as its reader reads it: in the reader's language and digits."""

    name: Name
    value: Shown
    change: Shown | None = None
    """Against the time before."""
    tone: Literal["good", "bad", "plain"] = "plain"
    """Whether that change is welcome."""


class Section(Value):
    """Lines that belong together."""

    title: Name
    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)]


class Bar(Value):
    """One of a chart."""

    label: Name
    value: Shown
    """As its reader reads it."""
    part: Annotated[int, Field(ge=0, le=100)]
    """How long it is, of the longest."""


class Chart(Value):
    """Bars under each other, the oldest first."""

    title: Name
    bars: Annotated[tuple[Bar, ...], Field(min_length=1, max_length=24)]


class Link(Value):
    """Where there is more to see."""

    name: Name
    address: WebAddress


class NotificationRequested(EventData):
    """A person is to be told something. What is empty is not shown."""

    type: ClassVar[str] = "notification.requested.v1"
    topic: ClassVar[Topic] = Topic.NOTIFICATIONS
    keyed_by: ClassVar[tuple[str, ...]] = ("recipient_id",)
    about: ClassVar[str] = "notification_id"
    notification_id: Id
    recipient_id: Id
    kind: Id
    title: Name
    body: Text
    urgent: bool = False
    lines: Annotated[tuple[Line, ...], Field(max_length=30)] = ()
    """After the body."""
    chart: Chart | None = None
    sections: Annotated[tuple[Section, ...], Field(max_length=10)] = ()
    link: Link | None = None
