"""Policies and calendars from files: what is read, and what is told of a bad one."""

from pathlib import Path

import pytest

from services.reminders import files
from services.reminders.policies import Named, kept, restored
from shared.errors import Misconfigured
from shared.working_time import Calendar
from shared.working_time.file import read_calendars

GOOD = """\
policies:
  - name: key accounts
    version: 3
    match: {tier: [global, national], step: "accept"}
    steps:
      - {before: 4 working hours, to: owner}
      - {at: due, to: [owner, head], importance: important}
      - {after: 2 working hours, to: company_manager, repeat: 2, every: 1 working day}
      - {after: 2 days, to: {person: sara}}
    acknowledged_for: 1 hour
  - name: everything else
    version: 1
    steps:
      - {at: due, to: owner}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_of_policies_is_read_and_the_first_that_fits_holds(tmp_path: Path) -> None:
    read = files.policies(write(tmp_path, GOOD))
    first, rest = read.policies
    known = {"tier": "global", "step": "accept", "title": None, "source": None, "kind": None}
    assert read.of(known, rest) == first
    assert read.of({**known, "tier": None}, first) == rest
    assert [(call.number, call.target) for call in first.calls] == [
        (1, "owner"), (2, "owner"), (2, "head"), (3, "company_manager"), (4, Named(person="sara")),
    ]  # fmt: skip
    assert restored(kept(first)) == first


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("version: 3", "version: x", 3, "policies.0.version: write a whole number"),
        ("version: 3", "version: 0", 3, "greater than or equal to 1"),
        ("version: 3", "versoin: 3", 2, "policies.0.version: is missing"),
        ("to: owner}", "to: boss}", 6, "to: write owner, salesperson, head, company_manager, or"),
        ("[owner, head]", "[owner, boss]", 7, "write owner, salesperson, head, company_manager"),
        ("[owner, head]", "[]", 7, "write whom to tell"),
        ("4 working hours", "-4 working hours", 6, 'write a time such as "24 hours"'),
        ("4 working hours", "0 hours", 6, "must be longer than nothing and at most ten years"),
        ("4 working hours", "999999 days", 6, "must be longer than nothing and at most ten years"),
        ("4 working hours", "4", 6, 'write a time such as "24 hours"'),
        ("at: due, ", "", 7, "write exactly one of before: 24 hours, at: due"),
        ("at: due, ", "at: due, after: 1 hour, ", 7, "write exactly one of before"),
        ("at: due, ", "at: noon, ", 7, "input should be 'due'"),
        ("repeat: 2", "repeat: 10", 8, "less than or equal to 9"),
        ("repeat: 2, ", "", 8, "repeat and every belong together"),
        (", every: 1 working day", "", 8, "repeat and every belong together"),
        ("after: 2 working hours", "before: 1 hour", 2, "step 3 comes before the one above it"),
        ("name: everything else", "name: key accounts", 11, "stands there twice"),
        ("{tier: [global, national], step: \"accept\"}", "{}", 11, "is never reached"),
        ("{tier: [global, national], step: \"accept\"}", "{color: red}", 4, "is unknown"),
        ("{tier: [global, national], step: \"accept\"}", "{step: []}", 4, "write a text or a list"),
        ("importance: important", "urgent: true", 7, "urgent: is unknown"),
        ("    version: 3\n", "    version: 3\n    version: 4\n", 4, "stands there twice"),
        ("acknowledged_for: 1 hour", "acknowledged_for: soon", 10, "write a time such as"),
        ("policies:", "polices:", 1, "polices: is unknown: check its spelling"),
        ("{before: 4 working hours, to: owner}", "x", 6, "write fields and their values"),
        ("version: 3", "version: [", 5, "is not YAML"),
    ],
)  # fmt: skip
def test_a_bad_policy_is_told_by_file_line_and_what_to_write(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(Misconfigured) as error:
        files.policies(file)
    assert str(error.value).startswith(f"{file}, line {line}: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_policy_with_a_cycle_is_refused(tmp_path: Path) -> None:
    text = "policies:\n  - &p\n    name: x\n    version: 1\n    steps: [*p]\n"
    with pytest.raises(Misconfigured, match="contains itself: write it out"):
        files.policies(write(tmp_path, text))


def test_a_file_that_explodes_by_its_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 9):
        ten = ", ".join([f"*a{n - 1}"] * 10)
        lines.append(f"a{n}: &a{n} [{ten}]")
    with pytest.raises(Misconfigured, match="too large by its aliases"):
        files.policies(write(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize("text", ["", "- x", "just text", "policies: 5"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match=r"rules\.yaml"):
        files.policies(write(tmp_path, text))


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        files.policies(tmp_path / "none.yaml")
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match="not UTF-8"):
        files.policies(tmp_path / "b")
    with pytest.raises(Misconfigured, match="larger than"):
        files.policies(write(tmp_path, "#" * 300_000))


CALENDARS = """\
company: office
calendars:
  office:
    time_zone: UTC
    week: {mon: ["09:00-17:00"]}
  tehran:
    time_zone: Asia/Tehran
    holidays: IR
    week: {sat: ["08:00-16:00"], thu: ["08:00-12:00"]}
teams:
  Sales Iran: tehran
"""


def test_a_file_of_calendars_is_read(tmp_path: Path) -> None:
    read = read_calendars(write(tmp_path, CALENDARS))
    assert read.company == Calendar.weekly("UTC", {0: [(540, 1020)]})
    assert read.teams == {"Sales Iran": "tehran"}
    assert read.named["tehran"].country == "IR"


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("company: office", "company: home", 1, "write whose hours everybody else has: office"),
        ("company: office\n", "", 1, "write whose hours everybody else has"),
        ("Sales Iran: tehran", "Sales Iran: karaj", 11, "no calendar 'karaj'; there are office"),
        ("09:00-17:00", "9-5", 3, "write hours such as"),
        ("Asia/Tehran", "Tehran", 6, "must be an IANA time zone"),
        ("teams:", "team:", 10, "team: is unknown; there are company, calendars and teams"),
        ("  office:", "  tehran:", 6, "tehran: stands there twice"),
    ],
)
def test_a_bad_calendar_is_told_by_file_line_and_what_to_write(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    file = write(tmp_path, CALENDARS.replace(old, new, 1))
    with pytest.raises(Misconfigured) as error:
        read_calendars(file)
    assert str(error.value).startswith(f"{file}, line {line}: ")
    assert reason in str(error.value)
