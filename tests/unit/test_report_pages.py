"""The dashboard's parts: how a reader reads them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.reporting.health import Grade
from services.reporting.pages import words
from services.reporting.pages.parts import ROWS, Filters, Reader, axis, choices, span
from services.reporting.pages.team import most
from services.reporting.plans import State
from services.reporting.questions import Person, Row
from shared.pages.rendering import Pages
from shared.passes import PASS_LIFE, Bearer, Passes, local

PAGES = Pages("services.reporting.pages", scripts=True)
NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)


def reader(language: str = "en", zone: str = "UTC") -> Reader:
    writer = PAGES.writer(language, zone)  # type: ignore[arg-type]
    return Reader(writer=writer, now=NOW, people={"mia": Person("Mia <b>", None)})


def test_months_have_no_gaps_and_no_endless_axis() -> None:
    assert axis(["2025-11", "2026-02"]) == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert axis([]) == axis(["-"]) == []
    assert len(axis(["1990-01", "2026-01"])) == 24
    assert axis(["1404-12", "1405-01"]) == ["1404-12", "1405-01"]


def test_periods_are_those_of_the_readers_calendar_and_day() -> None:
    assert list(choices(reader())) == ["2026", "2025", "2026-Q4", "2026-11", "2026-10"]
    persian = choices(reader("fa", "Asia/Tehran"))
    assert list(persian) == ["1405", "1404", "1405-Q3", "1405-09", "1405-08"]
    assert str(persian["1405-09"]) == "آذر ۱۴۰۵"
    for name in (*choices(reader()), *persian):
        assert span(name)[0] < span(name)[1]


def test_numbers_are_read_in_the_readers_language() -> None:
    en, fa = reader(), reader("fa")
    assert en.money(Decimal("1234567.60"), "EUR") == "1,234,568\u00a0EUR"
    assert fa.money(Decimal("1234567.60"), "EUR") == "۱٬۲۳۴٬۵۶۸\u00a0EUR"
    assert fa.money(Decimal(-5), "EUR").startswith("\u200e"), "the minus stays before the number"
    assert (en.share(1, 3), fa.share(1, 3), en.share(0, 0)) == ("33%", "۳۳٪", "–")
    assert (en.hours(3600 * 9, 2), en.hours(3600 * 72, 1), en.hours(0, 0)) == (
        "4.5 h", "3 days", "–",
    )  # fmt: skip
    assert en.mean(10, 4) == "2.5"


def test_what_others_wrote_is_escaped() -> None:
    assert reader().name("mia") == "<bdi>Mia &lt;b&gt;</bdi>"
    assert reader().plain_name("-") == "Nobody"


def test_filters_stay_in_the_address() -> None:
    filters = Filters(period="2026-Q4", manager="a&b")
    assert filters.address("/pages") == "/pages?period=2026-Q4&manager=a%26b"
    assert filters.address("/pages", manager=None, period="") == "/pages"


def test_every_state_has_a_word() -> None:
    assert set(words.STATE) == set(State)
    assert set(words.GRADE) == set(Grade)


def test_a_pass_is_good_for_a_minute_and_for_one_purpose() -> None:
    passes, bearer = Passes(["k" * 32], "reporting"), Bearer("mia", "fa")
    signed = passes.write(bearer, NOW)
    assert passes.read(signed, NOW + PASS_LIFE) == bearer
    assert passes.read(signed, NOW - timedelta(seconds=4)) == bearer, "clocks differ"
    assert passes.read(signed, NOW + PASS_LIFE + timedelta(seconds=1)) is None
    assert passes.read(signed, NOW - timedelta(seconds=6)) is None
    assert Passes(["k" * 32], "another").read(signed, NOW) is None
    assert Passes(["n" * 32, "k" * 32], "reporting").read(signed, NOW) == bearer, "keys overlap"
    assert passes.read(signed + "x", NOW) is None


@pytest.mark.parametrize("path", ["//evil", "https://evil", "/\\evil", "", "/a\nb"])
def test_nobody_is_led_to_another_site(path: str) -> None:
    assert local(path) == "/"


def test_of_a_large_team_those_are_shown_who_won_most() -> None:
    deals = [
        Row({"manager": who, "currency": currency}, {"count": 1, "amount": Decimal(amount)})
        for who, currency, amount in [
            *((f"m{n}", "EUR", n) for n in range(ROWS + 10)),
            ("other", "USD", 9000),
            ("-", "EUR", 9000),
        ]
    ]
    shown = most(deals, "EUR", reader())
    assert shown == [f"m{n}" for n in range(ROWS + 9, 9, -1)]
    assert most(deals[:3], "EUR", reader()) == ["m2", "m1"], "who won nothing is not among them"
    assert most(deals, None, reader()) == []
