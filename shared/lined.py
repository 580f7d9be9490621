"""YAML files whose faults are told by their lines: read as nodes, each of which knows its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.errors import Misconfigured

LARGEST = 256 * 1024
"""Characters of a file."""
NODES = 40_000
"""Parts of a file, those that aliases repeat counted each time."""


class Unread(Exception):
    """Why a file is no YAML that can be meant, and on which line; none: as a whole."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Lined:
    """What a file of fields and their values says, and on which line."""

    file: Path
    content: Mapping[str, Any]
    root: yaml.MappingNode

    def where(self, place: Sequence[str | int]) -> str:
        """File, line and dotted name of a place."""
        return f"{_at(self.file, _find(self.root, place))}: {'.'.join(map(str, place))}"


def line(node: yaml.Node) -> int:
    """On which line something begins, from 1."""
    return node.start_mark.line + 1


def compose(file: Path) -> yaml.Node | None:
    """What a file says; None: nothing. `Unread`, `OSError` or `UnicodeDecodeError`: it cannot be.

    Nothing in it contains itself, and it is walked through in a bounded time.
    """
    text = file.read_text(encoding="utf-8")
    if len(text) > LARGEST:
        raise Unread(f"is larger than {LARGEST // 1024} KiB")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _bounded(root, (), [NODES])
    except (yaml.YAMLError, RecursionError) as error:
        raise _unread(error) from None
    return root


def content(node: yaml.Node) -> Any:
    """The values of a node, as `yaml.safe_load` gives them."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unread(error) from None
    finally:
        loader.dispose()


def read(file: Path) -> Lined:
    """Read a file of fields and their values; `Misconfigured` names file, line and reason."""
    try:
        node = compose(file)
        if not isinstance(node, yaml.MappingNode):
            raise Misconfigured(f"{file}: write fields and their values")
        _check(file, node)
        return Lined(file, content(node), node)
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{file}: is not UTF-8 text") from None
    except Unread as error:
        where = f"{file}, line {error.line}" if error.line else str(file)
        raise Misconfigured(f"{where}: {error.reason}") from None


def _bounded(node: yaml.Node, inside: tuple[yaml.Node, ...], left: list[int]) -> None:
    left[0] -= 1
    if node in inside or left[0] < 0:
        reason = "contains itself" if node in inside else "becomes too large by its aliases"
        raise Unread(f"{reason}: write it out without *", line(node))
    inside = (*inside, node)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _bounded(key, inside, left)
            _bounded(value, inside, left)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _bounded(value, inside, left)


def _unread(error: Exception) -> Unread:
    if isinstance(error, RecursionError):
        return Unread("is not YAML: is nested too deeply")
    if isinstance(error, yaml.MarkedYAMLError):
        at = error.problem_mark.line + 1 if error.problem_mark else 1
        return Unread(f"is not YAML: {error.problem}", at)
    return Unread(f"is not YAML: {str(error)[:200]}")


def _check(file: Path, node: yaml.Node) -> None:
    """Refuse what YAML allows and nobody means: names twice, or that are no texts."""
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Misconfigured(f"{_at(file, key)}: a name must be a text")
            if key.value in names:
                raise Misconfigured(f"{_at(file, key)}: {key.value}: stands there twice")
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


def _at(file: Path, node: yaml.Node) -> str:
    return f"{file}, line {line(node)}"
