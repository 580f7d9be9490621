"""Figures as files: CSV and XLSX, written row by row."""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from services.reporting.figures.declaration import Figure, Unit
from services.reporting.questions import Row
from services.reporting.standing import NONE
from shared.pages.catalog import Language

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
DIGITS = 15
"""Significant digits of a number in a spreadsheet: longer ones are written as text, exactly."""
SHEET = 1_000_000
"""Rows of a sheet; Excel takes 1,048,576."""
_AT_ONCE = 1000
_CHUNK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns are: dimensions, then measures, and what stands above them."""

    figure: Figure
    by: Sequence[str]
    heads: Sequence[str]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What stands for ids, by dimension: a file for people has names."""

    def shown(self, row: Row) -> list[str]:
        """Values of the dimensions."""
        return [self.names.get(one, {}).get(row.by[one], row.by[one]) for one in self.by]


def plain(text: str) -> str:
    """Text for a cell: nothing that a spreadsheet would compute, nothing for what is not known."""
    if text == NONE:
        return ""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def cells(row: Row, columns: Columns) -> list[str]:
    """A row of CSV. Numbers are as exact as they are stored."""
    return [
        *map(plain, columns.shown(row)),
        *(_number(row.measures[measure.name]) for measure in columns.figure.measures),
    ]


def _number(value: int | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


async def as_csv(rows: AsyncIterator[Row], columns: Columns, *, mark: bool) -> AsyncIterator[bytes]:
    """CSV in UTF-8. `mark`: with a byte order mark, by which Excel knows that it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    if mark:
        text.write("\ufeff")
    writer.writerow([plain(head) for head in columns.heads])
    async for row in rows:
        writer.writerow(cells(row, columns))
        if text.tell() > _CHUNK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


async def as_xlsx(
    rows: AsyncIterator[Row], columns: Columns, language: Language
) -> AsyncIterator[bytes]:
    """A workbook. It is made in a file, since its beginning is known only at its end."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figure.xlsx"
        sheets = _Sheets(file, folder, columns, language)
        waiting: list[Row] = []
        async for row in rows:
            waiting.append(row)
            if len(waiting) == _AT_ONCE:
                await asyncio.to_thread(sheets.write, waiting)
                waiting = []
        await asyncio.to_thread(sheets.write, waiting)
        await asyncio.to_thread(sheets.close)
        with file.open("rb") as content:
            while chunk := await asyncio.to_thread(content.read, _CHUNK):
                yield chunk


class _Sheets:
    """A workbook that keeps one row in memory."""

    def __init__(self, file: Path, folder: str, columns: Columns, language: Language) -> None:
        self._book = xlsxwriter.Workbook(
            str(file), {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False}
        )
        self._columns = columns
        self._language = language
        self._bold = self._book.add_format({"bold": True, "bottom": 1})
        formats = {
            "day": "yyyy-mm-dd",
            "month": "yyyy-mm",
            Unit.MONEY: "#,##0.00##",
            Unit.COUNT: "#,##0",
        }
        self._formats = {n: self._book.add_format({"num_format": f}) for n, f in formats.items()}
        self._row = SHEET
        self._sheet: Any = None

    def write(self, rows: Sequence[Row]) -> None:
        """Some rows more."""
        for row in rows:
            if self._row >= SHEET:
                self._begin()
            shown = zip(self._columns.by, self._columns.shown(row), strict=True)
            for number, (name, value) in enumerate(shown):
                self._dimension(number, name, value)
            for number, measure in enumerate(self._columns.figure.measures, len(row.by)):
                self._measure(number, row.measures[measure.name], measure.unit)
            self._row += 1

    def close(self) -> None:
        """Write the file."""
        if self._sheet is None:
            self._begin()
        self._book.close()

    def _begin(self) -> None:
        sheet = self._sheet = self._book.add_worksheet()
        if self._language == "fa":
            sheet.right_to_left()
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(self._columns.heads) - 1, 18)
        for number, head in enumerate(self._columns.heads):
            sheet.write_string(0, number, head, self._bold)
        self._row = 1

    def _dimension(self, column: int, name: str, value: str) -> None:
        if value == NONE:
            return
        day = _DAYS[name](value) if name in _DAYS else None
        if day is None:  # a string of a workbook is never computed
            self._sheet.write_string(self._row, column, value)
        else:
            self._sheet.write_datetime(self._row, column, day, self._formats[name])

    def _measure(self, column: int, value: int | Decimal, unit: Unit) -> None:
        if isinstance(value, Decimal):
            value = value.normalize() if value else Decimal(0)
        if len(Decimal(value).as_tuple().digits) > DIGITS:
            self._sheet.write_string(self._row, column, _number(value))
        else:
            self._sheet.write_number(self._row, column, value, self._formats.get(unit))


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year >= 1900 else None  # a spreadsheet's days begin there


_DAYS: dict[str, Callable[[str], date | None]] = {
    "day": _day,
    "month": lambda text: _day(f"{text}-01"),
}
