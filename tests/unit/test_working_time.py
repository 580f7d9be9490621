"""Working time, by examples and against a reference that walks minute by minute."""

import pickle
import timeit
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import Misconfigured
from shared.working_time import Calendar, add, add_days, between, is_open, opens_at, parse

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OFFICE = Calendar.monday_to_friday("UTC")
IRAN = Calendar.saturday_to_wednesday(short_thursday=True)


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


# 2026-11-23 is a Monday.
@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-23T10:00", 1, "2026-11-23T11:00"),
        ("2026-11-23T08:00", 1, "2026-11-23T10:00"),
        ("2026-11-23T10:00", 7, "2026-11-23T17:00"),
        ("2026-11-23T09:00", 8, "2026-11-23T17:00"),
        ("2026-11-23T16:30", 1, "2026-11-24T09:30"),
        ("2026-11-27T16:30", 1, "2026-11-30T09:30"),
        ("2026-11-28T12:00", 16, "2026-12-01T17:00"),
        ("2026-11-28T12:00", 0, "2026-11-28T12:00"),
        ("2026-11-30T09:30", -1, "2026-11-27T16:30"),
        ("2026-11-23T17:00", -8, "2026-11-23T09:00"),
    ],
)
def test_chatwoot_9470_friday_half_past_four_and_an_hour_is_monday(
    start: str, hours: int, end: str
) -> None:
    assert add(OFFICE, at(start), hours * HOUR) == at(end)


def test_a_pause_over_night_moves_nothing_and_pauses_count_once() -> None:
    night = (at("2026-11-23T17:00"), at("2026-11-24T09:00"))
    start = at("2026-11-23T15:00")
    assert add(OFFICE, start, 4 * HOUR, [night]) == add(OFFICE, start, 4 * HOUR)
    noon = (at("2026-11-24T10:00"), at("2026-11-24T12:00"))
    late = (at("2026-11-24T11:00"), at("2026-11-24T13:00"))
    assert add(OFFICE, start, 4 * HOUR, [noon, late, noon]) == at("2026-11-24T14:00")
    assert between(OFFICE, start, at("2026-11-24T14:00"), [late, noon]) == 4 * HOUR
    assert add(OFFICE, at("2026-11-24T14:00"), -4 * HOUR, [noon, late]) == start


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-23T10:00", 1, "2026-11-24T10:00"),
        ("2026-11-27T10:00", 1, "2026-11-30T10:00"),
        ("2026-11-28T10:00", 1, "2026-11-30T10:00"),
        ("2026-11-23T20:00", 1, "2026-11-24T17:00"),
        ("2026-11-23T06:00", 1, "2026-11-24T09:00"),
        ("2026-11-28T10:00", 0, "2026-11-30T10:00"),
        ("2026-11-30T10:00", -1, "2026-11-27T10:00"),
        ("2026-11-28T10:00", -1, "2026-11-27T10:00"),
        ("2026-12-31T10:00", 1, "2027-01-01T10:00"),
        ("2026-11-23T10:00", 520, "2028-11-20T10:00"),
        ("2028-11-20T10:00", -520, "2026-11-23T10:00"),
    ],
)
def test_working_days_keep_the_time_of_day(start: str, days: int, end: str) -> None:
    assert add_days(OFFICE, at(start), days) == at(end)


