"""`tahvil assign`: why a handoff went to whom it went, and what another directory would change.

A simulation runs the service's own rules over past deals, in memory and without a server.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from services.handoff import portfolio
from services.handoff.assignment import Policy
from services.handoff.book import Book
from services.handoff.candidates import Manager
from services.handoff.handlers import decide
from services.handoff.portfolio import Change
from services.handoff.rules import Rules
from shared.contracts.directory import PersonRemoved
from shared.contracts.event import Event

_BAR = 14  # characters of the longest bar: the table fits a terminal of 80


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came out: who manages what, and how loaded everybody is."""

    managers: dict[str, Manager]
    owner: dict[str, str | None]
    """Manager of each account."""
    unassigned: int

    def relative(self, manager: Manager) -> Decimal:
        """Load relative to capacity, where there is one."""
        nominal = Policy().nominal_capacity
        return Decimal(manager.load) / (manager.capacity or nominal)

    @property
    def fairness(self) -> Decimal:
        """The largest relative load to the mean of all who are active: 1 is perfect."""
        loads = [self.relative(m) for m in self.managers.values() if m.active]
        mean = sum(loads, Decimal(0)) / len(loads) if loads else Decimal(0)
        return max(loads) / mean if mean else Decimal(1)


def explained(content: Mapping[str, Any]) -> Iterator[str]:
    """The service's answer, in lines."""
    yield f"account   {content['account_id']}"
    yield f"manager   {content['manager_id'] or 'nobody'}: {content['reason']}"
    if content["need"]:
        yield "needs     " + ", ".join(f"{name} {value}" for name, value in content["need"].items())
        yield f"weight    {content['weight']}"
    for verdict in sorted(content["verdicts"], key=lambda one: one["reason"] != "chosen"):
        yield f"  {verdict['manager_id']:<24} {verdict['words']}"


def simulate(directory: Iterable[Event], deals: Iterable[Event], rules: Rules) -> Simulated:
    """Run the deals past these people.

    Who is in the directory is there from the first deal on; who leaves, leaves at that time, and
    the accounts move at once. Absences bar from new accounts; they move no portfolio here.
    """
    book = Book()
    deals = sorted(deals, key=lambda event: (event.time, event.id))
    people = list(directory)
    leavers = [event for event in people if isinstance(event.data, PersonRemoved)]
    for event in people:
        if event not in leavers:
            decide(event, book, rules)
    for event in sorted([*deals, *leavers], key=lambda event: (event.time, event.id)):
        decide(event, book, rules)
        if isinstance(event.data, PersonRemoved):
            _move_all(event.data.person_id, event, book, rules)
    waiting = sum(handoff.manager_id is None for handoff in book.handoffs.values())
    owner = {account.id: account.manager_id for account in book.accounts.values()}
    return Simulated(book.pool.managers, owner, waiting)


def _move_all(leaver: str, event: Event, book: Book, rules: Rules) -> None:
    change = Change(at=event.time, pool=book.pool, rules=rules, reason="left")
    for account in sorted(book.accounts):
        moved = portfolio.leave(book.accounts[account], book.live(account), leaver, change)
        book.keep(moved, event.time)


def compared(now: Simulated, other: Simulated) -> Table:
    """Side by side: accounts and load of everybody, with a picture of the load.

    One scale for all bars: what is full is load, what is light is capacity left.
    """
    table = Table(Column("manager", no_wrap=True), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for title in ("now", "then"):
        table.add_column(title, justify="right")
        table.add_column("load", no_wrap=True)
        table.add_column("", justify="right", no_wrap=True)
    table.add_column("change", justify="right")
    everybody = [*now.managers.values(), *other.managers.values()]
    most = max([one.load for one in everybody] + [1])
    scale = max([min(one.capacity or 0, 2 * most) for one in everybody] + [most])
    for name in sorted({one.id for one in everybody if not _is_nothing(one)}):
        cells, counts = [name], []
        for result in (now, other):
            accounts = sum(owner == name for owner in result.owner.values())
            counts.append(accounts)
            manager = result.managers.get(name)
            if manager is None or _is_nothing(manager):
                cells += ["-", "", ""]
                continue
            of = f"/{manager.capacity}" if manager.capacity is not None else ""
            cells += [str(accounts), _bar(manager, scale), f"{manager.load}{of}"]
        change = counts[1] - counts[0]
        table.add_row(*cells, f"{change:+}" if change else "")
    return table


def _bar(manager: Manager, scale: int) -> str:
    full = round(manager.load * _BAR / scale)
    whole = round(min(max(manager.capacity or 0, manager.load), scale) * _BAR / scale)
    return "█" * full + "░" * (whole - full)


def _is_nothing(manager: Manager) -> bool:
    """A head, or somebody who has left: no candidate, and without accounts."""
    return not (manager.active or manager.load)


def told(now: Simulated, other: Simulated) -> Sequence[str]:
    """What the table does not show."""
    moved = sum(now.owner.get(account) != owner for account, owner in other.owner.items())
    return (
        f"{moved} of {len(other.owner)} accounts would have another manager",
        f"largest load to the mean: {now.fairness:.3f} now, {other.fairness:.3f} then",
        f"handoffs without a manager: {now.unassigned} now, {other.unassigned} then",
    )
