"""`python -m benchmarks.pages [EVENTS] [TIMES]`: how long the dashboard takes, and what slows it.

100,000 accounts of 500 managers; a fifth of the events first, then all of them. Asked for by the
company's manager, by a head and by an account manager, one page after the other, as a browser does;
and how long a browser takes until something of the first page is seen, and all its charts.
Exits 1 when a page does not show what must be there.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

import httpx
from rich.table import Table

from benchmarks.__main__ import PASSWORD, Bench, console, event, fresh
from shared.clock import utc_now
from shared.contracts.accounts import DisputeOpened, SatisfactionRecorded, TransactionRecorded
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.deals import AccountRef, DealClosed, Salesperson
from shared.contracts.directory import PersonUpserted, Role
from shared.contracts.event import Event, EventData
from shared.contracts.handoffs import HandoffAssigned
from shared.contracts.values import Money
from shared.passes import Bearer, Passes
from tahvil.publishing import messages, publish
from tahvil.running import Process, environment
from tahvil.servers.process import free_port
from tests.browser.visitor import CHROMIUM, chromium

ACCOUNTS = 100_000
MANAGERS = 500
HEADS = 20
CHUNK = 20_000  # events made and published at once
ASKED = int(sys.argv[2]) if len(sys.argv) > 2 else 100  # times each page
SLOWEST = 3600  # seconds for all events to be applied
OPENED = 10  # times the first page, each in a browser that knows nothing of it
COOKIE = "tahvil_reporting"
KEY = "a-key-of-the-benchmark-that-guards-nothing"
PAGES = {
    "overview": "/pages",
    "overview, all time": "/pages?period=all",
    "team": "/pages/team?period=all",
    "deadlines": "/pages/deadlines?period=all",
    "disputes": "/pages/disputes?period=all",
    "targets": "/pages/targets?period=all",
    "accounts": "/pages/accounts",
    "accounts, searched": "/pages/accounts?search=account+a-99",
    "an account": "/pages/account?id=a-0",
}
_ALL_DRAWN = """() => {
    const all = [...document.querySelectorAll("[data-chart]")];
    return all.length > 0 && all.every((one) => one.querySelector("svg, canvas"));
}"""
_TIMES = """() => [
    performance.getEntriesByName("first-contentful-paint")[0].startTime, performance.now(),
]"""
VIEWERS = {"company's manager": "top", "head": "h-0", "account manager": "m-0"}


def directory() -> Iterator[EventData]:
    """500 account managers of 20 heads of one company's manager."""
    yield PersonUpserted(person_id="top", name="Top", roles=(Role.COMPANY_MANAGER,))
    for n in range(HEADS):
        yield PersonUpserted(
            person_id=f"h-{n}", name=f"Head {n}", roles=(Role.HEAD,), reports_to="top"
        )
    for n in range(MANAGERS):
        yield PersonUpserted(
            person_id=f"m-{n}", name=f"Manager {n}", roles=(Role.ACCOUNT_MANAGER,),
            reports_to=f"h-{n % HEADS}",
        )  # fmt: skip


