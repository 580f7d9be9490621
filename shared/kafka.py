"""Kafka: the broker object, the raw batch subscription, the publisher. No business, no state."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.helpers import create_ssl_context
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.security import BaseSecurity, SASLScram512

from shared.config import KafkaSettings, ServiceSettings
from shared.consumer import FETCH_BYTES
from shared.errors import Misconfigured, Transient
from shared.outbox import Message, key_hash
from shared.records import Record

MAX_MESSAGE = 5 * 1024 * 1024
"""Bytes. What a topic accepts (4 MiB) and the headers of a dead letter."""

PUBLISH_TIMEOUT = 30
"""Seconds. An idempotent producer waits for ever while brokers are down; after this the outcome
of a publication counts as unknown and its outbox rows are published again."""

POLL = 50
"""Milliseconds a poll waits. FastStream sleeps as long again after an empty one."""

_BATCH = 512 * 1024  # bytes of one Kafka record batch

OnBatch = Callable[[Sequence[Record[Any, Any]], Any], Awaitable[None]]


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Settings as aiokafka's own clients take them."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap}
    if settings.kafka_tls:
        options["ssl_context"] = create_ssl_context()
    if settings.kafka_username:
        password = settings.kafka_password
        options |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": password.get_secret_value() if password else "",
        }
    protocol = ("SASL_" if settings.kafka_username else "") + (
        "SSL" if settings.kafka_tls else "PLAINTEXT"
    )
    return options | {"security_protocol": protocol}


def build_broker(settings: ServiceSettings, service: str) -> KafkaBroker:
    """The FastStream broker of a service. Nothing is created on Kafka because of it."""
    context = ssl.create_default_context() if settings.kafka_tls else None
    security = BaseSecurity(ssl_context=context, use_ssl=settings.kafka_tls)
    if settings.kafka_username:
        password = settings.kafka_password
        security = SASLScram512(
            username=settings.kafka_username,
            password=password.get_secret_value() if password else "",
            ssl_context=context,
            use_ssl=settings.kafka_tls,
        )
    return KafkaBroker(
        settings.kafka_bootstrap.split(","),
        client_id=f"tahvil-{service}",
        security=security,
        allow_auto_create_topics=False,  # FastStream would make them with 1 partition
        graceful_timeout=settings.graceful_stop.total_seconds(),
        logger=None,  # it logs two lines a batch; the processor says what matters
    )


def subscribe(
    broker: KafkaBroker,
    topics: Iterable[str],
    *,
    group: str,
    settings: ServiceSettings,
    on_batch: OnBatch,
) -> None:
    """Hand raw batches of records to `on_batch`, which answers for them.

    One consumer for all topics. MANUAL because FastStream's policies either lose records or loop
    on a poison one; the parser touches neither headers nor body, since FastStream's own drops a
    batch with a null or non-UTF-8 header.
    """
    subscriber = broker.subscriber(
        *topics,
        batch=True,
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        max_records=settings.batch_records,
        session_timeout_ms=round(settings.kafka_session.total_seconds() * 1000),
        batch_timeout_ms=POLL,
        max_partition_fetch_bytes=FETCH_BYTES,
        no_reply=True,
        title=f"{group} reads",
    )

    async def parse(records: Sequence[Record[Any, Any]]) -> KafkaMessage:
        consumer = subscriber.consumer
        return KafkaMessage(raw_message=records, body=b"", consumer=consumer)  # type: ignore[arg-type]

    async def decode(message: KafkaMessage) -> Any:
        return message

    @subscriber(parser=parse, decoder=decode)
    async def handle(message: Any) -> None:
        await on_batch(message.raw_message, message.consumer)


class KafkaPublisher:
    """Publishes outbox messages, in order per partition, acknowledged by all in-sync replicas."""

    def __init__(self, settings: KafkaSettings, service: str) -> None:
        self._options = connection(settings) | {"client_id": f"tahvil-{service}-outbox"}
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            **self._options,
            enable_idempotence=True,
            max_batch_size=_BATCH,
            max_request_size=MAX_MESSAGE + _BATCH,
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """Disconnect; what is not acknowledged by then is still in the outbox."""
        if self._producer:
            producer, self._producer = self._producer, None
            try:
                async with asyncio.timeout(5):  # stop() waits for ever while brokers are down
                    await producer.stop()
            except TimeoutError:
                return

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish all, or raise `Transient`: then some of them may be published."""
        if self._producer is None:
            raise Transient("Kafka: the publisher is not started")
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await self._publish(self._producer, messages)
        except (KafkaError, TimeoutError) as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error

    async def _publish(self, producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
        # aiokafka's own send() costs 25 us a message; filling the batches here costs a fifth.
        partitions = {
            topic: len(await producer.partitions_for(topic))
            for topic in {m.topic for m in messages}
        }
        acknowledged: list[asyncio.Future[Any]] = []
        open_batches: dict[tuple[str, int], Any] = {}
        for message in messages:
            place = (message.topic, key_hash(message.key) % partitions[message.topic])
            batch = open_batches.get(place)
            if batch is None:
                batch = open_batches[place] = producer.create_batch()
            if _append(batch, message):
                continue
            if batch.record_count():
                acknowledged.append(await _send(producer, batch, place))
                batch = open_batches[place] = producer.create_batch()
                if _append(batch, message):
                    continue
            # larger than a batch: by itself, after all that came before it
            del open_batches[place]
            acknowledged.append(
                await producer.send(
                    message.topic,
                    message.value,
                    message.key,
                    partition=place[1],
                    headers=message.headers,
                )
            )
        for place, batch in open_batches.items():
            acknowledged.append(await _send(producer, batch, place))
        await asyncio.gather(*acknowledged)


def _append(batch: Any, message: Message) -> bool:
    return (
        batch.append(timestamp=None, key=message.key, value=message.value, headers=message.headers)
        is not None
    )


async def _send(producer: AIOKafkaProducer, batch: Any, place: tuple[str, int]) -> Any:
    return await producer.send_batch(batch, place[0], partition=place[1])


async def missing_topics(settings: KafkaSettings, topics: Iterable[str]) -> list[str]:
    """Topics that are not there; `Transient` when no broker answers."""
    admin = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=5000)
    try:
        await admin.start()
        return sorted(set(topics) - set(await admin.list_topics()))
    except KafkaConnectionError as error:
        raise Transient(await why_no_connection(settings.kafka_bootstrap)) from error
    except KafkaError as error:
        if "uthenticat" in f"{type(error).__name__} {error}":
            raise Misconfigured(
                "Kafka refuses this user: check TAHVIL_KAFKA_USERNAME and TAHVIL_KAFKA_PASSWORD"
            ) from None
        raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
    finally:
        await admin.close()


async def why_no_connection(bootstrap: str) -> str:
    """In words. aiokafka says the same of a wrong password and of a broker that is away."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(3):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return (
                f"Kafka listens at {address} and does not let us in: check TAHVIL_KAFKA_USERNAME, "
                "TAHVIL_KAFKA_PASSWORD and TAHVIL_KAFKA_TLS"
            )
    return f"no Kafka broker answers at {bootstrap}"
