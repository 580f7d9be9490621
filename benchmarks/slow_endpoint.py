"""How much longer others wait for their messages while one of a hundred webhook receivers hangs.

Rounds with and without the slow one take turns in one run, on a real mongod and real HTTP; each
message is stored as the service stores it, claimed, signed and posted. Latency is from storing a
message to its arrival, and counts for the ninety-nine quick receivers only.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

from services.reminders.domain import Reminder
from shared.contracts.directory import PersonUpserted
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import manager
from tests.support.delivering import Desk
from tests.support.receivers import Receiver, Request, says

RECEIVERS = 100
SLOW = "r0"
HANGS = 8.0  # seconds before the slow receiver answers; the service waits ten
ROUNDS = 3  # of each kind
SECONDS, A_SECOND = 15, 100  # messages, each to the next receiver in turn
KEY = "whsec_YSBrZXkgb2YgdGhlIGJlbmNobWFya3MsIGxvbmcu"

console = Console()


async def latencies(desk: Desk, receiver: Receiver, name: str, *, slow: bool) -> list[float]:
    """Seconds each message to a quick receiver took."""
    added: dict[str, float] = {}
    came: dict[str, float] = {}
    over = asyncio.Event()

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        came.setdefault(request.headers["webhook-id"], time.perf_counter())
        if slow and request.path == f"/{SLOW}":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HANGS):
                    await over.wait()
        await says(204)(request, writer)

    receiver.answer = answer
    quick = 0
    async with desk.delivering(
        webhook_keys={"*": KEY},
        webhook_hosts=[f"127.0.0.1:{receiver.port}"],
        messages_per_hour=10**6,
    ):
        began = time.perf_counter()
        for tick in range(SECONDS * 10):
            notes = []
            for number in range(tick * A_SECOND // 10, (tick + 1) * A_SECOND // 10):
                to = f"r{number % RECEIVERS}"
                note = f"{name}-{number}-{to}"
                notes.append(Reminder(id=note, recipient_id=to, kind="note", title="t", body="b"))
                quick += to != SLOW
            at = time.perf_counter()
            await desk.add(*notes)
            added |= dict.fromkeys((note.id for note in notes), at)
            await asyncio.sleep(max(0.0, began + (tick + 1) / 10 - time.perf_counter()))
        found: list[float] = []
        for _ in range(100):
            found = [
                came[n] - at for n, at in added.items() if n in came and not n.endswith(f"-{SLOW}")
            ]
            if len(found) == quick:
                break
            await asyncio.sleep(0.1)
        over.set()
    if len(found) != quick:
        sys.exit(f"void: {quick - len(found)} messages to quick receivers never came")
    return found


async def main() -> None:
    """Print the 99th percentiles and their ratio."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        server = EmbeddedMongo(folder / "mongo")
        await server.start()
        p99: dict[bool, list[float]] = {False: [], True: []}
        async with (
            Desk(server.uri, "slow_endpoint", folder) as desk,
            Receiver().listening() as receiver,
        ):
            await desk.people(*(_person(f"r{n}", receiver) for n in range(RECEIVERS)))
            for number in range(ROUNDS):
                for slow in (False, True):
                    with console.status(f"round {number + 1} of {ROUNDS}…"):
                        found = await latencies(desk, receiver, f"{number}{slow}", slow=slow)
                    p99[slow].append(quantiles(found, n=100)[-1] * 1000)
        await server.stop()
    table = Table("p99 of 99 quick receivers (ms)", "one hangs", "all quick", "ratio", "aim")
    hangs, quick = median(p99[True]), median(p99[False])
    table.add_row(
        f"{A_SECOND} messages a second",
        f"{hangs:.0f}",
        f"{quick:.0f}",
        f"{hangs / quick:.2f}",
        "≤ 1.2",
    )
    console.print(table)


def _person(name: str, receiver: Receiver) -> PersonUpserted:
    way = {"kind": "webhook", "address": f"http://127.0.0.1:{receiver.port}/{name}"}
    return manager(name, channels=[way])


if __name__ == "__main__":
    asyncio.run(main())
