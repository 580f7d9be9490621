"""Webhooks acknowledged by Kafka, on one core, beside a bare FastAPI and aiokafka app's.

The app under test is pinned to one core; Kafka and the load share the others.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry

from services.handoff.config import intake_secret
from services.handoff.intake import sources
from services.handoff.intake.batches import Batches
from services.handoff.intake.door import Counters, Door, build_router
from shared.clock import utc_now
from shared.config import KafkaSettings
from shared.contracts.topics import Topic
from shared.kafka import KafkaPublisher
from shared.runtime import spare_collector
from tahvil.reading import records
from tahvil.servers import Servers
from tahvil.servers.process import Child, free_port, listens

WEBHOOKS = 10_000
WARM = 1_000
CONNECTIONS = 64
SECRET = "a password of the benchmarks"  # noqa: S105 - guards nothing
INTAKE = """
sources:
  pipedrive:
    authentication: {kind: basic, user: tahvil, secrets: [pipedrive]}
    mapping: pipedrive
    rate: 1000000/second
"""


def webhook(number: int) -> bytes:
    """A deal that was won, as Pipedrive sends it, as a whole request."""
    content = {
        "meta": {
            "action": "change",
            "entity": "deal",
            "timestamp": "2026-05-15T18:00:00.000Z",
            "version": "2.0",
        },
        "data": {
            "id": number,
            "title": "A deal",
            "status": "won",
            "value": 1234.5,
            "currency": "EUR",
            "org_id": number % 2000,
            "owner_id": number % 20,
            "won_time": "2026-05-15T18:00:00Z",
        },
        "previous": {"status": "open"},
    }
    body = json.dumps(content).encode()
    pair = base64.b64encode(f"tahvil:{SECRET}".encode()).decode()
    head = (
        "POST /intake/pipedrive HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"authorization: Basic {pair}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def rate(port: int) -> float:
    """Webhooks a second that were answered with 2xx."""
    await _send(port, range(WARM))
    began = time.perf_counter()
    await _send(port, range(WARM, WARM + WEBHOOKS))
    return WEBHOOKS / (time.perf_counter() - began)


async def _send(port: int, numbers: range) -> None:
    waiting = [webhook(number) for number in numbers]

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            writer.write(waiting.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 202 " not in head.split(b"\r\n", 1)[0]:
                sys.exit(f"void: answered {head!r}")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


async def intake_round(servers: Servers, folder: Path) -> dict[str, float]:
    """Ours and the bare one, one after the other, on the same Kafka."""
    file = folder / "intake.yaml"
    file.write_text(INTAKE)
    found = {}
    for name in ("bare", "ours"):
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.intake", name, str(port), str(file)]
        child = Child(name, command, output=folder / f"{name}.log", stop_seconds=20)
        values = {
            "TAHVIL_KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
            "TAHVIL_INTAKE_SECRET_PIPEDRIVE": SECRET,
        }
        await child.start(lambda at=port: listens(at), values)  # type: ignore[misc]
        before = len(await records(_kafka(servers), Topic.DEALS))
        process = psutil.Process(child.pid)
        idle = sum(process.cpu_times()[:2])
        found[f"intake {name}"] = await rate(port)
        used = sum(process.cpu_times()[:2]) - idle
        found[f"intake {name} cpu"] = (WEBHOOKS + WARM) / used
        there = len(await records(_kafka(servers), Topic.DEALS)) - before
        if there != WEBHOOKS + WARM:
            sys.exit(f"void: {there} events on Kafka of {WEBHOOKS + WARM} webhooks")
        await child.stop()
    return found


def _kafka(servers: Servers) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=servers.kafka.bootstrap)


def bare_app(bootstrap: str) -> FastAPI:
    """What one would write in ten lines: no sender is checked, nothing is mapped."""
    producers: list[AIOKafkaProducer] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
        await producer.start()
        producers.append(producer)
        yield
        await producer.stop()

    app = FastAPI(lifespan=lifespan)

    @app.post("/intake/{source}", status_code=202)
    async def take(request: Request, source: str) -> dict[str, str]:
        body = await request.body()
        deal = json.loads(body)["data"]
        await producers[0].send_and_wait("deals", body, key=str(deal["org_id"]).encode())
        return {"source": source, "id": str(deal["id"])}

    return app


def our_app(settings: KafkaSettings, file: Path) -> FastAPI:
    """The door of the service without the rest of it, which would share the core."""
    batches = Batches(KafkaPublisher(settings, "bench"))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        known = sources.read(file, intake_secret)
        counters = Counters(CollectorRegistry())
        door = Door(sources=known, batches=batches, now=utc_now, counters=counters)
        app.include_router(build_router(door))
        task = asyncio.create_task(batches.run())
        yield
        task.cancel()

    return FastAPI(lifespan=lifespan)


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    spare_collector()
    which, at, file_name = sys.argv[1:]
    kafka = KafkaSettings.read()
    built = our_app(kafka, Path(file_name)) if which == "ours" else bare_app(kafka.kafka_bootstrap)
    uvicorn.run(built, port=int(at), access_log=False, log_config=None)
