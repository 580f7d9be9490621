"""Runs one service: connects, provisions its own indexes, consumes, publishes, stops in order."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

import structlog
from fastapi import APIRouter, FastAPI
from faststream.kafka import KafkaBroker
from starlette.types import ASGIApp

from shared import consumer, eraser, http, kafka, logs, mongo, proof
from shared.config import ServiceSettings
from shared.contracts.topics import PUBLISHES, READS, dead_letters
from shared.eraser import Eraser, Erasing
from shared.errors import Misconfigured, Transient
from shared.metrics import Metrics
from shared.mongo import Database, IndexModel
from shared.outbox import Outbox
from shared.processor import Processor
from shared.records import Work
from shared.relay import Relay

log = structlog.get_logger(__name__)

STUCK = timedelta(seconds=30)
"""Age of the oldest unpublished message at which a service is no longer ready."""

Loop = Callable[[], Awaitable[None]]
S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service is made of besides the runtime. Built by its composition root."""

    name: str
    work: Callable[[], Work]
    indexes: Mapping[str, Sequence[IndexModel]]
    router: APIRouter | None = None
    middleware: Sequence[Callable[[ASGIApp], ASGIApp]] = field(default_factory=tuple)
    """Around everything that is answered over HTTP."""
    loops: Sequence[Loop] = field(default_factory=tuple)
    """Work that no record causes, such as timers: each runs for ever and ends when cancelled."""
    erasing: Erasing = field(default_factory=Erasing)
    check: Callable[[], Awaitable[None]] | None = None
    """Run once before the first record: `Misconfigured` when what is stored forbids the start."""


@dataclass(frozen=True, kw_only=True)
class Plumbing(Generic[S]):
    """What the runtime lends to a service's composition root."""

    settings: S
    database: Database
    outbox: Outbox
    relay: Relay
    metrics: Metrics


Build = Callable[[Plumbing[S]], Service]


def main(name: str, settings: type[S], build: Build[S]) -> None:
    """Run a service until SIGTERM. Exit code 1 with one clear line when it cannot start."""
    spare_collector()
    try:
        values = settings.read()
        logs.configure(json=values.log_json)
        if not asyncio.run(run(name, values, build)):
            sys.exit(1)
    except Misconfigured as error:
        sys.stderr.write(f"tahvil {name}: {error}\n")
        sys.exit(1)


def spare_collector() -> None:
    """Let the garbage collector come between batches.

    A batch makes some 10^5 objects that all live until its commit. The collector would walk them
    again and again for nothing, a third of the time of a deal (measured): the processor calls it
    when a batch is over, and by count it comes only where none are read.
    """
    gc.freeze()
    gc.set_threshold(400_000, 50, 100)


async def run(name: str, settings: S, build: Build[S]) -> bool:
    """Run a service in this event loop until SIGTERM or SIGINT; false when a part of it failed."""
    stop, failed = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(name, settings, build, failed) as address:
        log.info("service.started", service=name, address=address)
        ends = [asyncio.create_task(event.wait()) for event in (stop, failed)]
        _, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        log.info("service.stopping", service=name)
    log.info("service.stopped", service=name)
    return not failed.is_set()


@dataclass(slots=True)
class _Reading:
    """Why nothing can be read from Kafka just now; None when all is well."""

    waiting_for: str | None = None

    def told(self, reason: str | None) -> None:
        if reason and reason != self.waiting_for:
            log.warning("reading.waiting", reason=reason)
        self.waiting_for = reason


