"""Other schedulers at the same work, on the same machine: timers that are due at once.

Each keeps its timers as durably as it can: Agenda and APScheduler in the MongoDB given, BullMQ
in a Redis that writes every change to disk before it answers. What a timer does is to count.
"""

import asyncio
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from apscheduler.jobstores.mongodb import MongoDBJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from pymongo import MongoClient

from shared.clock import utc_now
from tahvil.servers.mongo import EmbeddedMongo
from tahvil.servers.process import free_port

FOLDER = Path(__file__).parent
LIMIT = 120  # seconds for one peer

_fired: set[int] = set()
_all = threading.Event()
_expected = 0


async def fires(many: int) -> dict[str, float | str]:
    """Timers fired a second by each; or why it could not be run."""
    with tempfile.TemporaryDirectory() as place:
        server = EmbeddedMongo(Path(place) / "mongo")
        await server.start()
        try:
            return await _fires(server.uri, Path(place), many)
        finally:
            await server.stop()


async def _fires(mongo_uri: str, folder: Path, many: int) -> dict[str, float | str]:
    peers: dict[str, Callable[[], Awaitable[float]]] = {
        "APScheduler": lambda: asyncio.to_thread(_apscheduler, mongo_uri, many),
        "Agenda": lambda: _agenda(mongo_uri, many),
        "BullMQ": lambda: _bullmq(folder, many),
    }
    found: dict[str, float | str] = {}
    for name, peer in peers.items():
        try:
            found[name] = await peer()
        except (OSError, LookupError, TimeoutError) as error:
            found[name] = f"not run: {error}"
    return found


async def _agenda(mongo_uri: str, many: int) -> float:
    address = mongo_uri.replace("/?", "/agenda?", 1)
    return await _node("agenda.mjs", address, many)


async def _bullmq(folder: Path, many: int) -> float:
    if not (found := shutil.which("redis-server")):
        raise LookupError("redis-server is not on PATH")
    port = str(free_port())
    redis = await asyncio.create_subprocess_exec(
        found, "--port", port, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
        "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await asyncio.sleep(1)
        return await _node("bullmq.mjs", port, many)
    finally:
        redis.terminate()
        await redis.wait()


async def _node(script: str, address: str, many: int) -> float:
    if not (node := shutil.which("node")):
        raise LookupError("node is not on PATH")
    if not (FOLDER / "node_modules").exists():
        raise LookupError(f"run `npm ci --ignore-scripts` in {FOLDER.name}/ first")
    child = await asyncio.create_subprocess_exec(
        node, str(FOLDER / script), address, str(many), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(LIMIT):
            told, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise TimeoutError(f"not done in {LIMIT} s") from None
    result = json.loads(told)
    assert result["fired"] == many
    return many / float(result["seconds"])


def _fire(number: int) -> None:
    _fired.add(number)
    if len(_fired) == _expected:
        _all.set()


def _apscheduler(mongo_uri: str, many: int) -> float:
    global _expected  # noqa: PLW0603 - APScheduler stores a job as the name of a function
    _expected = many
    client: MongoClient[dict[str, object]] = MongoClient(mongo_uri)
    scheduler = BackgroundScheduler(
        timezone="UTC", jobstores={"default": MongoDBJobStore(client=client)}
    )
    scheduler.start(paused=True)
    due = utc_now() - timedelta(seconds=1)
    for number in range(many):
        scheduler.add_job(_fire, "date", (number,), run_date=due, misfire_grace_time=None)
    began = time.perf_counter()
    scheduler.resume()
    if not _all.wait(LIMIT):
        raise TimeoutError(f"not done in {LIMIT} s")
    seconds = time.perf_counter() - began
    scheduler.shutdown()
    client.close()
    assert len(_fired) == many
    return many / seconds
