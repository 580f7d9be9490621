"""Publishes events to Kafka, a batch at a time."""

from collections.abc import Callable, Sequence

from shared.config import KafkaSettings
from shared.contracts.event import Event
from shared.errors import Misconfigured, Transient
from shared.kafka import KafkaPublisher, missing_topics
from shared.outbox import Message
from shared.processor import to_message

AT_ONCE = 500


async def publish(
    settings: KafkaSettings,
    messages: Sequence[Message],
    progress: Callable[[int], None] | None = None,
) -> None:
    """Publish in order; returns when Kafka has acknowledged all. `progress` hears how many."""
    try:
        missing = await missing_topics(settings, {message.topic for message in messages})
        if missing:
            raise Misconfigured(f"Kafka has no topic {', '.join(missing)}: run `tahvil provision`")
        publisher = KafkaPublisher(settings, "cli")
        await publisher.start()
        try:
            for start in range(0, len(messages), AT_ONCE):
                part = messages[start : start + AT_ONCE]
                await publisher.publish(part)
                if progress:
                    progress(len(part))
        finally:
            await publisher.stop()
    except Transient as error:
        raise Misconfigured(f"{error}: start it, or correct TAHVIL_KAFKA_BOOTSTRAP") from None


def messages(events: Sequence[Event]) -> list[Message]:
    """Events as records."""
    return [to_message(event) for event in events]
