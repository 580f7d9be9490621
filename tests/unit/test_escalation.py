"""Who hears of a deadline, by examples: known bugs of others by name, and the edges of time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.reminders import acts, escalation
from services.reminders.acts import Refused
from services.reminders.cases import Case
from services.reminders.domain import Kind, Status
from services.reminders.escalation import Turn
from services.reminders.people import Person
from services.reminders.policies import Policies, Policy, standard
from services.reminders.world import World
from shared.contracts.deadlines import (
    DeadlineCancelled,
    DeadlineMet,
    DeadlineMoved,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineSet,
)
from shared.contracts.reminders import DeadlineEscalated, DeadlineMissed
from shared.working_time import Calendar, Calendars
from tests.support.builders import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EARLY = NOON - 30 * DAY
CALENDARS = Calendars(
    company=Calendar.monday_to_friday("UTC"),
    named={"tehran": Calendar.saturday_to_wednesday(country=None)},
)
OF: dict[str, Any] = {"deadline_id": "d", "subject_id": "s"}


def person(person_id: str, **more: Any) -> Person:
    return Person(id=person_id, name=person_id.title(), **more)


PEOPLE = {
    one.id: one
    for one in (
        person("mia", reports_to="hal"),
        person("noah", reports_to="hal"),
        person("hal", roles=("head",), reports_to="bo"),
        person("bo", roles=("company_manager",)),
    )
}


def world(*steps: dict[str, Any], people: dict[str, Person] | None = None, **more: Any) -> World:
    rules = {"name": "p", "version": 1, "steps": steps, **more}
    return World(
        calendars=CALENDARS,
        policies=Policies(policies=(Policy.model_validate(rules),) if steps else ()),
        people=PEOPLE if people is None else people,
    )


def deadline(due: datetime = NOON, **more: Any) -> DeadlineSet:
    fields = {"title": "Call", "owner_id": "mia", "due_at": due, "set_at": EARLY, **OF, **more}
    return DeadlineSet.model_validate(fields)


def begin(within: World, data: DeadlineSet | None = None) -> Case:
    return escalation.begin(data or deadline(), "/test", within).case


def told(turn: Turn) -> list[tuple[str, str]]:
    return [(one.recipient_id, one.kind) for one in turn.reminders]


def all_of(case: Case, within: World) -> list[tuple[datetime, str, str]]:
    """Everything that is told if nobody does anything."""
    found = []
    while case.next_at:
        now = case.next_at
        turn = escalation.fire(case, now, within)
        found += [(now, who, kind) for who, kind in told(turn)]
        case = turn.case
    return found


def test_without_a_policy_the_owner_hears_a_day_before_and_when_it_is_due() -> None:
    assert all_of(begin(world()), world()) == [
        (NOON - DAY, "mia", Kind.BEFORE),
        (NOON, "mia", Kind.DUE),
    ]
    early = standard(2 * HOUR)
    assert early.steps[0].before
    assert early.steps[0].before.length == 2 * HOUR


def test_a_chain_goes_up_and_says_to_whom() -> None:
    within = world(
        {"at": "due", "to": "owner"},
        {"after": "4 working hours", "to": "head", "importance": "important"},
        {"after": "8 working hours", "to": ["company_manager", "owner"]},
    )
    case = begin(within)
    first = escalation.fire(case, NOON, within)
    assert [type(data) for _, data in first.said] == [DeadlineMissed]
    second = escalation.fire(first.case, NOON + 4 * HOUR, within)
    assert told(second) == [("hal", Kind.ESCALATED)]
    assert second.reminders[0].important
    assert second.reminders[0].owner_name == "Mia"
    (said,) = [data for _, data in second.said]
    assert isinstance(said, DeadlineEscalated)
    assert (said.to_id, said.step, said.owner_id) == ("hal", 2, "mia")
    assert second.case.next_at == NOON + DAY  # 16:00, and 8 working hours after noon
    third = escalation.fire(second.case, NOON + DAY, within)
    assert told(third) == [("bo", Kind.ESCALATED), ("mia", Kind.OVERDUE)]
    assert third.case.next_at is None


def test_chatwoot_13392_friday_half_past_four_and_an_hour_is_monday() -> None:
    friday = NOON.replace(day=27, hour=16, minute=30)
    within = world({"after": "1 working hour", "to": "head"})
    case = begin(within, deadline(friday))
    assert all_of(case, within) == [(friday + 2 * DAY + 17 * HOUR, "hal", Kind.ESCALATED)]


def test_zammad_4432_nobody_is_escalated_to_at_midnight() -> None:
    within = world({"after": "1 working hour", "to": "head"})
    midnight = NOON.replace(hour=0)
    assert all_of(begin(within, deadline(midnight)), within)[0][0].hour == 10


def test_oncall_5512_waits_are_in_the_time_of_whom_they_are_for() -> None:
    people = {**PEOPLE, "hal": person("hal", roles=("head",), calendar="tehran", reports_to="bo")}
    steps = ({"after": "1 working hour", "to": "head"},)
    thursday = NOON.replace(day=26, hour=15)  # Tehran's week is over, UTC's is not
    found = all_of(begin(world(*steps), deadline(thursday)), world(*steps))
    assert found[0][0] == thursday + HOUR
    within = world(*steps, people=people)
    saturday = all_of(begin(within, deadline(thursday)), within)[0][0]
    assert saturday == NOON.replace(day=28, hour=5, minute=30)  # 09:00 in Tehran


def test_oncall_558_a_free_day_is_no_working_day() -> None:
    friday = NOON.replace(day=27)
    within = world({"after": "1 working day", "to": "head"})
    assert all_of(begin(within, deadline(friday)), within)[0][0] == friday + 3 * DAY


def test_oncall_4846_who_is_away_is_told_on_return_and_the_chain_goes_on() -> None:
    back = NOON + 6 * HOUR
    people = {**PEOPLE, "mia": person("mia", reports_to="hal", absences=((EARLY, back),))}
    within = world({"at": "due", "to": "owner"}, {"after": "1 hour", "to": "head"}, people=people)
    case = begin(within)
    turn = escalation.fire(case, NOON, within)
    assert (told(turn), turn.failures) == ([], ("absent",))
    assert [(one.step, one.code) for one in turn.case.log] == [(1, "absent")]
    assert all_of(turn.case, within) == [
        (NOON + HOUR, "hal", Kind.ESCALATED),
        (back, "mia", Kind.DUE),
    ]


def test_an_absence_within_a_wait_is_no_working_time() -> None:
    away = ((NOON + HOUR, NOON + 3 * HOUR),)
    people = {**PEOPLE, "hal": person("hal", roles=("head",), absences=away, reports_to="bo")}
    steps = ({"after": "4 working hours", "to": "head"},)
    within = world(*steps, people=people)
    assert all_of(begin(within), within)[0][0] == NOON.replace(day=25, hour=10)


def test_zammad_3140_and_188_what_is_done_escalates_no_more_and_reopened_begins_anew() -> None:
    within = world({"at": "due", "to": "owner"}, {"after": "1 hour", "to": "head"})
    case = escalation.fire(begin(within), NOON, within).case
    for word in (DeadlineMet(met_at=NOON, **OF), DeadlineCancelled(**OF)):
        ended = escalation.follow(case, word, NOON, within).case
        assert ended.next_at is None
        assert ended.concerned == ()
        assert escalation.fire(ended, NOON + DAY, within).reminders == ()
    again = begin(within, deadline(NOON + DAY))
    assert [who for _, who, _ in all_of(again, within)] == ["mia", "hal"]


def test_zammad_5177_moving_a_deadline_changes_no_other_clock() -> None:
    within = world({"at": "due", "to": "owner"})
    one, other = begin(within), begin(within, deadline(NOON + HOUR))
    moved = DeadlineMoved(due_at=NOON + DAY, moved_at=EARLY, **OF)
    assert escalation.follow(one, moved, EARLY, within).case.next_at == NOON + DAY
    assert other.next_at == NOON + HOUR


def test_apscheduler_463_no_burst_after_an_outage_and_late_is_said() -> None:
    within = world(
        {"before": "1 day", "to": "owner"},
        {"at": "due", "to": "owner"},
        {"after": "1 hour", "to": ["owner", "head"], "repeat": 9, "every": "1 hour"},
    )
    turn = escalation.fire(begin(within), NOON + 2 * DAY, within)
    assert told(turn) == [("mia", Kind.OVERDUE), ("hal", Kind.ESCALATED)]
    assert {one.late_by for one in turn.reminders} == {2 * DAY - 10 * HOUR}
    assert [type(data) for _, data in turn.said] == [DeadlineMissed, DeadlineEscalated]
    assert {one.code for one in turn.case.log} == {"overtaken", "joined", "told"}
    assert turn.case.next_at is None


def test_in_time_is_not_late_and_neither_is_what_was_known_only_then() -> None:
    within = world({"at": "due", "to": "owner"})
    assert escalation.fire(begin(within), NOON, within).reminders[0].late_by is None
    known = begin(within, deadline(set_at=NOON + HOUR))
    assert escalation.fire(known, NOON + HOUR, within).reminders[0].late_by is None


@pytest.mark.parametrize("late", [timedelta(days=7), timedelta(days=7, seconds=1)])
def test_what_is_long_past_is_recorded_and_nobody_is_written_to(late: timedelta) -> None:
    within = world({"at": "due", "to": "owner"}, {"after": "90 days", "to": "head"})
    turn = escalation.fire(begin(within), NOON + late, within)
    assert len(turn.said) == 1
    assert turn.case.deadline.status == Status.MISSED
    silent = late > timedelta(days=7)
    assert (turn.reminders == ()) == silent
    assert (turn.case.next_at is None) == silent
    moved = DeadlineMoved(due_at=NOON, owner_id="noah", moved_at=NOON + late, **OF)
    handed = escalation.follow(turn.case, moved, NOON, within).case
    assert (handed.next_at is None) == silent, "a new owner hears of it only if anybody did"
    later = DeadlineMoved(due_at=NOON + 20 * DAY, moved_at=NOON + late, **OF)
    assert escalation.follow(turn.case, later, NOON, within).case.next_at == NOON + 20 * DAY


def test_a_deadline_in_the_year_9999_waits_and_one_in_the_year_1_is_recorded() -> None:
    within = world(
        {"before": "8 working hours", "to": "owner"},
        {"at": "due", "to": "owner"},
        {"after": "9 working days", "to": "head"},
    )
    last = datetime.fromisoformat("9999-12-30T12:00:00+00:00")
    case = begin(within, deadline(last))
    assert case.next_at is not None
    assert case.next_at.year == 9999
    assert [who for _, who, _ in all_of(case, within)] == ["mia", "mia"], "no time after it"
    first = begin(within, deadline(datetime.fromisoformat("0001-01-01T00:00:00+00:00")))
    turn = escalation.fire(first, NOON, within)
    assert (told(turn), len(turn.said)) == ([], 1)


def test_a_deadline_of_somebody_unknown_is_kept_told_to_the_head_and_told_when_known() -> None:
    steps = ({"at": "due", "to": "owner"}, {"after": "1 hour", "to": "head"})
    strange = World(
        policies=world(*steps).policies, people={"hal": PEOPLE["hal"]}, head="hal",
        calendars=CALENDARS,
    )  # fmt: skip
    case = begin(strange)
    assert "mia" in case.concerned
    turn = escalation.fire(case, NOON, strange)
    assert turn.failures == ("unknown_person",)
    turn = escalation.fire(turn.case, NOON + HOUR, strange)
    assert told(turn) == [("hal", Kind.ESCALATED)]
    assert turn.case.next_at is None
    assert "mia" in turn.case.concerned
    known = escalation.recalculate(turn.case, NOON + DAY, world(*steps)).case
    assert known.next_at is not None
    late = escalation.fire(known, NOON + DAY, world(*steps))
    assert told(late) == [("mia", Kind.DUE)]


def test_pagerduty_an_empty_level_is_skipped_with_its_code() -> None:
    alone = {"mia": person("mia"), "gone": person("gone", active=False)}
    within = world(
        {"at": "due", "to": ["head", "salesperson", {"person": "gone"}, {"person": "x"}]},
        {"after": "1 hour", "to": "owner"},
        people=alone,
    )
    turn = escalation.fire(begin(within), NOON, within)
    assert turn.failures == ("no_recipient", "no_recipient", "left", "unknown_person")
    assert all_of(turn.case, within) == [(NOON + HOUR, "mia", Kind.OVERDUE)]


def test_pagerduty_a_running_case_keeps_its_policy() -> None:
    before = world({"at": "due", "to": "owner"})
    after = world({"at": "due", "to": "company_manager"})
    assert all_of(begin(before), after) == [(NOON, "mia", Kind.DUE)]


def test_a_step_never_comes_before_the_one_above_it() -> None:
    people = {**PEOPLE, "hal": person("hal", roles=("head",), calendar="tehran", reports_to="bo")}
    within = world(
        {"after": "2 working hours", "to": "head"},
        {"after": "3 working hours", "to": "company_manager"},
        people=people,
    )
    thursday = NOON.replace(day=26, hour=9)
    found = all_of(begin(within, deadline(thursday)), within)
    assert [who for _, who, _ in found] == ["hal", "bo"]
    assert found[0][0] == found[1][0]


def test_incident_io_acknowledged_is_not_done_it_comes_back() -> None:
    within = world(
        {"at": "due", "to": "owner"},
        {"after": "2 working hours", "to": "head"},
        acknowledged_for="3 working hours",
    )
    case = escalation.fire(begin(within), NOON, within).case
    outcome = acts.acknowledge(case, "mia", NOON + HOUR, within)
    assert isinstance(outcome, Turn)
    assert acts.acknowledge(outcome.case, "mia", NOON + 2 * HOUR, within) == Turn(outcome.case)
    assert all_of(outcome.case, within) == [
        (NOON + 4 * HOUR, "mia", Kind.RETURNED),
        (NOON + 5 * HOUR, "hal", Kind.ESCALATED),
    ]


def test_snoozing_has_an_end_and_a_number_of_times() -> None:
    within = world({"at": "due", "to": "owner"}, snoozed_for="2 days", put_off_times=2)
    case = begin(within)
    for until in (EARLY, EARLY + 3 * DAY):
        refused = acts.snooze(case, "mia", until, EARLY, within)
        assert isinstance(refused, Refused)
        assert refused.reason == (
            "it can be put off to a time to come, and no further than its policy says"
        )
    for number in (1, 2):
        outcome = acts.snooze(case, "mia", NOON + number * HOUR, NOON - HOUR, within)
        assert isinstance(outcome, Turn)
        case = outcome.case
    refused = acts.snooze(case, "mia", NOON + 3 * HOUR, NOON, within)
    assert isinstance(refused, Refused)
    assert "put off 2 times already" in refused.reason
    assert all_of(case, within) == [(NOON + 2 * HOUR, "mia", Kind.DUE)]


def test_only_who_was_told_may_act_and_the_rest_is_refused_with_a_reason() -> None:
    within = world({"at": "due", "to": "owner"})
    case = begin(within)
    for outcome in (
        acts.done(case, "bo", NOON, within),
        acts.acknowledge(case, "bo", NOON, within),
        acts.hand_on(case, "bo", "noah", NOON, within),
    ):
        assert isinstance(outcome, Refused)
        assert outcome.reason == "it is for mia, and bo was never told of it"
    paused = escalation.follow(case, DeadlinePaused(paused_at=EARLY, **OF), EARLY, within).case
    assert acts.acknowledge(paused, "mia", NOON, within) == Refused("its clock stands still")
    met = acts.done(case, "mia", NOON, within)
    assert isinstance(met, Turn)
    assert acts.done(met.case, "mia", NOON, within) == Turn(met.case)
    assert acts.acknowledge(met.case, "mia", NOON, within) == Refused("it is done")


def test_handed_on_everything_begins_anew_for_the_other() -> None:
    within = world({"at": "due", "to": "owner"}, {"after": "1 hour", "to": "head"})
    case = escalation.fire(begin(within), NOON, within).case
    outcome = acts.hand_on(case, "mia", "noah", NOON + HOUR / 2, within)
    assert isinstance(outcome, Turn)
    ((_, moved),) = outcome.said
    assert isinstance(moved, DeadlineMoved)
    assert (moved.owner_id, moved.due_at) == ("noah", NOON)
    echo = escalation.follow(outcome.case, moved, NOON, within)
    assert echo.case == outcome.case, "our own word, read again, changes nothing"
    turn = escalation.fire(outcome.case, NOON + HOUR / 2, within)
    assert told(turn) == [("noah", Kind.DUE)]
    assert turn.said == (), "it is missed once"
    gone = world(people={"mia": PEOPLE["mia"], "noah": person("noah", active=False)})
    assert acts.hand_on(case, "mia", "noah", NOON, gone) == Refused("noah has left")
    assert acts.hand_on(case, "mia", "x", NOON, gone) == Refused("x is not in the directory")


def test_a_resumed_deadline_says_its_new_time_and_nothing_when_it_has_the_old() -> None:
    within = world()
    pause, night = DeadlinePaused(paused_at=NOON - 19 * HOUR, **OF), NOON - 3 * HOUR
    case = escalation.follow(begin(within), pause, NOON, within).case
    assert case.next_at is None
    over_night = DeadlineResumed(resumed_at=night, **OF)
    assert escalation.follow(case, over_night, NOON, within).said == ()
    longer = DeadlineResumed(resumed_at=night + HOUR, **OF)
    ((_, said),) = escalation.follow(case, longer, NOON, within).said
    assert said.new_due_at == NOON + HOUR  # type: ignore[attr-defined]


def test_another_calendar_moves_resumed_deadlines_and_tells_their_owner_once() -> None:
    within = world()
    case = begin(within)
    for word in (
        DeadlinePaused(paused_at=NOON - 2 * HOUR, **OF),
        DeadlineResumed(resumed_at=NOON - HOUR, **OF),
    ):
        case = escalation.follow(case, word, NOON, within).case
    lunch = Calendar.weekly("UTC", {day: [(540, 660), (780, 1020)] for day in range(5)})
    other = World(calendars=Calendars(company=lunch), people=PEOPLE)
    turn = escalation.recalculate(case, NOON - HOUR / 2, other)
    assert turn.case.deadline.due_at == NOON + 2 * HOUR
    assert told(turn) == [("mia", Kind.RECALCULATED)]
    assert turn.reminders[0].old_due_at == NOON + HOUR
    assert len(turn.said) == 1
    assert turn.case.next_at == NOON + 2 * HOUR, "that it is near was just said"
    assert escalation.recalculate(turn.case, NOON, other) == Turn(turn.case)


def test_each_moment_has_one_id_and_another_due_time_another() -> None:
    within = world({"at": "due", "to": ["owner", "head"], "repeat": 1, "every": "1 hour"})
    case = begin(within)
    first = escalation.fire(case, NOON, within)
    second = escalation.fire(first.case, NOON + HOUR, within)
    elsewhere = begin(within, deadline(NOON + DAY))
    third = escalation.fire(elsewhere, NOON + DAY, within)
    ids = [one.id for turn in (first, second, third) for one in turn.reminders]
    assert len(set(ids)) == len(ids) == 6
    again = escalation.fire(case, NOON, within)
    assert [one.id for one in again.reminders] == ids[:2]


def test_the_chain_stands_still_while_the_deadline_does() -> None:
    within = world({"at": "due", "to": "owner"}, {"after": "4 hours", "to": "head"})
    case = escalation.fire(begin(within), NOON, within).case
    for word in (
        DeadlinePaused(paused_at=NOON + HOUR, **OF),
        DeadlineResumed(resumed_at=NOON + 30 * DAY, **OF),
    ):
        case = escalation.follow(case, word, NOON, within).case
    assert case.deadline.status == Status.MISSED
    assert all_of(case, within) == [(NOON + 30 * DAY + 3 * HOUR, "hal", Kind.ESCALATED)]


def test_who_is_away_when_a_wait_is_over_is_not_waited_for() -> None:
    away = ((NOON + HOUR, NOON + 9 * DAY),)
    people = {**PEOPLE, "hal": person("hal", roles=("head",), absences=away, reports_to="bo")}
    within = world({"after": "4 working hours", "to": "head"}, people=people)
    case = escalation.fire(begin(within), NOON, within).case
    assert case.next_at == NOON + 4 * HOUR
    turn = escalation.fire(case, NOON + 4 * HOUR, within)
    assert (turn.failures, turn.case.next_at) == (("absent",), NOON + 9 * DAY)


def test_a_first_reminder_that_comes_when_it_is_due_gives_way() -> None:
    within = world({"before": "1 hour", "to": "head"})
    turn = escalation.fire(begin(within), NOON, within)
    assert (told(turn), [one.code for one in turn.case.log]) == ([], ["overtaken"])


def test_a_moved_deadline_is_not_quiet_any_more() -> None:
    within = world({"at": "due", "to": "owner"}, acknowledged_for="9 days")
    outcome = acts.acknowledge(begin(within), "mia", NOON - HOUR, within)
    assert isinstance(outcome, Turn)
    moved = DeadlineMoved(due_at=NOON + HOUR, moved_at=NOON, **OF)
    case = escalation.follow(outcome.case, moved, NOON, within).case
    assert all_of(case, within) == [(NOON + HOUR, "mia", Kind.DUE)]


def test_of_a_quiet_time_only_what_comes_after_the_due_time_puts_a_step_off() -> None:
    within = world({"after": "2 hours", "to": "head"}, acknowledged_for="3 hours")
    outcome = acts.acknowledge(begin(within), "mia", NOON - HOUR, within)
    assert isinstance(outcome, Turn)
    assert all_of(outcome.case, within) == [
        (NOON + 2 * HOUR, "mia", Kind.RETURNED),
        (NOON + 4 * HOUR, "hal", Kind.ESCALATED),
    ]
