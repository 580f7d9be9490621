"""The real system for tests: embedded servers, services as processes that can be killed."""

import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pymongo import AsyncMongoClient

from shared.config import KafkaSettings, ServiceSettings
from shared.contracts.event import Event
from shared.contracts.topics import SERVICES
from shared.outbox import Message
from tahvil import dead_letters
from tahvil.provision import ProvisionSettings, provision
from tahvil.publishing import messages, publish
from tahvil.running import Process, address, environment
from tahvil.servers import Servers
from tahvil.servers.process import free_port
from tahvil.watching import fetch, standings

PASSWORD = "a password of the tests"


class System:
    """Servers and service processes in one folder."""

    def __init__(self, servers: Servers, folder: Path, mongo: AsyncMongoClient[Any]) -> None:
        self.servers = servers
        self.folder = folder
        self.mongo = mongo
        self.kafka = KafkaSettings(kafka_bootstrap=servers.kafka.bootstrap)
        self.processes: list[Process] = []
        self.extra: dict[str, str] = {"TAHVIL_KAFKA_SESSION": "PT6S"}

    @property
    def settings(self) -> ServiceSettings:
        """For code of a service that a test runs itself."""
        return ServiceSettings(
            kafka_bootstrap=self.servers.kafka.bootstrap,
            mongo_uri=SecretStr(self.servers.mongo.uri),
            http_password=SecretStr(PASSWORD),
        )

    async def start(self, *names: str) -> list[Process]:
        """Start a process of each service named; a name twice is two replicas."""
        started = []
        ports = [(name, free_port()) for name in names or SERVICES]
        doors = {k: v for name, port in ports for k, v in address(name, port).items()}
        for name, port in ports:
            folder = self.folder / f"process-{len(self.processes)}-{random.getrandbits(32)}"
            folder.mkdir()
            values = {**doors, **environment(self.servers, PASSWORD), **self.extra}
            process = Process(name, values, folder, port)
            started.append(process)
            self.processes.append(process)
        await asyncio.gather(*(process.start() for process in started))
        return started

    async def kill(self, process: Process) -> None:
        """kill -9."""
        self.processes.remove(process)
        await process.child.kill()

    async def publish(self, events: Sequence[Event]) -> None:
        await publish(self.kafka, messages(events))

    async def publish_raw(self, records: Sequence[Message]) -> None:
        await publish(self.kafka, records)

    async def settled(self, seconds: float = 300) -> None:
        """Wait until all that run have applied and published all; or fail, and say what waits."""
        names = {process.name for process in self.processes}
        deadline = asyncio.get_running_loop().time() + seconds
        quiet = 0
        while quiet < 3:
            now = await standings(self.kafka, {}, PASSWORD)
            waiting = {name: now[name].lag for name in names if now[name].lag}
            for name in names:
                if rows := await self.mongo[name]["outbox"].count_documents({}):
                    waiting[f"{name} outbox"] = rows
            quiet = 0 if waiting else quiet + 1
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(
                    f"not settled after {seconds} s: {waiting}\n{self.last_words()}"
                )
            await asyncio.sleep(0.15)

    def last_words(self) -> str:
        return "\n".join(f"{p.name}: {p.child.last_lines(4)}" for p in self.processes)

    async def figures(self, path: str) -> list[dict[str, Any]]:
        door = next(p.door for p in self.processes if p.name == "reporting")
        content = await asyncio.to_thread(fetch, f"{door}/figures/{path}", PASSWORD)
        rows: list[dict[str, Any]] = json.loads(content)["rows"]
        return rows

    async def figure_table(self, path: str) -> dict[tuple[str, ...], tuple[int, Decimal]]:
        """Rows by their dimensions, in the order of the API."""
        return {
            tuple(row["by"].values()): (row["count"], Decimal(row["amount"]))
            for row in await self.figures(path)
        }

    async def rebuilding(self, *options: str) -> asyncio.subprocess.Process:
        """`tahvil reporting rebuild`, just started."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tahvil", "reporting", "rebuild", *options,
            "--data", str(self.folder / "none"),
            env={**environment(self.servers, PASSWORD), "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def rebuild(self, *options: str) -> tuple[int | None, str]:
        """`tahvil reporting rebuild`: its exit code and all it said."""
        process = await self.rebuilding(*options)
        async with asyncio.timeout(120):
            output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def dead_letters(self, service: str) -> list[dead_letters.Letter]:
        return await dead_letters.read(self.kafka, service)

    async def accounts_add_up(self, service: str) -> Counter[str]:
        """Assert that every record received has one outcome; the outcomes."""
        totals: Counter[str] = Counter()
        async for document in self.mongo[service]["offsets"].find():
            counts = {k: v for k, v in document.items() if k not in ("_id", "next")}
            totals.update(counts)
            assert document["next"] == document["received"], document
        outcomes = ("applied", "duplicate", "skipped", "dead_lettered")
        assert sum(totals[name] for name in outcomes) == totals["received"], totals
        return totals

    async def stop(self) -> None:
        await asyncio.gather(*(process.child.stop() for process in self.processes))


@contextlib.asynccontextmanager
async def running_system(folder: Path) -> AsyncIterator[System]:
    """Servers with topics, and no service yet."""
    async with Servers(folder / "servers") as servers:
        await provision(ProvisionSettings(kafka_bootstrap=servers.kafka.bootstrap))
        client: AsyncMongoClient[Any] = AsyncMongoClient(servers.mongo.uri, tz_aware=True)
        system = System(servers, folder, client)
        try:
            yield system
        finally:
            await system.stop()
            await client.close()
