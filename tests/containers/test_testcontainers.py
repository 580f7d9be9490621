"""The same path on servers that testcontainers starts."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr
from pymongo import AsyncMongoClient, MongoClient
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from services.handoff.app import build
from services.handoff.config import Settings
from shared.contracts.cloudevents import decode
from shared.contracts.handoffs import HandoffAssigned
from shared.errors import Misconfigured
from shared.runtime import running
from tahvil.provision import ProvisionSettings, provision
from tahvil.publishing import messages, publish
from tahvil.servers.process import free_port
from tests.support.builders import deal, event, manager
from tests.support.system import PASSWORD

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def kafka() -> Iterator[str]:
    port = free_port()
    container = DockerContainer("apache/kafka:4.1.0").with_bind_ports(29092, port)
    for name, value in {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "KAFKA_LISTENERS": "EXTERNAL://:29092,CONTROLLER://:9093,INTERNAL://:9092",
        "KAFKA_ADVERTISED_LISTENERS": f"EXTERNAL://127.0.0.1:{port},INTERNAL://127.0.0.1:9092",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": (
            "EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT"
        ),
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_MESSAGE_MAX_BYTES": "5242880",
    }.items():
        container.with_env(name, value)
    with container:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def mongo() -> Iterator[str]:
    port = free_port()
    container = DockerContainer("mongo:8.0").with_bind_ports(27017, port)
    container.with_command("mongod --replSet rs0 --bind_ip_all")
    container.waiting_for(LogMessageWaitStrategy("Waiting for connections"))
    with container:
        with MongoClient("127.0.0.1", port, directConnection=True) as client:
            member = {"_id": 0, "host": "127.0.0.1:27017"}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"


async def provisioned(bootstrap: str) -> None:
    """Make the topics as soon as the broker answers."""
    deadline = asyncio.get_running_loop().time() + 90
    while True:
        try:
            await provision(ProvisionSettings(kafka_bootstrap=bootstrap))
            break
        except Misconfigured:  # the broker is still starting
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.5)


@pytest.fixture
async def settings(kafka: str, mongo: str) -> Settings:
    await provisioned(kafka)
    return Settings(
        kafka_bootstrap=kafka,
        mongo_uri=SecretStr(mongo),
        http_password=SecretStr(PASSWORD),
        session_key=SecretStr("k" * 32),
        smtp_host="127.0.0.1",
    )


async def test_a_won_deal_is_handed_over(settings: Settings) -> None:
    async with running("handoff", settings, build, asyncio.Event()):
        await publish(settings, messages([event(manager())]))
        await publish(settings, messages([event(deal())]))
        consumer = AIOKafkaConsumer(
            "handoffs", bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest"
        )
        async with consumer, asyncio.timeout(60):
            assigned: Any = None
            while not isinstance(assigned, HandoffAssigned):
                record = await consumer.getone()
                assigned = decode(record.topic, record.value, record.headers).data
        assert assigned.manager_id == "mia"
        client: AsyncMongoClient[Any] = AsyncMongoClient(settings.mongo_uri.get_secret_value())
        assert await client["handoff"]["handoffs"].count_documents({}) == 1
        await client.close()
