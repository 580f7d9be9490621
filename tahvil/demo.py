"""`make demo`: the real CRM data through the real system, and what came out of it."""

import asyncio
import json
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.header import decode_header, make_header
from email.message import Message as Mail
from mailbox import Maildir
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.clock import utc_now
from shared.contracts.deals import AccountRef, DealClosed, Salesperson
from shared.contracts.event import Event
from shared.contracts.values import Money
from shared.errors import Misconfigured
from shared.http import USER
from tahvil import crm, team
from tahvil.publishing import messages, publish
from tahvil.running import Running, everything
from tahvil.servers import Servers
from tahvil.watching import drained, fetch, standings

EXAMPLE = Path("examples/crm")
_DRAIN = 300  # seconds
_MAIL = 30  # seconds


async def demo(data: Path, console: Console) -> None:
    """Start everything, import, show, stop."""
    Servers.forget(data)
    with console.status("Starting Kafka, MongoDB and the three services…"):
        system = everything(data, {"TAHVIL_CALENDAR": str(EXAMPLE / "calendar.yaml")})
        running = await system.__aenter__()
    try:
        console.print(f"Kafka {running.kafka}, three services, a mail catcher: all real, all local")
        await _import(running, console)
        await _drain(running, console)
        await _show_figures(running, console)
        fresh = _fresh_deal(utc_now())
        await publish(running.settings, messages([fresh]))
        console.print("\nA deal is closed now, and is to be accepted within eight working hours.")
        await _show_mail(running, console, fresh.data.subject)
        await _show_door(running, console)
    finally:
        with console.status("Stopping…"):
            await system.__aexit__(None, None, None)
    console.print("Stopped cleanly. `make up` starts it again and keeps it running.")


def bar() -> Progress:
    """A progress bar that counts."""
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )


async def _import(running: Running, console: Console) -> None:
    events = crm.read(EXAMPLE)
    people = team.read(EXAMPLE / "team.yaml", utc_now())
    with Progress(*bar().columns, console=console) as progress:
        for title, part in (("Publishing people", people), ("Publishing deals", events)):
            task = progress.add_task(title, total=len(part))
            await publish(
                running.settings,
                messages(part),
                lambda count, task=task: progress.advance(task, count),  # type: ignore[misc]
            )


async def _drain(running: Running, console: Console) -> None:
    with Progress(*bar().columns, console=console) as progress:
        start = await standings(running.settings, running.doors, running.password)
        tasks = {
            name: progress.add_task(f"{name} applies", total=standing.lag)
            for name, standing in start.items()
        }
        waiting = asyncio.create_task(
            drained(running.settings, running.doors, running.password, _DRAIN)
        )
        most = {name: standing.lag for name, standing in start.items()}
        while not waiting.done():
            now = await standings(running.settings, running.doors, running.password)
            for name, standing in now.items():
                most[name] = max(most[name], standing.lag)
                progress.update(tasks[name], total=most[name], completed=most[name] - standing.lag)
            await asyncio.wait([waiting], timeout=0.3)
        for name, task in tasks.items():
            progress.update(task, completed=most[name])
    if not waiting.result():
        raise Misconfigured(f"not all was applied within {_DRAIN} s: see {running.mail}/../../logs")


def _fresh_deal(now: datetime) -> Event:
    """One deal closed a moment ago: its first deadline is near enough for a reminder."""
    closed_at = now - timedelta(minutes=1)
    deal_id = f"demo-{now:%Y%m%dT%H%M%S}"
    return Event(
        id=deal_id,
        source="/tahvil/demo",
        time=closed_at,
        correlation_id=deal_id,
        data=DealClosed(
            deal_id=deal_id,
            outcome="won",
            closed_at=closed_at,
            amount=Money.model_validate({"value": "1200", "currency": "USD"}),
            account=AccountRef(id="acme-corporation", name="Acme Corporation", region="Central"),
            salesperson=Salesperson(id="darcel-schlecht"),
        ),
    )


async def _figure(running: Running, path: str) -> list[dict[str, Any]]:
    address = f"{running.doors['reporting']}/figures/{path}"
    rows: list[dict[str, Any]] = json.loads(
        await asyncio.to_thread(fetch, address, running.password)
    )["rows"]
    return rows


async def _show_figures(running: Running, console: Console) -> None:
    total = await _figure(running, "deals?by=outcome&by=currency")
    console.print(_table("Deals", ("outcome", "currency"), total, amount=True))
    months = await _figure(running, "deals?by=outcome&by=month")
    won = [row for row in months if row["by"]["outcome"] == "won"]
    console.print(_table("Won, by month", ("month",), won, amount=True))
    managers = await _figure(running, "deals?by=outcome&by=sales_manager")
    won = [row for row in managers if row["by"]["outcome"] == "won"]
    console.print(_table("Won, by the salespeople's manager", ("sales_manager",), won, amount=True))
    given = await _figure(running, "handoffs?by=event&by=manager")
    assigned = [row for row in given if row["by"]["event"] == "assigned"]
    console.print(_table("Handoffs, by account manager", ("manager",), assigned))
    deadlines = await _figure(running, "deadlines?by=event")
    console.print(_table("Deadlines (all long past: the data is of 2017)", ("event",), deadlines))


def _table(
    title: str, by: Iterable[str], rows: Iterable[dict[str, Any]], *, amount: bool = False
) -> Table:
    table = Table(title=title, title_justify="left")
    for name in by:
        table.add_column(name)
    table.add_column("count", justify="right")
    if amount:
        table.add_column("amount", justify="right")
    for row in rows:
        cells = [*(row["by"][name] for name in by), f"{row['count']:,}"]
        table.add_row(*cells, *([row["amount"]] if amount else []))
    return table


async def _show_mail(running: Running, console: Console, deal_id: str) -> None:
    for _ in range(_MAIL * 10):
        mails = read_mails(Path(running.mail))
        if mails:
            break
        await asyncio.sleep(0.1)
    else:
        raise Misconfigured(f"no mail came within {_MAIL} s after deal {deal_id}: see the logs")
    mail = mails[0]
    head = "\n".join(
        f"{name}: {make_header(decode_header(str(mail[name])))}"
        for name in ("From", "To", "Subject")
    )
    console.print(
        Panel(
            f"{head}\n\n{plain_text(mail).strip()}", title="The first delivered mail", expand=False
        )
    )


def read_mails(maildir: Path) -> list[Mail]:
    """All mails of a Maildir, the oldest first."""
    if not (maildir / "new").is_dir():
        return []
    box = Maildir(maildir)
    files = sorted((maildir / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    return [box.get_message(file.name) for file in files]


def plain_text(mail: Mail) -> str:
    """What a mail says, without its HTML."""
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if part.get_content_type() == "text/plain" and isinstance(payload, bytes):
            return payload.decode()
    return ""


async def _show_door(running: Running, console: Console) -> None:
    console.print(
        f"Dashboard: {running.doors['reporting']}/ops (user {USER}, password {running.password})",
        soft_wrap=True,
    )
    if sys.stdin.isatty() and console.is_terminal:
        await asyncio.to_thread(console.input, "Press Enter to stop everything. ")
