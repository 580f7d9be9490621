"""Checklists from YAML: one file, or the files of a folder in the order of their names.

Everything that is wrong is told at once, each with its file, its line and what to write instead.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from yaml.nodes import MappingNode, Node, ScalarNode

from services.handoff.checklist_nodes import MOST, Fault, Reader
from services.handoff.checklists import (
    ALWAYS,
    Anchor,
    Checklist,
    Checklists,
    Condition,
    Moment,
    Owner,
    Step,
    Template,
    main_title,
)
from shared import lined
from shared.errors import Misconfigured
from shared.lined import Unread

BUILT_IN = Path(__file__).with_name("checklists.yaml")
"""What holds where a company sets nothing."""

RESERVED = ("accept", "answer", "mend", "assign", "closed", "assigned", "accepted")
"""Deadlines of a handoff that are no steps of a checklist, and moments."""

_STEP = ("id", "title", "owner", "due", "needs", "when")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A template and where its parts stand."""

    template: Template
    reader: Reader
    node: Node
    conditional: bool
    steps: Mapping[str, Node]


def load(path: Path | None) -> Checklists:
    """The company's checklists; `Misconfigured` says in one line what is wrong first."""
    found, faults = read(path or BUILT_IN)
    if faults:
        more = f"; and {len(faults) - 1} more: tahvil checklist check {path}" if faults[1:] else ""
        raise Misconfigured(f"TAHVIL_CHECKLISTS: {faults[0]}{more}")
    return found


def read(path: Path) -> tuple[Checklists, tuple[Fault, ...]]:
    """The checklists, which hold only when there is no fault."""
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.suffix in (".yaml", ".yml"))
        if not files:
            return Checklists(()), (Fault(str(path), 1, "the folder has no file *.yaml"),)
    readers: list[Reader] = []
    placed: list[_Placed] = []
    for file in files:
        readers.append(Reader(str(file)))
        placed += _file(file, readers[-1])
    _check_order(placed)
    if not placed and not any(reader.faults for reader in readers):
        readers[0].faults.append(
            Fault(str(files[0]), 1, "there is no template: write one without `when`, the default")
        )
    faults = sorted(
        (fault for reader in readers for fault in reader.faults),
        key=lambda fault: (fault.file, fault.line),
    )
    return Checklists(tuple(one.template for one in placed)), tuple(faults)


def _file(file: Path, reader: Reader) -> Iterator[_Placed]:
    try:
        root = lined.compose(file)
    except OSError as error:
        reader.faults.append(Fault(reader.file, 1, f"cannot be read: {error.strerror}"))
        return
    except UnicodeDecodeError:
        reader.faults.append(Fault(reader.file, 1, "is not YAML: is not UTF-8 text"))
        return
    except Unread as error:
        reader.faults.append(Fault(reader.file, error.line or 1, error.reason))
        return
    if root is None:
        return
    values = reader.mapping(root, "file", ("templates",), ("templates",))
    if "templates" in values:
        for node in reader.items(values["templates"], "templates"):
            yield _template(node, reader)


def _template(node: Node, reader: Reader) -> _Placed:
    keys = ("name", "version", "when", "steps")
    values = reader.mapping(node, "template", keys, ("name", "version", "steps"))
    name = reader.identity(values["name"], "name") if "name" in values else None
    version = (
        reader.number(values["version"], "version", 1, 10**9 - 1) if "version" in values else None
    )
    what = f"template {name or '?'}"
    when = reader.condition(values["when"], f"{what}: when") if "when" in values else ALWAYS
    steps: list[Step] = []
    whens: list[Condition] = []
    nodes: dict[str, Node] = {}
    for one in reader.items(values["steps"], f"{what}: steps") if "steps" in values else ():
        step, condition = _step(one, reader, what)
        if step is None:
            continue
        if step.id in nodes:
            first = lined.line(nodes[step.id])
            reader.fault(
                one, f"{what}: step {step.id} stands in line {first} already: give it another id"
            )
            continue
        nodes[step.id] = one
        steps.append(step)
        whens.append(condition)
    _check_steps(steps, nodes, reader, what)
    checklist = Checklist(
        name=name or "?",
        version=version or 0,
        digest=_digest(when, steps, whens),
        steps=tuple(steps),
    )
    template = Template(checklist=checklist, when=when, whens=tuple(whens))
    return _Placed(template, reader, node, "when" in values, nodes)


def _step(node: Node, reader: Reader, what: str) -> tuple[Step | None, Condition]:
    values = reader.mapping(node, f"{what}: step", _STEP, ("id", "title", "due"))
    step_id = reader.identity(values["id"], f"{what}: step.id") if "id" in values else None
    what = f"{what}: step {step_id or '?'}"
    if step_id in RESERVED:
        reader.fault(values["id"], f"{what}: the name is taken: not one of {', '.join(RESERVED)}")
    titles = reader.titles(values["title"], f"{what}: title") if "title" in values else {}
    owner, person = (
        _owner(values["owner"], reader, what) if "owner" in values else (Owner.MANAGER, None)
    )
    due = _due(values["due"], reader, f"{what}: due") if "due" in values else None
    needs = reader.items(values["needs"], f"{what}: needs") if "needs" in values else []
    needed = [reader.identity(one, f"{what}: needs") for one in needs]
    when = reader.condition(values["when"], f"{what}: when") if "when" in values else ALWAYS
    if step_id is None:
        return None, when
    amount, unit, anchor = due or (0, "days", Anchor(Moment.CLOSED))
    return Step(
        id=step_id,
        title=main_title(titles) if titles else step_id,
        titles={language: title for language, title in titles.items() if language},
        owner=owner,
        person_id=person,
        amount=amount,
        unit=unit,
        anchor=anchor,
        needs=tuple(dict.fromkeys(one for one in needed if one)),
    ), when


