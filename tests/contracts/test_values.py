"""The values events are made of: what is taken, what is refused, what is written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.contracts.values import Amount, Currency, Email, Id, Instant, Money, Name, Text

AMOUNT = TypeAdapter[Decimal](Amount)
INSTANT = TypeAdapter[datetime](Instant)
IDS, NAMES, TEXTS = TypeAdapter[str](Id), TypeAdapter[str](Name), TypeAdapter[str](Text)
EMAILS, CURRENCIES = TypeAdapter[str](Email), TypeAdapter[str](Currency)
NO_OFFSET = datetime(2017, 3, 1, tzinfo=UTC).replace(tzinfo=None)
TEHRAN = timezone(timedelta(hours=3, minutes=30))


def reason(adapter: TypeAdapter[Any], value: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(value)
    return refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "text", ["0", "0.0000", "1054.00", "1054.5", "007", "9" * 18, "9" * 18 + ".9999"]
)
def test_an_amount_is_written_as_it_was_read(text: str) -> None:
    read = AMOUNT.validate_python(text)
    assert read == Decimal(text)
    assert AMOUNT.dump_python(read, mode="json") == format(Decimal(text), "f")


@pytest.mark.parametrize("text", ["1054.00", "0.10", "100000000000000000.0001"])
def test_no_digit_of_an_amount_is_lost(text: str) -> None:
    assert AMOUNT.dump_json(AMOUNT.validate_json(f'"{text}"')) == f'"{text}"'.encode()


def test_an_amount_is_never_written_with_an_exponent() -> None:
    money = Money(value=Decimal("1E+3"), currency="IRR")
    assert money.model_dump_json() == '{"value":"1000","currency":"IRR"}'


@pytest.mark.parametrize(
    "json",
    ["5", "5.0", "true", "null", '"1e3"', '"1E+3"', '"NaN"', '"Infinity"', '"+1"', '".5"', '"1."',
     '"1_0"', '"1,5"', '"1.00000"', '"1\\n"', '"۵"', f'"{"9" * 19}"', "{}"],
)  # fmt: skip
def test_what_is_no_decimal_string_is_no_amount(json: str) -> None:
    with pytest.raises(ValidationError, match="must be a decimal string such as"):
        AMOUNT.validate_json(json)


@pytest.mark.parametrize("value", ["-1", "-0.01", Decimal(-1)])
def test_a_negative_amount_is_called_negative(value: Any) -> None:
    assert reason(AMOUNT, value).endswith("not negative")


@pytest.mark.parametrize("value", [1.5, 2, Decimal("NaN"), Decimal("Infinity"), Decimal("0.00001")])
def test_not_even_our_own_code_makes_an_inexact_amount(value: Any) -> None:
    assert "must be a decimal string" in reason(AMOUNT, value)


@given(st.decimals(min_value=0, max_value=10**18 - 1, places=4))
def test_every_amount_comes_back(amount: Decimal) -> None:
    assert AMOUNT.validate_json(AMOUNT.dump_json(amount)) == amount


@pytest.mark.parametrize("code", ["eur", "EURO", "", "XXX", "E R", "ＥＵＲ"])
def test_a_currency_that_is_none_is_refused(code: str) -> None:
    assert "ISO 4217" in reason(CURRENCIES, code)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2017-03-01T12:00:00Z", "2017-03-01T12:00:00Z"),
        ("2017-03-01t12:00:00z", "2017-03-01T12:00:00Z"),
        ("2017-03-01T12:00:00+03:30", "2017-03-01T08:30:00Z"),
        ("2017-03-01T12:00:00-00:00", "2017-03-01T12:00:00Z"),
        ("2017-03-01T12:00:00.5Z", "2017-03-01T12:00:00.500000Z"),
        ("2017-03-01T12:00:00.123456789Z", "2017-03-01T12:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_written_in_utc(text: str, written: str) -> None:
    read = INSTANT.validate_python(text)
    assert read.tzinfo is UTC
    assert INSTANT.dump_json(read) == f'"{written}"'.encode()


@pytest.mark.parametrize(
    "value",
    ["2017-03-01", "2017-03-01T12:00:00", "2017-03-01T12:00:00+0330", "12:00Z", "", "now",
     "2017-03-01T12:00:00Z\n", "۲۰۱۷-۰۳-۰۱T12:00:00Z", "10000-01-01T00:00:00Z", "1700000000",
     1700000000, 1700000000.5, True, None, NO_OFFSET],
)  # fmt: skip
def test_a_time_without_an_offset_is_refused(value: Any) -> None:
    """A number has none either, and may count seconds or milliseconds."""
    assert "RFC 3339 with an offset, e.g. 2017-03-01T12:00:00Z" in reason(INSTANT, value)


@pytest.mark.parametrize(
    "text",
    ["2017-02-29T00:00:00Z", "2017-13-01T00:00:00Z", "2017-03-01T25:00:00Z",
     "2017-03-01T00:00:60Z", "0000-01-01T00:00:00Z", "2017-03-01T00:00:00+24:00"],
)  # fmt: skip
def test_a_time_that_does_not_exist_is_refused(text: str) -> None:
    assert reason(INSTANT, text) == "must be a date and time that exist"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_a_time_beyond_the_calendar_is_refused(text: str) -> None:
    assert "between the years 1 and 9999" in reason(INSTANT, text)


def test_our_own_times_are_kept_in_utc() -> None:
    assert INSTANT.validate_python(datetime(2017, 3, 1, 3, 30, tzinfo=TEHRAN)).hour == 0


@pytest.mark.parametrize("text", ["a", "a b", "$where", "a.b", "../..", "شرکت", "🙂", "x" * 128])
def test_an_id_is_any_printable_text(text: str) -> None:
    assert IDS.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", " a", "a ", "a\n", "\ta", "a\0", "a\x7f", "a\x85b", "a\u2028b", "a\u200bb", "a\u200c",
     "a\u202eb", "\ufeffa", "x" * 129],
)  # fmt: skip
def test_an_id_with_what_cannot_be_seen_is_refused(text: str) -> None:
    assert "must be 1 to 128 printable characters" in reason(IDS, text)


@pytest.mark.parametrize("adapter", [IDS, NAMES, TEXTS, EMAILS, INSTANT, CURRENCIES])
def test_half_a_character_is_no_text(adapter: TypeAdapter[Any]) -> None:
    reason(adapter, "a\ud800")


@pytest.mark.parametrize(
    "text",
    ["شرکت نرم‌افزاری", "کتاب‌ها", "Sociét\xe9 G\xe9n\xe9rale\xa0SA", "Acme \u200e(Tehran)\u200e Ltd",
     "株式会社\u3000例", "👩\u200d💻 Studio", "x" * 200],
)  # fmt: skip
def test_names_are_written_as_people_write_them(text: str) -> None:
    """The Persian half-space among them, which Python does not call printable."""
    assert NAMES.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u200c", "\xa0", " a", "a ", "a\u200c", "a\r\nBcc: b", "a\0", "a\x1b[31m",
     "a\u2028b", "a\u202eb", "x" * 201],
)  # fmt: skip
def test_a_name_that_hides_something_is_refused(text: str) -> None:
    assert "must be 1 to 200 printable characters" in reason(NAMES, text)


def test_text_may_have_lines_but_an_end() -> None:
    assert TEXTS.validate_python("a\r\n\tb" + "x" * 9995)
    assert "at most 10000" in reason(TEXTS, "x" * 10_001)
    assert "NUL" in reason(TEXTS, "a\0")
    assert reason(TEXTS, "a\ud800") == "must be Unicode text"


@pytest.mark.parametrize("text", ["a@b.example", "a.b+c@x-y.example", "a@localhost"])
def test_an_email_address(text: str) -> None:
    assert EMAILS.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b.example\n", "a@b\r\nBcc: c@d", "a@-b", "a@b.",
     "<a@b>", "Mia <a@b>", "a@b,c@d", f"{'a' * 65}@b", f"a@{'b' * 253}"],
)  # fmt: skip
def test_what_is_no_email_address_is_refused(text: str) -> None:
    assert "must be an email address" in reason(EMAILS, text)


@pytest.mark.parametrize("adapter", [AMOUNT, INSTANT, IDS, NAMES, TEXTS, EMAILS, CURRENCIES])
@given(st.text() | st.none() | st.booleans() | st.integers() | st.floats() | st.decimals())
def test_no_value_raises_anything_but_a_refusal(adapter: TypeAdapter[Any], value: Any) -> None:
    try:
        read = adapter.validate_python(value)
    except ValidationError:
        return
    schema = adapter.json_schema()
    jsonschema.validate(adapter.dump_python(read, mode="json"), schema)
