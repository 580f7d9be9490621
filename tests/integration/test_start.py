"""What cannot work is said in one line that says what to do, with a non-zero exit code."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.system import PASSWORD

GOOD = {
    "TAHVIL_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "TAHVIL_MONGO_URI": "mongodb://127.0.0.1:1/?replicaSet=rs0",
    "TAHVIL_HTTP_PASSWORD": PASSWORD,
    "TAHVIL_SMTP_HOST": "127.0.0.1",
    "TAHVIL_SESSION_KEY": "a-key-of-the-tests-longer-than-32-characters",
    "TAHVIL_LINK_KEY": "a-key-of-the-tests-longer-than-32-characters",
    "TAHVIL_CONNECT_TIMEOUT": "PT1S",
}


def run(*command: str, **environment: str) -> tuple[int, str]:
    """Run a module of ours; exit code and standard error without log lines."""
    clean = {name: value for name, value in os.environ.items() if "TAHVIL" not in name}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    return done.returncode, "\n".join(said)


def one_line(code: int, said: str) -> str:
    assert code == 1, said
    assert len(said.splitlines()) == 1, said
    return said


def test_an_unreachable_server() -> None:
    said = one_line(*run("services.handoff", **GOOD))
    assert "MongoDB" in said
    assert "TAHVIL_MONGO_URI" in said


def test_an_unreachable_broker_from_the_command_line() -> None:
    said = one_line(
        *run("tahvil", "import-crm", "examples/crm", TAHVIL_KAFKA_BOOTSTRAP="127.0.0.1:1")
    )
    assert "no Kafka broker answers at 127.0.0.1:1" in said
    assert "TAHVIL_KAFKA_BOOTSTRAP" in said


def test_a_busy_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = one_line(*run("services.reporting", **GOOD, TAHVIL_HTTP_PORT=port))
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "TAHVIL_HTTP_PORT" in said


def test_a_setting_that_is_missing_or_wrong_is_named() -> None:
    missing = {name: value for name, value in GOOD.items() if name != "TAHVIL_MONGO_URI"}
    assert "TAHVIL_MONGO_URI" in one_line(*run("services.handoff", **missing))
    weak = GOOD | {"TAHVIL_HTTP_PASSWORD": "short"}
    said = one_line(*run("services.handoff", **weak))
    assert "TAHVIL_HTTP_PASSWORD" in said
    assert "short" not in said.replace("at least", "")
    assert "TAHVIL_MONGO_URI" in one_line(
        *run("services.handoff", **GOOD | {"TAHVIL_MONGO_URI": "postgres://x"})
    )


def test_a_file_with_an_unknown_outcome_is_refused_by_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "deals.jsonl"
    file.write_text(
        '{"specversion":"1.0","id":"1","source":"/t","type":"deal.closed.v1",'
        '"time":"2026-11-24T12:00:00Z","data":{"deal_id":"1","outcome":"maybe",'
        '"closed_at":"2026-11-24T12:00:00Z","account":{"id":"a","name":"A"},'
        '"salesperson":{"id":"s"}}}\n'
    )
    said = one_line(*run("tahvil", "publish", str(file), "--topic", "deals"))
    assert 'line 1: data.outcome: must be "won" or "lost"' in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("people: [{id: a}]", "people.0.name: Field required"),
        ("people: [{id: a, name: A, rolls: []}]", "people.0.rolls"),
        ("people: [{id: a, name: A}, {id: a, name: B}]", "a stands there twice"),
        ("people: [{id: a, name: A, reports_to: b}]", "nobody has the id b"),
        ("people: [", "is not YAML"),
        ("people: [{id: a, name: A, time_zone: Moon}]", "IANA time zone"),
    ],
)
def test_a_team_file_that_is_wrong_is_refused_by_field(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(text)
    code, said = run("tahvil", "team", "publish", str(file))
    assert code == 1
    assert reason in said
