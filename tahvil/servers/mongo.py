"""A real mongod as a replica set of one, as a child process."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from shared.errors import Misconfigured
from tahvil.servers.process import Child, kept_port, listens

_ALREADY_INITIALIZED = 23


class EmbeddedMongo:
    """One mongod on a free loopback port, with its data under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._child: Child | None = None

    @property
    def uri(self) -> str:
        """Address for clients."""
        return f"mongodb://127.0.0.1:{self._port}/?replicaSet=rs0"

    @property
    def pid(self) -> int:
        """Process id of mongod."""
        return self._running.pid

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("MongoDB is not started")
        return self._child

    async def start(self) -> None:
        """Start, make the replica set, wait until it takes writes."""
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._port = self._port or kept_port(self._folder)
        command = [
            mongod(), "--dbpath", str(data), "--port", str(self._port), "--bind_ip", "127.0.0.1",
            "--replSet", "rs0", "--wiredTigerCacheSizeGB", "1", "--quiet",
            # else a killed client's open transaction blocks its successor for a minute
            "--setParameter", "transactionLifetimeLimitSeconds=5",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--nounixsocket",
        ]  # fmt: skip
        self._child = Child("mongod", command, output=self._folder / "mongod.log")
        await self._child.start(self._is_primary)

    async def stop(self) -> None:
        """Stop cleanly."""
        await self._running.stop()

    async def kill(self) -> None:
        """SIGKILL; `start` brings it back on the same port with the same data."""
        await self._running.kill()

    async def _is_primary(self) -> bool:
        if not await listens(self._port):
            return False
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            "127.0.0.1", self._port, directConnection=True, serverSelectionTimeoutMS=2000
        )
        try:
            if (await client.admin.command("hello")).get("isWritablePrimary"):
                return True
            await self._make_replica_set(client)
        except PyMongoError:
            return False
        finally:
            await client.close()
        return False

    async def _make_replica_set(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """Initiate, or follow a port that changed since the folder was last used."""
        member = {"_id": 0, "host": f"127.0.0.1:{self._port}"}
        config = {
            "_id": "rs0",
            "members": [member],
            "settings": {"electionTimeoutMillis": 1000},
        }
        try:
            await client.admin.command("replSetInitiate", config)
        except OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise
            current = (await client.admin.command("replSetGetConfig"))["config"]
            if current["members"][0]["host"] != member["host"]:
                current["members"][0]["host"] = member["host"]
                current["version"] += 1
                await client.admin.command("replSetReconfig", current, force=True)


def mongod() -> str:
    """Path of a mongod: the one on PATH, else the one in the wheel."""
    if found := shutil.which("mongod"):
        return found
    spec = importlib.util.find_spec("fiftyone")
    for place in spec.submodule_search_locations or () if spec else ():
        wheel = Path(place) / "db" / "bin" / "mongod"
        if wheel.exists():
            wheel.chmod(0o755)
            return str(wheel)
    raise Misconfigured(
        "no mongod on PATH and no wheel with one for this system (it is for Linux x86-64): "
        "install MongoDB 6.0 or newer, or run with Docker instead (see README)"
    )
