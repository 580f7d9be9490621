"""How a reader's language writes sentences, names, numbers, money, days and times.

Persian: the Jalali calendar, Persian digits. English: the Gregorian one. Always in the reader's
time zone. Pure: the moment that is now is an argument.
"""

import gettext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal, get_currency_precision
from markupsafe import Markup, escape

from shared import persian
from shared.contracts.values import Money
from shared.identities import ERASED
from shared.pages.catalog import Language

_DIRECTING = dict.fromkeys(
    map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)
"""Characters that turn the direction of text: what others wrote must not turn the page's."""
_ISOLATE, _END = "\u2068", "\u2069"


def undirected(text: str) -> str:
    """Without the characters that turn the direction of text."""
    return text if text.isascii() else text.translate(_DIRECTING)


def isolated(text: str) -> Markup:
    """What somebody wrote, with a direction of its own: names and ids inside a sentence."""
    return Markup("<bdi>{}</bdi>").format(undirected(text))


@dataclass(frozen=True, slots=True)
class Clock:
    """A time by which something is to be done, as its reader sees it."""

    words: str
    late: bool
    soon: bool
    """Within a day."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes for one reader."""

    language: Language
    zone: ZoneInfo
    words: gettext.NullTranslations

    @property
    def direction(self) -> str:
        """Of the page."""
        return "rtl" if self.language == "fa" else "ltr"

    def say(self, message: str, **values: object) -> Markup:
        """A message of the catalog. Text put into it is escaped and isolated; numbers written."""
        return _filled(self.words.gettext(message), {n: self._inner(v) for n, v in values.items()})

    def say_many(self, one: str, many: str, number: int, **values: object) -> Markup:
        """Likewise, for a number of things; it is `%(number)s` in the message."""
        inner = {name: self._inner(value) for name, value in {"number": number, **values}.items()}
        return _filled(self.words.ngettext(one, many, number), inner)

    def label(self, message: str, **values: object) -> Markup:
        """A message for an attribute, where no element can be: isolated by characters."""
        inner = {
            name: escape(f"{_ISOLATE}{undirected(self.called(value))}{_END}")
            if isinstance(value, str) and not isinstance(value, Markup)
            else self._inner(value)
            for name, value in values.items()
        }
        return _filled(self.words.gettext(message), inner)

    def plain(self, message: str, **values: str | int | Decimal) -> str:
        """A message as plain text, for mail. Text put into it stands as it is."""
        inner = {
            name: undirected(value) if isinstance(value, str) else self.number(value)
            for name, value in values.items()
        }
        return self.words.gettext(message) % inner

    def _inner(self, value: object) -> Markup:
        match value:
            case Markup():
                return value
            case int() | Decimal():
                return escape(self.number(value))
            case datetime():
                return self.moment(value)
            case _:
                return isolated(self.called(str(value)))

    def called(self, name: str) -> str:
        """A name, or what stands for one that is erased."""
        return str(self.say("[erased]")) if name == ERASED else name

    def number(self, number: int | Decimal) -> str:
        """With separators; as exact as it is."""
        return self._decimal(number, "#,##0.####")

    def percent(self, percent: int) -> str:
        """`percent`: 0-100."""
        return f"{self.digits(str(percent))}{'٪' if self.language == 'fa' else '%'}"

    def money(self, money: Money) -> str:
        """The amount, with cents where there are any, and the code of the currency."""
        cents = get_currency_precision(money.currency)
        whole = money.value == money.value.to_integral_value()
        pattern = "#,##0" if whole else f"#,##0.{'0' * cents}{'#' * (4 - cents)}"
        return f"{self._decimal(money.value, pattern)}\u00a0{money.currency}"

    def language_name(self, code: str) -> str:
        """A language by its name, if it is told as a code."""
        try:
            return Locale.parse(code).get_display_name(self.language) or code
        except (ValueError, UnknownLocaleError):
            return code

    def day(self, at: datetime) -> Markup:
        """A day with its year."""
        return self._time(at, self._day(self._local(at).date()))

    def weekday(self, on: date) -> str:
        """A day with its name."""
        name = format_date(on, "EEE", locale="en")
        return f"{persian.weekday(on) if self.language == 'fa' else name} {self._day(on)}"

    def moment(self, at: datetime) -> Markup:
        """A day of the week, the date and the time of day."""
        local = self._local(at)
        comma = "،" if self.language == "fa" else ","
        clock = self.digits(f"{local:%H:%M}")
        return self._time(at, f"{self.weekday(local.date())}{comma} {clock}")

    def typed_day(self, at: datetime) -> str:
        """A day as its reader types it: in the reader's calendar, in numbers."""
        on = self._local(at).date()
        if self.language == "en":
            return on.isoformat()
        try:
            return persian.numbered(on)
        except ValueError:
            return self.digits(on.isoformat())

    def typed_clock(self, at: datetime) -> str:
        """A time of day as its reader types it."""
        return self.digits(f"{self._local(at):%H:%M}")

    def clock(self, due: datetime, now: datetime) -> Clock:
        """How much time is left, or how late it is, in the largest unit that says enough."""
        left = due - now
        late = left < timedelta(0)
        if abs(left) < timedelta(minutes=1):
            return Clock(self.say("due now"), late=late, soon=not late)
        span = self._span(abs(left))
        words = (
            self.say("%(time)s late", time=span) if late else self.say("%(time)s left", time=span)
        )
        return Clock(words, late=late, soon=not late and left < timedelta(days=1))

    def _span(self, span: timedelta) -> Markup:
        minutes = int(span.total_seconds() // 60)
        if minutes >= 2 * 24 * 60:
            return self.say_many("%(number)s day", "%(number)s days", minutes // (24 * 60))
        if minutes >= 2 * 60:
            return self.say_many("%(number)s hour", "%(number)s hours", minutes // 60)
        return self.say_many("%(number)s minute", "%(number)s minutes", minutes)

    def _day(self, on: date) -> str:
        if self.language == "en":
            return f"{on.day} {format_date(on, 'MMM', locale='en')} {on.year}"
        try:
            return persian.day(on)
        except ValueError:
            return self.digits(f"{on:%Y-%m-%d}")

    def _local(self, at: datetime) -> datetime:
        try:
            return at.astimezone(self.zone)
        except OverflowError:  # the first and the last day of all
            return at.astimezone(UTC)

    def _time(self, at: datetime, text: str) -> Markup:
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
        return Markup('<time datetime="{}">{}</time>').format(stamp, text)

    def _decimal(self, number: int | Decimal, pattern: str) -> str:
        return self.digits(_written(number, pattern, self.language))

    def digits(self, text: str) -> str:
        """In the digits of the language."""
        return persian.numerals(text) if self.language == "fa" else text


@lru_cache(maxsize=8192)  # a table says few numbers often, and each takes 40 us
def _written(number: int | Decimal, pattern: str, language: Language) -> str:
    return format_decimal(number, pattern, locale=language, numbering_system="default")


def _filled(message: str, values: dict[str, Markup]) -> Markup:
    # A message of the catalog is ours, markup and all; what is put into it is escaped already.
    return Markup(message) % values if values else Markup(message)  # noqa: S704
