"""Reads the values of a checklist file. Each knows its line, and says what to write instead."""

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.handoff.candidates import Tier
from services.handoff.checklists import (
    ALWAYS,
    OPERATORS,
    WORDS,
    Amount,
    Clause,
    Condition,
    Either,
    Words,
)
from shared.contracts.values import Id, Money, Name
from shared.lined import line

KINDS = ("new", "expansion", "transfer")
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MOST = 2000
"""Days or hours of an offset; eight years of working days."""

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_PERSON: TypeAdapter[str] = TypeAdapter(Id)
_CHOICES = {"tier": tuple(Tier), "kind": KINDS}
_MONEY = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ?([A-Z]{3})")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and what to write instead."""

    file: str
    line: int
    words: str

    @override
    def __str__(self) -> str:
        """As compilers say it, so that editors find the place."""
        return f"{self.file}:{self.line}: {self.words}"


@dataclass(slots=True)
class Reader:
    """Reads on after a fault, so that all of them are told at once."""

    file: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, node: Node, words: str) -> None:
        """Something is wrong there."""
        self.faults.append(Fault(self.file, line(node), words))

    def mapping(
        self, node: Node, what: str, keys: Collection[str], required: Collection[str] = ()
    ) -> dict[str, Node]:
        """Values by key; keys that nobody knows, that come twice or that are missing are faults."""
        if not isinstance(node, MappingNode):
            self.fault(node, f"{what}: write keys with values; there are {', '.join(keys)}")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else "?"
            if name not in keys:
                near = get_close_matches(name, keys, 1)
                instead = f"write {near[0]}" if near else f"there are {', '.join(keys)}"
                self.fault(key, f"{what}: unknown key {name!r}: {instead}")
            elif name in found:
                self.fault(key, f"{what}: {name} stands there twice: keep one")
            else:
                found[name] = value
        for name in required:
            if name not in found:
                self.fault(node, f"{what}: {name} is missing: write {_EXAMPLES[name]}")
        return found

    def items(self, node: Node, what: str) -> list[Node]:
        """The items of a list."""
        if isinstance(node, SequenceNode):
            return list(node.value)
        self.fault(node, f"{what}: write a list, each item after a dash")
        return []

    def text(self, node: Node, what: str) -> str | None:
        """Words as they are written: NO is Norway here, not false."""
        if isinstance(node, ScalarNode):
            with contextlib.suppress(ValidationError):
                return _NAME.validate_python(node.value)
        self.fault(node, f"{what}: write 1 to 200 printable characters, no spaces at the ends")
        return None

    def identity(self, node: Node, what: str) -> str | None:
        """A name of small letters, digits and hyphens."""
        if isinstance(node, ScalarNode) and ID.fullmatch(node.value):
            return str(node.value)
        self.fault(node, f"{what}: write small letters, digits and hyphens, such as welcome-call")
        return None

    def person(self, node: Node, what: str) -> str | None:
        """The id of a person in the directory."""
        if isinstance(node, ScalarNode):
            with contextlib.suppress(ValidationError):
                return _PERSON.validate_python(node.value)
        self.fault(node, f"{what}: write {_EXAMPLES['person']}")
        return None

    def number(self, node: Node, what: str, least: int, most: int, instead: str = "") -> int | None:
        """A whole number."""
        if isinstance(node, ScalarNode) and re.fullmatch(r"-?[0-9]{1,9}", node.value):
            number = int(node.value)
            if least <= number <= most:
                return number
            if number < 0 and instead:
                self.fault(node, f"{what}: {number} is negative: {instead}")
                return None
        self.fault(node, f"{what}: write a whole number from {least} to {most}")
        return None

    def titles(self, node: Node, what: str) -> dict[str, str]:
        """Titles by language; by the empty one where there is one for all."""
        if not isinstance(node, MappingNode):
            title = self.text(node, what)
            return {"": title} if title else {}
        found: dict[str, str] = {}
        for key, value in node.value:
            language = key.value if isinstance(key, ScalarNode) else ""
            if not LANGUAGE.fullmatch(language) or len(language) > 35:
                self.fault(key, f"{what}: write languages by code, e.g. en or fa")
            elif language in found:
                self.fault(key, f"{what}: {language} stands there twice: keep one")
            elif title := self.text(value, f"{what}.{language}"):
                found[language] = title
        if not node.value:
            self.fault(node, f"{what}: write {_EXAMPLES['title']}")
        return found

    def condition(self, node: Node, what: str, *, inner: bool = False) -> Condition:
        """What must hold of a deal."""
        keys = ("amount", *WORDS) if inner else ("amount", *WORDS, "any")
        clauses: list[Clause] = []
        values = self.mapping(node, what, keys)
        if isinstance(node, MappingNode) and not node.value:
            self.fault(node, f"{what}: is empty: write a condition, e.g. tier: global, or leave it")
        for name, value in values.items():
            place = f"{what}.{name}"
            if name == "any":
                choices = [self.condition(n, place, inner=True) for n in self.items(value, place)]
                clauses.append(Either(tuple(choices)))
                if isinstance(value, SequenceNode) and not choices:
                    self.fault(value, f"{place}: write at least one condition")
            elif name == "amount":
                clauses += self._amounts(value, place)
            else:
                clauses += self._words(name, value, place)
        return Condition(tuple(clauses)) if clauses else ALWAYS

    def _words(self, name: str, node: Node, what: str) -> Iterator[Words]:
        """A word, a list of which one is said, or these under `is` and `not`."""
        if not isinstance(node, MappingNode):
            if words := self._list(name, node, what):
                yield Words(name, words)
            return
        for operator, value in self._operators(node, what, ("is", "not")):
            if words := self._list(name, value, f"{what}.{operator}"):
                yield Words(name, words, negated=operator == "not")

    def _list(self, name: str, node: Node, what: str) -> tuple[str, ...]:
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        words: list[str] = []
        for one in nodes:
            word, choices = self.text(one, what), _CHOICES.get(name)
            if word and choices and word not in choices:
                self.fault(one, f"{what}: {word!r} is none: there are {', '.join(choices)}")
            elif word:
                words.append(word)
        if not nodes:
            self.fault(node, f"{what}: the list is empty: write at least one")
        return tuple(words)

    def _amounts(self, node: Node, what: str) -> Iterator[Amount]:
        if not isinstance(node, MappingNode):
            self.fault(node, f"{what}: write how it compares, e.g. {{at_least: 10000 EUR}}")
            return
        currencies: set[str] = set()
        for operator, value in self._operators(node, what, tuple(OPERATORS)):
            if money := self._money(value, f"{what}.{operator}"):
                currencies.add(money.currency)
                yield Amount(operator, money.value, money.currency)
        if len(currencies) > 1:
            self.fault(
                node,
                f"{what}: no deal is in {' and '.join(sorted(currencies))} at once: "
                "write one currency",
            )

    def _operators(
        self, node: MappingNode, what: str, operators: Collection[str]
    ) -> Iterator[tuple[str, Node]]:
        seen: set[str] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else "?"
            if name not in operators:
                self.fault(
                    key, f"{what}: unknown operator {name!r}: there are {', '.join(operators)}"
                )
            elif name in seen:
                self.fault(key, f"{what}: {name} stands there twice: keep one")
            else:
                seen.add(name)
                yield name, value
        if not node.value:
            self.fault(node, f"{what}: is empty: there are {', '.join(operators)}")

    def _money(self, node: Node, what: str) -> Money | None:
        try:
            return money(node.value if isinstance(node, ScalarNode) else "")
        except ValueError as error:
            self.fault(node, f"{what}: {error}")
            return None


def money(text: str) -> Money:
    """An amount with its currency, such as `10000 EUR`. ValueError says what to write."""
    match = _MONEY.fullmatch(text.strip())
    if match is None:
        raise ValueError("write an amount with its currency, e.g. 10000 EUR")
    if match[1].startswith("-"):
        raise ValueError(f"{match[1]} is negative: no deal is; write an amount from 0")
    try:
        return Money(value=Decimal(match[1]), currency=match[2])
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False)
        raise ValueError(f"{first['loc'][-1]}: {first['msg']}") from None


_EXAMPLES = {
    "templates": "templates: and under it a list of them",
    "name": "name: standard",
    "version": "version: 1, and a higher one whenever you change it",
    "steps": "steps: and under it a list of them, or steps: []",
    "id": "id: welcome-call",
    "title": "title: Welcome call, or title: {en: Welcome call, fa: …}",
    "due": "due: {days: 1, after: closed}",
    "person": "person: and the id that the directory knows",
}
