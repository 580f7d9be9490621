"""Calendars and policies from YAML files. Every fault is one line: file, line, what to write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from services.reminders.calendars import Calendars
from services.reminders.policies import Policies
from shared import lined, working_time
from shared.errors import Misconfigured
from shared.lined import Unread

_PLAINLY = {
    "missing": "is missing",
    "extra_forbidden": "is unknown: check its spelling",
    "string_type": "write a text",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "model_type": "write fields and their values, such as name: standard",
}


@dataclass(frozen=True, slots=True)
class Lined:
    """What a file says, and on which line."""

    file: Path
    content: Mapping[str, Any]
    root: yaml.MappingNode

    def where(self, place: Sequence[str | int]) -> str:
        """File, line and dotted name of a place."""
        return f"{_line(self.file, _find(self.root, place))}: {'.'.join(map(str, place))}"


def policies(file: Path) -> Policies:
    """Read a file of policies."""
    told = _read(file)
    try:
        read = Policies.model_validate(told.content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        reason = _PLAINLY.get(fault["type"], fault["msg"][:1].lower() + fault["msg"][1:])
        raise Misconfigured(f"{told.where(fault['loc'])}: {reason}") from None
    seen: dict[str, int] = {}
    for number, policy in enumerate(read.policies):
        if policy.name in seen:
            where = told.where(["policies", number, "name"])
            raise Misconfigured(
                f"{where}: {policy.name!r} stands there twice: a changed policy takes the place "
                "of the old one, with a higher version"
            )
        seen[policy.name] = number
    for number, policy in enumerate(read.policies[:-1]):
        if policy.match.fits({}):
            where = told.where(["policies", number + 1])
            raise Misconfigured(
                f"{where}: is never reached: {policy.name!r} above it has no match, so it is for "
                "every deadline; put it last"
            )
    return read


def calendars(file: Path) -> Calendars:
    """Read a file of calendars."""
    told = _read(file)
    content = told.content
    if unknown := set(content) - {"company", "calendars", "teams"}:
        name = min(map(str, unknown))
        raise Misconfigured(
            f"{told.where([name])}: is unknown; there are company, calendars and teams"
        )
    entries, teams = content.get("calendars"), content.get("teams") or {}
    if not isinstance(entries, Mapping) or not entries:
        raise Misconfigured(f"{told.where(['calendars'])}: write calendars by their names")
    named: dict[str, working_time.Calendar] = {}
    for name, entry in entries.items():
        where = told.where(["calendars", name])
        if not isinstance(entry, Mapping):
            raise Misconfigured(f"{where}: write time_zone and week")
        named[str(name)] = working_time.parse(entry, where)
    company = content.get("company")
    if company not in named:
        known = ", ".join(named)
        raise Misconfigured(
            f"{told.where(['company'])}: write whose hours everybody else has: {known}"
        )
    if not isinstance(teams, Mapping):
        raise Misconfigured(f"{told.where(['teams'])}: write teams with names of calendars")
    for team, name in teams.items():
        if name not in named:
            where, known = told.where(["teams", team]), ", ".join(named)
            raise Misconfigured(f"{where}: no calendar {str(name)[:40]!r}; there are {known}")
    return Calendars(
        company=named[company],
        named=named,
        teams={str(team): str(name) for team, name in teams.items()},
    )


def _read(file: Path) -> Lined:
    try:
        node = lined.compose(file)
        if not isinstance(node, yaml.MappingNode):
            raise Misconfigured(f"{file}: write fields and their values")
        _check(file, node)
        return Lined(file, lined.content(node), node)
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{file}: is not UTF-8 text") from None
    except Unread as error:
        where = f"{file}, line {error.line}" if error.line else str(file)
        raise Misconfigured(f"{where}: {error.reason}") from None


def _check(file: Path, node: yaml.Node) -> None:
    """Refuse what YAML allows and nobody means: names twice, or that are no texts."""
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Misconfigured(f"{_line(file, key)}: a name must be a text")
            if key.value in names:
                raise Misconfigured(f"{_line(file, key)}: {key.value}: stands there twice")
            names.add(key.value)
            _check(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check(file, value)


def _find(node: yaml.Node, place: Sequence[str | int]) -> yaml.Node:
    """Where a place begins, a field with its name; or the innermost on the way to it."""
    shown = node
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == str(part)]
            if not found:
                break
            shown, node = found[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            shown = node = node.value[part]
        else:
            break
    return shown


def _line(file: Path, node: yaml.Node) -> str:
    return f"{file}, line {lined.line(node)}"