def _owner(node: Node, reader: Reader, what: str) -> tuple[Owner, str | None]:
    if isinstance(node, MappingNode):
        values = reader.mapping(node, f"{what}: owner", ("person",), ("person",))
        person = reader.person(values["person"], f"{what}: owner.person") if values else None
        return Owner.PERSON, person
    roles = [owner.value for owner in Owner if owner != Owner.PERSON]
    if isinstance(node, ScalarNode) and node.value in roles:
        return Owner(node.value), None
    reader.fault(node, f"{what}: owner: write {', '.join(roles)}, or {{person: …}} with an id")
    return Owner.MANAGER, None


def _due(
    node: Node, reader: Reader, what: str
) -> tuple[int, Literal["days", "hours"], Anchor] | None:
    values = reader.mapping(node, what, ("days", "hours", "after", "before"))
    if not values:
        return None
    units = [name for name in ("days", "hours") if name in values]
    sides = [name for name in ("after", "before") if name in values]
    if len(units) != 1 or len(sides) != 1:
        reader.fault(
            node,
            f"{what}: write days or hours, and after or before, once each: "
            "{days: 1, after: closed}",
        )
        return None
    other = "after" if sides[0] == "before" else "before"
    instead = f"write the number without its sign, and {other} for {sides[0]}"
    amount = reader.number(values[units[0]], f"{what}.{units[0]}", 0, MOST, instead)
    anchor = _anchor(values[sides[0]], reader, f"{what}.{sides[0]}")
    if amount is None or anchor is None:
        return None
    unit: Literal["days", "hours"] = "days" if units[0] == "days" else "hours"
    return -amount if sides[0] == "before" else amount, unit, anchor


def _anchor(node: Node, reader: Reader, what: str) -> Anchor | None:
    text = node.value if isinstance(node, ScalarNode) else ""
    step, _, moment = text.rpartition(".")
    if step and moment in (Moment.DUE, Moment.DONE):
        return Anchor(Moment(moment), step)
    if text in (Moment.CLOSED, Moment.ASSIGNED, Moment.ACCEPTED):
        return Anchor(Moment(text))
    reader.fault(
        node, f"{what}: write closed, assigned, accepted, or a step's due or done: kick-off.due"
    )
    return None


def _check_steps(
    steps: Iterable[Step], nodes: Mapping[str, Node], reader: Reader, what: str
) -> None:
    """What steps say of each other: all of it exists, and nothing waits for itself."""
    known = {step.id: step for step in steps}
    there = ", ".join(known) or "none"
    for step in known.values():
        for name, where in ((step.anchor.step, "due"), *((one, "needs") for one in step.needs)):
            if name and name not in known:
                reader.fault(
                    nodes[step.id],
                    f"{what}: step {step.id}: {where}: there is no step {name!r}: "
                    f"there are {there}",
                )
    by_anchor = {name: {step.anchor.step} & set(known) for name, step in known.items()}
    if circle := _circle(by_anchor):
        reader.fault(
            nodes[circle[0]],
            f"{what}: due: {' → '.join(circle)} are counted from each other: "
            "count one of them from closed, assigned or accepted",
        )
        return
    waits = {
        name: {*step.needs, _begins_with(step, known)} & set(known) for name, step in known.items()
    }
    if circle := _circle(waits):
        reader.fault(
            nodes[circle[0]],
            f"{what}: needs: {' → '.join(circle)} wait for each other: "
            "take one of them out of `needs`, or count it from another moment",
        )


def _begins_with(step: Step, known: Mapping[str, Step]) -> str | None:
    """The step whose end starts the clock of this one, be it through other due dates."""
    while step.anchor.moment == Moment.DUE and step.anchor.step and step.anchor.step in known:
        step = known[step.anchor.step]
    return step.anchor.step if step.anchor.moment == Moment.DONE else None


def _circle(edges: Mapping[str, Iterable[str | None]]) -> list[str]:
    """Names that lead back to the first of them; none: there is no such circle."""
    left = {name: {one for one in to if one} for name, to in edges.items()}
    while free := [name for name, to in left.items() if not to & set(left)]:
        for name in free:
            del left[name]
    if not left:
        return []
    path = [next(iter(left))]
    while path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & set(left)))
    return path[path.index(path[-1]) :]


def _check_order(placed: list[_Placed]) -> None:
    seen: dict[tuple[str, int], _Placed] = {}
    for number, one in enumerate(placed):
        checklist = one.template.checklist
        name, version = checklist.name, checklist.version
        if version and (first := seen.get((name, version))):
            place = f"{first.reader.file}:{first.node.start_mark.line + 1}"
            one.reader.fault(
                one.node,
                f"template {name} version {version} stands in {place} already: "
                "give it another name or version",
            )
        seen.setdefault((name, version), one)
        last = number == len(placed) - 1
        if not last and not one.conditional:
            one.reader.fault(
                one.node,
                f"template {name} has no `when` and takes every deal: "
                "give it one, or put it last, where it is the default",
            )
        if last and one.conditional:
            one.reader.fault(
                one.node,
                f"template {name} is the last and has a `when`: there is no default. "
                "Write a last template without one",
            )


def _digest(when: Condition, steps: Iterable[Step], whens: Iterable[Condition]) -> str:
    said = [str(when), *(asdict(step) for step in steps), *map(str, whens)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
