"""YAML files whose faults are told by their lines: read as nodes, each of which knows its own."""

from pathlib import Path
from typing import Any

import yaml

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
