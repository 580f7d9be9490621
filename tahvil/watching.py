"""How far the services have come: lag from Kafka, the rest from their metrics."""

import asyncio
import base64
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families

from shared.config import KafkaSettings
from shared.contracts.topics import READS, SERVICES, Topic, dead_letters
from shared.http import USER
from shared.kafka import connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One service, now."""

    lag: int
    """Records on its topics that it has not applied."""
    dead_letters: int
    ready: bool | None
    """None: its door does not answer."""
    outbox_waiting: int
    outbox_age: float


async def standings(
    settings: KafkaSettings, doors: Mapping[str, str], password: str
) -> dict[str, Standing]:
    """Every service's standing. `doors` are the services' HTTP addresses, where known."""
    ends, committed = await _offsets(settings)
    result = {}
    for service in SERVICES:
        metrics = await asyncio.to_thread(_metrics, doors.get(service), password)
        dead = dead_letters(service)
        result[service] = Standing(
            lag=sum(
                ends[partition] - max(committed[service].get(partition, 0), 0)
                for partition in ends
                if partition.topic in READS[service]
            ),
            dead_letters=sum(end for partition, end in ends.items() if partition.topic == dead),
            ready=bool(metrics["tahvil_ready"]) if metrics else None,
            outbox_waiting=int(metrics.get("tahvil_outbox_waiting", 0)),
            outbox_age=metrics.get("tahvil_outbox_age_seconds", 0.0),
        )
    return result


async def drained(
    settings: KafkaSettings, doors: Mapping[str, str], password: str, seconds: float
) -> bool:
    """Wait until every event, and every event it caused, is applied; whether it was in time.

    Gives up early when a service's door has not answered ten times in a row: it has ended.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    quiet = silent = 0
    while quiet < 3 and silent < 10 and asyncio.get_running_loop().time() < deadline:
        now = await standings(settings, doors, password)
        silent = silent + 1 if any(s.ready is None for s in now.values()) else 0
        done = all(s.lag == 0 and s.outbox_waiting == 0 and s.ready for s in now.values())
        quiet = quiet + 1 if done else 0
        await asyncio.sleep(0.2)
    return quiet == 3


async def _offsets(
    settings: KafkaSettings,
) -> tuple[dict[TopicPartition, int], dict[str, dict[TopicPartition, int]]]:
    admin = AIOKafkaAdminClient(**connection(settings))
    consumer = AIOKafkaConsumer(**connection(settings))
    try:
        await admin.start()
        await consumer.start()
        topics = {*Topic, *(dead_letters(service) for service in SERVICES)}
        described = await admin.describe_topics(sorted(topics))
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        ends = await consumer.end_offsets(partitions)
        committed = {
            service: {
                partition: kept.offset
                for partition, kept in (await admin.list_consumer_group_offsets(service)).items()
            }
            for service in SERVICES
        }
    finally:
        await consumer.stop()
        await admin.close()
    return ends, committed


def _metrics(door: str | None, password: str) -> dict[str, float]:
    if not door:
        return {}
    try:
        text = fetch(f"{door}/metrics", password).decode()
    except (urllib.error.URLError, OSError):
        return {}
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def fetch(address: str, password: str) -> bytes:
    """GET as the user `ops`."""
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - an http address of our own
        address, headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content
