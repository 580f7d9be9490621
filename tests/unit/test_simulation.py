"""The example CRM under three teams.

`python -m tests.unit.test_simulation` writes the golden tables anew.
"""

import io
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from shared.contracts.directory import PersonRemoved
from shared.contracts.event import Event
from tahvil import crm, team
from tahvil.assigning import Simulated, compared, simulate, told
from tests.support.builders import event, rules

EXAMPLE = Path("examples/crm")
GOLDEN = Path("tests/unit/golden")
BEGINNING = datetime(2016, 1, 1, tzinfo=UTC)
MIDDLE = datetime(2017, 7, 1, tzinfo=UTC)
TEAMS = ("by-region", "by-capacity", "a-leaver")


def directory(name: str) -> list[Event]:
    file = "team-by-capacity.yaml" if name == "by-capacity" else "team.yaml"
    people = team.read(EXAMPLE / file, BEGINNING)
    if name == "a-leaver":
        left = PersonRemoved(person_id="dustin-brinkmann", removed_at=MIDDLE)
        people.append(event(left, time=MIDDLE))
    return people


@cache
def result(name: str) -> Simulated:
    return simulate(directory(name), crm.read(EXAMPLE), rules())


def table(name: str) -> str:
    found = result(name)
    loads = [
        f"{manager.id:<20}{manager.load:>4}"
        for manager in sorted(found.managers.values(), key=lambda m: m.id)
        if manager.active or not manager.head
    ]
    owners = [f"{account:<30}{owner}" for account, owner in sorted(found.owner.items())]
    return "\n".join([*loads, f"fairness {found.fairness:.4f}", "", *owners, ""])


@pytest.mark.parametrize("name", TEAMS)
def test_the_result_is_the_golden_table(name: str) -> None:
    found = result(name)
    print(f"{name}: largest load to the mean {found.fairness:.4f}")
    assert table(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert len(found.owner) == 85
    assert found.unassigned == 0


def test_where_no_territory_binds_the_load_is_fair() -> None:
    assert result("by-capacity").fairness <= Decimal("1.05")


def test_a_leaver_keeps_nothing() -> None:
    found = result("a-leaver")
    assert found.managers["dustin-brinkmann"].load == 0
    assert "dustin-brinkmann" not in found.owner.values()
    assert sum(manager.load for manager in found.managers.values()) == 85


def test_two_directories_are_compared_side_by_side() -> None:
    now, other = result("by-region"), result("by-capacity")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(compared(now, other))
    text = console.export_text()
    assert "█" in text
    assert "senior-one" in text
    assert f"{other.managers['senior-one'].load}/40" in text
    assert "…" not in text, "everything fits a terminal of 80"
    assert told(now, other)[0] == "85 of 85 accounts would have another manager"
    assert told(now, now)[0] == "0 of 85 accounts would have another manager"


def test_a_simulation_changes_nothing_and_is_repeatable() -> None:
    again = simulate(directory("a-leaver"), crm.read(EXAMPLE), rules())
    assert again == result("a-leaver")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for one in TEAMS:
        (GOLDEN / f"{one}.txt").write_text(table(one), encoding="utf-8")
        print(f"{one}: largest load to the mean {result(one).fairness:.4f}")
