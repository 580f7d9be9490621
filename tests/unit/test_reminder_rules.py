"""The rules of reminders, with no server and no clock."""

from datetime import timedelta

import pytest

from services.reminders.domain import (
    Deadline,
    Fired,
    Kind,
    Status,
    change,
    fire,
    move,
    timers,
)
from shared.contracts.deadlines import DeadlineMoved
from shared.contracts.reminders import DeadlineMissed
from tests.support.builders import NOON

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def deadline(status: Status = Status.OPEN) -> Deadline:
    return Deadline(
        id="d", subject_id="h", title="Call", owner_id="mia", due_at=NOON, status=status
    )


def test_an_open_deadline_has_a_timer_before_and_one_when_due() -> None:
    assert [(timer.kind, timer.at) for timer in timers(deadline(), DAY)] == [
        (Kind.BEFORE, NOON - DAY),
        (Kind.DUE, NOON),
    ]


@pytest.mark.parametrize("status", [s for s in Status if s != Status.OPEN])
def test_no_other_deadline_has_timers_or_fires(status: Status) -> None:
    assert timers(deadline(status), DAY) == []
    assert fire(deadline(status), Kind.DUE, NOON, WEEK) == Fired(deadline(status))


def test_before_reminds_and_changes_nothing() -> None:
    fired = fire(deadline(), Kind.BEFORE, NOON - timedelta(hours=1), WEEK)
    assert fired.deadline == deadline()
    assert fired.reminder
    assert fired.publish == ()


def test_a_first_reminder_that_comes_too_late_gives_way() -> None:
    assert fire(deadline(), Kind.BEFORE, NOON, WEEK).reminder is None


def test_due_reminds_and_says_it_is_missed() -> None:
    fired = fire(deadline(), Kind.DUE, NOON, WEEK)
    assert fired.deadline.status == Status.MISSED
    assert fired.reminder
    (missed,) = fired.publish
    assert isinstance(missed, DeadlineMissed)
    assert (missed.due_at, missed.missed_at) == (NOON, NOON)


@pytest.mark.parametrize(("late", "told"), [(WEEK, True), (WEEK + timedelta(seconds=1), False)])
def test_what_is_long_past_is_recorded_and_nobody_is_written_to(
    late: timedelta, told: bool
) -> None:
    fired = fire(deadline(), Kind.DUE, NOON + late, WEEK)
    assert fired.deadline.status == Status.MISSED
    assert (fired.reminder is not None) == told


def test_each_moment_has_one_id_and_another_due_time_another() -> None:
    before = fire(deadline(), Kind.BEFORE, NOON - DAY, WEEK).reminder
    due = fire(deadline(), Kind.DUE, NOON, WEEK).reminder
    again = fire(deadline(), Kind.DUE, NOON + DAY, WEEK).reminder
    data = DeadlineMoved(deadline_id="d", subject_id="h", due_at=NOON + DAY, moved_at=NOON)
    moved = fire(move(deadline(), data), Kind.DUE, NOON + DAY, WEEK).reminder
    assert before
    assert due
    assert again
    assert moved
    assert due.id == again.id
    assert len({before.id, due.id, moved.id}) == 3


def test_moving_a_missed_deadline_opens_it_and_a_met_one_stays_met() -> None:
    data = DeadlineMoved(
        deadline_id="d", subject_id="h", due_at=NOON + DAY, moved_at=NOON, owner_id="noah"
    )
    assert move(deadline(Status.MISSED), data).status == Status.OPEN
    assert move(deadline(Status.MISSED), data).owner_id == "noah"
    assert move(deadline(Status.MET), data).status == Status.MET


def test_what_has_ended_does_not_begin_again() -> None:
    assert change(deadline(Status.MET), Status.OPEN).status == Status.MET
    assert change(deadline(Status.CANCELLED), Status.MET).status == Status.CANCELLED
    assert change(deadline(Status.MISSED), Status.MET).status == Status.MET


def test_a_deadline_in_the_first_year_has_timers() -> None:
    early = Deadline(
        id="d",
        subject_id="h",
        title="Call",
        owner_id="mia",
        due_at=NOON.replace(year=1, month=1, day=1),
    )
    assert len(timers(early, DAY)) == 2
