"""How Persian writes digits and days: the Jalali calendar."""

from datetime import date

from persiantools import digits
from persiantools.jdatetime import MONTH_NAMES_FA, WEEKDAY_NAMES_FA, JalaliDate


def numerals(text: str) -> str:
    """With Persian digits."""
    converted: str = digits.en_to_fa(text)
    return converted


def day(on: date) -> str:
    """Such as ۴ آذر ۱۴۰۵. `ValueError` before the calendar's first year or after its last."""
    jalali = JalaliDate(on)  # type: ignore[no-untyped-call]
    return numerals(f"{jalali.day} {MONTH_NAMES_FA[jalali.month]} {jalali.year}")


def month(year: int, number: int) -> str:
    """Such as آذر ۱۴۰۵."""
    return numerals(f"{MONTH_NAMES_FA[number]} {year}")


def weekday(on: date) -> str:
    """Its name."""
    name: str = WEEKDAY_NAMES_FA[(on.weekday() + 2) % 7]
    return name