def test_a_day_with_a_break_and_a_night_shift() -> None:
    split = Calendar.weekly("UTC", {0: [(480, 720), (780, 960)], 1: [(480, 720)]})
    assert add_days(split, at("2026-11-24T12:30"), 1) == at("2026-11-30T13:00")
    assert between(split, at("2026-11-23T00:00"), at("2026-11-24T00:00")) == 7 * HOUR
    nights = Calendar.weekly("UTC", {day: [(1320, 360)] for day in range(5)})
    assert add(nights, at("2026-11-27T22:00"), 8 * HOUR) == at("2026-11-28T06:00")
    assert add_days(nights, at("2026-11-28T03:00"), 1) == at("2026-12-01T03:00"), "Friday's night"
    assert add_days(nights, at("2026-11-24T06:00"), 1) == at("2026-11-25T06:00"), "Monday's end"
    late = Calendar.weekly("UTC", {day: [(960, 1440)] for day in range(5)})
    assert add_days(late, at("2026-11-24T00:00"), 1) == at("2026-11-25T00:00")
    assert not is_open(nights, at("2026-11-29T03:00"))
    assert opens_at(nights, at("2026-11-28T06:00")) == at("2026-11-30T22:00")


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 5), ("Europe/Berlin", "2026-10-25", 7),
        ("America/New_York", "2026-03-08", 5), ("America/New_York", "2026-11-01", 7),
        ("Asia/Tehran", "2022-03-22", 5), ("Asia/Tehran", "2026-03-22", 6),
    ],
)  # fmt: skip
def test_what_counts_is_the_real_time_when_clocks_change(zone: str, day: str, hours: int) -> None:
    nights = Calendar.weekly(zone, {day: [(0, 360)] for day in range(7)})
    begin = at(f"{day}T00:00" if zone != "Asia/Tehran" else f"{day}T01:00", zone)
    whole = between(nights, begin - 2 * HOUR, begin + 12 * HOUR)
    assert whole == hours * HOUR


def test_a_shift_in_the_skipped_hour_begins_when_the_clocks_jump() -> None:
    early = Calendar.weekly("Europe/Berlin", {6: [(150, 240)]})  # 02:30-04:00
    assert opens_at(early, at("2026-03-29T00:00")) == at("2026-03-29T01:00")
    assert between(early, at("2026-03-29T00:00"), at("2026-03-30T00:00")) == HOUR


def test_of_a_time_that_comes_twice_the_first_counts() -> None:
    early = Calendar.weekly("Europe/Berlin", {6: [(150, 240)]})  # 02:30-04:00
    assert opens_at(early, at("2026-10-25T00:00")) == at("2026-10-25T00:30")
    assert between(early, at("2026-10-25T00:00"), at("2026-10-26T00:00")) == 2.5 * HOUR


def test_a_night_over_new_year_is_whole() -> None:
    nights = Calendar.weekly("Asia/Tehran", {day: [(1320, 360)] for day in range(7)})
    new_year = at("2027-01-01T00:00")
    assert between(nights, new_year - 24 * HOUR, new_year + 24 * HOUR) == 16 * HOUR
    assert add(nights, at("2026-12-31T22:00", "Asia/Tehran"), 8 * HOUR) == at(
        "2027-01-01T06:00", "Asia/Tehran"
    )


def test_iran_has_its_own_week_and_holidays() -> None:
    nowruz = "2026-03-21"
    assert not is_open(IRAN, at(f"{nowruz}T10:00", "Asia/Tehran"))
    friday, thursday = "2026-11-27", "2026-11-26"
    assert not is_open(IRAN, at(f"{friday}T10:00", "Asia/Tehran"))
    assert is_open(IRAN, at(f"{thursday}T11:59", "Asia/Tehran"))
    assert not is_open(IRAN, at(f"{thursday}T12:00", "Asia/Tehran"))


def test_a_holiday_declared_last_night_and_an_extra_day() -> None:
    tomorrow, saturday = date(2026, 11, 24), date(2026, 11, 28)
    changed = Calendar.weekly(
        "UTC",
        {day: [(540, 1020)] for day in range(5)},
        overrides={tomorrow: [], saturday: [(540, 600)]},
    )
    assert add(changed, at("2026-11-23T16:00"), 2 * HOUR) == at("2026-11-25T10:00")
    assert add(changed, at("2026-11-27T17:00"), HOUR) == at("2026-11-28T10:00")


