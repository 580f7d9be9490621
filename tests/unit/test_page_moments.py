"""Days and times that people type: as fields offer them, and as they are read."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import jdatetime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.handoff.pages.words import SENTENCES
from shared.pages import moments
from shared.pages.moments import NO_CLOCK, NO_DAY, NO_SUCH_DAY, TOO_FAR, Unreadable
from shared.pages.rendering import Pages
from shared.pages.sayings import Sayings

TEHRAN = ZoneInfo("Asia/Tehran")
PAGES = Pages("services.handoff.pages")
FA, EN = PAGES.writer("fa", "Asia/Tehran"), PAGES.writer("en", "Asia/Tehran")
EARLY = datetime(2023, 1, 1, tzinfo=UTC)  # since then no clock of Tehran is turned
SEVENTH = date(2026, 11, 28)


def latin(text: str) -> str:
    return "".join(str(int(one)) if one.isdecimal() else one for one in text)


@pytest.mark.parametrize(
    ("day", "on"),
    [
        ("۱۴۰۵/۰۹/۰۷", SEVENTH),
        ("1405/9/7", SEVENTH),
        ("١٤٠٥-٠٩-٠٧", SEVENTH),  # Arabic digits
        (" \u200f۱۴۰۵٫۹٫۷\u200e ", SEVENTH),  # with marks of direction, as copied text has them
        ("۱۴۰۵ / ۹ / ۷", SEVENTH),
        ("۷ آذر ۱۴۰۵", SEVENTH),
        ("7 آذر 1405", SEVENTH),
        ("۷ د\u064a ۱۴۰۵", date(2026, 12, 28)),  # the Arabic letter ye
        ("۱۴۰۳/۱۲/۳۰", date(2025, 3, 20)),  # a leap year
        ("2026-11-28", SEVENTH),
        ("۲۰۲۶/۱۱/۲۸", SEVENTH),
    ],
)
def test_a_day_as_people_write_it(day: str, on: date) -> None:
    assert moments.typed(day, "14:30", TEHRAN) == datetime(
        on.year, on.month, on.day, 11, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("clock", "at"),
    [("14:30", (11, 0)), (" ۱۴:۳۰ ", (11, 0)), ("9:05", (5, 35)), ("۰۹٫۰۵", (5, 35)),
     ("14:30:00", (11, 0))],
)  # fmt: skip
def test_a_time_as_people_write_it(clock: str, at: tuple[int, int]) -> None:
    assert moments.typed("2026-11-28", clock, TEHRAN) == datetime(2026, 11, 28, *at, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "why"),
    [
        ("", "09:00", NO_DAY),
        ("05/09/07", "09:00", NO_DAY),
        ("07/09/1405", "09:00", NO_DAY),
        ("۷ نوامبر ۱۴۰۵", "09:00", NO_DAY),
        ("1405/09/07/1", "09:00", NO_DAY),
        ("۱۴۰۵/۱۲/۳۰", "09:00", NO_SUCH_DAY % {"day": "۱۴۰۵/۱۲/۳۰"}),
        ("1405/13/01", "09:00", NO_SUCH_DAY % {"day": "1405/13/01"}),
        ("0000/01/01", "09:00", NO_SUCH_DAY % {"day": "0000/01/01"}),
        ("2026-02-30", "09:00", NO_SUCH_DAY % {"day": "2026-02-30"}),
        ("1405/09/07", "", NO_CLOCK),
        ("1405/09/07", "9", NO_CLOCK),
        ("1405/09/07", "24:00", NO_CLOCK),
        ("1405/09/07", "09:60", NO_CLOCK),
    ],
)
def test_what_cannot_be_read_is_told_by_field_and_reason(day: str, clock: str, why: str) -> None:
    assert moments.typed(day, clock, TEHRAN) == Unreadable(why)


def test_the_last_day_of_all_is_too_far_west_of_greenwich() -> None:
    west = ZoneInfo("America/New_York")
    refused = moments.typed("9999-12-31", "23:59", west)
    assert refused == Unreadable(TOO_FAR % {"day": "9999-12-31"})


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_text_is_a_moment_or_refused(day: str, clock: str) -> None:
    read = moments.typed(day, clock, TEHRAN)
    assert isinstance(read, Unreadable) or read.tzinfo == UTC


@given(st.integers(0, 36_000 * 24 * 60).map(lambda minutes: EARLY + timedelta(minutes=minutes)))
def test_what_a_field_offers_is_read_back(at: datetime) -> None:
    for writer in (FA, EN):
        assert moments.typed(writer.typed_day(at), writer.typed_clock(at), TEHRAN) == at.replace(
            second=0, microsecond=0
        )
    jalali = jdatetime.date.fromgregorian(date=at.astimezone(TEHRAN).date())
    assert latin(FA.typed_day(at)) == jalali.strftime("%Y/%m/%d")


def test_persian_readers_are_told_in_persian_with_a_persian_example() -> None:
    sayings = Sayings(SENTENCES)
    assert sayings.said(NO_DAY, FA, {}).startswith("روز: سال (چهار رقمی)")
    assert "۱۴۰۵/۰۹/۰۷" in sayings.said(NO_DAY, FA, {})
    why = NO_SUCH_DAY % {"day": "۱۴۰۵/۱۲/۳۰"}
    assert sayings.said(why, FA, {}).striptags() == "روز: ۱۴۰۵/۱۲/۳۰ در هیچ تقویمی نیست"
    assert sayings.said(NO_CLOCK, FA, {}).startswith("ساعت: ")
