"""What jmespath finds, or raises, the compiled expressions do, whatever the document."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import jmespath
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from services.handoff.intake import sources
from services.handoff.intake.expressions import compiled, true

DEEPEST = 3  # levels of the places in mappings
VALUES = [None, True, False, 0, 1, 2, -1, Decimal(0), Decimal("1.0"), 1.0, "", "0", "won", "Deal"]
SCALARS = st.sampled_from(VALUES)


def texts(written: Any) -> Iterator[str]:
    """All texts of a mapping but reasons that are JMESPath, whether or not meant as it."""
    if isinstance(written, dict):
        for name, one in written.items():
            if name not in {"refuse", "ignore", "otherwise"}:
                yield from texts(one)
    elif isinstance(written, list):
        for one in written:
            yield from texts(one)
    elif isinstance(written, str):
        try:
            jmespath.compile(written)
        except JMESPathError:
            return
        yield written


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node["children"]:
            yield from nodes(child)


SHIPPED = sorted(
    {
        text
        for file in sources.SHIPPED.glob("*.yaml")
        for text in texts(yaml.safe_load(file.read_text(encoding="utf-8")))
    }
)


def documents(expression: str) -> st.SearchStrategy[Any]:
    """Documents of the fields and words that the expression asks for."""
    found = list(nodes(jmespath.compile(expression).parsed))
    names = {node["value"] for node in found if node["type"] == "field"} | {"other"}
    words = [node["value"] for node in found if node["type"] == "literal"]
    below = SCALARS | st.sampled_from(words) if words else SCALARS
    for _ in range(DEEPEST):
        objects = st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(names), below))
        below = below | objects | st.lists(below, max_size=2)
    return objects | below


def tried(find: Any, document: Any) -> str:
    """What comes of it, with types: to Python 1 is True."""
    try:
        return repr(find(document))
    except (JMESPathError, TypeError, KeyError, ValueError, AttributeError) as error:
        return f"raises {type(error).__name__}: {error}"


def same(expression: str, document: Any) -> None:
    find, sure = compiled(expression)
    found = tried(find, document)
    assert found == tried(jmespath.compile(expression).search, document)
    assert not (sure and found.startswith("raises ")), "nobody would catch it"


@pytest.mark.parametrize("expression", SHIPPED)
@settings(max_examples=15)
@given(data=st.data())
def test_shipped_expressions(expression: str, data: st.DataObject) -> None:
    same(expression, data.draw(documents(expression)))


FORMS = [
    *(f"a {comparator} b" for comparator in ("==", "!=", "<", "<=", ">", ">=")),
    *(f"a {comparator} {other}" for comparator in ("==", "!=") for other in ("'won'", "`1`")),
    *("a && b", "a || b", "!a", "a.b", "a[0]", "a[-1].b", "[a, b]", "a.[b]", "type(a)"),
]


@pytest.mark.parametrize("expression", FORMS)
def test_each_form_with_all_values(expression: str) -> None:
    values = [*VALUES, [], {}, [0], ["won"], [{"b": 1}], {"b": "won"}]
    for first, second in product(values, repeat=2):
        same(expression, {"a": first, "b": second})


PLACES = st.sampled_from(
    ["a", "b", "a.b", "a.b.a", '"b"', "@", "@.a", "a[0]", "b[-1].b", "a[1:]", "a[*].b", "*.a"]
)
LITERALS = st.sampled_from(
    ["'won'", "''", "`0`", "`1`", "`true`", "`false`", "`null`", "`[]`", "`{}`", "`[1]`", "`1.0`"]
)


def larger(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    comparators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    return st.one_of(
        st.builds("({} {} {})".format, below, comparators, below),
        st.builds("({} {} {})".format, below, st.sampled_from(["&&", "||", "|"]), below),
        st.builds("!({})".format, below),
        st.builds("({}).{}".format, below, st.sampled_from(["a", "b.a", "[a, b]", "{c: a}"])),
        st.builds("[{}, {}]".format, below, below),
        st.builds("not_null({}, {})".format, below, below),
        st.builds("type({})".format, below),
        st.builds("length({})".format, below),
        st.builds("a[?{}]".format, below),
        st.builds("sort_by(a, &{})".format, below),
    )


EXPRESSIONS = st.recursive(PLACES | LITERALS, larger, max_leaves=6)


@settings(max_examples=300)
@given(expression=EXPRESSIONS, data=st.data())
def test_generated_expressions(expression: str, data: st.DataObject) -> None:
    same(expression, data.draw(documents(expression)))


@given(value=documents("a.b"))
def test_truth(value: Any) -> None:
    assert true(value) is jmespath.search("a && `true` || `false`", {"a": value})
