"""A handoff whole: where it stands, the package, the checklist, what happened, why this manager."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.handoff.pages.summary import (
    Due,
    Reader,
    Summary,
    asked_for,
    due,
    open_steps,
    summary,
)
from services.handoff.pages.words import ACT, NEED, STATUS, VERDICT
from services.handoff.states import Status
from services.handoff.verdicts import Reason
from services.handoff.views import DidView, ExplanationView, HandoffView
from shared.contracts.deals import Package
from shared.pages.catalog import N_

_SHOWN = 12
"""Names of one verdict shown at once; the rest is a click away."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the way a handoff goes."""

    words: Markup
    state: str
    """done, now or todo."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done, in words."""

    at: Markup
    words: Markup
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Candidates with the same verdict."""

    words: Markup
    chosen: bool
    count: str
    names: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """Why it went to whom it went."""

    words: Markup
    at: Markup | None
    needs: tuple[tuple[Markup, str | Markup], ...]
    weight: str | None
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that has no date yet: what it is counted from has not happened."""

    step: str
    title: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The page of a handoff."""

    short: Summary
    deal_id: str
    round: int
    attempt: int
    stages: tuple[Stage, ...]
    asked: tuple[str, ...]
    """What the salesperson is to answer or to mend."""
    package: Package | None
    steps: tuple[Due, ...]
    waiting: tuple[Waiting, ...]
    done: tuple[Markup, ...]
    history: tuple[Entry, ...]
    why: Why


def detail(
    handoff: HandoffView, explanation: ExplanationView, history: Sequence[DidView], reader: Reader
) -> Detail:
    """`history`: what people did, the earliest first."""
    listed = handoff.checklist.steps if handoff.checklist else ()
    titles = {one.id: reader.titled(one) for one in listed}
    dated = {due.step for due in handoff.deadlines}
    waits = handoff.status in (Status.INFO_REQUESTED, Status.RETURNED)
    return Detail(
        short=summary(handoff, reader),
        deal_id=handoff.deal_id,
        round=handoff.round,
        attempt=handoff.attempt,
        stages=stages(handoff.status, reader),
        asked=asked(history) if waits else (),
        package=handoff.package,
        steps=tuple(due(one, reader) for one in open_steps(handoff)),
        waiting=tuple(
            Waiting(one.id, titles[one.id])
            for one in listed
            if one.id not in dated and one.id not in handoff.done
        ),
        done=tuple(titles.get(step) or reader.said(step) for step in handoff.done),
        history=tuple(_history(handoff, explanation, history, reader)),
        why=why(explanation, reader),
    )


def asked(history: Sequence[DidView]) -> tuple[str, ...]:
    """The last questions, or reasons of a return."""
    return next((one.said for one in reversed(history) if one.what in ("ask", "return")), ())


def stages(status: Status, reader: Reader) -> tuple[Stage, ...]:
    """The way a handoff goes, and where on it this one is."""
    way: list[str] = [N_("Deal won"), N_("Assigned"), N_("Accepted"), N_("Completed")]
    match status:
        case Status.UNASSIGNED:
            way[1], now = STATUS[status], 1
        case Status.ASSIGNED:
            way[1], now = STATUS[status], 1
        case Status.INFO_REQUESTED | Status.RETURNED:
            way.insert(2, STATUS[status])
            now = 2
        case Status.ACCEPTED:
            now = 2
        case Status.COMPLETED:
            now = 3
        case Status.CANCELLED:
            way, now = [way[0], STATUS[status]], 1
    ended = status == Status.COMPLETED
    return tuple(
        Stage(
            reader.writer.say(words),
            "done" if at < now or ended else "now" if at == now else "todo",
        )
        for at, words in enumerate(way)
    )


def why(found: ExplanationView, reader: Reader) -> Why:
    """Every candidate's verdict, grouped; the chosen one's first, then how close they came."""
    writer = reader.writer
    if found.at is None:
        words = writer.say("The account had a manager already, so nobody else was considered.")
        return Why(words, None, (), None, ())
    if found.manager_id is None:
        words = writer.say("Nobody can take the account.")
    else:
        name = found.manager_name or found.manager_id
        words = writer.say("%(name)s: %(reason)s.", name=name, reason=reader.said(found.reason))
    by_reason: dict[str, list[str]] = {}
    for one in found.verdicts:
        by_reason.setdefault(one.reason, []).append(one.manager_name or one.manager_id)
    groups = (_group(one, by_reason[one], reader) for one in VERDICT if one in by_reason)
    weight = None if found.weight is None else writer.number(found.weight)
    return Why(words, writer.moment(found.at), tuple(_needs(found, reader)), weight, tuple(groups))


def _needs(found: ExplanationView, reader: Reader) -> Iterable[tuple[Markup, str | Markup]]:
    for name, words in NEED.items():
        if value := found.need.get(name):
            yield reader.writer.say(words), asked_for(name, value, reader)


def _group(reason: Reason, names: Sequence[str], reader: Reader) -> Group:
    ordered = tuple(sorted(names, key=str.casefold))
    return Group(
        words=reader.writer.say(VERDICT[reason]),
        chosen=reason == Reason.CHOSEN,
        count=reader.writer.number(len(ordered)),
        names=ordered[:_SHOWN],
        more=ordered[_SHOWN:],
    )


def _history(
    handoff: HandoffView, explanation: ExplanationView, history: Sequence[DidView], reader: Reader
) -> Iterable[Entry]:
    writer = reader.writer
    begun = N_("Handed over by %(who)s") if handoff.kind == "transfer" else N_("Sold by %(who)s")
    yield Entry(
        writer.moment(handoff.closed_at), writer.say(begun, who=handoff.salesperson_name), ()
    )
    if explanation.at and handoff.manager_name:
        given = writer.say("Given to %(who)s", who=handoff.manager_name)
        yield Entry(writer.moment(explanation.at), given, ())
    for one in history:
        about = {"about": reader.said(one.title or one.step)} if one.step else {}
        words = writer.say(ACT[one.what], who=one.by_name or one.by, **about)
        yield Entry(writer.moment(one.at), words, one.said)
