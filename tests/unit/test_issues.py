"""Which week or month a digest is about, and when it is due, in both calendars."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.issues import (
    Habits,
    Rhythm,
    Span,
    before,
    due,
    first_weekday,
    latest,
)
from shared.working_time import Calendar, is_open

TEHRAN, BERLIN = ZoneInfo("Asia/Tehran"), ZoneInfo("Europe/Berlin")
PERSIAN = Habits(calendar=Calendar.saturday_to_wednesday(), jalali=True)
GERMAN = Habits(calendar=Calendar.monday_to_friday("Europe/Berlin", "DE"))


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def span(since: str, until: str) -> Span:
    return Span(date.fromisoformat(since), date.fromisoformat(until))


def test_a_week_begins_after_the_longest_time_off() -> None:
    def begins(days: str, *, jalali: bool = False) -> int:
        names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        week = {names.index(day): [(540, 1020)] for day in days.split()}
        return first_weekday(Habits(calendar=Calendar.weekly("UTC", week), jalali=jalali))

    assert begins("mon tue wed thu fri") == 0
    assert begins("sat sun mon tue wed") == begins("sat sun mon tue wed thu") == 5
    assert begins("sun mon tue wed thu") == 6
    assert begins("tue thu sat") == 1, "Sunday and Monday are free"
    assert begins("mon tue wed thu fri sat sun") == 0
    assert begins("mon tue wed thu fri sat sun", jalali=True) == 5


def test_a_week_comes_when_the_readers_work_begins() -> None:
    for habits, zone, first, last, opening in (
        (PERSIAN, TEHRAN, "2026-11-14", "2026-11-20", "2026-11-21T08:00"),
        (GERMAN, BERLIN, "2026-11-16", "2026-11-22", "2026-11-23T09:00"),
    ):
        told = at(opening, zone)
        assert due("weekly", habits, zone, told) == span(first, last)
        earlier = due("weekly", habits, zone, told - timedelta(microseconds=1))
        assert earlier == before("weekly", habits, span(first, last))


def test_who_was_down_for_a_month_is_told_of_the_latest_week_only() -> None:
    assert due("weekly", GERMAN, BERLIN, at("2026-12-17T10:00", BERLIN)) == span(
        "2026-12-07", "2026-12-13"
    )


def test_a_month_comes_on_its_first_working_day() -> None:
    friday = at("2027-01-01T12:00", BERLIN)  # new year is a holiday
    assert due("monthly", GERMAN, BERLIN, friday) == span("2026-11-01", "2026-11-30")
    monday = at("2027-01-04T09:00", BERLIN)
    assert due("monthly", GERMAN, BERLIN, monday - timedelta(seconds=1)).since.month == 11
    assert due("monthly", GERMAN, BERLIN, monday) == span("2026-12-01", "2026-12-31")


def test_the_persian_month_before_new_year_comes_after_the_holidays() -> None:
    """Esfand of a leap year has 30 days: 1403; Nowruz is free from 1 to 4 Farvardin."""
    assert due("monthly", PERSIAN, TEHRAN, at("2025-03-22T12:00", TEHRAN)).until == date(
        2025, 2, 18
    )
    found = due("monthly", PERSIAN, TEHRAN, at("2025-03-26T12:00", TEHRAN))
    assert found == span("2025-02-19", "2025-03-20")
    assert (found.until - found.since).days == 29
    ordinary = due("monthly", PERSIAN, TEHRAN, at("2026-04-08T12:00", TEHRAN))
    assert ordinary == span("2026-02-20", "2026-03-20")
    assert (ordinary.until - ordinary.since).days == 28


def test_a_leap_day_is_in_its_month() -> None:
    assert due("monthly", GERMAN, BERLIN, at("2028-03-02T12:00", BERLIN)).until == date(2028, 2, 29)


def test_a_time_is_over_when_it_is_over_for_the_company_too() -> None:
    """Monday morning in Tokyo is Sunday in New York, and the figures go by New York's days."""
    habits = Habits(calendar=Calendar.monday_to_friday("Asia/Tokyo"))
    monday = at("2026-11-23T10:00", ZoneInfo("Asia/Tokyo"))
    company = ZoneInfo("America/New_York")
    assert due("weekly", habits, company, monday).until == date(2026, 11, 15)
    later = at("2026-11-23T14:00", ZoneInfo("Asia/Tokyo"))
    assert due("weekly", habits, company, later).until == date(2026, 11, 22)


def test_times_follow_each_other_without_gaps() -> None:
    spans = latest("monthly", PERSIAN, span("2026-10-23", "2026-11-21"), 14)
    assert len(spans) == 14
    for earlier, later in pairwise(spans):
        assert earlier.until + timedelta(days=1) == later.since
    assert spans[0].since == date(2025, 9, 23)


@pytest.mark.parametrize("rhythm", ["weekly", "monthly"])
@given(days=st.integers(0, 12 * 365), minute=st.integers(0, 1439))
def test_time_goes_on_and_nothing_is_told_before_it_is_over(
    rhythm: Rhythm, days: int, minute: int
) -> None:
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=days, minutes=minute)
    for habits in (PERSIAN, GERMAN):
        now = due(rhythm, habits, UTC_ZONE, moment)
        later = due(rhythm, habits, UTC_ZONE, moment + timedelta(days=1))
        assert now.until < moment.astimezone(habits.zone).date()
        assert later == now or before(rhythm, habits, later) == now, "none is left out"
        length = 7 if rhythm == "weekly" else 31
        assert (moment.date() - now.until).days <= length + 15, "holidays are not for ever"


UTC_ZONE = ZoneInfo("UTC")


def test_what_is_due_begins_to_be_due_in_working_time() -> None:
    start = at("2026-11-19T00:00", TEHRAN)
    found = [
        moment
        for minute in range(0, 60 * 24 * 8, 15)
        if due("weekly", PERSIAN, TEHRAN, moment := start + timedelta(minutes=minute))
        != due("weekly", PERSIAN, TEHRAN, moment - timedelta(minutes=15))
    ]
    assert [is_open(PERSIAN.calendar, moment) for moment in found] == [True]
