"""Dates, digits, money and names, as a reader's language writes them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from shared.contracts.values import Money
from shared.pages.rendering import Pages
from shared.pages.writing import Writer, isolated, undirected

PAGES = Pages("services.handoff.pages")
FA = PAGES.writer("fa", "Asia/Tehran")
EN = PAGES.writer("en", "Europe/London")
MONTHS = "فروردین اردیبهشت خرداد تیر مرداد شهریور مهر آبان آذر دی بهمن اسفند".split()
LATIN = re.compile("[0-9]")
EARLY = datetime(1921, 3, 21, tzinfo=UTC)
INSTANTS = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("at", "persian", "english"),
    [
        (datetime(2026, 3, 20, 20, 29, tzinfo=UTC), "جمعه ۲۹ اسفند ۱۴۰۴، ۲۳:۵۹",
         "Fri 20 Mar 2026, 20:29"),
        (datetime(2026, 3, 20, 20, 30, tzinfo=UTC), "شنبه ۱ فروردین ۱۴۰۵، ۰۰:۰۰",
         "Fri 20 Mar 2026, 20:30"),
        (datetime(2025, 3, 20, 12, tzinfo=UTC), "پنجشنبه ۳۰ اسفند ۱۴۰۳، ۱۵:۳۰",
         "Thu 20 Mar 2025, 12:00"),
        (datetime(2021, 7, 1, 12, tzinfo=UTC), "پنجشنبه ۱۰ تیر ۱۴۰۰، ۱۶:۳۰",
         "Thu 1 Jul 2021, 13:00"),
        (datetime(1979, 2, 11, tzinfo=UTC), "یکشنبه ۲۲ بهمن ۱۳۵۷، ۰۳:۳۰",
         "Sun 11 Feb 1979, 00:00"),
    ],
)  # fmt: skip
def test_known_moments(at: datetime, persian: str, english: str) -> None:
    assert FA.moment(at).striptags() == persian
    assert EN.moment(at).striptags() == english


@given(INSTANTS)
def test_every_moment_can_be_written(at: datetime) -> None:
    for writer in (FA, EN):
        for written in (writer.moment(at), writer.day(at)):
            stamp = re.search(r'datetime="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"', written)
            assert stamp, written
            assert datetime.fromisoformat(stamp[1]) == at.replace(microsecond=0)
    assert not LATIN.search(FA.moment(at).striptags())


@given(st.integers(0, 73_000).map(lambda days: EARLY + timedelta(days=days)))
def test_persian_months_have_their_lengths(at: datetime) -> None:
    """Six of 31 days, five of 30, then 29 or 30: whatever day it is, the next one follows."""
    today, tomorrow = (FA.day(one).striptags().split() for one in (at, at + timedelta(days=1)))
    number, month, year = int(today[0]), MONTHS.index(today[1]), int(today[2])
    if tomorrow[0] != "۱":
        assert (int(tomorrow[0]), tomorrow[1:]) == (number + 1, today[1:])
    else:
        lengths = (31,) if month < 6 else (30,) if month < 11 else (29, 30)
        assert number in lengths
        assert MONTHS.index(tomorrow[1]) == (month + 1) % 12
        assert int(tomorrow[2]) == year + (month == 11)


@given(INSTANTS, st.timedeltas(timedelta(days=-4000), timedelta(days=4000)))
def test_a_clock_is_late_or_not(now: datetime, left: timedelta) -> None:
    try:
        due = now + left
    except OverflowError:
        return
    for writer in (FA, EN):
        clock = writer.clock(due, now)
        assert clock.late == (left < timedelta(0))
        assert not (clock.late and clock.soon)
        assert clock.words


@pytest.mark.parametrize(
    ("left", "english", "persian"),
    [
        ({"minutes": 119}, "119 minutes left", "۱۱۹ دقیقه مانده"),
        ({"hours": 2}, "2 hours left", "۲ ساعت مانده"),
        ({"days": 2}, "2 days left", "۲ روز مانده"),
        ({"days": -3}, "3 days late", "۳ روز دیرکرد"),
        ({"seconds": -20}, "due now", "همین حالا"),
    ],
)
def test_how_much_time_is_left(left: dict[str, int], english: str, persian: str) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    due = now + timedelta(**left)
    assert EN.clock(due, now).words.striptags() == english
    assert FA.clock(due, now).words.striptags() == persian


@pytest.mark.parametrize(
    ("value", "currency", "english", "persian"),
    [
        ("1054.00", "USD", "1,054\u00a0USD", "۱٬۰۵۴\u00a0USD"),
        ("1250.5", "EUR", "1,250.50\u00a0EUR", "۱٬۲۵۰٫۵۰\u00a0EUR"),
        ("0.1234", "EUR", "0.1234\u00a0EUR", "۰٫۱۲۳۴\u00a0EUR"),
        ("999999999999999999.9999", "KWD", "999,999,999,999,999,999.9999\u00a0KWD",
         "۹۹۹٬۹۹۹٬۹۹۹٬۹۹۹٬۹۹۹٬۹۹۹٫۹۹۹۹\u00a0KWD"),
    ],
)  # fmt: skip
def test_money_is_exact(value: str, currency: str, english: str, persian: str) -> None:
    money = Money.model_validate({"value": value, "currency": currency})
    assert EN.money(money) == english
    assert FA.money(money) == persian


@given(st.decimals(min_value=0, max_value=10**17, places=4))
def test_no_digit_is_lost(value: Decimal) -> None:
    money = Money.model_validate({"value": f"{value:f}", "currency": "EUR"})
    english = EN.money(money).removesuffix("\u00a0EUR").replace(",", "")
    assert Decimal(english) == value
    assert not LATIN.search(FA.money(money))


@given(st.text())
def test_what_others_wrote_is_isolated_and_harmless(text: str) -> None:
    for written in (isolated(text), EN.say("Accounts of %(name)s", name=text)):
        inner = written[written.index("<bdi>") + 5 : -len("</bdi>")]
        assert "<" not in inner
        assert not set(inner) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    label = EN.label("Handoff of %(name)s", name=text)
    assert '"' not in label
    assert "<" not in label
    assert label.count("\u2068") == label.count("\u2069") == 1


def test_percent_signs_and_braces_are_no_formats() -> None:
    assert isolated("%(name)s {0} 100%") == Markup("<bdi>%(name)s {0} 100%</bdi>")
    assert EN.say("Accounts of %(name)s", name="100% %(x)s").endswith("100% %(x)s</bdi>")
    assert undirected("a\u202eb") == "ab"


def test_languages_have_names() -> None:
    writer: Writer = FA
    assert writer.language_name("fa") == "فارسی"
    assert writer.language_name("Klingon") == "Klingon"
    assert EN.language_name("de") == "German"
