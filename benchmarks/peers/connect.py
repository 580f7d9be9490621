"""Kafka Connect with MongoDB's sink: records of a topic as documents, with nothing folded.

`python -m benchmarks.peers.connect` locks its jars anew.
"""

import asyncio
import time
from pathlib import Path

from pymongo import AsyncMongoClient

from tahvil.servers import Servers, jars
from tahvil.servers.kafka import java
from tahvil.servers.process import Child, free_port

LOCK = Path(__file__).with_name("connect-jars.lock")
WANTED = (
    f"org.apache.kafka:connect-runtime:{jars.VERSION}",
    "org.mongodb.kafka:mongo-kafka-connect:2.0.1",
    "org.mongodb:mongodb-driver-sync:4.7.2",
)
LIMIT = 180  # seconds

_WORKER = """\
bootstrap.servers={kafka}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.file.filename={folder}/offsets
listeners=http://127.0.0.1:{port}
plugin.discovery=service_load
plugin.path={plugins}
consumer.auto.offset.reset=earliest
consumer.max.poll.records=1000
"""
_SINK = """\
name=sink
connector.class=com.mongodb.kafka.connect.MongoSinkConnector
tasks.max=1
topics={topic}
connection.uri={mongo}
database=connect
collection=records
document.id.strategy=com.mongodb.kafka.connect.sink.processor.id.strategy.KafkaMetaDataStrategy
"""


async def sinks(servers: Servers, folder: Path, topic: str, count: int) -> float:
    """Records a second, from the first document to the last; each is there once."""
    libraries = await asyncio.to_thread(
        jars.fetch, None, jars.cache() / f"connect-{jars.VERSION}", LOCK
    )
    plugins = folder / "plugins"
    plugins.mkdir()
    worker, sink = folder / "worker.properties", folder / "sink.properties"
    worker.write_text(
        _WORKER.format(
            kafka=servers.kafka.bootstrap, folder=folder, port=free_port(), plugins=plugins
        )
    )
    sink.write_text(_SINK.format(topic=topic, mongo=servers.mongo.uri))
    child = Child(
        "kafka connect",
        [java(), "-Xmx512m", "-cp", f"{libraries}/*",
         "org.apache.kafka.connect.cli.ConnectStandalone", str(worker), str(sink)],
        output=folder / "connect.log",
    )  # fmt: skip
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(servers.mongo.uri)
    records = client["connect"]["records"]

    async def begun() -> bool:
        return await records.estimated_document_count() > 0

    try:
        await child.start(begun, seconds=LIMIT)
        first, began = await records.estimated_document_count(), time.perf_counter()
        while (now := await records.estimated_document_count()) < count:
            if time.perf_counter() - began > LIMIT or child.ended is not None:
                raise TimeoutError(f"{now:,} of {count:,} records: {child.last_lines()}")
            await asyncio.sleep(0.02)
        rate = (count - first) / (time.perf_counter() - began)
        if (found := await records.count_documents({})) != count:
            raise TimeoutError(f"{found:,} documents of {count:,} records")
        return rate
    finally:
        await client.close()
        await child.stop()


if __name__ == "__main__":
    jars.write_lock(WANTED, LOCK)
