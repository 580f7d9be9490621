"""docker compose from nothing to a delivered mail, and what its containers may not do."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tahvil.servers.process import free_port
from tahvil.watching import fetch

pytestmark = pytest.mark.timeout(900)
PROJECT = "tahvil-test"


class Stack:
    """The compose file under a name, ports and secrets of its own."""

    def __init__(self, secrets: Path) -> None:
        self.kafka, self.handoff, self.reporting, self.mail = (free_port() for _ in range(4))
        self.secrets = secrets
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_PROFILES": "mail",
            "TAHVIL_SECRETS": str(secrets),
            "TAHVIL_KAFKA_PORT": str(self.kafka),
            "TAHVIL_HANDOFF_PORT": str(self.handoff),
            "TAHVIL_REMINDERS_PORT": str(free_port()),
            "TAHVIL_REPORTING_PORT": str(self.reporting),
            "TAHVIL_ACCEPT_WITHIN": "PT7H",
            "TAHVIL_MAIL_PORT": str(self.mail),
        }

    def run(self, *command: str, text: str | None = None) -> str:
        done = subprocess.run(
            command,
            env=self._environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def compose(self, *command: str) -> str:
        return self.run("docker", "compose", *command)

    def get(self, port: int, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("compose") / "secrets")
    stack.run(sys.executable, "deploy/make-secrets")
    try:
        stack.compose("up", "-d", "--build", "--wait")
        yield stack
    finally:
        stack.compose("down", "-v", "--remove-orphans")


def deal(deal_id: str) -> str:
    # four days ago: in any calendar the deadline to accept is past, and not long past
    now = (datetime.now(UTC) - timedelta(days=4)).isoformat(timespec="seconds")
    return json.dumps(
        {
            "specversion": "1.0",
            "id": deal_id,
            "source": "/kcat",
            "type": "deal.closed.v1",
            "time": now,
            "data": {
                "deal_id": deal_id,
                "outcome": "won",
                "closed_at": now,
                "account": {"id": "acc-1", "name": "Acme", "region": "Central"},
                "salesperson": {"id": "darcel-schlecht"},
                "amount": {"value": "12.30", "currency": "EUR"},
            },
        }
    )


def produce(stack: Stack, line: str) -> None:
    """With kcat where it is installed; else with the console producer of the broker's image."""
    if shutil.which("kcat"):
        where = ["-b", f"127.0.0.1:{stack.kafka}", "-t", "deals", "-k", "acc-1"]
        where += ["-X", "topic.partitioner=murmur2_random"]
        stack.run("kcat", "-P", *where, text=line)
    else:
        script = (
            "/opt/kafka/bin/kafka-console-producer.sh --bootstrap-server kafka:9092 --topic deals"
        )
        stack.run("docker", "compose", "exec", "-T", "kafka", "sh", "-c", script, text=line + "\n")


def test_a_deal_of_kcat_becomes_a_mail_and_a_figure(stack: Stack) -> None:
    stack.compose("run", "--rm", "cli", "team", "publish", "examples/crm/team.yaml")
    produce(stack, deal("kcat-1"))

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        mails = stack.get(stack.mail, "/api/v1/messages")["messages"]
        if len(mails) >= 2:
            break
        time.sleep(0.2)
    subjects = {mail["Subject"] for mail in mails}
    assert subjects == {"Overdue: Accept the handoff - Acme", "Overdue: Welcome call - Acme"}
    for mail in mails:
        assert mail["To"][0]["Address"] in {
            "dustin-brinkmann@example.com",
            "melvin-marxen@example.com",
        }
    password = (stack.secrets / "http").read_text()
    door = f"http://127.0.0.1:{stack.reporting}/figures"
    rows = json.loads(fetch(f"{door}/deals?by=outcome&by=currency", password))["rows"]
    assert rows == [{"by": {"outcome": "won", "currency": "EUR"}, "count": 1, "amount": "12.30"}]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(f"{door}/deals", "not the password")
    (handoff,) = json.loads(fetch(f"http://127.0.0.1:{stack.handoff}/handoffs", password))
    due = datetime.fromisoformat(handoff["deadlines"][0]["due_at"])
    assert due.weekday() < 5, "the calendar of deploy/rules"
    assert (due.hour, due.minute) <= (17, 0)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        stack.get(stack.reporting, "/metrics")


def test_containers_run_without_privileges(stack: Stack) -> None:
    ids = stack.compose("ps", "-q").split()
    assert len(ids) == 6
    for container in json.loads(stack.run("docker", "inspect", *ids)):
        name, host = (
            container["Config"]["Labels"]["com.docker.compose.service"],
            container["HostConfig"],
        )
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["Memory"] > 0, name
        if name != "kafka":  # its image runs as appuser and writes its configuration
            assert host["ReadonlyRootfs"], name
            assert container["Config"]["User"].split(":")[0] not in {"", "0", "root"}, name
        for line in container["Config"]["Env"]:
            assert not any(line.endswith(file.read_text()) for file in stack.secrets.iterdir()), (
                name
            )
    assert stack.compose("exec", "-T", "kafka", "id", "-u").strip() != "0"


def mongo(stack: Stack, user: str, database: str) -> str:
    password = (stack.secrets / f"mongo_{user}").read_text()
    script = (
        f"try {{ db.getSiblingDB('{database}').deals.insertOne({{}}); print('written') }} "
        "catch (error) { print(error.codeName) }"
    )
    address = f"mongodb://{user}:{password}@127.0.0.1/?authSource=admin&directConnection=true"
    said = stack.compose("exec", "-T", "mongo", "mongosh", "--quiet", address, "--eval", script)
    return said.strip()


def test_a_service_has_rights_on_its_own_database_only(stack: Stack) -> None:
    assert "written" in mongo(stack, "handoff", "handoff")
    assert "Unauthorized" in mongo(stack, "handoff", "reporting")


def test_a_wrong_password_is_one_clear_line(stack: Stack) -> None:
    done = subprocess.run(
        [
            *("docker", "compose", "run", "--rm", "-T", "--no-deps", "--entrypoint", "sh"),
            *("handoff", "-c", "TAHVIL_MONGO_PASSWORD=wrong exec python -m services.handoff"),
        ],
        env=stack._environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "tahvil handoff:" in line]
    assert done.returncode == 1, done.stderr
    assert len(said) == 1
    assert "TAHVIL_MONGO_PASSWORD" in said[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_everything_comes_back_after_a_restart(stack: Stack) -> None:
    stack.compose("restart", "mongo", "handoff", "reporting")
    produce(stack, deal("kcat-2"))
    password = (stack.secrets / "http").read_text()
    address = f"http://127.0.0.1:{stack.reporting}/figures/deals"
    deadline = time.monotonic() + 90
    count = 0
    while count != 2 and time.monotonic() < deadline:
        time.sleep(0.5)
        with contextlib.suppress(OSError):  # its door is closed while it restarts
            count = json.loads(fetch(address, password))["rows"][0]["count"]
    assert count == 2
