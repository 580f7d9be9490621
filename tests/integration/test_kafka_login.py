"""A Kafka that asks for user and password (SASL SCRAM-SHA-512)."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.config import KafkaSettings
from shared.contracts.topics import READS, dead_letters
from shared.errors import Transient
from shared.kafka import missing_topics
from tahvil.provision import ProvisionSettings, provision
from tahvil.publishing import messages, publish
from tahvil.servers import jars
from tahvil.servers.kafka import EmbeddedKafka, java
from tahvil.servers.process import Child, free_port, listens
from tests.integration.test_start import GOOD, one_line, run
from tests.support.builders import deal, event
from tests.support.system import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LOGIN = """\
listeners=PLAINTEXT://127.0.0.1:{plain},LOGIN://127.0.0.1:{login},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},LOGIN://127.0.0.1:{login}
controller.quorum.voters=1@127.0.0.1:{control}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.login.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kafka_with_login(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    folder: Path = tmp_path_factory.mktemp("kafka")
    plain = EmbeddedKafka(folder)
    await plain.start()
    await plain.stop()
    ports = {name: free_port() for name in ("plain", "login", "control")}
    names = [line.partition("=")[0] for line in _LOGIN.splitlines()]
    properties = folder / "login.properties"
    kept = [
        line
        for line in (folder / "server.properties").read_text().splitlines()
        if line.partition("=")[0] not in names
    ]
    properties.write_text("\n".join([*kept, _LOGIN.format(**ports)]))
    command = [java(), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars.fetch()}/*"]
    child = Child("kafka", [*command, "kafka.Kafka", str(properties)], output=folder / "login.log")

    async def answers() -> bool:
        return await listens(ports["login"])

    await child.start(answers)
    made = subprocess.run(  # noqa: ASYNC221 - nothing else runs meanwhile
        [*command, "kafka.admin.ConfigCommand", "--bootstrap-server", f"127.0.0.1:{ports['plain']}",
         "--alter", "--add-config", f"SCRAM-SHA-512=[iterations=4096,password={PASSWORD}]",
         "--entity-type", "users", "--entity-name", "tahvil"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    yield f"127.0.0.1:{ports['login']}"
    await child.stop()


def known(bootstrap: str) -> dict[str, str]:
    return {"kafka_bootstrap": bootstrap, "kafka_username": "tahvil", "kafka_password": PASSWORD}


async def test_who_knows_the_password_gets_in(kafka_with_login: str) -> None:
    values = known(kafka_with_login)
    await provision(ProvisionSettings.model_validate(values))
    settings = KafkaSettings.model_validate(values)
    await publish(settings, messages([event(deal())]))
    assert await missing_topics(settings, READS["handoff"]) == []


async def test_a_wrong_password_is_said_in_one_line(kafka_with_login: str) -> None:
    settings = KafkaSettings.model_validate(
        known(kafka_with_login) | {"kafka_password": "a wrong one"}
    )
    with pytest.raises(Transient, match="TAHVIL_KAFKA_PASSWORD"):
        await missing_topics(settings, [dead_letters("handoff")])
    said = one_line(
        *run(
            "tahvil",
            "import-crm",
            "examples/crm",
            TAHVIL_KAFKA_BOOTSTRAP=kafka_with_login,
            TAHVIL_KAFKA_USERNAME="tahvil",
            TAHVIL_KAFKA_PASSWORD="a wrong one",
        )
    )
    assert "TAHVIL_KAFKA_PASSWORD" in said
    assert "a wrong one" not in said


async def test_no_login_where_one_is_needed(kafka_with_login: str) -> None:
    said = one_line(
        *run("tahvil", "provision", **GOOD | {"TAHVIL_KAFKA_BOOTSTRAP": kafka_with_login})
    )
    assert kafka_with_login in said
    assert "TAHVIL_KAFKA_USERNAME" in said
