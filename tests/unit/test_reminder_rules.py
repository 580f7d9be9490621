"""When deadlines are due: pauses, moves, ends. With no server and no clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import bson
import pytest

from services.reminders import documents
from services.reminders.calendars import LATEST, earlier, later
from services.reminders.domain import (
    Deadline,
    Status,
    end,
    move,
    notify,
    pause,
    reckoned,
    resume,
)
from services.reminders.people import Person, above
from services.reminders.policies import Wait
from shared.contracts.cloudevents import decode
from shared.contracts.deadlines import DeadlineMoved
from shared.contracts.notifications import NotificationRequested
from shared.working_time import Calendar, Calendars
from tests.support.builders import NOON

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OFFICE = Calendar.monday_to_friday("UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def deadline(status: Status = Status.OPEN, due: datetime = NOON) -> Deadline:
    return Deadline(
        id="d", subject_id="h", title="Call", owner_id="mia", due_at=due, said_due_at=due,
        status=status,
    )  # fmt: skip


def wait(text: str) -> Wait:
    return Wait.model_validate(text)


# 2026-11-24 is a Tuesday.
@pytest.mark.parametrize(
    ("due", "paused", "resumed", "now_due"),
    [
        ("2026-11-24T12:00", "2026-11-23T17:00", "2026-11-24T09:00", "2026-11-24T12:00"),
        ("2026-11-24T12:00", "2026-11-24T10:00", "2026-11-24T11:00", "2026-11-24T13:00"),
        ("2026-11-24T17:00", "2026-11-24T10:00", "2026-11-25T17:00", "2026-11-26T16:00"),
        ("2026-11-27T16:30", "2026-11-27T16:00", "2026-11-30T10:00", "2026-11-30T10:30"),
        ("2026-11-24T12:00", "2026-11-24T12:00", "2026-11-30T10:00", "2026-11-24T12:00"),
        ("2026-11-28T20:00", "2026-11-28T12:00", "2026-11-29T12:00", "2026-11-28T20:00"),
    ],
    ids=["over night moves nothing", "an hour", "two days", "over a weekend",
         "what is due already is due", "a free day moves nothing"],
)  # fmt: skip
def test_erpnext_hold_time_only_the_working_time_of_a_pause_counts(
    due: str, paused: str, resumed: str, now_due: str
) -> None:
    begun = pause(deadline(due=at(due)), at(paused), OFFICE)
    assert begun.status == Status.PAUSED
    again = resume(begun, at(resumed), OFFICE)
    assert (again.status, again.due_at) == (Status.OPEN, at(now_due))


def test_erpnext_every_pause_counts_and_not_the_last_one_only() -> None:
    case = deadline(due=at("2026-11-24T12:00"))
    for begin, over in (("10:00", "10:30"), ("11:00", "12:00"), ("13:00", "13:10")):
        case = pause(case, at(f"2026-11-24T{begin}"), OFFICE)
        case = resume(case, at(f"2026-11-24T{over}"), OFFICE)
    assert case.due_at == at("2026-11-24T13:40")


def test_zammad_two_pauses_that_begin_in_one_minute_are_two() -> None:
    case = deadline(due=at("2026-11-24T12:00"))
    for begin, over in (("10:00:05", "10:00:15"), ("10:00:30", "10:01:30")):
        case = pause(case, at(f"2026-11-24T{begin}"), OFFICE)
        case = resume(case, at(f"2026-11-24T{over}"), OFFICE)
    assert case.due_at == at("2026-11-24T12:01:10")


def test_a_pause_in_a_pause_is_one_pause() -> None:
    once = pause(deadline(), at("2026-11-24T10:00"), OFFICE)
    twice = pause(pause(once, at("2026-11-24T10:30"), OFFICE), at("2026-11-24T09:30"), OFFICE)
    assert twice.paused_at == at("2026-11-24T09:30")
    assert resume(twice, at("2026-11-24T10:30"), OFFICE).due_at == NOON + HOUR


def test_a_resumption_that_comes_before_its_pause_ends_it_all_the_same() -> None:
    early = resume(deadline(), at("2026-11-24T11:00"), OFFICE)
    assert (early.status, early.due_at) == (Status.OPEN, NOON)
    both = pause(early, at("2026-11-24T10:00"), OFFICE)
    assert (both.status, both.due_at) == (Status.OPEN, NOON + HOUR)
    later_on = pause(both, at("2026-11-24T12:00"), OFFICE)
    assert later_on.status == Status.PAUSED, "another pause is not ended by it"
    assert resume(later_on, at("2026-11-24T11:30"), OFFICE) == later_on


def test_a_time_that_is_said_holds_and_the_pause_goes_on_from_there() -> None:
    paused = pause(deadline(), at("2026-11-24T09:00"), OFFICE)
    data = DeadlineMoved(
        deadline_id="d", subject_id="h", due_at=NOON + DAY, moved_at=at("2026-11-24T11:00")
    )
    moved = move(paused, data)
    assert (moved.status, moved.due_at) == (Status.PAUSED, NOON + DAY)
    assert resume(moved, at("2026-11-24T12:00"), OFFICE).due_at == NOON + DAY + HOUR


def test_another_calendar_moves_only_what_was_reckoned_in_one() -> None:
    lunch = Calendar.weekly("UTC", {day: [(540, 660), (720, 1020)] for day in range(5)})
    assert reckoned(deadline(), lunch) == deadline()
    paused = pause(deadline(), at("2026-11-24T10:00"), OFFICE)
    resumed = resume(paused, at("2026-11-24T11:30"), OFFICE)
    assert resumed.due_at == at("2026-11-24T13:30")
    assert reckoned(resumed, lunch).due_at == at("2026-11-24T13:00")


def test_a_missed_deadline_that_stood_still_is_missed_still() -> None:
    missed = deadline(Status.MISSED)
    paused = pause(Deadline(**{**_fields(missed), "missed_at": NOON}), NOON + HOUR, OFFICE)
    assert resume(paused, NOON + 30 * DAY, OFFICE).status == Status.MISSED


def _fields(state: Deadline) -> dict[str, object]:
    return dict(vars(state))


def test_moving_a_missed_deadline_opens_it_and_a_met_one_stays_met() -> None:
    data = DeadlineMoved(
        deadline_id="d", subject_id="h", due_at=NOON + DAY, moved_at=NOON, owner_id="noah"
    )
    assert move(deadline(Status.MISSED), data).status == Status.OPEN
    assert move(deadline(Status.MISSED), data).owner_id == "noah"
    assert move(deadline(Status.MET), data).status == Status.MET


def test_what_has_ended_does_not_begin_again() -> None:
    assert end(deadline(Status.CANCELLED), Status.MET).status == Status.CANCELLED
    assert end(deadline(Status.MISSED), Status.MET).status == Status.MET
    for ended in (Status.MET, Status.CANCELLED):
        assert pause(deadline(ended), NOON, OFFICE).status == ended
        assert resume(deadline(ended), NOON, OFFICE).status == ended


def test_waits_reach_the_ends_of_time_and_stop_there() -> None:
    last, first = at("9999-12-31T12:00"), at("0001-01-01T01:00")
    assert later(OFFICE, last, wait("9 working hours")) == LATEST
    assert later(OFFICE, last, wait("9 days")) == LATEST
    assert later(OFFICE, last, wait("9 working days")) == LATEST
    for text in ("9 days", "9 working hours", "9 working days"):
        assert earlier(OFFICE, first, wait(text)).year == 1


def test_the_nearest_calendar_counts_in_the_persons_own_time_zone() -> None:
    iran = Calendar.saturday_to_wednesday()
    calendars = Calendars(company=OFFICE, named={"iran": iran}, teams={"Tehran": "iran"})
    assert calendars.of(None) == OFFICE
    assert calendars.of(Person(id="a", name="A")) == OFFICE
    assert calendars.of(Person(id="a", name="A", team="Tehran")) == iran
    assert calendars.of(Person(id="a", name="A", team="Tehran", calendar="nobody's")) == iran
    assert calendars.of(Person(id="a", name="A", team="Lyon")) == OFFICE
    berlin = calendars.of(Person(id="a", name="A", calendar="iran", time_zone="Europe/Berlin"))
    assert (berlin.week, berlin.time_zone) == (iran.week, "Europe/Berlin")
    own = calendars.of(Person(id="a", name="A", team="Tehran", hours={"mon": ("22:00-06:00",)}))
    assert own.week == Calendar.weekly("UTC", {0: [(1320, 360)]}).week
    assert (own.country, own.time_zone) == ("IR", "Asia/Tehran")


def test_a_circle_in_the_hierarchy_ends() -> None:
    people = {
        "a": Person(id="a", name="A", reports_to="b"),
        "b": Person(id="b", name="B", reports_to="c"),
        "c": Person(id="c", name="C", reports_to="a"),
    }
    assert [person.id for person in above(people, people["a"])] == ["b", "c"]


def test_other_calendars_have_another_digest() -> None:
    one = Calendars(company=OFFICE, named={"x": OFFICE}, teams={"A": "x"})
    again = Calendars(
        company=Calendar.monday_to_friday("UTC"), named={"x": OFFICE}, teams={"A": "x"}
    )
    assert one.digest == again.digest
    assert one.digest != Calendars(company=OFFICE, named={"x": OFFICE}).digest
    assert one.digest != Calendars().digest


def asked(name: str) -> NotificationRequested:
    folder = Path("tests/contracts/golden/notifications")
    data = decode(folder.name, (folder / f"{name}.json").read_bytes(), []).data
    assert isinstance(data, NotificationRequested)
    return data


def test_a_notification_with_figures_is_kept_whole() -> None:
    plain, figures = asked("notification.requested"), asked("notification.requested.figures")
    assert notify(plain).figures is None
    made = notify(figures)
    assert made.figures
    assert made.figures["lines"][0]["value"] == "12,300 EUR"
    stored = bson.decode(bson.encode(documents.from_reminder(made)))
    kept = documents.to_reminder(stored).figures
    assert kept == bson.decode(bson.encode(dict(made.figures)))
    assert kept["link"]["address"] == "https://reports.example.com/pages"


def test_what_is_urgent_is_not_held_back() -> None:
    data = asked("notification.requested")
    assert not notify(data).important
    assert notify(data.model_copy(update={"urgent": True})).important
