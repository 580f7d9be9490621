"""Links that act for a person: made for messages, understood when they are opened.

A link to act is good for one message and a limited time, the address of somebody's page and of the
calendar beside it for any time. All are good until that person has them closed: they hold how
often that was done, and so does the row of the person. So nothing of a link is stored that could
be stolen. They are signed for three purposes: who has the calendar's address cannot act.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from shared.signing import serializer


@dataclass(frozen=True, slots=True)
class Act:
    """What a link to act says."""

    reminder_id: str
    number: int
    """Addresses the recipient had before."""
    expired: bool


@dataclass(frozen=True, slots=True)
class Personal:
    """What the address of a page or a calendar says."""

    person_id: str
    number: int
    """Addresses this person had before."""


class Links:
    """Pure: the same arguments give the same link, so a message sent again is the same message."""

    def __init__(self, url: str, keys: Sequence[str], life: timedelta) -> None:
        """`life`: of a link to act, from when its message was made."""
        self._url = url.rstrip("/")
        self._acts = serializer(keys, "act")
        self._pages = serializer(keys, "page")
        self._calendars = serializer(keys, "calendar")
        self._life = life

    def act(self, reminder_id: str, number: int, made_at: datetime) -> str:
        """Where the recipient of a message acts on its deadline."""
        until = int((made_at + self._life).timestamp())
        return f"{self._url}/act/{_text(self._acts.dumps([reminder_id, number, until]))}"

    def page(self, person_id: str, number: int) -> str:
        """Where somebody's deadlines are."""
        return f"{self._url}/my/{_text(self._pages.dumps([person_id, number]))}"

    def calendar(self, person_id: str, number: int) -> str:
        """The same deadlines for a calendar program."""
        return f"{self._url}/calendar/{_text(self._calendars.dumps([person_id, number]))}.ics"

    def act_of(self, token: str, now: datetime) -> Act | None:
        """Which message it is of; None: of none, nothing here has made it."""
        try:
            reminder_id, number, until = self._acts.loads(token)
        except (BadData, ValueError, TypeError):
            return None
        return Act(reminder_id, number, expired=now >= datetime.fromtimestamp(until, UTC))

    def page_of(self, token: str) -> Personal | None:
        """Whose page it is; None: nobody's."""
        return _personal(self._pages, token)

    def calendar_of(self, token: str) -> Personal | None:
        """Whose calendar it is; None: nobody's."""
        return _personal(self._calendars, token)


def _personal(signed: URLSafeSerializer, token: str) -> Personal | None:
    try:
        person_id, number = signed.loads(token)
    except (BadData, ValueError, TypeError):
        return None
    return Personal(person_id, number)


def _text(signed: str | bytes) -> str:
    return signed if isinstance(signed, str) else signed.decode()
