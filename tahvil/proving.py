"""`tahvil erase`: whether the services have forgotten somebody, and what Kafka still has."""

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.config import KafkaSettings
from shared.contracts.topics import SERVICES, Topic, dead_letters
from shared.erasure import readable
from shared.errors import Misconfigured
from shared.http import USER
from shared.kafka import connection
from shared.proof import has
from tahvil.erasing import Company
from tahvil.reading import Record, stream

TOPICS = (*Topic, *(dead_letters(service) for service in SERVICES))
_NEVER = 10**15  # milliseconds; a setting beyond that is none


class Did(NamedTuple):
    """How an erasure stands in one service. None: its door does not answer."""

    service: str
    records: list[dict[str, Any]] | None

    @property
    def done(self) -> bool:
        """Whether all that it had is gone."""
        return bool(self.records) and all(one["done_at"] for one in self.records or ())

    @property
    def removed(self) -> int:
        """Documents that were changed or deleted."""
        return sum(sum(one["removed"].values()) for one in self.records or ())


async def standing(company: Company, erasure_id: str | None) -> list[Did]:
    """In every service."""
    query = f"?erasure={quote(erasure_id)}" if erasure_id else ""
    answers = await asyncio.gather(
        *(_asked(company, service, f"/erasures{query}") for service in SERVICES)
    )
    return [Did(service, answer) for service, answer in zip(SERVICES, answers, strict=True)]


async def waited(company: Company, erasure_id: str, seconds: float) -> list[Did]:
    """The same once all is done, or the time is up."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        now = await standing(company, erasure_id)
        if all(did.done for did in now) or asyncio.get_running_loop().time() > deadline:
            return now
        await asyncio.sleep(0.5)


class Left(NamedTuple):
    """What a database still has, by collection and field. None: the door does not answer."""

    service: str
    found: dict[str, int] | None
    documents: int


async def searched(company: Company, values: Sequence[str]) -> list[Left]:
    """What every service's database still has of these values."""
    body = json.dumps({"values": list(values)}).encode()
    answers = await asyncio.gather(
        *(_asked(company, service, "/erasures/search", body) for service in SERVICES)
    )
    return [
        Left(service, answer and answer["found"], answer["documents"] if answer else 0)
        for service, answer in zip(SERVICES, answers, strict=True)
    ]


class Retained(NamedTuple):
    """Records of a topic that have any of the values."""

    topic: str
    records: int
    until: datetime | None
    """When the last of them is gone at the latest; None: nothing says so."""


async def retained(kafka: KafkaSettings, values: tuple[str, ...]) -> list[Retained]:
    """What Kafka still has of these values, and until when; topics with nothing are left out."""
    kept = await _kept(kafka)
    last: dict[str, Record] = {}
    counts = Counter[str]()
    async for record in stream(kafka, *TOPICS):
        parts = (record.key, record.value, *(value for _, value in record.headers))
        if any(has(readable(part), values) for part in parts):
            counts[record.topic] += 1
            latest = last.setdefault(record.topic, record)
            last[record.topic] = max(latest, record, key=lambda one: one.timestamp)
    found: list[Retained] = []
    for topic, count in sorted(counts.items()):
        spoken = datetime.fromtimestamp(last[topic].timestamp / 1000, UTC)
        life = kept[topic]
        found.append(Retained(topic, count, spoken + life if life is not None else None))
    return found


async def _kept(kafka: KafkaSettings) -> dict[str, timedelta | None]:
    """How long each topic keeps a record at most. Kafka deletes by segments, which fill first."""
    admin = AIOKafkaAdminClient(**connection(kafka))
    try:
        await admin.start()
        wanted = [ConfigResource(ConfigResourceType.TOPIC, str(topic)) for topic in TOPICS]
        answers = await admin.describe_configs(wanted)
    finally:
        await admin.close()
    found: dict[str, timedelta | None] = {}
    for answer in answers:
        for _, _, _, name, entries in answer.resources:
            values = {entry[0]: entry[1] for entry in entries}
            compacted = "compact" in values["cleanup.policy"]
            life = int(values["max.compaction.lag.ms" if compacted else "retention.ms"])
            roll = 0 if compacted else int(values["segment.ms"])
            bounded = 0 <= life < _NEVER
            found[name] = timedelta(milliseconds=life + roll) if bounded else None
    return found


async def _asked(
    company: Company, service: str, path: str, body: bytes | None = None
) -> Any | None:
    """What a service answers; None: nobody answers there."""
    if not (door := company.doors.get(service)):
        return None
    login = base64.b64encode(f"{USER}:{company.password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def fetched() -> Any | None:
        request = urllib.request.Request(door + path, body, headers)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Misconfigured(
                f"{service} answers {error.code}: is TAHVIL_HTTP_PASSWORD the services'?"
            ) from None
        except OSError:
            return None

    return await asyncio.to_thread(fetched)
