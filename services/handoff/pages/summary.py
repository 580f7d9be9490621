"""A handoff in short: what it is, where it stands, what its reader can do with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from services.handoff.candidates import Tier
from services.handoff.pages.words import KIND, STATUS, TIER, listed, parts
from services.handoff.states import Status
from services.handoff.steps import CLOCKS
from services.handoff.views import DeadlineView, HandoffView, ObligationView, StepView
from shared.pages.sayings import Sayings
from shared.pages.writing import Clock, Writer, isolated


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads a page, when, and in which words."""

    id: str
    now: datetime
    writer: Writer
    sayings: Sayings
    leads: bool = False
    """A head, who finds a manager for what nobody can take."""

    def titled(self, one: DeadlineView | StepView | ObligationView) -> Markup:
        """The title in the reader's language, where there is one."""
        titles = {} if isinstance(one, ObligationView) else one.titles
        own = titles.get(self.writer.language)
        return isolated(own) if own else self.said(one.title)

    def said(self, text: str, names: dict[str, str] | None = None) -> Markup:
        """What the rules said, in the reader's language. `names`: of people, by id."""
        return self.sayings.said(text, self.writer, names or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Something that is to be done by a time."""

    step: str
    title: Markup
    owner: str
    mine: bool
    at: Markup
    day: str
    time: str
    """As the reader types them."""
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a card of the inbox and the head of the handoff's page show."""

    id: str
    account_id: str
    account: str
    status: Status
    status_words: Markup
    transfer: bool
    kind: Markup
    from_: str
    manager: str | None
    amount: str | None
    closed: Markup
    completeness: int
    completeness_words: str
    missing: Markup | None
    clock: Due | None
    """Of the state; while the salesperson is to answer, the manager's stands still."""
    next_step: Due | None
    may: frozenset[str]
    """accept, ask, return, resubmit, package, reassign."""
    steps: frozenset[str] = field(default_factory=frozenset)
    """Steps the reader may do."""
    movable: frozenset[str] = field(default_factory=frozenset)
    """Steps the reader may set another date of."""


def summary(handoff: HandoffView, reader: Reader) -> Summary:
    """In short."""
    writer = reader.writer
    clock = current_clock(handoff)
    steps = open_steps(handoff)
    missing = list(parts(handoff.missing, writer))
    done = {move[6:-5] for move in handoff.may if move.endswith("/done")}
    return Summary(
        id=handoff.id,
        account_id=handoff.account_id,
        account=handoff.account_name,
        status=handoff.status,
        status_words=writer.say(STATUS[handoff.status]),
        transfer=handoff.kind == "transfer",
        kind=writer.say(KIND[handoff.kind]) if handoff.kind in KIND else Markup(),
        from_=handoff.salesperson_name,
        manager=handoff.manager_name,
        amount=writer.money(handoff.amount) if handoff.amount else None,
        closed=writer.day(handoff.closed_at),
        completeness=handoff.completeness,
        completeness_words=writer.percent(handoff.completeness),
        missing=listed(missing, writer) if missing else None,
        clock=due(clock, reader) if clock else None,
        next_step=due(steps[0], reader) if steps else None,
        may=frozenset(move for move in handoff.may if "/" not in move),
        steps=frozenset(done),
        movable=frozenset(move[6:-5] for move in handoff.may if move.endswith("/move")),
    )


def asked_for(name: str, value: str, reader: Reader) -> str | Markup:
    """What an account asks of its manager, in words. `name`: as in the rules' `Need`."""
    match name:
        case "tier":
            return reader.writer.say(TIER[Tier(value)])
        case "language":
            return reader.writer.language_name(value)
        case _:
            return value


def due(one: DeadlineView | ObligationView, reader: Reader) -> Due:
    """A deadline, for its reader."""
    return Due(
        step=one.step if isinstance(one, DeadlineView) else one.kind,
        title=reader.titled(one),
        owner=one.owner_name or one.owner_id or "",
        mine=one.owner_id == reader.id,
        at=reader.writer.moment(one.due_at),
        day=reader.writer.typed_day(one.due_at),
        time=reader.writer.typed_clock(one.due_at),
        clock=reader.writer.clock(one.due_at, reader.now),
    )


def current_clock(handoff: HandoffView) -> DeadlineView | None:
    """The clock that runs in the handoff's state."""
    running = {
        Status.UNASSIGNED: "assign",
        Status.ASSIGNED: "accept",
        Status.INFO_REQUESTED: "answer",
        Status.RETURNED: "mend",
    }.get(handoff.status)
    return next((one for one in handoff.deadlines if one.step == running), None)


def open_steps(handoff: HandoffView) -> Sequence[DeadlineView]:
    """The open steps of the checklist, the first one due first."""
    return sorted(
        (one for one in handoff.deadlines if one.step not in CLOCKS),
        key=lambda one: (one.due_at, one.step),
    )


def most_urgent(handoffs: Iterable[HandoffView]) -> list[HandoffView]:
    """By the moment something is or was due; what has nothing due last."""

    def urgency(one: HandoffView) -> tuple[bool, datetime, datetime, str]:
        clock = current_clock(one)
        times = [clock.due_at] if clock else [due.due_at for due in one.deadlines]
        return (not times, min(times, default=one.closed_at), one.closed_at, one.id)

    return sorted(handoffs, key=urgency)
