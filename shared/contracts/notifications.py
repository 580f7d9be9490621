"""Topic `notifications`: somebody is to be told something. Key: recipient."""

from typing import ClassVar

from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.contracts.values import Id, Name, Text


class NotificationRequested(EventData):
    """A person is to be told something."""

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
