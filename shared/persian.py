"""How Persian writes digits and days: the Jalali calendar."""

from datetime import date

from persiantools import digits
from persiantools.jdatetime import MONTH_NAMES_FA, WEEKDAY_NAMES_FA, JalaliDate

_LETTERS = str.maketrans("\u064a\u0643", "\u06cc\u06a9")
"""The Arabic letters ye and kaf, as keyboards of other languages write the Persian ones."""

_ALPHABET = "آابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"
_ORDER = str.maketrans(
    {letter: chr(0x0622 + place) for place, letter in enumerate(_ALPHABET)}
    | {chr(arabic): chr(0x0622 + _ALPHABET.index(chr(one))) for arabic, one in _LETTERS.items()}
    | {"\u200c": ""}
)
"""Letters at the places of their order: Unicode has the Persian ones after all the Arabic ones."""


def numerals(text: str) -> str:
    """With Persian digits."""
    converted: str = digits.en_to_fa(text)
    return converted


def day(on: date) -> str:
    """Such as ۴ آذر ۱۴۰۵. `ValueError` before the calendar's first year or after its last."""
    jalali = JalaliDate(on)  # type: ignore[no-untyped-call]
    return numerals(f"{jalali.day} {MONTH_NAMES_FA[jalali.month]} {jalali.year}")


def numbered(on: date) -> str:
    """Such as ۱۴۰۵/۰۹/۰۴. `ValueError` before the calendar's first year or after its last."""
    jalali = JalaliDate(on)  # type: ignore[no-untyped-call]
    return numerals(f"{jalali.year:04}/{jalali.month:02}/{jalali.day:02}")


def gregorian(year: int, month: int, day: int) -> date:
    """The day that the Jalali calendar calls so. `ValueError`: it calls none so."""
    found: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    return found


def month_number(name: str) -> int | None:
    """1 to 12; None: no month is called so. Written with Arabic letters it is the same month."""
    named = name.translate(_LETTERS)
    return MONTH_NAMES_FA.index(named) if named and named in MONTH_NAMES_FA else None


def sorting(text: str) -> str:
    """Text by whose code points Persian words sort as in a dictionary; others stay as they are."""
    return text.translate(_ORDER)


def month(year: int, number: int) -> str:
    """Such as آذر ۱۴۰۵."""
    return numerals(f"{MONTH_NAMES_FA[number]} {year}")


def weekday(on: date) -> str:
    """Its name."""
    name: str = WEEKDAY_NAMES_FA[(on.weekday() + 2) % 7]
    return name
