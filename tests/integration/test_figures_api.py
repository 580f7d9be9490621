"""Figures over HTTP: rows in pages, validators, files; from a real database."""

import asyncio
import csv
import io
import os
import shutil
import sys
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio

from services.reporting.erasing import ERASING
from services.reporting.figures.catalogue import FIGURES
from shared import http, mongo
from shared.clock import utc_now
from shared.contracts.deals import DealClosed
from shared.contracts.directory import PersonErased
from shared.eraser import Eraser
from shared.identities import ERASED, Keys
from shared.outbox import Outbox
from tests.support.builders import deal, event, manager
from tests.support.reporting import NOW, Reports, reports
from tests.support.system import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = datetime(2026, 3, 20, 12, tzinfo=NOW.tzinfo)


def _deal(number: int, **changes: Any) -> DealClosed:
    amount = {"value": f"{number}.10", "currency": "EUR"}
    seller = {"id": ("sam", "=1+1", "-")[number % 3]}
    closed = DAY + timedelta(days=number % 5)
    return deal(f"d{number}", closed_at=closed, amount=amount, salesperson=seller, **changes)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reports]:
    async with reports(tmp_path_factory.mktemp("reports")) as found:
        await found.say(manager("mia"), *(_deal(number) for number in range(20)))
        yield found


async def test_the_catalogue_says_what_each_figure_means_in_both_languages(house: Reports) -> None:
    found = (await house.get("mia", "/figures"))["figures"]
    assert [one["name"] for one in found] == list(FIGURES)
    for one in found:
        assert one["words"]["en"] != one["words"]["fa"], one["name"]
        assert one["by"]
        assert one["measures"]


async def test_pages_follow_each_other(house: Reports) -> None:
    path = "/figures/deals?by=salesperson&by=day"
    whole = (await house.get("ops", path))["rows"]
    assert len(whole) == 15
    assert whole == sorted(whole, key=lambda row: list(row["by"].values()))
    found, cursor = [], ""
    while cursor is not None:
        answer = await house.get("ops", f"{path}&limit=4&cursor={cursor}")
        found += answer["rows"]
        cursor = answer.get("next")
    assert found == whole
    by_head = await house.get("ops", "/figures/deals?by=sales_manager&limit=1")
    assert "next" not in by_head


async def test_conditions_days_and_calendars(house: Reports) -> None:
    async def amounts(query: str) -> dict[tuple[str, ...], str]:
        rows = (await house.get("ops", f"/figures/deals?{query}"))["rows"]
        return {tuple(row["by"].values()): row["amount"] for row in rows}

    assert list(await amounts("by=month")) == [("2026-03",)]
    assert list(await amounts("by=month&calendar=jalali")) == [("1404-12",), ("1405-01",)]
    one_day = await amounts("by=day&from=2026-03-21&to=2026-03-21")
    assert list(one_day) == [("2026-03-21",)]
    assert one_day == await amounts("by=day&from=1405-01-01&to=۱۴۰۵-۰۱-۰۱")
    assert await amounts("by=day&from=2026-Q2") == {}
    both = await amounts("by=salesperson&where=salesperson:sam&where=salesperson:-")
    assert sorted(both) == [("-",), ("sam",)]
    assert await amounts("by=salesperson&where=salesperson:sam&where=outcome:lost") == {}


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("by=nothing", "by", "no dimension 'nothing'"),
        ("by=day&by=day", "by", "twice"),
        ("by=salesperson&by=tier", "by", "cannot be broken down by"),
        ("where=salesperson", "where", "must be such as"),
        ("where=nothing:1", "where", "no dimension"),
        ("where=month:2026-01", "where", "write `from` and `to`"),
        ("from=tomorrow", "from", "is no day"),
        ("from=2026-02-30", "from", "is no day"),
        ("from=2026-02&to=2026-01", "to", "before"),
        ("cursor=x", "cursor", "take it from"),
        ("cursor=WyIxIiwgIjIiXQ", "cursor", "take it from"),
        ("rolled=true", "rolled", "ask `by=manager`"),
        ("by=month&converted=true", "converted", "set TAHVIL_RATES"),
        ("limit=0", "limit", "greater than or equal to 1"),
        ("calendar=lunar", "calendar", "'gregorian' or 'jalali'"),
        ("colour=red", "colour", "Extra"),
    ],
)
async def test_what_is_wrong_is_said(house: Reports, query: str, field: str, reason: str) -> None:
    async with house.client("ops") as client:
        answer = await client.get(f"/figures/deals?{query}")
        assert answer.status_code == 422, answer.text
        (fault,) = answer.json()["detail"]
        assert fault["loc"] == ["query", field]
        assert reason in fault["msg"]
        assert (await client.get("/figures/nothing")).status_code == 404


