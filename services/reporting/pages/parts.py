"""What pages are made of: tiles, charts and tables; and how a reader reads numbers. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlencode

from babel.dates import format_date
from markupsafe import Markup, escape

from services.reporting.periods import months, period
from services.reporting.questions import People, Row
from services.reporting.standing import NONE
from shared import persian
from shared.pages.catalog import Language
from shared.pages.writing import Writer, isolated

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Tone = Literal["plain", "good", "late", "soon", "quiet"]
Kind = Literal["bars", "stacked", "line", "across"]
"""Columns; columns on each other; a line; bars from the side, for names."""

LONGEST = 24
"""Months on one axis at most, the last ones: more cannot be read."""
ROWS = 50
"""People in one table at most."""

Seen = TypeVar("Seen", bound="DataclassInstance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address asks for."""

    period: str = ""
    """As it was asked for; empty: everything."""
    since: date | None = None
    until: date | None = None
    manager: str | None = None
    currency: str | None = None

    def address(self, path: str, **changes: str | None) -> str:
        """Of a page that is filtered alike, but for these."""
        asked = {"period": self.period, "manager": self.manager, "currency": self.currency}
        query = {name: value for name, value in {**asked, **changes}.items() if value}
        return f"{path}?{urlencode(query)}" if query else path


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, in which words, and when."""

    writer: Writer
    now: datetime
    people: People = field(default_factory=dict)
    leads: bool = False
    """Whether there are others to be looked at."""

    @property
    def today(self) -> date:
        """The company's day."""
        return self.now.astimezone(self.writer.zone).date()

    @property
    def month(self) -> str:
        """The dimension of the reader's months."""
        return "jalali_month" if self.writer.language == "fa" else "month"

    def name(self, person_id: str) -> Markup:
        """Of a person, as markup with a direction of its own."""
        return isolated(self.plain_name(person_id))

    def plain_name(self, person_id: str) -> str:
        """Of a person, as text."""
        if person_id == NONE:
            return str(self.writer.label("Nobody"))
        person = self.people.get(person_id)
        return self.writer.called(person.name) if person else person_id

    def money(self, value: Decimal, currency: str) -> Markup:
        """Without cents: a page shows how much, a file exactly how much.

        Markup, so that the mark which keeps the minus in its place from right to left stays, too.
        """
        mark = "\u200e" if value < 0 else ""
        return escape(f"{mark}{self.writer.number(round(value))}\u00a0{currency}")

    def share(self, part: int | Decimal, whole: int | Decimal) -> str:
        """In percent; a dash where there is nothing to be a part of."""
        return self.writer.percent(round(100 * part / whole)) if whole else "–"

    def mean(self, total: int | Decimal, number: int | Decimal) -> str:
        """With one decimal; a dash where there is nothing."""
        return self.writer.number(round(Decimal(total) / number, 1)) if number else "–"

    def hours(self, seconds: int | Decimal, number: int | Decimal) -> Markup:
        """The mean of a time, in hours, or in days from two days on."""
        if not number:
            return Markup("–")
        hours = Decimal(seconds) / number / 3600
        if hours < 48:
            return self.writer.say("%(hours)s h", hours=round(hours, 1))
        days = hours / 24
        return self.writer.say("%(days)s days", days=round(days, 1) if days < 10 else round(days))

    def day_name(self, at: datetime) -> str:
        """A day as text, for an axis."""
        return str(self.writer.day(at).striptags())

    def month_name(self, month: str) -> str:
        """Such as Nov 2026."""
        return _month_name(month, self.writer.language)

    def period_name(self, text: str) -> Markup:
        """Of a month, quarter, half or year of either calendar."""
        year, _, part = text.partition("-")
        digits = self.writer.digits
        if part.startswith("Q"):
            return self.writer.say(
                "Q%(quarter)s %(year)s", quarter=int(part[1:]), year=escape(digits(year))
            )
        if part.startswith("H"):
            return self.writer.say(
                "H%(half)s %(year)s", half=int(part[1:]), year=escape(digits(year))
            )
        if not part:
            return escape(digits(year))
        if (int(year) < 1700) == (self.writer.language == "fa"):
            return escape(self.month_name(text))
        return escape(digits(text))


