"""Somebody's deadlines as iCalendar (RFC 5545), for calendar programs that look now and then.

Events, not tasks: Google and Outlook show no VTODO of an address they read. An event has no
length, for the work does not begin when it is due.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, vDuration

from services.reminders.cases import Case
from services.reminders.domain import Status
from services.reminders.pages.deadline import titled
from shared.contracts.ids import derived
from shared.pages.catalog import N_
from shared.pages.writing import Writer

AGAIN = timedelta(minutes=15)
"""How often programs are asked to look; most look more rarely."""
LATE = N_("Late: %(title)s")
_EPOCH, _SECOND = datetime(2020, 1, 1, tzinfo=UTC), timedelta(seconds=1)
_LARGEST = 2**31 - 1  # an INTEGER of RFC 5545; enough until 2088


def calendar(cases: Sequence[Case], now: datetime, writer: Writer) -> bytes:
    """The file: the same for the same deadlines, so that it need not be sent again."""
    name = str(writer.label("My deadlines"))
    made = Calendar()
    made.add("prodid", "-//Tahvil//reminders//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("name", name)
    made.add("x-wr-calname", name)
    made.add("refresh-interval", vDuration(AGAIN), parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", vDuration(AGAIN))
    for case in cases:
        made.add_component(_event(case, now, writer))
    return bytes(made.to_ical())


def _event(case: Case, now: datetime, writer: Writer) -> Event:
    deadline = case.deadline
    title = titled(case, writer.language)
    paused = deadline.status == Status.PAUSED
    late = not paused and deadline.due_at <= now
    made = Event()
    made.add("uid", f"{derived('calendar', deadline.id)}@tahvil")
    # Of the last time it was set, moved or handed on: grows with every change a program must see.
    made.add("sequence", min(max(0, (case.since - _EPOCH) // _SECOND), _LARGEST))
    made.add("dtstamp", _seconds(case.since))
    made.add("last-modified", _seconds(case.since))
    made.add("dtstart", _seconds(deadline.due_at))
    made.add("summary", writer.words.gettext(LATE) % {"title": title} if late else title)
    if deadline.account_name:
        made.add("description", deadline.account_name)
    made.add("status", "TENTATIVE" if paused else "CONFIRMED")
    made.add("transp", "TRANSPARENT")
    return made


def _seconds(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
