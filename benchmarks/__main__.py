"""`python -m benchmarks`: exits 1 when a result is wrong; a speed below its aim is only shown."""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from rich.console import Console
from rich.table import Table

from benchmarks.ceiling import BATCH, deal_operations, fold_operations, pymongo_rate, raw_rate
from benchmarks.intake import intake_round
from services.handoff.book import Book
from services.handoff.repository import INDEXES, Repository
from services.handoff.states import Account
from services.reporting.repository import OF_SLOT
from shared import mongo
from shared.config import KafkaSettings, ServiceSettings
from shared.contracts.deals import AccountRef, DealClosed, Salesperson
from shared.contracts.directory import PersonUpserted, Role
from shared.contracts.event import Event, EventData
from shared.contracts.topics import SERVICES
from shared.contracts.values import Money
from tahvil.provision import ProvisionSettings, provision
from tahvil.publishing import messages, publish
from tahvil.running import Process, environment
from tahvil.servers import Servers
from tahvil.servers.process import free_port
from tahvil.watching import fetch, standings

ROUNDS = 3
DEALS = 20_000
NEW = 2_000  # accounts met for the first time: a manager is chosen for each
KNOWN = 100_000  # accounts there before
MANAGERS = 500
LONGEST = 60  # seconds for one measurement
PASSWORD = "a password of the benchmarks"  # noqa: S105 - guards nothing
console = Console()


def event(data: EventData) -> Event:
    """An event with an id that follows from what it is about."""
    moment = datetime(2017, 3, 1, 12, tzinfo=UTC)
    name = f"{data.type}:{data.subject}"
    return Event(id=name, source="/bench", time=moment, data=data, correlation_id=name)


