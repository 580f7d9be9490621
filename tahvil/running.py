"""The whole system as processes on this machine: embedded servers and the three services."""

import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from shared.config import KafkaSettings
from shared.contracts.topics import SERVICES
from shared.errors import Misconfigured
from tahvil.provision import ProvisionSettings, provision
from tahvil.servers import Servers
from tahvil.servers.process import Child, kept_port

DATA = Path(".tahvil")
_NOTE = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running system can be reached; kept as a file while it runs."""

    kafka: str
    doors: Mapping[str, str]
    password: str
    mail: str
    mongo: str

    @property
    def settings(self) -> KafkaSettings:
        """For clients of its Kafka."""
        return KafkaSettings(kafka_bootstrap=self.kafka)

    @classmethod
    def find(cls, data: Path) -> Self | None:
        """The system that `tahvil up` runs with this data folder, if any."""
        try:
            return cls(**json.loads((data / _NOTE).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


class Process:
    """One service as a child process."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path, port: int) -> None:
        self.name = name
        self.door = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        self._port = port
        self._environment = {**environment, **address(name, port), "TAHVIL_HTTP_PORT": str(port)}
        self.child = Child(
            name, [sys.executable, "-m", f"services.{name}"], output=self.log, stop_seconds=40
        )

    async def start(self) -> None:
        """Start, and wait until it is ready."""
        await self.child.start(self._answers, self._environment)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(b"GET /ready HTTP/1.0\r\n\r\n")
            status = await reader.readline()
            writer.close()
        except OSError:
            return False
        return b" 200 " in status


def address(name: str, port: int) -> dict[str, str]:
    """The setting that tells a service, and the others, where its pages are."""
    return {f"TAHVIL_{name.upper()}_URL": f"http://127.0.0.1:{port}"}


def environment(
    servers: Servers, password: str, key: str = secrets.token_urlsafe(32)
) -> dict[str, str]:
    """Settings of a service that runs against embedded servers.

    `key`: signs sessions and links; if none is kept, they are good as long as this process lives.
    """
    return {
        "TAHVIL_KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
        "TAHVIL_MONGO_URI": servers.mongo.uri,
        "TAHVIL_HTTP_PASSWORD": password,
        "TAHVIL_SESSION_KEY": key,
        "TAHVIL_LINK_KEY": key,
        "TAHVIL_ERASURE_KEY": key,
        "TAHVIL_SMTP_HOST": servers.smtp.host,
        "TAHVIL_SMTP_PORT": str(servers.smtp.port),
        "TAHVIL_SMTP_SECURITY": "none",
    }


@contextlib.asynccontextmanager
async def everything(
    data: Path, extra: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Running]:
    """Servers, topics and services, ready; stopped in order at the end. `extra`: settings."""
    async with Servers(data) as servers:
        settings = ProvisionSettings(kafka_bootstrap=servers.kafka.bootstrap)
        await provision(settings)
        password = _secret(data, "password")
        key = _secret(data, "session-key")
        logs = data / "logs"
        logs.mkdir(exist_ok=True)
        ports = {name: kept_port(_folder(data, name)) for name in SERVICES}
        values = {
            **{k: v for name, port in ports.items() for k, v in address(name, port).items()},
            **environment(servers, password, key),
            "TAHVIL_ERASURE_KEY": erasure_key(data),
            **extra,
        }
        processes = [Process(name, values, logs, port) for name, port in ports.items()]
        note = data / _NOTE
        try:
            await asyncio.gather(*(process.start() for process in processes))
            running = Running(
                kafka=servers.kafka.bootstrap,
                doors={process.name: process.door for process in processes},
                password=password,
                mail=str(servers.smtp.maildir),
                mongo=servers.mongo.uri,
            )
            note.touch(mode=0o600)
            note.write_text(json.dumps(asdict(running)))
            yield running
        finally:
            note.unlink(missing_ok=True)
            await asyncio.gather(*(process.child.stop() for process in processes))


def _folder(data: Path, name: str) -> Path:
    folder = data / "services" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _secret(data: Path, name: str) -> str:
    """A secret of this data folder's services: made once, readable by its owner only."""
    file = data / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


def erasure_key(data: Path) -> str:
    """What makes digests of whom is erased from what is kept with this data folder."""
    return _secret(data, "erasure-key")


def client(data: Path) -> KafkaSettings:
    """Settings for a command: of the environment, else of what runs here."""
    running = Running.find(data)
    try:
        return KafkaSettings.read()
    except Misconfigured:
        if running:
            return running.settings
        raise Misconfigured(
            "which Kafka? Set TAHVIL_KAFKA_BOOTSTRAP, or start one here with `tahvil up`"
        ) from None