def test_the_ends_of_time_are_said_in_words() -> None:
    for call in (
        lambda: add(OFFICE, at("9999-12-31T12:00"), 999 * HOUR),
        lambda: add(OFFICE, at("0001-01-02T12:00"), -999 * HOUR),
        lambda: add_days(OFFICE, at("9999-12-31T12:00"), 9),
        lambda: add_days(OFFICE, at("0001-01-02T12:00"), -9),
        lambda: add(OFFICE, at("2026-11-23T12:00"), timedelta.max),
        lambda: add_days(OFFICE, at("2026-11-23T12:00"), 10**9),
    ):
        with pytest.raises(OverflowError, match="the result lies"):
            call()


def test_the_first_day_of_all_has_no_night_before() -> None:
    assert add_days(OFFICE, at("0001-01-01T00:00"), 1) == at("0001-01-02T09:00")


def test_a_calendar_is_a_value() -> None:
    assert pickle.loads(pickle.dumps(IRAN)) == IRAN  # noqa: S301 - our own
    assert hash(IRAN) == hash(Calendar.saturday_to_wednesday(short_thursday=True))
    overlapping = Calendar.weekly("UTC", {0: [(600, 720), (540, 660)]})
    assert overlapping == Calendar.weekly("UTC", {0: [(540, 720)]})
    with pytest.raises(ValueError, match="offset"):
        add(OFFICE, datetime(2026, 1, 1), HOUR)  # noqa: DTZ001 - that is the point


GOOD: dict[str, Any] = {"time_zone": "Asia/Tehran", "week": {"sat": ["08:00-12:00", "13:00-16:30"]}}


def test_a_file_is_read() -> None:
    read = parse(GOOD | {"holidays": "IR", "overrides": {date(2026, 11, 25): []}}, "calendar.yaml")
    assert read == Calendar.weekly(
        "Asia/Tehran", {5: [(480, 720), (780, 990)]}, country="IR",
        overrides={date(2026, 11, 25): []},
    )  # fmt: skip
    around = {"time_zone": "UTC", "week": {"mon": ["00:00-24:00"], "tue": ["22:00-06:00"]}}
    assert parse(around, "x") == Calendar.weekly("UTC", {0: [(0, 1440)], 1: [(1320, 360)]})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time_zone": "Tehran"}, "time_zone: must be an IANA time zone such as Asia/Tehran"),
        ({"time_zone": 3}, "time_zone: must be an IANA time zone"),
        ({"week": None}, 'week: write days with hours, e.g. sat: ["08:00-16:00"]'),
        ({"week": {}}, "week has no working time"),
        ({"week": {"monday": []}}, "week.monday: days are mon, tue"),
        ({"week": {"mon": "9-5"}}, "week.mon: write a list of hours"),
        ({"week": {"mon": ["9-5"]}}, "week.mon: '9-5': write hours such as"),
        ({"week": {"mon": ["09:00-25:00"]}}, "hours go from 00:00 to 24:00"),
        ({"week": {"mon": ["09:00-09:00"]}}, "no hours; all day is 00:00-24:00"),
        ({"week": {"mon": ["09:70-10:00"]}}, "hours go from 00:00 to 24:00"),
        ({"holidays": "Iran"}, "holidays: must be a country the library"),
        ({"holidays": ["IR"]}, "holidays: must be a country the library"),
        ({"overrides": {"tomorrow": []}}, "overrides.tomorrow: write a date"),
        ({"overrides": ["x"]}, "overrides: write dates with hours"),
        ({"hours": 8}, "hours: unknown; there are time_zone, week, holidays and overrides"),
    ],
)
def test_a_bad_file_is_told_by_name_and_field(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Misconfigured) as error:
        parse(GOOD | change, "calendar.yaml")
    assert str(error.value).startswith("calendar.yaml: ")
    assert reason in str(error.value)


# Against a slow reference

ZONES = ["UTC", "Asia/Tehran", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
         "Asia/Kathmandu"]  # fmt: skip
