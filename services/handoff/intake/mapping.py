"""Mappings: from what a system sends to our events, as declared in a YAML file.

A body is a record, or a list of them; a record may hold several items (`each`). Of each item the
`checks` say first whether it concerns us; then every event whose `when` holds is made of it. The
document that all expressions look at is the item, with these besides under `_`:
`_.record` the whole record, `_.item` the item, `_.with.…` the source's texts, `_.source` its name,
`_.…` what `let` computed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from services.handoff.intake import rules
from services.handoff.intake.refusal import Refused
from services.handoff.intake.rules import Rule, Terms, Unmappable, Wrong
from shared.contracts.cloudevents import Skipped, Unreadable, compose
from shared.contracts.event import Event
from shared.contracts.ids import derived
from shared.contracts.registry import EVENTS
from shared.contracts.topics import Topic

RECORDS = 100
"""Records of one body at most: HubSpot and Salesforce send as many, nobody more."""

_PARTS = {"reads", "each", "with", "let", "checks", "events", "otherwise"}
_FIELD = re.compile(r"(?:^|(?<=; ))data\.([A-Za-z0-9_.]+):")
_SHOWN = re.compile(r"\{([^{}]+)\}")

Document: TypeAlias = Mapping[str, Any]
Verdict: TypeAlias = Literal["ignore", "refuse"]


@dataclass(slots=True)
class Taken:
    """What became of a body: events, and why there are none of the rest."""

    events: list[Event] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EventRule:
    """How one event is made."""

    type: str
    topic: Topic
    when: Callable[[Any], bool]
    id: Sequence[Rule]
    time: Rule
    data: Rule
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckRule:
    """When a record is not for us, and why."""

    when: Callable[[Any], bool]
    verdict: Verdict
    because: Callable[[Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A mapping of one source, ready to be applied."""

    source: str
    reads: Literal["json", "soap"]
    each: Rule | None
    each_of: str
    texts: Mapping[str, str]
    let: Mapping[str, Rule]
    checks: Sequence[CheckRule]
    events: Sequence[EventRule]
    otherwise: Callable[[Any], str]

    @property
    def topics(self) -> frozenset[Topic]:
        """Topics its events belong to."""
        return frozenset(event.topic for event in self.events)

    def apply(self, content: Any) -> Taken:
        """Make events of a body; what is wrong with one record holds no other up."""
        records = content if isinstance(content, list) else [content]
        if len(records) > RECORDS:
            raise Refused(413, f"the body has {len(records)} records; {RECORDS} are read at once")
        taken = Taken()
        if not records:
            taken.ignored.append("the body is an empty list")
        for number, record in enumerate(records):
            place = f"record {number}: " if isinstance(content, list) else ""
            self._apply(record, place, taken)
        return taken

    def _apply(self, record: Any, place: str, taken: Taken) -> None:
        if not isinstance(record, Mapping):
            taken.refused.append(f"{place}must be a JSON object")
            return
        try:
            items = self._items(record)
            if not items:
                taken.ignored.append(f"{place}there is nothing in it")
        except Unmappable as error:
            taken.refused.append(f"{place}{error.reason}")
            return
        for number, item in enumerate(items):
            where = f"{place}item {number}: " if len(items) > 1 else place
            try:
                events, ignored = self._made(record, item)
            except (Unmappable, Unreadable) as error:
                taken.refused.append(f"{where}{error.reason}")
            else:
                taken.events += events
                taken.ignored += [f"{where}{ignored}"] if ignored else []

    def _items(self, record: Document) -> Sequence[Any]:
        if self.each is None:
            return [record]
        found = self.each({**record, "_": {"record": record}})
        if not isinstance(found, list):
            raise Unmappable(f"{self.each_of}: must be a list")
        if len(found) > RECORDS:
            raise Unmappable(f"{self.each_of}: has {len(found)} items; {RECORDS} are read at once")
        return found

    def _made(self, record: Document, item: Any) -> tuple[list[Event], str | None]:
        known = {"record": record, "item": item, "with": self.texts, "source": self.source}
        document = {**item, "_": known} if isinstance(item, Mapping) else {"_": known}
        for name, rule in self.let.items():
            known[name] = rule(document)
        for check in self.checks:
            if check.when(document):
                if check.verdict == "refuse":
                    raise Unmappable(check.because(document))
                return [], check.because(document)
        made = [self._event(event, document) for event in self.events if event.when(document)]
        return made, None if made else self.otherwise(document)

    def _event(self, event: EventRule, document: Document) -> Event:
        parts = [part(document) for part in event.id]
        if None in parts:
            missing = event.origins.get(f"id[{parts.index(None)}]", "")
            raise Unmappable(f"{missing}: missing, and the event's id is made of it")
        name = ":".join([self.source, *map(str, parts)])
        attributes = {
            "specversion": "1.0",
            "id": name if len(name) <= 128 else f"{self.source}:{derived(name)}",
            "source": f"/intake/{self.source}",
            "type": event.type,
            "time": event.time(document),
        }
        data = event.data(document)
        if attributes["time"] is None:
            raise Unmappable(f"{event.origins.get('time', '')}: missing; it says when it happened")
        try:
            return compose(event.topic, attributes, data)
        except Unreadable as error:
            raise Unmappable(_with_origins(error.reason, event.origins)) from None
        except Skipped as error:  # pragma: no cover - types are checked when the mapping is read
            raise Unmappable(error.reason) from None