async def test_nothing_is_sent_twice_that_has_not_changed(house: Reports) -> None:
    async with house.client("ops") as client, house.client("mia") as other:
        for path in ("/figures/deals", "/figures/deals.csv", "/figures/deals.xlsx"):
            first = await client.get(path)
            tag = {"If-None-Match": f'"other", {first.headers["etag"]}'}
            again = await client.get(path, headers=tag)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert (await client.get(f"{path}?by=day", headers=tag)).status_code == 200
            assert (await other.get(path, headers=tag)).status_code == 200
            await house.say(_deal(21), at=NOW + timedelta(seconds=len(path)))
            assert (await client.get(path, headers=tag)).status_code == 200


async def test_csv(house: Reports) -> None:
    async with house.client("ops") as client:
        plain = await client.get("/figures/deals?by=salesperson", headers={"Accept": "text/csv"})
        assert plain.headers["content-type"] == "text/csv; charset=utf-8"
        assert 'filename="deals.csv"' in plain.headers["content-disposition"]
        rows = list(csv.reader(io.StringIO(plain.text)))
        assert rows[0] == ["salesperson", "count", "amount"]
        assert [row[0] for row in rows[1:]] == ["", "'=1+1", "sam"], "`-` is: nobody knows"
        marked = await client.get("/figures/deals.csv?by=day&bom=true&language=fa")
        assert marked.content.startswith(b"\xef\xbb\xbf")
        assert "روز" in marked.text


async def test_files_for_people_have_names(house: Reports) -> None:
    await house.say(manager("sam", name="=Sam"), at=NOW + timedelta(minutes=1))
    async with house.client("ops") as client:
        for language, told in (
            ("", "sam,"),
            ("&language=en", "'=Sam,"),
            ("&language=fa", "'=Sam,"),
        ):
            answer = await client.get(f"/figures/deals.csv?by=salesperson{language}")
            assert told in answer.text


async def test_who_is_erased_is_called_so_in_the_language_of_the_file(house: Reports) -> None:
    erased = PersonErased(
        person_id="sam", removed_at=NOW, erasure_id="e", key_name="k", digests=("0" * 32,)
    )
    await house.say(erased, at=NOW + timedelta(minutes=1))
    async with house.client("ops") as client:
        for language, told in (("", "sam"), ("&language=en", ERASED), ("&language=fa", "[حذف‌شده]")):
            answer = await client.get(f"/figures/deals.csv?by=salesperson{language}")
            assert told in [line.partition(",")[0] for line in answer.text.splitlines()]


async def test_xlsx(house: Reports, tmp_path: Path) -> None:
    async with house.client("ops") as client:
        answer = await client.get("/figures/deals.xlsx?by=salesperson&by=day&language=fa")
    file = tmp_path / "deals.xlsx"
    file.write_bytes(answer.content)
    sheet = openpyxl.load_workbook(file).active
    assert sheet.sheet_view.rightToLeft
    heads, *rows = list(sheet.iter_rows())
    assert [cell.value for cell in heads][1] == "روز"
    assert len(rows) == 15
    kinds = {tuple(cell.data_type for cell in row[1:]) for row in rows}
    assert kinds == {("d", "n", "n")}
    formulas = [row[0] for row in rows if row[0].value == "=1+1"]
    assert {cell.data_type for cell in formulas} <= {"s", "f"}
    assert "<f>" not in _sheet_xml(file), "text that looks like a formula is text"