@contextlib.asynccontextmanager
async def running(
    name: str, settings: S, build: Build[S], failed: asyncio.Event
) -> AsyncIterator[str]:
    """A started service; gives the address of its HTTP door.

    Started from the outside in (door, servers, publisher, consumer), stopped the other way
    round. `failed` is set when a part that must run for ever has ended.
    """
    async with contextlib.AsyncExitStack() as stack:
        door = stack.enter_context(http.listen(settings.http_host, settings.http_port))
        database = mongo.connect(settings, name)
        stack.push_async_callback(mongo.close, database)
        metrics = Metrics()
        outbox = Outbox(database, settings.outbox_lanes)
        publisher = kafka.KafkaPublisher(settings, name)
        relay = Relay(outbox, publisher)
        service = build(
            Plumbing(
                settings=settings, database=database, outbox=outbox, relay=relay, metrics=metrics
            )
        )
        erasing = Eraser(
            database=database,
            outbox=outbox,
            keys=settings.identities,
            erasing=service.erasing,
            kept=settings.erasure_marks_kept,
        )
        processor = Processor(
            service=name,
            database=database,
            eraser=erasing,
            work=service.work,
            outbox=outbox,
            relay=relay,
            metrics=metrics,
            dead_letters_in_a_row=settings.dead_letters_in_a_row,
        )
        reading = _Reading()
        metrics.outbox_age.set_function(lambda: relay.age)
        metrics.outbox_waiting.set_function(lambda: relay.waiting)
        app = http.build_http(
            name,
            password=settings.http_password,
            metrics=metrics,
            not_ready=lambda: _not_ready(processor, relay, reading),
        )
        if service.router:
            app.include_router(service.router)
        app.include_router(proof.build_router(database, erasing, settings.http_password))
        for layer in service.middleware:
            app.add_middleware(layer)

        await _until_reachable(settings, service, database)
        await ensure_indexes(
            database,
            service.indexes,
            settings.inbox_kept,
            letters_kept=settings.dead_letters_kept,
            marks_kept=settings.erasure_marks_kept,
        )
        if service.check:
            await service.check()
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        await stack.enter_async_context(_for_ever(relay.run, failed))
        for loop in (erasing.run, *service.loops):
            await stack.enter_async_context(_for_ever(loop, failed))
        await stack.enter_async_context(_serving(app, door))
        broker = kafka.build_broker(settings, name)
        kafka.subscribe(
            broker,
            READS[name],
            group=name,
            settings=settings,
            on_batch=processor.on_batch,
        )
        stack.push_async_callback(relay.drained, 5)
        stack.push_async_callback(_stop_broker, broker, settings.graceful_stop)
        stack.push_async_callback(processor.progress_shown)
        stack.callback(processor.stop)
        await consumer.start(broker, reading.told)
        host, port = door.getsockname()[:2]
        yield f"http://{host}:{port}"


async def ensure_indexes(
    database: Database,
    indexes: Mapping[str, Sequence[IndexModel]],
    inbox_kept: timedelta,
    *,
    letters_kept: timedelta = timedelta(days=90),
    marks_kept: timedelta = timedelta(days=400),
) -> None:
    """Make the indexes of the runtime and of the service.

    Of those that are there nothing changes but how long documents are kept.
    """
    own = {
        **eraser.indexes(marks_kept),
        "inbox": [IndexModel("at", expireAfterSeconds=int(inbox_kept.total_seconds()))],
        "outbox": [IndexModel([("lane", 1), ("_id", 1)]), IndexModel("at")],
        "dead_letters": [IndexModel("at", expireAfterSeconds=int(letters_kept.total_seconds()))],
    }
    with mongo.translated():
        names = set(await database.list_collection_names())
        # A collection made inside a transaction collides with every other that makes it too.
        for collection in {"offsets", "outbox_lanes", *own, *indexes} - names:
            await mongo.create_collection(database, collection)
        for collection, models in [*own.items(), *indexes.items()]:
            await mongo.index(database[collection], models)


async def _until_reachable(settings: ServiceSettings, service: Service, database: Database) -> None:
    """Wait for both servers, for a bounded time; then say which one and what to do."""
    needed = [*READS[service.name], *PUBLISHES[service.name], dead_letters(service.name)]
    deadline = asyncio.get_running_loop().time() + settings.connect_timeout.total_seconds()
    while True:
        try:
            await mongo.ping(database)
            missing = await kafka.missing_topics(settings, needed)
            if not missing:
                return
            reason = f"Kafka has no topic {', '.join(missing)}: run `tahvil provision`"
        except Transient as error:
            reason = f"{error}: start it, or correct TAHVIL_KAFKA_BOOTSTRAP / TAHVIL_MONGO_URI"
        if asyncio.get_running_loop().time() >= deadline:
            raise Misconfigured(reason)
        log.info("service.waiting", reason=reason)
        await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def _for_ever(loop: Loop, failed: asyncio.Event) -> AsyncIterator[None]:
    async def watched() -> None:
        try:
            await loop()
        except Exception:
            log.exception("loop.failed", loop=getattr(loop, "__qualname__", str(loop)))
            failed.set()

    task = asyncio.create_task(watched())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def _serving(app: FastAPI, door: object) -> AsyncIterator[None]:
    server = http.Server(app)
    task = asyncio.create_task(server.serve(sockets=[door]))  # type: ignore[list-item]
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _stop_broker(broker: KafkaBroker, graceful: timedelta) -> None:
    try:
        async with asyncio.timeout(graceful.total_seconds() + 5):
            await broker.stop()
    except TimeoutError:
        log.warning("broker.not_stopped")  # what it did not finish is read again


def _not_ready(processor: Processor, relay: Relay, reading: _Reading) -> list[str]:
    waiting = (reading.waiting_for, processor.waiting_for, relay.waiting_for)
    reasons = [reason for reason in waiting if reason]
    reasons += [
        f"{topic}/{partition} is stopped after too many dead letters in a row; last: {stop.reason}"
        for (topic, partition), stop in processor.stopped.items()
    ]
    if relay.age > STUCK.total_seconds():
        reasons.append(f"the oldest message not published is {relay.age:.0f} s old")
    return reasons
