"""`tahvil policy`: what it says of a file, and who it says would hear what when."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.reminders import files
from services.reminders.world import World
from shared.contracts.deadlines import DeadlineSet
from shared.errors import Misconfigured
from shared.working_time.file import read_calendars
from tahvil import escalating
from tahvil.cli import app
from tests.support.builders import NOON

POLICIES = """\
policies:
  - name: quick
    version: 2
    steps:
      - {before: 2 working hours, to: owner}
      - {at: due, to: [owner, salesperson]}
      - {after: 8 working hours, to: head, importance: important, repeat: 1, every: 1 working day}
"""
TEAM = """\
people:
  - {id: mia, name: Mia, roles: [account_manager], reports_to: hal, team: Iran}
  - {id: hal, name: Hal, roles: [head], time_zone: Asia/Tehran}
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["policy", *arguments], env={"COLUMNS": "160"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "policies.yaml").write_text(POLICIES)
    (tmp_path / "team.yaml").write_text(TEAM)
    return tmp_path / "policies.yaml"


def test_who_hears_what_and_when(file: Path) -> None:
    world = World(policies=files.policies(file))
    data = DeadlineSet(
        deadline_id="d", subject_id="s", title="Call", owner_id="mia", due_at=NOON, set_at=NOON
    )
    policy, heard = escalating.preview(escalating.standing_in(world, "mia"), data, "/test")
    assert policy.name == "quick"
    found = [(f"{one.at:%d %H:%M}", one.who, one.what, one.important) for one in heard]
    assert found == [
        ("24 10:00", "mia", "before", False),
        ("24 12:00", "salesperson", "nothing: no_recipient", False),
        ("24 12:00", "mia", "due", False),
        ("25 12:00", "(the head)", "escalated", True),
        ("26 12:00", "(the head)", "escalated", True),
    ]


def test_a_preview_has_both_calendars_and_each_ones_time(file: Path) -> None:
    team = str(file.parent / "team.yaml")
    drawn = run(
        "preview", str(file), "--deadline", "2026-12-01T12:00+03:30", "--owner", "mia",
        "--directory", team,
    )  # fmt: skip
    assert "Policy: quick, version 2" in drawn
    assert "1405/09/10" in drawn
    assert "Tue 2026-12-01 08:30" in drawn, "Mia's time, UTC"
    assert "Asia/Tehran" in drawn, "Hal's"
    assert "●" in drawn


def test_what_is_asked_wrongly_is_said(file: Path) -> None:
    preview = ("preview", str(file), "--owner", "mia", "--deadline")
    with pytest.raises(Misconfigured, match="write a date, a time and an offset"):
        run(*preview, "2026-12-01T12:00")
    with pytest.raises(Misconfigured, match="--tier: regional, national, global"):
        run(*preview, "2026-12-01T12:00Z", "--tier", "huge")
    (file.parent / "other.yaml").write_text("people: [{id: x, name: X}]")
    with pytest.raises(Misconfigured, match="has nobody with the id 'mia'"):
        run(*preview, "2026-12-01T12:00Z", "--directory", str(file.parent / "other.yaml"))


def test_check_shows_what_was_read_and_the_files_of_compose_are_in_order(file: Path) -> None:
    assert "8 working hours after: head (important), and 1 more, every 1 working day" in run(
        "check", str(file)
    )
    assert files.policies(Path("deploy/rules/policies.yaml")).policies[0].name == "standard"
    assert read_calendars(Path("deploy/rules/calendars.yaml")).teams == {}
