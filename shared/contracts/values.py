"""The values events are made of. Each says in words what is wrong with a bad one."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,4})?")
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)

_IN_NAMES = str.maketrans(dict.fromkeys("\u200c\u200d\u200e\u200f\xa0\u202f\u3000", " "))
"""Characters people write names with and Python does not call printable: the half-space of
Persian and its like, direction marks, spaces that do not break. Read as spaces."""

# ISO 4217, active currencies (2026)
CURRENCIES = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW "
    "KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG".split()
)


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("value", reason)


# One id stands in every message about a customer: looked at once, it costs a fifth afterwards.
@lru_cache(maxsize=4096)
def _id(text: str) -> str:
    if 0 < len(text) <= 128 and text.isprintable() and text[0] != " " != text[-1]:
        return text
    raise _wrong("must be 1 to 128 printable characters, with no spaces at its ends")


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    seen = text if text.isprintable() else text.translate(_IN_NAMES)
    if 0 < len(seen) <= 200 and seen.isprintable() and seen[0] != " " != seen[-1]:
        return text
    raise _wrong("must be 1 to 200 printable characters, with no spaces at its ends")


def _shown(text: str) -> str:
    if len(text) > 204:
        raise _wrong("must be at most 200 characters, and marks of direction at its ends")
    _name(text.strip("\u200e\u200f"))
    return text


def _text(text: str) -> str:
    if len(text) > 10_000 or "\0" in text:
        raise _wrong("must be at most 10000 characters, without the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, which no JSON of ours could carry
        raise _wrong("must be Unicode text") from None
    return text


def _email(text: str) -> str:
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise _wrong("must be an email address of at most 254 characters")
    return text


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is UTC:
        return value
    if isinstance(value, str):
        if not _INSTANT.fullmatch(value):
            raise _wrong("must be RFC 3339 with an offset, e.g. 2017-03-01T12:00:00Z")
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            raise _wrong("must be a date and time that exist") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _wrong("must be RFC 3339 with an offset, e.g. 2017-03-01T12:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _wrong("must lie between the years 1 and 9999 in UTC") from None


def _amount(value: Any) -> Decimal:
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return Decimal(value)
    if isinstance(value, Decimal) and _AMOUNT.fullmatch(format(value, "f")):
        return value
    if isinstance(value, str | Decimal) and str(value).startswith("-"):
        raise _wrong('must be a decimal string such as "1054.00", not negative')
    raise _wrong(
        'must be a decimal string such as "1054.00", '
        "of at most 18 digits before the point and 4 after it"
    )


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise _wrong('must be an ISO 4217 code such as "EUR"')
    return value


Id: TypeAlias = Annotated[
    str,
    AfterValidator(_id),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128}),
]
Name: TypeAlias = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200}),
]
Shown: TypeAlias = Annotated[
    str,
    AfterValidator(_shown),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 204}),
]
"""A number as people read it: like a name, but marks of direction may stand at its ends."""
Text: TypeAlias = Annotated[
    str, AfterValidator(_text), WithJsonSchema({"type": "string", "maxLength": 10_000})
]
Email: TypeAlias = Annotated[
    str,
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
Instant: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Amount: TypeAlias = Annotated[
    Decimal,
    BeforeValidator(_amount),
    PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}),
]
Currency: TypeAlias = Annotated[
    str, AfterValidator(_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})
]


class Value(BaseModel):
    """A part of an event's data: never changed, tolerant of fields it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )


class Money(Value):
    """An exact amount in one currency."""

    value: Amount
    currency: Currency