@lru_cache(maxsize=1024)  # Babel looks its patterns up for each date; an axis has two dozen
def _month_name(month: str, language: Language) -> str:
    year, number = (int(part) for part in month.split("-"))
    if language == "fa":
        return persian.month(year, number)
    return str(format_date(date(year, number, 1), "MMM y", locale="en"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number, large."""

    title: Markup
    value: str | Markup
    hint: str | Markup = ""
    href: str | None = None
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Of a table."""

    text: str | Markup
    href: str | None = None
    number: bool = False
    tone: Tone = "plain"
    percent: int | None = None
    """0 to 100 and above: shown as a bar, too."""

    @property
    def bare(self) -> bool:
        """Whether it is its text and nothing else."""
        return self.tone == "plain" and self.href is None and self.percent is None


def signed(reader: Reader, value: int | Decimal, currency: str | None = None) -> str:
    """A change, with its sign before it in every direction of writing."""
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    size = -value if value < 0 else value
    text = str(reader.money(Decimal(size), currency)) if currency else reader.writer.number(size)
    return f"\u200e{sign}{text}" if reader.writer.language == "fa" else f"{sign}{text}"


def figure(text: str | Markup, tone: Tone = "plain", href: str | None = None) -> Cell:
    """A cell with a number."""
    return Cell(text=text, number=True, tone=tone, href=href)


def account_address(account_id: str) -> str:
    """Of the page of an account."""
    return f"/pages/account?{urlencode({'id': account_id})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first column is what the row is about."""

    title: Markup
    heads: Sequence[str | Markup]
    rows: Sequence[Sequence[Cell]]
    empty: Markup
    """What is said, and what to do, when there are no rows."""
    export: str | None = None
    """Address of the same as a file."""
    rest: Markup | None = None
    """What is said when the file has more rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is drawn in one colour."""

    name: str
    values: Sequence[int | Decimal | None]
    texts: Sequence[str]
    """The same, as people read it."""
    tone: str = "accent"


def numbers(
    reader: Reader, name: str, values: Sequence[int | Decimal | None], tone: str = "accent"
) -> Series:
    """A series of plain numbers. `name`: a message of the catalog."""
    texts = ["–" if value is None else reader.writer.number(value) for value in values]
    return Series(name=str(reader.writer.label(name)), values=values, texts=texts, tone=tone)


Line = tuple[str, str, Mapping[str, str]]
"""Its name, a message of the catalog; its tone; and what is summed, as `total` takes it."""


def sums(
    rows: Mapping[str, Sequence[Row]], along: Sequence[str], lines: Iterable[Line], reader: Reader
) -> list[Series]:
    """Series of sums along an axis, of rows by what stands on it."""
    return [
        numbers(reader, name, [total(rows.get(one, ()), **asked) for one in along], tone)
        for name, tone, asked in lines
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart; its data are a table for whoever has no script or cannot see it."""

    id: str
    title: Markup
    kind: Kind
    labels: Sequence[str]
    series: Sequence[Series]
    empty: Markup
    links: Sequence[str | None] = ()
    """Where a click on each label leads to."""
    wide: bool = False
    most: int | None = None
    """Where the axis ends, if not at the greatest value."""

    @property
    def has_data(self) -> bool:
        """Whether there is anything to draw."""
        return any(value for series in self.series for value in series.values)

    @property
    def data(self) -> dict[str, Any]:
        """For the script."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "links": list(self.links),
            "most": self.most,
            "series": [
                {
                    "name": one.name,
                    "values": [None if v is None else float(v) for v in one.values],
                    "texts": list(one.texts),
                    "tone": one.tone,
                }
                for one in self.series
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A page of the dashboard."""

    title: Markup
    lead: Markup | None = None
    tiles: Sequence[Tile] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


def total(rows: Iterable[Row], measure: str = "count", **where: str) -> Decimal:
    """Sum of a measure over the rows with these values."""
    found = Decimal(0)
    for row in rows:  # a page asks for a thousand sums
        for name, value in where.items():
            if row.by.get(name) != value:
                break
        else:
            found += row.measures[measure]
    return found


def grouped(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    """Rows by a dimension."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.by[name], []).append(row)
    return found


def foremost(
    rows: Iterable[Row], person: str, reader: Reader, measure: str = "count", **where: str
) -> list[str]:
    """Who has most of a measure, as many as a table has room for; nobody who has none.

    `person`: the dimension that says who.
    """
    has = {
        one: value
        for one, own in grouped(rows, person).items()
        if one != NONE and (value := total(own, measure, **where)) > 0
    }
    return sorted(has, key=lambda one: (-has[one], reader.plain_name(one)))[:ROWS]


def of_each(seen: Seen, among: Collection[str] | None = None, **by: str) -> dict[str, Seen]:
    """By person: the same with the rows that are the person's. `by`: whose a field's rows are.

    `among`: of these people only, in this order.
    """
    found = {name: grouped(getattr(seen, name), person) for name, person in by.items()}
    people = {person for rows in found.values() for person in rows} - {NONE}
    return {
        person: replace(seen, **{name: rows.get(person, ()) for name, rows in found.items()})
        for person in (people if among is None else among)
    }


def rest(people: int, reader: Reader) -> Markup | None:
    """What is said of those whom a table of `ROWS` leaves out, of so many."""
    more = people - ROWS
    if more <= 0:
        return None
    return reader.writer.say_many(
        "%(number)s more is in the workbook; choose above whose team to look at.",
        "%(number)s more are in the workbook; choose above whose team to look at.",
        more,
    )


def axis(found: Iterable[str], last: str | None = None) -> list[str]:
    """Every month from the first to the last of these, without gaps; the last ones of many."""
    known = sorted(one for one in found if one != NONE)
    if not known:
        return []
    months_ = [known[0]]
    end = max(known[-1], last or "")
    while months_[-1] < end:
        year, number = (int(part) for part in months_[-1].split("-"))
        year, number = (year + 1, 1) if number == 12 else (year, number + 1)
        months_.append(f"{year:04d}-{number:02d}")
    return months_[-LONGEST:]


def monthly_means(
    rows: Sequence[Row], measure: str, number: str, reader: Reader
) -> tuple[list[str], list[Decimal | None]]:
    """Months, and of each a measure by another, with one decimal; None where there is nothing."""
    by_month = grouped(rows, reader.month)
    months_ = axis(by_month)
    values: list[Decimal | None] = []
    for one in months_:
        own = by_month.get(one, [])
        count = total(own, number)
        values.append(round(total(own, measure) / count, 1) if count else None)
    return months_, values


def month_of(day: date, reader: Reader) -> str:
    """The reader's month of a day."""
    gregorian, jalali = months(day.isoformat())
    return jalali if reader.writer.language == "fa" else gregorian


def choices(reader: Reader) -> Mapping[str, Markup]:
    """Periods that can be chosen, by how they are written, in the reader's calendar."""
    this = month_of(reader.today, reader)
    year, number = (int(part) for part in this.split("-"))
    before = f"{year - 1:04d}-12" if number == 1 else f"{year:04d}-{number - 1:02d}"
    quarter = f"{year:04d}-Q{(number + 2) // 3}"
    names = [f"{year:04d}", f"{year - 1:04d}", quarter, this, before]
    return {name: reader.period_name(name) for name in names}


def span(text: str) -> tuple[date, date]:
    """First and last day of a period; `ValueError` says what can be written."""
    found = period(text)
    return found.since, found.until
