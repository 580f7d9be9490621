"""Makes the topics, never more than are missing. Services make none: a typo must not become one."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code
from pydantic import Field

from shared.config import KafkaSettings
from shared.contracts.topics import COMPACTED, SERVICES, Topic, dead_letters
from shared.errors import Misconfigured
from shared.kafka import MAX_MESSAGE, connection, why_no_connection

_DAY = 24 * 60 * 60 * 1000  # milliseconds


class ProvisionSettings(KafkaSettings):
    """How topics are made."""

    partitions: int = Field(12, ge=1, le=1000, description="how far a service can be scaled out")
    replication: int = Field(1, ge=1, le=9, description="brokers that keep each partition")
    retention_days: int = Field(
        365, ge=-1, description="how long events are kept, to rebuild figures from; -1: for ever"
    )
    compaction_days: int = Field(
        7, ge=1, le=3650, description="after so many days the directory forgets what was replaced"
    )


async def provision(settings: ProvisionSettings) -> list[str]:
    """Make the topics that are missing; their names."""
    admin = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=20_000)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        missing = [topic for topic in _topics(settings) if topic.name not in there]
        if missing:
            answer = await admin.create_topics(missing)
            _check(answer.topic_errors)
        return [topic.name for topic in missing]
    except KafkaConnectionError:
        raise Misconfigured(await why_no_connection(settings.kafka_bootstrap)) from None
    except (KafkaError, OSError) as error:
        raise Misconfigured(
            f"cannot make topics on {settings.kafka_bootstrap} ({type(error).__name__}): is Kafka "
            "up, and TAHVIL_KAFKA_BOOTSTRAP its address?"
        ) from None
    finally:
        await admin.close()


def _topics(settings: ProvisionSettings) -> list[NewTopic]:
    retention = settings.retention_days * _DAY if settings.retention_days >= 0 else -1
    lag = settings.compaction_days * _DAY
    names = [*Topic, *(dead_letters(service) for service in SERVICES)]
    return [
        NewTopic(
            name=str(name),
            num_partitions=settings.partitions,
            replication_factor=settings.replication,
            topic_configs={
                # The broker's clock: a producer's time in the past would be deleted at once, one
                # in the future never.
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(MAX_MESSAGE),
                **(
                    {"cleanup.policy": "compact", "max.compaction.lag.ms": str(lag)}
                    if name in COMPACTED
                    else {"retention.ms": str(retention)}
                ),
            },
        )
        for name in names
    ]


def _check(topic_errors: Sequence[Sequence[object]]) -> None:
    for name, code, *_ in topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise Misconfigured(f"Kafka does not make topic {name}: {error.__name__}")