def account(number: int) -> str:
    """Every tenth deal is a new customer's, the others are spread over those known."""
    if number % (DEALS // NEW) == 0:
        return f"new-{number}"
    return f"known-{number * 7919 % KNOWN}"


def load() -> list[Event]:
    """Won deals as a CRM sends them: amounts in cents, an account each, 20 salespeople."""
    return [
        event(
            DealClosed.model_validate(
                {
                    "deal_id": f"d-{n}",
                    "outcome": "won",
                    "closed_at": f"2017-{n % 12 + 1:02d}-15T12:00:00Z",
                    "amount": Money(value=Decimal(n) / 100, currency="USD"),
                    "products": ["GTX Pro"],
                    "account": AccountRef(
                        id=account(n), name=f"Account {account(n)}", region="Central"
                    ),
                    "salesperson": Salesperson(id=f"s-{n % 20}", name="A Salesperson"),
                }
            )
        )
        for n in range(DEALS)
    ]


class Bench:
    """Servers of one round, and the real services on them."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.kafka = KafkaSettings(kafka_bootstrap=servers.kafka.bootstrap)
        self.client: AsyncMongoClient[Any] = AsyncMongoClient(servers.mongo.uri)

    def start(self, name: str) -> Process:
        """A service process, not started yet."""
        return Process(name, environment(self.servers, PASSWORD), self.folder, free_port())

    async def applied(self, service: str) -> int:
        """Records that the service has applied, as it counts them itself."""
        rows = await self.client[service]["offsets"].find().to_list()
        return sum(row.get("applied", 0) for row in rows)

    async def rate(self, service: str, events: int) -> tuple[Process, float]:
        """Start a service before which `events` wait; events a second from first to last."""
        process = self.start(service)
        await process.start()
        first, began = 0, 0.0
        while True:
            now = await self.applied(service)
            if now and not first:
                first, began = now, time.perf_counter()
            waiting = await self.client[service]["outbox"].count_documents({})
            if now >= events and not waiting:
                return process, (events - first) / (time.perf_counter() - began)
            if began and time.perf_counter() - began > LONGEST:
                sys.exit(f"void: {service} applied {now} of {events} in {LONGEST} s")
            await asyncio.sleep(0.02)

    def database(self, name: str) -> mongo.Database:
        """A database of the round's server, through the services' seam."""
        return mongo.connect(
            ServiceSettings(
                kafka_bootstrap=self.servers.kafka.bootstrap,
                mongo_uri=SecretStr(self.servers.mongo.uri),
                http_password=SecretStr(PASSWORD),
            ),
            name,
        )


@contextlib.asynccontextmanager
async def fresh() -> AsyncIterator[Bench]:
    """Servers with topics and nothing else on them."""
    with tempfile.TemporaryDirectory() as folder:
        async with Servers(Path(folder, "servers")) as servers:
            await provision(ProvisionSettings(kafka_bootstrap=servers.kafka.bootstrap))
            bench = Bench(servers, Path(folder))
            yield bench
            await bench.client.close()


async def deals_round() -> dict[str, float]:
    """Handoff: the managers are known before the first deal, so that every run does the same."""
    found: dict[str, float] = {}
    async with fresh() as bench:
        people = [
            event(PersonUpserted(person_id=f"m-{n}", name="M", roles=(Role.ACCOUNT_MANAGER,)))
            for n in range(MANAGERS)
        ]
        await publish(bench.kafka, messages(people))
        process, _ = await bench.rate("handoff", len(people))
        await process.child.stop()
        await make_known(bench)
        await publish(bench.kafka, messages(load()))
        process, found["deals"] = await bench.rate("handoff", len(people) + DEALS)
        await process.child.stop()
        await check_deals(bench)
        raw = bench.database("raw_deals")
        found["deals ceiling"] = await raw_rate(raw, deal_operations, DEALS, BATCH, INDEXES)
    return found


async def make_known(bench: Bench) -> None:
    """A company with 100,000 customers, shared equally among its managers."""
    database = bench.database("handoff")
    repository = Repository(database)
    pool = await repository.pool()
    names = sorted(pool.managers)
    for start in range(0, KNOWN, 5000):
        book = Book(pool=pool)
        for number in range(start, start + 5000):
            manager = names[number % len(names)]
            name = f"Account known-{number}"
            book.keep_account(
                Account(
                    id=f"known-{number}", name=name, region="Central", manager_id=manager, weight=1
                )
            )
            pool.give(manager, 1)
            book.changed_managers.add(manager)
        await mongo.transaction(database, partial(repository.save, book))
    await mongo.close(database)


async def folds_round() -> dict[str, float]:
    """Reporting on deals only, next to the same writes with nothing read or decided."""
    found: dict[str, float] = {}
    async with fresh() as bench:
        await publish(bench.kafka, messages(load()))
        process, found["folds"] = await bench.rate("reporting", DEALS)
        await check_folds(process)
        await process.child.stop()
        for name, events, batch, indexes in (
            ("folds ceiling", DEALS, BATCH, OF_SLOT),
            ("per-event transactions", 300, 1, OF_SLOT),
            ("motor", DEALS, BATCH, {}),
        ):
            raw = bench.database(name.replace(" ", "_"))
            found[name] = await raw_rate(raw, fold_operations, events, batch, indexes)
        uri = bench.servers.mongo.uri
        found["pymongo"] = await pymongo_rate(uri, "pymongo", fold_operations, DEALS, BATCH)
    return found


async def webhooks_round() -> dict[str, float]:
    """Webhooks that Kafka acknowledged, beside a bare app's."""
    async with fresh() as bench:
        return await intake_round(bench.servers, bench.folder)


async def memory() -> dict[str, float]:
    """Each service by itself, idle."""
    async with fresh() as bench:
        return {f"memory {name}": await idle_memory(bench.start(name)) for name in SERVICES}


async def check_deals(bench: Bench) -> None:
    """Every deal has one handoff, every account one manager, every message is on Kafka once."""
    published = (await standings(bench.kafka, {}, PASSWORD))["reporting"].lag - DEALS - MANAGERS
    if published != 6 * DEALS:
        sys.exit(f"void: {published} messages are on Kafka, not six a deal")
    handoffs = await bench.client["handoff"]["handoffs"].find().to_list()
    owners: dict[str, set[str]] = {}
    for row in handoffs:
        owners.setdefault(row["account_id"], set()).add(row["manager_id"])
    accounts = {account(number) for number in range(DEALS)}
    if len({row["deal_id"] for row in handoffs}) != DEALS or owners.keys() != accounts:
        sys.exit("void: handoffs are lost or doubled")
    if any(len(names) != 1 for names in owners.values()):
        sys.exit("void: an account has two managers")
    loads = [row["load"] for row in await bench.client["handoff"]["managers"].find().to_list()]
    if len(loads) != MANAGERS or sum(loads) != KNOWN + NEW:
        sys.exit(f"void: {len(loads)} managers carry {sum(loads)} accounts, not {KNOWN + NEW}")


async def check_folds(process: Process) -> None:
    """The figure equals an independent sum, to the cent."""
    address = f"{process.door}/figures/deals?by=outcome"
    (row,) = json.loads(await asyncio.to_thread(fetch, address, PASSWORD))["rows"]
    expected = sum((Decimal(n) / 100 for n in range(DEALS)), Decimal(0))
    if (row["count"], Decimal(row["amount"])) != (DEALS, expected):
        sys.exit(f"void: figures are {row}, not {DEALS} deals of {expected}")


async def idle_memory(process: Process) -> float:
    """MiB resident of a service that is ready and has nothing to do."""
    await process.start()
    await asyncio.sleep(3)
    memory = psutil.Process(process.child.pid).memory_info().rss / 2**20
    await process.child.stop()
    return memory


async def main() -> None:
    """Run all rounds and print the medians."""
    rounds = []
    for number in range(ROUNDS):
        with console.status(f"round {number + 1} of {ROUNDS}…"):
            rounds.append({**await deals_round(), **await folds_round(), **await webhooks_round()})
    with console.status("memory…"):
        rounds[0] |= await memory()
    median = {
        name: statistics.median(found[name] for found in rounds if name in found)
        for name in rounds[0]
    }
    table = Table("what", "ours", "baseline", "ratio", "aim")
    for what, ours, baseline, aim in (
        ("deals → handoffs, published (1/s)", "deals", "deals ceiling", "≥ 3,000/s; ≥ 0.5"),
        ("folds (1/s)", "folds", "folds ceiling", "≥ 0.8"),
        ("folds against per-event (1/s)", "folds", "per-event transactions", "≥ 100"),
        ("webhooks on one core (1/s)", "intake ours", "intake bare", "≥ 2,000/s or ≥ 0.7"),
        ("webhooks in a second of CPU", "intake ours cpu", "intake bare cpu", "≥ 0.7"),
        ("driver: pymongo against motor (1/s)", "pymongo", "motor", "-"),
    ):
        ratio = median[ours] / median[baseline]
        table.add_row(what, f"{median[ours]:,.0f}", f"{median[baseline]:,.0f}", f"{ratio:.2f}", aim)
    for name, value in median.items():
        if name.startswith("memory"):
            table.add_row(f"{name}, idle (MiB)", f"{value:.0f}", "-", "-", "< 120")
    console.print(table)


if __name__ == "__main__":
    asyncio.run(main())
