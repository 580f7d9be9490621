"""`python -m benchmarks.rebuild [EVENTS]`: how fast the figures are made anew.

Beside the same writes with nothing decided, a transaction for each event, and Kafka Connect, which
stores records and folds none.
Exits 1 when a figure is not the sum that it must be.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from rich.table import Table

from benchmarks.__main__ import PASSWORD, account, console, event, fresh
from benchmarks.ceiling import fold_operations, raw_rate, rebuild_operations
from benchmarks.peers.connect import sinks
from services.reporting.config import Settings
from services.reporting.domain import defined
from services.reporting.figures.catalogue import FIGURES
from services.reporting.generations import Generations
from services.reporting.questions import Question
from services.reporting.reading import Reading
from services.reporting.rebuild import BATCH, Rebuild
from services.reporting.replay import topics
from services.reporting.repository import INDEXES, OF_SLOT, Repository
from shared import mongo
from shared.clock import utc_now
from shared.contracts.deals import AccountRef, DealClosed, Salesperson
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.contracts.values import Money
from shared.runtime import ensure_indexes
from tahvil.publishing import messages, publish

PER_EVENT = 300  # transactions of one event each, measured in the same run
CHUNK = 20_000  # events made and published at once


def deals(count: int) -> Iterator[Event]:
    """Won deals over a year and 100,000 accounts, by 20 salespeople."""
    for n in range(count):
        customer = AccountRef(id=account(n), name=f"Account {account(n)}", region="Central")
        yield event(
            DealClosed.model_validate(
                {
                    "deal_id": f"d-{n}",
                    "outcome": "won",
                    "closed_at": f"2017-{n % 12 + 1:02d}-{n % 28 + 1:02d}T12:00:00Z",
                    "amount": Money(value=Decimal(n) / 100, currency="USD"),
                    "products": ["GTX Pro"],
                    "account": customer,
                    "salesperson": Salesperson(id=f"s-{n % 20}", name="A Salesperson"),
                }
            )
        )


async def main(count: int) -> None:
    """Publish, rebuild, check, compare with the ceilings."""
    async with fresh() as bench:
        waiting = deals(count)
        while some := list(islice(waiting, CHUNK)):
            await publish(bench.kafka, messages(some))
        values = Settings.model_validate(
            {
                "kafka_bootstrap": bench.servers.kafka.bootstrap,
                "mongo_uri": bench.servers.mongo.uri,
                "http_password": PASSWORD,
            }
        )
        database, world = bench.database("reporting"), values.world()
        await ensure_indexes(database, INDEXES, values.inbox_kept)
        generations = Generations(database, defined(FIGURES.values(), world))
        await generations.begin()
        async with topics(values, {}, partial=False) as reader:
            ends = await reader.ends()
            await _as_if_applied(database, ends)
            made = Rebuild(database, world, generations, reader, await generations.resume())
            began = time.perf_counter()
            await made.catch_up(lambda _: None)
            await made.count(lambda _: None)
            rate = count / (time.perf_counter() - began)
            began = time.perf_counter()
            await made.compare()
            comparing = time.perf_counter() - began
            await made.switch(utc_now())
        await _check(Reading(Repository(database), world, utc_now), count)
        ceilings = {
            "raw batches": await raw_rate(
                bench.database("raw"), rebuild_operations, min(count, 100_000), BATCH, OF_SLOT
            ),
            "one transaction an event": await raw_rate(
                bench.database("single"), fold_operations, PER_EVENT, 1, OF_SLOT
            ),
            "Kafka Connect, which only stores": await sinks(
                bench.servers, bench.folder, Topic.DEALS, count
            ),
        }
    table = Table("events", "rebuilt (1/s)", "beside", "1/s", "ratio", "comparing (s)")
    for name, ceiling in ceilings.items():
        table.add_row(
            f"{count:,}", f"{rate:,.0f}", name, f"{ceiling:,.0f}", f"{rate / ceiling:.2f}",
            f"{comparing:.1f}",
        )  # fmt: skip
    console.print(table)


async def _as_if_applied(database: mongo.Database, ends: dict[tuple[str, int], int]) -> None:
    """A rebuild goes as far as the live figures have come: here, to the end."""
    await mongo.write(
        database["offsets"],
        [
            mongo.UpdateOne({"_id": f"{topic}/{n}"}, {"$set": {"next": end}}, upsert=True)
            for (topic, n), end in ends.items()
        ],
    )


async def _check(reading: Reading, count: int) -> None:
    (row,) = await reading.figure("deals", Question(by=["outcome"]))
    expected = {"count": count, "amount": Decimal(count * (count - 1) // 2) / 100}
    if row.measures != expected:
        sys.exit(f"void: {row.measures} is not {expected}")
    took = []
    for by in (["month", "currency"], ["salesperson"], ["manager"], ["jalali_month"]):
        began = time.perf_counter()
        await reading.figure("deals", Question(by=by))
        took.append(f"{'+'.join(by)} {1000 * (time.perf_counter() - began):.0f}")
    console.print(f"reading, in ms: {', '.join(took)}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
