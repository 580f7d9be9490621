"""Dates, lengths of time and digits as people write them: Jalali in Persian, else Gregorian."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta, get_timezone_location

from shared import persian

CATALOGS: Final = Path(__file__).parent.parent / "locale"
"""One catalog a language; English is the language of the templates themselves."""
DIRECTIONS: Final[Mapping[str, str]] = MappingProxyType({"en": "ltr", "fa": "rtl"})
# Without quotes, which a style sheet in HTML would get escaped.
FONTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "Segoe UI, Roboto, Helvetica, Arial, sans-serif",
        "fa": "Vazirmatn, Vazir, Segoe UI, Tahoma, DejaVu Sans, sans-serif",
    }
)


def moment(at: datetime, language: str, time_zone: str) -> str:
    """A moment with its day of the week, on the clock of a place that is named."""
    try:
        local = at.astimezone(ZoneInfo(time_zone))
    except OverflowError:  # the first or the last day of the calendar, beyond it over there
        local, time_zone = at, "UTC"
    place = get_timezone_location(time_zone, locale=language, return_city=True)
    place = "UTC" if time_zone == "UTC" else place
    if language != "fa":
        return f"{format_datetime(local, 'EEEE, d MMMM yyyy, HH:mm', locale='en')} ({place})"
    try:
        day = f"{persian.weekday(local)} {persian.day(local.date())}، ساعت {local:%H:%M}"
    except ValueError:
        day = f"{local:%Y-%m-%d %H:%M}"
    return numerals(f"{day} ({place})", language)


def length(span: timedelta, language: str) -> str:
    """A length of time in its largest fitting unit."""
    return numerals(format_timedelta(span, threshold=1.2, locale=language), language)


def numerals(text: str, language: str) -> str:
    """Persian digits in Persian."""
    return persian.numerals(text) if language == "fa" else text