ranges = st.lists(
    st.tuples(st.integers(0, 47).map(lambda n: n * 30), st.integers(1, 48).map(lambda n: n * 30)),
    max_size=3,
)
calendars = st.builds(
    Calendar.weekly,
    st.sampled_from(ZONES),
    st.dictionaries(st.integers(0, 6), ranges, min_size=1).filter(lambda week: any(week.values())),
)
moments = st.builds(
    lambda day, minute: at("2026-03-01T00:00") + timedelta(days=day, minutes=minute),
    st.sampled_from([*range(6, 10), *range(26, 31), 210, 237, 238, 244, 245]),
    st.integers(0, 1440),
)


def open_at(calendar: Calendar, minute: datetime) -> bool:
    """By the clock on the wall, the day and the day before; not at the skipped hours' edge."""
    local = minute.astimezone(ZoneInfo(calendar.time_zone))
    now, yesterday = local.hour * 60 + local.minute, local.date() - timedelta(1)
    today = calendar.week[local.weekday()]
    return any(begin <= now < end for begin, end in today) or any(
        begin <= now + 1440 < end for begin, end in calendar.week[yesterday.weekday()]
    )


@settings(max_examples=400)
@given(calendars, moments, st.integers(0, 2000))
def test_between_is_the_number_of_open_minutes(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    walked = sum(open_at(calendar, start + n * MINUTE) for n in range(minutes))
    counted = between(calendar, start, start + minutes * MINUTE)
    zone = ZoneInfo(calendar.time_zone)
    offsets = {
        (start + n * HOUR).astimezone(zone).utcoffset() for n in range(-26, minutes // 60 + 26)
    }
    # Where a time comes twice the wall clock does not say which: the first counts.
    slack = 0 if len(offsets) == 1 else 60
    assert abs(counted - walked * MINUTE) <= slack * MINUTE


@settings(max_examples=400)
@given(calendars, moments, st.integers(-6000, 6000))
def test_add_and_between_are_each_others_inverse(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    end = add(calendar, start, minutes * MINUTE)
    assert between(calendar, start, end) == minutes * MINUTE
    nearer = end - MINUTE / 60 if minutes > 0 else end + MINUTE / 60
    if minutes:
        assert abs(between(calendar, start, nearer)) < abs(minutes * MINUTE)


@settings(max_examples=200)
@example(
    calendar=Calendar.weekly("UTC", {3: [(30, 30)], 4: [(0, 30)]}),
    start=at("2026-03-27T00:00"),
    days=1,
)
@given(calendars, moments, st.integers(-40, 40))
def test_working_days_are_the_same_walked_one_by_one(
    calendar: Calendar, start: datetime, days: int
) -> None:
    end = add_days(calendar, start, days)
    zone = ZoneInfo(calendar.time_zone)
    local, step = start.astimezone(zone), 1 if days > 0 else -1
    day = local.date()
    now = local.hour * 60 + local.minute
    own = any(b <= now < e for b, e in calendar.week[day.weekday()])
    night = any(b <= now + 1440 < e for b, e in calendar.week[(day - timedelta(1)).weekday()])
    if night and not own:  # where two shifts overlap, the day's own
        day -= timedelta(1)
    while days or not calendar.week[day.weekday()]:
        day += timedelta(step if days else 1)
        if calendar.week[day.weekday()] and days:
            days -= step
    landed = end.astimezone(zone).date()
    assert landed in (day, day + timedelta(1))


def test_an_addition_takes_no_longer_for_a_longer_span() -> None:
    start = at("2026-11-23T10:00")
    for hours in (1, 1000):
        add(OFFICE, start, hours * HOUR)
    short, long = (
        min(timeit.repeat(lambda h=hours: add(OFFICE, start, h * HOUR), number=500, repeat=5)) / 500
        for hours in (1, 1000)
    )
    print(f"add: {short * 1e6:.1f} us for an hour, {long * 1e6:.1f} us for a thousand")
    assert long < 10 * short
