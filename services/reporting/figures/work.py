"""Figures of handoffs, deadlines and reminders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.reporting.facts import Fact, Told
from services.reporting.figures.declaration import (
    COUNT,
    Entry,
    Figure,
    Measure,
    Unit,
    World,
    known,
    stays,
)


def _events(fact: Fact, world: World) -> Iterator[Entry]:
    for told in fact.told():
        yield Entry(world.day(told.at), {"event": told.what, "manager": told.whose}, (1,))


def _reminders(reminder: Fact, world: World) -> Iterator[Entry]:
    channel = known(reminder.get("channel"))
    for day, dimensions, measures in _events(reminder, world):
        yield Entry(day, {**dimensions, "channel": channel}, measures)


_LIFE = ("created", "unassigned", "assigned", "info_requested", "returned", "resubmitted",
         "accepted", "completed", "cancelled")  # fmt: skip
"""In which order events of one time are looked at."""

_WAITS_FOR: Mapping[str, str | None] = {
    "created": "head",
    "unassigned": "head",
    "assigned": "manager",
    "info_requested": "salesperson",
    "returned": "salesperson",
    "resubmitted": "manager",
    "accepted": "steps",
    "completed": None,
    "cancelled": None,
}
"""What a handoff waits for after an event; None: for nothing, it is over."""


def _course(handoff: Fact) -> list[Told]:
    return sorted(
        (told for told in handoff.told() if told.what in _WAITS_FOR),
        key=lambda told: (told.at, _LIFE.index(told.what), told.whose),
    )


@dataclass(slots=True)
class _Clock:
    """Working time that the account manager had the handoff, until it was accepted."""

    world: World
    since: int | None = None
    spent: int = 0

    def looks(self, told: Told) -> None:
        if self.since is not None:
            self.spent += self.world.worked(self.since, told.at)
        self.since = told.at if _WAITS_FOR[told.what] == "manager" else None
        if told.what == "assigned":
            self.spent = 0


@dataclass(slots=True)
class _Holder:
    """Whose a handoff is, on its way."""

    handoff: Fact
    world: World
    assigned: str | None = field(default=None)

    def after(self, told: Told) -> str:
        if told.what == "assigned":
            self.assigned = told.whose
        return self.assigned or self.world.of(self.handoff.account).manager_at(told.at)


def _handovers(handoff: Fact, world: World) -> Iterator[Entry]:
    clock, holder = _Clock(world), _Holder(handoff, world)
    for told in _course(handoff):
        clock.looks(told)
        manager = holder.after(told)
        completeness = int(handoff.get("completeness_first") or 0)
        measures = {
            "created": (1, completeness, 0, 0, 0, 0, 0),
            "accepted": (0, 0, 1, clock.spent, 0, 0, 0),
            "returned": (0, 0, 0, 0, 1, 0, 0),
            "completed": (0, 0, 0, 0, 0, 1, 0),
            "cancelled": (0, 0, 0, 0, 0, 0, 1),
        }.get(told.what)
        if measures:
            yield Entry(
                world.day(told.at),
                {
                    "kind": known(handoff.get("kind")),
                    "manager": manager,
                    "salesperson": known(handoff.get("salesperson")),
                },
                measures,
            )


def _waiting(handoff: Fact, world: World) -> Iterable[Entry]:
    holder = _Holder(handoff, world)
    return stays(
        [
            (told.at, {"waits_for": waits, "manager": manager} if waits else None)
            for told in _course(handoff)
            for waits, manager in [(_WAITS_FOR[told.what], holder.after(told))]
        ],
        world,
    )


def _promises(deadline: Fact, world: World) -> Iterable[Entry]:
    due_at, state = deadline.get("due_at"), deadline.get("state")
    if due_at is None or state is None:
        return
    late, outcome = 0, state
    if state == "met":
        met_at = deadline.get("met_at")
        outcome = "on_time" if met_at <= due_at else "late"
        late = world.worked(due_at, met_at) if met_at > due_at else 0
    yield Entry(
        world.day(due_at),
        {
            "outcome": outcome,
            "manager": known(deadline.get("owner")),
            "step": known(deadline.get("step")),
        },
        (1, late),
    )


WORK = (
    Figure(
        name="handoffs",
        words="What happened with handoffs, each event once.",
        day="the day it happened",
        of="handoff",
        measures=(COUNT,),
        always=("event",),
        cubes=(("manager",),),
        counting=_events,
    ),
    Figure(
        name="handovers",
        words="How handing over goes: how complete it comes from the salespeople, whether and how "
        "fast account managers accept it. The manager's clock runs in the company's working time, "
        "from the assignment on, and stands still while the salesperson is asked.",
        day="the day of each",
        of="handoff",
        measures=(
            Measure("created", Unit.COUNT, "handoffs that began"),
            Measure("completeness", Unit.POINTS, "sum of their completeness, 0 to 100 each"),
            Measure("accepted", Unit.COUNT, "handoffs accepted"),
            Measure("accept_seconds", Unit.SECONDS, "working time until they were accepted"),
            Measure("returned", Unit.COUNT, "times that one was returned"),
            Measure("completed", Unit.COUNT, "handoffs whose steps are all done"),
            Measure("cancelled", Unit.COUNT, "handoffs cancelled"),
        ),
        always=("kind",),
        cubes=(("manager",), ("salesperson",)),
        counting=_handovers,
    ),
    Figure(
        name="waiting",
        words="Handoffs under way, and whom they wait for: the head who has nobody to give it to, "
        "the manager, the salesperson, or the steps of the checklist.",
        day="the day it began to wait, or ceased to",
        of="handoff",
        measures=(COUNT,),
        always=("waits_for",),
        cubes=((), ("manager",)),
        balance=True,
        counting=_waiting,
    ),
    Figure(
        name="deadlines",
        words="What happened with deadlines, each event once.",
        day="the day it happened",
        of="deadline",
        measures=(COUNT,),
        always=("event",),
        cubes=(("manager",),),
        counting=_events,
    ),
    Figure(
        name="promises",
        words="How deadlines are kept: on time, late, cancelled, or still open. What is open and "
        "was due before today is overdue; what is due in the next days is at risk.",
        day="the day it is due, as it was last set",
        of="deadline",
        measures=(
            COUNT,
            Measure("late_seconds", Unit.SECONDS, "working time by which those met late were late"),
        ),
        always=("outcome",),
        cubes=((), ("manager",), ("step",)),
        counting=_promises,
    ),
    Figure(
        name="reminders",
        words="Messages to people: sent, failed, acknowledged.",
        day="the day it happened",
        of="reminder",
        measures=(COUNT,),
        always=("event",),
        cubes=(("manager",), ("channel",)),
        counting=_reminders,
    ),
)