def facts(count: int, now: datetime) -> Iterator[Event]:
    """In rounds over all accounts: who has it, deals, and what happens after."""
    for n in range(count):
        yield event(
            _fact(n // ACCOUNTS % 10, n, f"a-{n % ACCOUNTS}", now - timedelta(days=n % 700))
        )


def _fact(kind: int, n: int, account: str, at: datetime) -> EventData:
    manager = f"m-{int(account[2:]) % MANAGERS}"
    money = Money(value=Decimal(n) / 100, currency="USD")
    match kind:
        case 0:
            return HandoffAssigned(
                handoff_id=f"ho-{n}", account_id=account, manager_id=manager, reason="has room",
                assigned_at=at,
            )  # fmt: skip
        case 6:
            return SatisfactionRecorded(account_id=account, score=n % 101, recorded_at=at)
        case 7:
            return DeadlineSet(
                deadline_id=f"dl-{n}", subject_id=f"ho-{n}", account_id=account, title="First call",
                owner_id=manager, due_at=at + timedelta(days=400), set_at=at, step="call",
            )  # fmt: skip
        case 8:
            return DisputeOpened(
                account_id=account, dispute_id=f"di-{n}", opened_at=at, title="Delivery"
            )
        case 9:
            return TransactionRecorded(
                account_id=account,
                transaction_id=f"tr-{n}",
                kind="invoice",
                amount=money,
                recorded_at=at,
            )
        case _:
            return DealClosed(
                deal_id=f"d-{n}", outcome="won" if n % 3 else "lost", closed_at=at, amount=money,
                products=(f"product {n % 7}",),
                account=AccountRef(
                    id=account, name=f"Account {account}", region=f"region {n % 12}",
                    industry=f"industry {n % 9}",
                ),
                salesperson=Salesperson(id=f"s-{n % 20}", name="A Salesperson"),
            )  # fmt: skip


async def applied(bench: Bench, events: int) -> None:
    """Wait until reporting has applied as many."""
    until = time.monotonic() + SLOWEST
    while (now := await bench.applied("reporting")) < events:
        if time.monotonic() > until:
            sys.exit(f"void: reporting applied {now:,} of {events:,} in {SLOWEST} s")
        await asyncio.sleep(0.5)


async def publish_all(bench: Bench, events: Iterator[Event]) -> None:
    """In the order they are made."""
    while some := list(islice(events, CHUNK)):
        await publish(bench.kafka, messages(some))


async def painted(process: Process) -> tuple[float, float]:
    """Milliseconds until a browser shows something, and until the last chart is there: medians."""
    first, charts = [], []
    async with chromium() as browser:
        for _ in range(OPENED):
            context = await browser.new_context()
            await context.add_cookies(
                [{"name": COOKIE, "value": _pass("top"), "url": process.door}]
            )
            page = await context.new_page()
            await page.goto(f"{process.door}/pages?period=all")
            await page.wait_for_function(_ALL_DRAWN)
            seen, drawn = await page.evaluate(_TIMES)
            first.append(seen)
            charts.append(drawn)
            await context.close()
    return statistics.median(first), statistics.median(charts)


def _pass(person: str) -> str:
    return Passes([KEY], "reporting cookie").write(Bearer(person, "en"), utc_now())


async def asked(process: Process, won: int) -> dict[tuple[str, str], Sequence[float]]:
    """Milliseconds of each page for each viewer, the shortest first."""
    found: dict[tuple[str, str], Sequence[float]] = {}
    for role, person in VIEWERS.items():
        cookies = {COOKIE: _pass(person)}
        async with httpx.AsyncClient(base_url=process.door, cookies=cookies, timeout=60) as client:
            if role == "company's manager":
                page = (await client.get(PAGES["overview, all time"])).text
                if f"{won:,}" not in page:
                    sys.exit(f"void: the overview does not show {won:,} deals")
            for name, path in PAGES.items():
                took = []
                for _ in range(ASKED + 5):
                    began = time.perf_counter()
                    answer = await client.get(path)
                    took.append(1000 * (time.perf_counter() - began))
                    if answer.status_code != httpx.codes.OK:
                        sys.exit(f"void: {path} for {person}: {answer.status_code}")
                found[role, name] = sorted(took[5:])
    return found


def deals_won(count: int) -> int:
    """Of so many events."""
    return sum(1 for n in range(count) if n // ACCOUNTS % 10 in range(1, 6) and n % 3)


async def main(count: int) -> None:
    """A fifth, measured; the rest, measured."""
    now = datetime.now(UTC).replace(microsecond=0)
    people = [event(data) for data in directory()]
    async with fresh() as bench:
        settings = environment(bench.servers, PASSWORD, KEY)
        process = Process("reporting", settings, bench.folder, free_port())
        await process.start()
        events = facts(count, now)
        measured: list[dict[tuple[str, str], Sequence[float]]] = []
        few = count // 5  # everybody has a manager and a deal
        await publish_all(bench, iter(people))
        for upto in (few, count):
            with console.status(f"{upto:,} events…"):
                began = time.perf_counter()
                await publish_all(bench, islice(events, upto - (few if measured else 0)))
                await applied(bench, len(people) + upto)
                console.print(f"{upto:,} events after {time.perf_counter() - began:.0f} s")
            with console.status("asking…"):
                measured.append(await asked(process, deals_won(upto)))
        first, charts = await painted(process) if CHROMIUM else (None, None)
        await process.child.stop()
    table = Table("who", "page", f"p50 of {few:,}", "p99", f"p50 of {count:,} (ms)", "p99", "ratio")
    for key, took in measured[1].items():
        before = measured[0][key]
        cells = [f"{at(one):.0f}" for one in (before, took) for at in (statistics.median, _p99)]
        table.add_row(*key, *cells, f"{statistics.median(took) / statistics.median(before):.2f}")
    console.print(table)
    if first is None:
        console.print("no Chromium: when a browser shows something was not measured")
    else:
        console.print(f"a browser shows something after {first:.0f} ms, all after {charts:.0f}")


def _p99(took: Sequence[float]) -> float:
    return took[int(len(took) * 0.99) - 1]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
