"""Figures as files: what cells hold."""

from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from services.reporting import exports
from services.reporting.exports import Columns, as_csv, as_xlsx, cells, plain
from services.reporting.figures.catalogue import FIGURES
from services.reporting.questions import Row

BY = ("salesperson", "day", "month")
COLUMNS = Columns(figure=FIGURES["deals"], by=BY, heads=[*BY, "count", "amount"])


def row(salesperson: str, amount: str = "1054.10", day: str = "2026-03-21") -> Row:
    by = {"salesperson": salesperson, "day": day, "month": day[:7]}
    return Row(by, {"count": 2, "amount": Decimal(amount)})


async def rows(found: Iterable[Row]) -> AsyncIterator[Row]:
    for one in found:
        yield one


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_compute_begins_with_an_apostrophe(first: str) -> None:
    assert plain(f"{first}1+1") == f"'{first}1+1"
    assert plain(f"a{first}") == f"a{first}"


def test_what_is_not_known_is_an_empty_cell_and_numbers_stay_numbers() -> None:
    assert cells(row("-", "-5.10"), COLUMNS) == ["", "2026-03-21", "2026-03", "2", "-5.10"]
    assert cells(row("sam", "1E+3"), COLUMNS)[-1] == "1000"


async def test_csv_comes_in_pieces_and_once_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_CHUNK", 100)
    pieces = [one async for one in as_csv(rows([row("s")] * 50), COLUMNS, mark=True)]
    assert len(pieces) > 5
    text = b"".join(pieces).decode()
    assert text.count("\ufeff") == 1
    assert text.count("\r\n") == 51


async def test_a_workbook_has_real_numbers_and_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SHEET", 4)
    long = "1234567890123456789.01"
    found = [row("=1+1"), row("سارا", long), row("-", "-0.5", "1850-01-01"), row("+x")]
    file = tmp_path / "x.xlsx"
    with file.open("wb") as content:
        async for piece in as_xlsx(rows(found), COLUMNS, "fa"):
            content.write(piece)
    book = openpyxl.load_workbook(file)
    assert len(book.worksheets) == 2, "what is too long for a sheet goes on in another"
    first, second = book.worksheets
    assert first.sheet_view.rightToLeft
    assert second.sheet_view.rightToLeft
    lines = [[cell.value for cell in line] for sheet in (first, second) for line in sheet.rows]
    assert lines[1][0] == "=1+1"
    assert (lines[1][1].isoformat()[:10], lines[1][4]) == ("2026-03-21", 1054.1)
    assert first["B2"].number_format == "yyyy-mm-dd"
    assert lines[2][0] == "سارا"
    assert lines[2][4] == long, "a number that a spreadsheet would round is text"
    assert lines[3][0] is None
    assert lines[3][1] == "1850-01-01", "before a spreadsheet's first day"
    assert lines[4] == list(COLUMNS.heads)


async def test_a_workbook_of_nothing_has_its_heads(tmp_path: Path) -> None:
    file = tmp_path / "x.xlsx"
    file.write_bytes(b"".join([one async for one in as_xlsx(rows([]), COLUMNS, "en")]))
    sheet = openpyxl.load_workbook(file).worksheets[0]
    assert [cell.value for cell in next(sheet.rows)] == list(COLUMNS.heads)
    assert not sheet.sheet_view.rightToLeft
