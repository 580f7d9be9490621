"""The embedded servers are real, keep their data, and go when they should."""

import asyncio
import shutil
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import AsyncMongoClient

from shared.errors import Misconfigured
from tahvil.provision import ProvisionSettings, provision
from tahvil.servers import Servers, jars


async def test_data_survives_kill_9_and_a_restart(tmp_path: Path) -> None:
    async with Servers(tmp_path) as servers:
        await provision(ProvisionSettings(kafka_bootstrap=servers.kafka.bootstrap))
        async with AIOKafkaProducer(bootstrap_servers=servers.kafka.bootstrap) as producer:
            await producer.send_and_wait("deals", b"value", key=b"key")
        client = AsyncMongoClient(servers.mongo.uri)  # type: ignore[var-annotated]
        async with client.start_session() as session, await session.start_transaction():
            await client.db.things.insert_one({"_id": 1}, session=session)
        await servers.kafka.kill()
        await servers.mongo.kill()
        await asyncio.gather(servers.kafka.start(), servers.mongo.start())
        consumer = AIOKafkaConsumer(
            "deals", bootstrap_servers=servers.kafka.bootstrap, auto_offset_reset="earliest"
        )
        async with consumer:
            assert (await consumer.getone()).value == b"value"
        assert await client.db.things.count_documents({}) == 1
        await client.close()
        pids = [servers.kafka.pid, servers.mongo.pid]
    assert not any(psutil.pid_exists(pid) for pid in pids), "stopping leaves nothing behind"


async def test_a_folder_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    async with Servers(tmp_path):
        with pytest.raises(Misconfigured, match="in use by another"):
            async with Servers(tmp_path):
                pass


def test_a_tampered_jar_is_refused(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(jars.fetch(), tmp_path / "jars"))
    victim = copy / "kafka-clients-4.1.0.jar"
    content = bytearray(victim.read_bytes())
    content[1000] ^= 1
    victim.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"kafka-clients.*is not the file that is locked"):
        jars.fetch(folder=copy)
