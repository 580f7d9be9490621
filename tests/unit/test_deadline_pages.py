"""What pages and calendars show of deadlines, and times to put them off to."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reminders import acts
from services.reminders.acts import Refused
from services.reminders.calendars import LATEST
from services.reminders.cases import Case, Quiet
from services.reminders.domain import Deadline, Status
from services.reminders.pages import choices
from services.reminders.pages.calendar import calendar
from services.reminders.pages.deadline import Reader, detail, row
from services.reminders.pages.mine import groups
from services.reminders.pages.words import CLOSED, SENTENCES, STANDING, Standing
from services.reminders.people import Person
from services.reminders.policies import standard
from services.reminders.world import World
from shared.pages.rendering import Pages
from shared.pages.sayings import Sayings
from shared.working_time import Calendar
from tests.support.builders import NOON

PAGES = Pages("services.reminders.pages")
SAYINGS = Sayings(SENTENCES)
TEHRAN, UTC_ZONE = ZoneInfo("Asia/Tehran"), ZoneInfo("UTC")
HOURS = Calendar.monday_to_friday("UTC")
HOUR = timedelta(hours=1)
MIA = Person(id="mia", name="Mia Rahimi")
WORLD = World().knowing({"mia": MIA, "reza": Person(id="reza", name="رضا", active=False)}, None)


def case(name: str = "d", due: timedelta = HOUR, **changes: Any) -> Case:
    fields = {name: changes.pop(name) for name in tuple(changes) if name in ("quiet", "told")}
    deadline = Deadline(
        **{
            "id": name,
            "subject_id": "s",
            "title": f"Title {name}",
            "owner_id": "mia",
            "due_at": NOON + due,
            "said_due_at": NOON + due,
        }
        | changes
    )
    return Case(deadline=deadline, policy=standard(HOUR), since=NOON - HOUR, made=(0, 0), **fields)


def reader(language: str = "en") -> Reader:
    writer = PAGES.writer("fa" if language == "fa" else "en", "Asia/Tehran")
    return Reader(id="mia", now=NOON, writer=writer, sayings=SAYINGS)


BY_MIA = (Quiet(since=NOON - HOUR, until=NOON + HOUR, by="mia"),)
OVER = (Quiet(since=NOON - 2 * HOUR, until=NOON, by="mia"),)


@pytest.mark.parametrize(
    ("one", "standing"),
    [
        (case(), Standing.OPEN),
        (case(due=-HOUR), Standing.LATE),
        (case(due=timedelta(0)), Standing.LATE),
        (case(due=-HOUR, status=Status.MISSED), Standing.LATE),
        (case(due=-HOUR, status=Status.MISSED, quiet=BY_MIA), Standing.QUIET),
        (case(quiet=BY_MIA), Standing.QUIET),
        (case(quiet=OVER), Standing.OPEN),
        (case(status=Status.PAUSED, quiet=BY_MIA), Standing.PAUSED),
        (case(status=Status.MET, quiet=BY_MIA), Standing.MET),
        (case(status=Status.CANCELLED), Standing.CANCELLED),
    ],
)
def test_how_a_deadline_stands(one: Case, standing: Standing) -> None:
    shown = row(one, {"mia": "Mia Rahimi"}, reader())
    assert shown.standing == standing
    assert shown.ended == (standing in (Standing.MET, Standing.CANCELLED))
    assert (shown.quiet is not None) == (standing == Standing.QUIET)
    if shown.quiet:
        assert shown.quiet.striptags() == "Mia Rahimi, until Tue 24 Nov 2026, 16:30"


def test_every_standing_has_a_word_and_the_list_its_order() -> None:
    assert set(STANDING) == set(Standing)
    cases = [
        case("late", -HOUR),
        case("paused", status=Status.PAUSED),
        case("quiet", quiet=BY_MIA),
        case("soon"),
        case("far", 9 * HOUR),
    ]
    found = {one.id: [each.id for each in one.rows] for one in groups(cases, {}, reader())}
    assert found == {
        "late": ["late"], "open": ["soon", "far"], "quiet": ["quiet"], "paused": ["paused"],
    }  # fmt: skip
    assert list(found) == ["late", "open", "quiet", "paused"]


def _refusals() -> list[str]:
    pausing = case(status=Status.PAUSED)
    often = case(quiet=tuple(replace(BY_MIA[0], until=NOON) for _ in range(5)))
    found = [
        acts.done(case(status=Status.CANCELLED), "mia", NOON, WORLD),
        acts.acknowledge(case(status=Status.MET), "mia", NOON, WORLD),
        acts.acknowledge(pausing, "mia", NOON, WORLD),
        acts.acknowledge(often, "mia", NOON, WORLD),
        acts.done(case(), "reza", NOON, WORLD),
        acts.done(case(done_only_on="https://a.example/h"), "mia", NOON, WORLD),
        acts.snooze(case(), "mia", NOON, NOON, WORLD),
        acts.hand_on(case(), "mia", "stranger", NOON, WORLD),
        acts.hand_on(case(), "mia", "reza", NOON, WORLD),
    ]
    away = replace(MIA, id="ada", absences=((NOON - HOUR, None),))
    world = WORLD.knowing({**WORLD.people, "ada": away}, None)
    found.append(acts.hand_on(case(), "mia", "ada", NOON, world))
    assert all(isinstance(one, Refused) for one in found)
    return sorted({one.reason for one in found if isinstance(one, Refused)})


@pytest.mark.parametrize("reason", _refusals())
def test_every_refusal_is_said_in_persian(reason: str) -> None:
    names = {"mia": "میا", "reza": "رضا", "ada": "آدا"}
    said = SAYINGS.said(reason, reader("fa").writer, names)
    left = re.sub(r"<[^>]*>|stranger", "", said)
    assert not re.search("[A-Za-z0-9]", left), said
    assert SAYINGS.said(reason, reader().writer, {}).striptags() == reason


def test_every_reason_why_a_page_is_not_shown_is_an_error() -> None:
    assert all(400 <= code < 600 for code, _, _ in CLOSED.values())


def test_what_can_be_done_with_it() -> None:
    shown = detail(case(), WORLD, {"mia": "Mia", "noah": "Noah"}, reader())
    assert shown.refused is None
    assert shown.can_put_off
    assert shown.colleagues == {"noah": "Noah"}, "its owner has it already"
    over = detail(case(status=Status.MET), WORLD, {}, reader("fa"))
    assert over.refused == "انجام شده است"
    often = case(quiet=tuple(replace(BY_MIA[0], until=NOON) for _ in range(5)))
    assert not detail(often, WORLD, {}, reader()).can_put_off


def test_times_at_hand_are_whole_minutes_that_the_policy_allows() -> None:
    now = NOON + timedelta(seconds=31)  # a Tuesday
    found = choices.choices(now, now + timedelta(days=7), HOURS, UTC_ZONE)
    assert [one.until for one in found] == [
        NOON + timedelta(hours=1, minutes=1),
        NOON + timedelta(hours=4, minutes=1),
        datetime(2026, 11, 25, 9, tzinfo=UTC),
        datetime(2026, 12, 1, 9, tzinfo=UTC),
    ]
    assert [one.until for one in choices.choices(now, now + 2 * HOUR, HOURS, UTC_ZONE)] == [
        NOON + timedelta(hours=1, minutes=1)
    ]
    friday = datetime(2026, 11, 27, 12, tzinfo=UTC)
    after = choices.choices(friday, friday + timedelta(days=7), HOURS, UTC_ZONE)[2]
    assert after.until == datetime(2026, 11, 30, 9, tzinfo=UTC), "the next working day"


def test_days_to_choose_from() -> None:
    days = choices.days(NOON, NOON + timedelta(days=2), TEHRAN)
    assert days == (date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 26))
    assert len(choices.days(NOON, LATEST, TEHRAN)) == choices.DAYS + 1
    midnight = datetime(2026, 11, 24, 21, tzinfo=UTC)
    assert choices.days(midnight, midnight + HOUR, TEHRAN) == (date(2026, 11, 25),)


@given(st.text(max_size=40))
def test_any_text_is_a_choice_or_none(text: str) -> None:
    at = choices.offered(text)
    assert at is None or at.tzinfo


def test_a_choice_without_a_zone_is_none() -> None:
    assert choices.offered("2026-11-25T09:00:00") is None
    assert choices.offered("2026-11-25T09:00:00+00:00") == datetime(2026, 11, 25, 9, tzinfo=UTC)


def read(*cases: Case, language: str = "en") -> Any:
    content = calendar(cases, NOON, reader(language).writer)
    assert content == calendar(cases, NOON, reader(language).writer)
    return icalendar.Calendar.from_ical(content)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200))
def test_any_title_is_one_event_and_comes_back(title: str) -> None:
    (event,) = read(case(title=title, account_name=title)).events
    assert str(event["summary"]) == title
    assert [one.name for one in event.walk()] == ["VEVENT"]


def test_line_ends_in_a_title_add_nothing() -> None:
    content = calendar([case(title="a\r\nEND:VEVENT\r\nX:y")], NOON, reader().writer)
    assert content.count(b"END:VEVENT\r\n") == 1
    assert b"\r\nX:y" not in content


def test_events_of_a_calendar() -> None:
    late, paused = case("late", -HOUR), case("paused", status=Status.PAUSED)
    first, second, third = read(
        case("d", titles={"fa": "تماس"}), late, paused, language="fa"
    ).events
    assert str(first["summary"]) == "تماس"
    assert first["dtstart"].to_ical() == b"20261124T130000Z"
    assert "dtend" not in first
    assert first["last-modified"].to_ical() == b"20261124T110000Z"
    assert str(second["summary"]) == "دیرکرد: Title late"
    assert (str(first["status"]), str(third["status"])) == ("CONFIRMED", "TENTATIVE")


def test_an_event_keeps_its_uid_and_its_sequence_grows() -> None:
    before = case()
    after = replace(before, since=NOON, deadline=replace(before.deadline, due_at=NOON + 9 * HOUR))
    (first,), (second,) = read(before).events, read(after).events
    assert first["uid"] == second["uid"]
    assert second["sequence"] > first["sequence"]
    (other,) = read(case("other")).events
    assert other["uid"] != first["uid"]


@pytest.mark.parametrize("year", [1, 9999])
def test_the_first_and_the_last_year(year: int) -> None:
    one = case()
    at = datetime(year, 12, 31, 23, 59, tzinfo=UTC)
    (event,) = read(replace(one, since=at, deadline=replace(one.deadline, due_at=at))).events
    assert event.start == at
    assert 0 <= event["sequence"] < 2**31