@pytest.mark.skipif(not shutil.which("soffice"), reason="no LibreOffice on this machine")
async def test_libreoffice_reads_a_workbook_as_it_was_meant(house: Reports, tmp_path: Path) -> None:
    async with house.client("ops") as client:
        answer = await client.get("/figures/deals.xlsx?by=salesperson&by=day&language=en")
        as_csv = await client.get("/figures/deals.csv?by=salesperson&by=day&language=en")
    file = tmp_path / "deals.xlsx"
    file.write_bytes(answer.content)
    convert = await asyncio.create_subprocess_exec(
        "soffice", "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76",
        str(file), env={**os.environ, "HOME": str(tmp_path)}, cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await convert.wait() == 0
    read = list(csv.reader((tmp_path / "deals.csv").read_text().splitlines()))
    sent = list(csv.reader(as_csv.text.splitlines()))
    assert [row[:3] for row in read] == [
        [cell.removeprefix("'") for cell in row[:3]] for row in sent
    ], "and computes nothing"
    assert [float(row[3]) for row in read[1:]] == [float(row[3]) for row in sent[1:]]


def _sheet_xml(file: Path) -> str:
    with zipfile.ZipFile(file) as book:
        return book.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_long_file_takes_no_more_memory_than_a_short_one(
    house: Reports, kind: str, tmp_path: Path
) -> None:
    """100,000 rows."""
    rows = [
        {
            "_id": f"x{n}", "figure": "spending", "cube": 0, "month": "2026-01",
            "currency": "EUR", "account": f"account-{n:06}",
            "count": 1, "amount": n, "days": {"01": {"count": 1, "amount": n}},
        }
        for n in range(100_000)
    ]  # fmt: skip
    await house.database["counters_a"].insert_many(rows)
    ids = [row["_id"] for row in rows]
    del rows

    async def peak(query: str) -> tuple[int, int]:
        size = 0
        tracemalloc.start()
        async with (
            house.client("ops") as client,
            client.stream("GET", f"/figures/spending.{kind}?by=account&{query}") as answer,
        ):
            async for chunk in answer.aiter_bytes():
                size += len(chunk)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size, most

    await peak("where=account:account-000001")
    _, short = await peak("where=account:account-000001")
    size, long = await peak("bom=true")
    await house.database["counters_a"].delete_many({"_id": {"$in": ids}})
    assert size > 1_000_000
    assert long - short < 12_000_000, (short, long)


async def test_schemathesis_finds_nothing(house: Reports, tmp_path: Path) -> None:
    door = http.listen("127.0.0.1", 0)
    server = http.Server(house.app)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    run = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "schemathesis"), "run"),
        *("--auth", f"ops:{PASSWORD}", "--max-examples", "25", "--seed", "1", "--no-color"),
        # what a dimension can be is said in words: schemas cannot tell which names fit together
        *("--exclude-checks", "positive_data_acceptance"),
        f"http://127.0.0.1:{door.getsockname()[1]}/openapi.json",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await run.communicate()
    server.should_exit = True
    await serving
    door.close()
    assert run.returncode == 0, said.decode()[-6000:]


async def test_events_tell_of_what_is_new_and_end_with_the_server(house: Reports) -> None:
    house.app.state.stopping = asyncio.Event()  # another server has stopped with this app
    door = http.listen("127.0.0.1", 0)
    server = http.Server(house.app)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    looking = asyncio.create_task(house.service.loops[0]())  # type: ignore[arg-type]
    told: asyncio.Queue[str] = asyncio.Queue()

    async def listen() -> None:
        address = f"http://127.0.0.1:{door.getsockname()[1]}/pages/live?seen=nothing"
        async with (
            httpx.AsyncClient(auth=("ops", PASSWORD), timeout=30) as client,
            client.stream("GET", address) as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    await told.put(line)

    listening = asyncio.create_task(listen())
    positions = [await told.get()]
    for number in range(2):
        await house.say(_deal(50 + number), at=NOW + timedelta(seconds=number))
        positions.append(await told.get())
    assert len(set(positions)) == 3, "what was new before anybody listened, and twice since"
    server.should_exit = True
    async with asyncio.timeout(20):
        await serving
        await listening
    door.close()
    looking.cancel()


async def test_what_a_browser_has_kept_ends_with_who_is_erased(tmp_path: Path) -> None:
    """The event takes the name out of what is shown; the sweep, out of what nobody is shown."""
    keys = Keys(["k" * 32])
    erased = PersonErased(person_id="sam", removed_at=NOW, erasure_id="e-1",
                          key_name=keys.first.name, digests=("0" * 32,))  # fmt: skip
    path = "/figures/deals.csv?by=salesperson&language=en"
    async with reports(tmp_path) as house, house.client("ops") as client:
        await house.say(manager("sam", name="Sam Adams"), _deal(0))
        facts = house.database["facts_a"]
        await mongo.write(
            house.database["facts_b"], [mongo.InsertOne(row) for row in await mongo.find(facts, {})]
        )
        first = await client.get(path)
        assert "Sam Adams" in first.text
        later = event(erased, time=NOW + timedelta(seconds=1))
        eraser = Eraser(database=house.database, outbox=Outbox(house.database, 2), keys=keys,
                        erasing=ERASING)  # fmt: skip

        async def marked(session: mongo.Session) -> None:
            await eraser.passed([later], utc_now(), session)

        await mongo.transaction(house.database, marked)
        await house.hear([later])
        second = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert second.status_code == 200
        assert "Sam" not in second.text
        await eraser.sweep()
        third = await client.get(path)
        assert (third.headers["etag"], third.text) == (second.headers["etag"], second.text)
        for slot in ("a", "b"):
            (kept,) = await mongo.find(house.database[f"facts_{slot}"], {"kind": "person"})
            assert kept["values"]["name"] == ERASED
