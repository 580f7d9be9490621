"""Which checklist a deal gets, and which steps of it.

Templates are tried from the top; the last takes whatever is left over. What a handoff gets is a
copy of the steps that apply to its deal: it keeps them, whatever becomes of the template.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from typing_extensions import override

from services.handoff.candidates import Tier
from shared.contracts.values import Money


class Owner(StrEnum):
    """Who is to do a step."""

    MANAGER = "manager"
    """Whoever manages the account: the step goes along when the account changes hands."""
    SALESPERSON = "salesperson"
    HEAD = "head"
    PERSON = "person"


class Moment(StrEnum):
    """What a due date is counted from."""

    CLOSED = "closed"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    DUE = "due"
    """Of another step."""
    DONE = "done"
    """Of another step."""


class Anchor(NamedTuple):
    """A moment of the handoff, or of one of its steps."""

    moment: Moment
    step: str | None = None

    @override
    def __str__(self) -> str:
        """As a template names it."""
        return f"{self.step}.{self.moment}" if self.step else self.moment


CLOSED, ASSIGNED, ACCEPTED = Anchor(Moment.CLOSED), Anchor(Moment.ASSIGNED), Anchor(Moment.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a checklist."""

    id: str
    title: str
    titles: Mapping[str, str] = field(default_factory=dict)
    """By language. Empty: there is the one title."""
    owner: Owner = Owner.MANAGER
    person_id: str | None = None
    """Of the owner, when it is a person."""
    amount: int
    """Of working time after the anchor; negative: before it."""
    unit: Literal["days", "hours"] = "days"
    anchor: Anchor = CLOSED
    needs: tuple[str, ...] = ()
    """Steps without which this one cannot be done."""

    @property
    def offset(self) -> str:
        """When it is due, in words."""
        count = abs(self.amount)
        unit = self.unit if count != 1 else self.unit[:-1]
        return f"{count} working {unit} {'before' if self.amount < 0 else 'after'} {self.anchor}"