def read(written: Any, *, source: str, terms: Mapping[str, Any], name: str) -> Mapped:
    """A mapping of what its file says. `Wrong` names the place in it."""
    if not isinstance(written, Mapping):
        raise Wrong(f"{name}: must be a mapping with `events`")
    if unknown := written.keys() - _PARTS:
        raise Wrong(f"{name}: {', '.join(map(repr, sorted(unknown)))} is not known here")
    if (reads := written.get("reads", "json")) not in {"json", "soap"}:
        raise Wrong(f"{name}.reads: must be json or soap")
    own = written.get("with") or {}
    if unknown := terms.keys() - own.keys():
        raise Wrong(
            f"{name}: `with` names {', '.join(map(repr, sorted(unknown)))}, which the mapping does "
            f"not use; it uses {', '.join(own) or 'nothing'}"
        )
    known = Terms.of({**own, **terms}, f"{name}.with")
    each = written.get("each")
    events = [
        _event_rule(one, known, f"{name}.events[{n}]")
        for n, one in enumerate(written.get("events") or ())
    ]
    if not events:
        raise Wrong(f"{name}.events: must be a list of one event at least")
    return Mapped(
        source=source,
        reads=reads,
        each=None if each is None else rules.place(each, f"{name}.each"),
        each_of=str(each),
        texts=known.texts,
        let={
            key: rules.rule(one, known, f"{name}.let.{key}")
            for key, one in (written.get("let") or {}).items()
        },
        checks=[
            _check_rule(one, f"{name}.checks[{n}]")
            for n, one in enumerate(written.get("checks") or ())
        ],
        events=events,
        otherwise=_because(written.get("otherwise", "no event's `when` holds"), name),
    )


def _event_rule(written: Any, terms: Terms, where: str) -> EventRule:
    if not isinstance(written, Mapping) or not {"type", "id", "time", "data"} <= written.keys():
        raise Wrong(f"{where}: must have type, id, time and data")
    if unknown := written.keys() - {"type", "when", "id", "time", "data"}:
        raise Wrong(f"{where}: {', '.join(map(repr, sorted(unknown)))} is not known here")
    model = EVENTS.get(str(written["type"]))
    if model is None:
        raise Wrong(f"{where}.type: there is no event {written['type']!r}")
    ids = written["id"]
    if not isinstance(ids, list) or not ids:
        raise Wrong(f"{where}.id: must be a list of rules; joined they name the event")
    return EventRule(
        type=model.type,
        topic=model.topic,
        when=rules.condition(written.get("when", "`true`"), f"{where}.when"),
        id=[rules.rule(one, terms, f"{where}.id[{n}]") for n, one in enumerate(ids)],
        time=rules.rule(written["time"], terms, f"{where}.time"),
        data=rules.rule(written["data"], terms, f"{where}.data"),
        origins={
            **rules.origins(written["data"], "data"),
            **rules.origins(written["time"], "time"),
            **{
                k: v for n, one in enumerate(ids) for k, v in rules.origins(one, f"id[{n}]").items()
            },
        },
    )


def _check_rule(written: Any, where: str) -> CheckRule:
    if not isinstance(written, Mapping) or written.keys() not in (
        {"when", "ignore"},
        {"when", "refuse"},
    ):
        raise Wrong(f"{where}: must have `when`, and `ignore` or `refuse` with the reason")
    verdict: Verdict = "ignore" if "ignore" in written else "refuse"
    return CheckRule(
        rules.condition(written["when"], f"{where}.when"),
        verdict,
        _because(written[verdict], f"{where}.{verdict}"),
    )


def _because(written: Any, where: str) -> Callable[[Any], str]:
    """A reason in which `{place}` stands for what is there."""
    if not isinstance(written, str):
        raise Wrong(f"{where}: must be the reason in words")
    finds = {name: rules.place(name, where) for name in _SHOWN.findall(written)}
    return lambda document: _SHOWN.sub(lambda m: _shown(finds[m[1]](document)), written)


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) else "?"
    return text if len(text) <= 64 and text.isprintable() else "?"


def _with_origins(reason: str, origins: Mapping[str, str]) -> str:
    """Beside each field that is wrong, the place that the mapping takes it from."""

    def told(found: re.Match[str]) -> str:
        return "".join((found[0][:-1], *_origin(found[1], origins), ":"))

    return _FIELD.sub(told, reason)


def _origin(name: str, origins: Mapping[str, str]) -> Iterator[str]:
    path = f"data.{name}"
    while path:
        if path in origins:
            yield f" (from {origins[path]})"
            return
        path = path.rpartition(".")[0]
