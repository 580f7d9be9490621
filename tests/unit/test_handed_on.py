"""A deadline is handed on in a reminder and in a handoff at once: in the end it is one person's."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.handoff import obligations, steps
from services.handoff.book import Book
from services.handoff.documents import from_handoff, to_handoff
from services.handoff.handlers import decide
from services.handoff.states import deadline_id
from services.reminders import acts, escalation
from services.reminders.people import Person
from services.reminders.policies import Policies
from services.reminders.world import World
from shared.contracts.deadlines import DeadlineMoved, DeadlineSet
from shared.contracts.event import EventData
from shared.working_time import Calendar, Calendars
from tests.support.builders import NOON, deal, event, manager, rules

RULES = rules()
PEOPLE = ("mia", "noah", "olga")
WORLD = World(
    calendars=Calendars(company=Calendar.monday_to_friday("UTC"), named={}),
    policies=Policies(policies=()),
    people={name: Person(id=name, name=name) for name in PEOPLE},
)


class Keeper(Protocol):
    """handoff, as far as it keeps one deadline."""

    @property
    def owner(self) -> str | None: ...
    def begun(self) -> DeadlineSet: ...
    def gives(self, to: str) -> list[EventData]: ...
    def hears(self, data: EventData) -> None: ...


class Step:
    """A step of a handoff."""

    def __init__(self) -> None:
        self.book = Book()
        self.told = [*decide(event(manager()), self.book, RULES)]
        self.told += decide(event(deal()), self.book, RULES)

    @property
    def owner(self) -> str | None:
        (handoff,) = self.book.handoffs.values()
        due = handoff.deadline(deadline_id(handoff, "kick-off"))
        assert due
        return due.owner_id

    def begun(self) -> DeadlineSet:
        (data,) = [o for o in self.told if isinstance(o, DeadlineSet) and o.step == "kick-off"]
        return data

    def gives(self, to: str) -> list[EventData]:
        (handoff,) = self.book.handoffs.values()
        now, told = steps.hand_on(handoff, to, None, "another account manager", NOON)
        self.book.keep_handoff(now)
        return [o for o in told if isinstance(o, DeadlineMoved) and "kick-off" in o.deadline_id]

    def hears(self, data: EventData) -> None:
        assert decide(event(data), self.book, RULES) == ()


class Owed(Step):
    """What is owed to a customer."""

    def __init__(self) -> None:
        super().__init__()
        account = self.book.accounts["acme"]
        owed = obligations.keep_in_touch(account, {}, NOON, RULES)
        self.told = [*self.book.keep_owed("acme", owed)]

    @property
    def owner(self) -> str | None:
        (one,) = self.book.obligations["acme"].values()
        return one.owner_id

    def begun(self) -> DeadlineSet:
        (data,) = self.told
        assert isinstance(data, DeadlineSet)
        return data

    def gives(self, to: str) -> list[EventData]:
        account, known = self.book.accounts["acme"], self.book.obligations["acme"]
        of_another = replace(account, manager_id=to)
        return [*self.book.keep_owed("acme", obligations.hand_on(of_another, known, NOON))]


@dataclass
class Two:
    """Both services with one partition of Kafka between them, which keeps the order."""

    handoff: Keeper
    partition: list[tuple[str, EventData]] = field(default_factory=list)
    waiting: dict[str, list[EventData]] = field(
        default_factory=lambda: {"handoff": [], "reminders": []}
    )
    read: dict[str, int] = field(default_factory=lambda: {"handoff": 0, "reminders": 0})

    def __post_init__(self) -> None:
        self.case = escalation.begin(self.handoff.begun(), "/tahvil/handoff", WORLD).case

    def does(self, what: str, who: str, to: str) -> None:
        match what, who:
            case "gives", "handoff":
                self.waiting[who] += self.handoff.gives(to)
            case "gives", "reminders":
                owner = self.case.deadline.owner_id
                turn = acts.hand_on(self.case, owner, to, NOON, WORLD)
                assert isinstance(turn, escalation.Turn)
                self.case = turn.case
                self.waiting[who] += [data for _, data in turn.said]
            case "publishes", _:
                self.partition += [(who, data) for data in self.waiting[who][:1]]
                del self.waiting[who][:1]
            case "reads", _:
                for author, data in self.partition[self.read[who] :][:1]:
                    self.read[who] += 1
                    if author != who:
                        self.hears(who, data)

    def hears(self, who: str, data: EventData) -> None:
        if who == "handoff":
            self.handoff.hears(data)
        else:
            assert isinstance(data, DeadlineMoved)
            self.case = escalation.follow(self.case, data, NOON, WORLD).case

    def settles(self) -> None:
        for who in self.waiting:
            while self.waiting[who]:
                self.does("publishes", who, "")
        for who, read in self.read.items():
            for _ in self.partition[read:]:
                self.does("reads", who, "")


MOVES = st.tuples(
    st.sampled_from(["gives", "publishes", "reads"]),
    st.sampled_from(["handoff", "reminders"]),
    st.sampled_from(PEOPLE),
)
KEEPERS: Any = pytest.mark.parametrize("keeper", [Step, Owed])


@KEEPERS
@settings(max_examples=300, deadline=None)
@given(moves=st.lists(MOVES, max_size=25))
def test_in_any_order_both_know_one_owner_in_the_end(
    keeper: Callable[[], Keeper], moves: list[tuple[str, str, str]]
) -> None:
    two = Two(keeper())
    for move in moves:
        two.does(*move)
    two.settles()
    assert two.handoff.owner == two.case.deadline.owner_id


@KEEPERS
def test_what_came_back_meanwhile_is_not_handed_on(keeper: Callable[[], Keeper]) -> None:
    """From Mia to Olga and back, while a hand-on from Mia to Noah is on its way."""
    two = Two(keeper())
    two.does("gives", "reminders", "noah")
    two.does("gives", "handoff", "olga")
    two.does("gives", "handoff", "mia")
    two.settles()
    assert two.handoff.owner == two.case.deadline.owner_id == "mia"


def test_the_count_is_kept() -> None:
    step = Step()
    step.gives("olga")
    (handoff,) = step.book.handoffs.values()
    assert {
        due.turn for due in to_handoff({"_id": handoff.id, **from_handoff(handoff)}).deadlines
    } == {1}


@KEEPERS
def test_what_was_known_to_have_come_back_is_handed_on(keeper: Callable[[], Keeper]) -> None:
    two = Two(keeper())
    two.does("gives", "handoff", "olga")
    two.does("gives", "handoff", "mia")
    two.settles()
    two.does("gives", "reminders", "noah")
    two.settles()
    assert two.handoff.owner == two.case.deadline.owner_id == "noah"