def main_title(titles: Mapping[str, str]) -> str:
    """What a step is called for whoever reads none of its languages."""
    return titles.get("en") or next(iter(titles.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """What a handoff began with."""

    name: str
    version: int
    digest: str
    """Of the template, conditions and all: tells an edit from a new version."""
    steps: tuple[Step, ...]

    def step(self, step_id: str) -> Step | None:
        """The step of that id."""
        return next((step for step in self.steps if step.id == step_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """What a checklist can depend on. Unknown is None."""

    kind: str
    tier: Tier = Tier.REGIONAL
    amount: Money | None = None
    products: tuple[str, ...] = ()
    language: str | None = None
    country: str | None = None
    region: str | None = None
    industry: str | None = None

    def told(self, name: str) -> tuple[str, ...]:
        """What is known under a name that conditions use."""
        if name == "product":
            return self.products
        value: str | None = getattr(self, name)
        return () if value is None else (value,)


WORDS = ("product", "tier", "language", "country", "region", "industry", "kind")
"""What is compared as words, great and small letters alike."""


@dataclass(frozen=True, slots=True)
class Words:
    """One of these words is said; negated: none of them is."""

    name: str
    words: tuple[str, ...]
    negated: bool = False
    _folded: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folded", frozenset(word.casefold() for word in self.words))

    def holds(self, deal: Deal) -> bool:
        """Whether it is so. What is not known is none of the words."""
        said = any(word.casefold() in self._folded for word in deal.told(self.name))
        return said is not self.negated

    @override
    def __str__(self) -> str:
        """In words."""
        return f"{self.name} {'is not' if self.negated else 'is'} {' or '.join(self.words)}"


OPERATORS: Mapping[str, str] = MappingProxyType({
    "at_least": "at least",
    "more_than": "more than",
    "at_most": "at most",
    "below": "below",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amount:
    """The deal's amount against another. One in another currency, or none, never holds."""

    operator: str
    """Of `OPERATORS`."""
    value: Decimal
    currency: str

    def holds(self, deal: Deal) -> bool:
        """Whether it is so."""
        if deal.amount is None or deal.amount.currency != self.currency:
            return False
        amount = deal.amount.value
        match self.operator:
            case "at_least":
                return amount >= self.value
            case "more_than":
                return amount > self.value
            case "at_most":
                return amount <= self.value
            case _:
                return amount < self.value

    @override
    def __str__(self) -> str:
        """In words."""
        return f"amount is {OPERATORS[self.operator]} {self.value:f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Either:
    """One of several conditions holds."""

    choices: tuple["Condition", ...]

    def holds(self, deal: Deal) -> bool:
        """Whether it is so."""
        return any(choice.failing(deal) is None for choice in self.choices)

    @override
    def __str__(self) -> str:
        """In words."""
        return "either " + ", or ".join(map(str, self.choices))


Clause: TypeAlias = Words | Amount | Either


@dataclass(frozen=True, slots=True)
class Condition:
    """All of its clauses hold. Without a clause it always does."""

    clauses: tuple[Clause, ...] = ()

    def failing(self, deal: Deal) -> Clause | None:
        """The first clause that does not hold."""
        for clause in self.clauses:
            if not clause.holds(deal):
                return clause
        return None

    @property
    def names_transfers(self) -> bool:
        """Whether it is said to be for accounts that go from manager to manager."""
        kinds = (one for one in self.clauses if isinstance(one, Words) and one.name == "kind")
        return any("transfer" in one.words and not one.negated for one in kinds)

    @override
    def __str__(self) -> str:
        """In words."""
        return " and ".join(map(str, self.clauses)) or "always"


ALWAYS = Condition()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A checklist as the company wrote it. `whens` are the conditions of its steps, in order."""

    checklist: Checklist
    when: Condition = ALWAYS
    whens: tuple[Condition, ...]
    _known: dict[tuple[bool, ...], Checklist] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What is left of it, by which steps apply: deals differ in few ways."""

    def of(self, deal: Deal) -> Checklist:
        """The checklist with the steps that apply to a deal."""
        apply = tuple([when.failing(deal) is None for when in self.whens])
        if apply not in self._known:
            left_out = {
                step.id: step
                for step, applies in zip(self.checklist.steps, apply, strict=True)
                if not applies
            }
            self._known[apply] = _without(self.checklist, left_out)
        return self._known[apply]


@dataclass(frozen=True, slots=True)
class Tried:
    """One template, and why it was not taken. None: it was."""

    template: Template
    because: str | None


@dataclass(frozen=True, slots=True)
class Checklists:
    """All templates of a company, in the order they are tried."""

    templates: tuple[Template, ...]

    def choose(self, deal: Deal) -> Checklist | None:
        """The checklist of a deal.

        A transfer between managers has none but one whose condition says `kind: transfer`: what is
        to be done with a new customer was done.
        """
        for template in self.templates:
            if _refusing(template, deal) is None:
                return template.of(deal)
        return None

    def explain(self, deal: Deal) -> tuple[Tried, ...]:
        """The templates that are tried for a deal, and why each is taken or not."""
        tried: list[Tried] = []
        for template in self.templates:
            refusing = _refusing(template, deal)
            tried.append(Tried(template, None if refusing is None else f"not so: {refusing}"))
            if refusing is None:
                break
        return tuple(tried)


def _refusing(template: Template, deal: Deal) -> Clause | str | None:
    if deal.kind == "transfer" and not template.when.names_transfers:
        return "kind is transfer"
    return template.when.failing(deal)


def _without(checklist: Checklist, left_out: Mapping[str, Step]) -> Checklist:
    """With some steps left out; what hung on one of them hangs on what that one hung on."""
    if not left_out:
        return checklist
    kept = tuple(
        replace(
            step, anchor=_kept(step.anchor, left_out), needs=tuple(_needs(step.needs, left_out))
        )
        for step in checklist.steps
        if step.id not in left_out
    )
    return replace(checklist, steps=kept)


def _kept(anchor: Anchor, left_out: Mapping[str, Step]) -> Anchor:
    while anchor.step and anchor.step in left_out:
        anchor = left_out[anchor.step].anchor
    return anchor


def _needs(needs: Iterable[str], left_out: Mapping[str, Step]) -> dict[str, None]:
    found: dict[str, None] = {}
    for step in needs:
        if step in left_out:
            found |= _needs(left_out[step].needs, left_out)
        else:
            found[step] = None
    return found
