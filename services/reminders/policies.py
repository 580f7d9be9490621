"""Escalation policies: who hears of a deadline, when, and how urgently.

They are values: a case keeps the policy it began with, whatever becomes of the file.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from shared.contracts.values import Id, Name, Value

_WAIT = re.compile(r"(\d{1,9}) (working )?(second|minute|hour|day)s?", re.ASCII)
_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
LONGEST = timedelta(days=3660)
REPEATS = 9
"""As often as PagerDuty allows; who has heard it ten times has heard it."""
STEPS = 20
ROLES = ("owner", "salesperson", "head", "company_manager")


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("value", reason)


class _Rule(Value):
    model_config = ConfigDict(extra="forbid")


class Wait(_Rule):
    """A length of time, written as "24 hours", "4 working hours" or "2 working days"."""

    count: int
    unit: Literal["second", "minute", "hour", "day"]
    working: bool = False

    @property
    def length(self) -> timedelta:
        """As if every hour were a working hour."""
        return self.count * _UNITS[self.unit]

    @classmethod
    def plain(cls, length: timedelta) -> Self:
        """A wait in plain time, in whole seconds."""
        return cls.model_validate(f"{max(1, int(length.total_seconds()))} seconds")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, Wait):
            return value
        match = _WAIT.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise _wrong('write a time such as "24 hours", "4 working hours" or "2 working days"')
        count, working, unit = int(match[1]), bool(match[2]), match[3]
        if not 0 < count <= LONGEST // _UNITS[unit]:
            raise _wrong("must be longer than nothing and at most ten years")
        return {"count": count, "unit": unit, "working": working}

    @model_serializer
    def _write(self) -> str:
        return str(self)

    @override
    def __str__(self) -> str:
        plural = "" if self.count == 1 else "s"
        return f"{self.count} {'working ' if self.working else ''}{self.unit}{plural}"


class Named(_Rule):
    """A person by id, written as {person: sara}."""

    person: Id


Target: TypeAlias = Literal["owner", "salesperson", "head", "company_manager"] | Named


def _targets(value: Any) -> Any:
    targets = value if isinstance(value, list | tuple) else [value]
    for target in targets:
        named = isinstance(target, Named) or (
            isinstance(target, Mapping) and list(target) == ["person"]
        )
        if not named and (not isinstance(target, str) or target not in ROLES):
            raise _wrong(f"write {', '.join(ROLES)}, or a person's id as {{person: sara}}")
    if not 0 < len(targets) <= STEPS:
        raise _wrong("write whom to tell, such as owner or [owner, head]")
    return targets


def _patterns(value: Any) -> Any:
    patterns = value if isinstance(value, list | tuple) else [value]
    if not patterns or not all(isinstance(one, str) and 0 < len(one) <= 200 for one in patterns):
        raise _wrong('write a text or a list of texts; * stands for anything, as in "welcome-*"')
    return patterns


def _some(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= STEPS:
        raise _wrong(f"write a list of 1 to {STEPS} steps")
    return value


Patterns: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_patterns)]


class Match(_Rule):
    """Which deadlines a policy is for. All that is named must fit; nothing named: all of them."""

    step: Patterns | None = None
    title: Patterns | None = None
    source: Patterns | None = None
    tier: Patterns | None = None
    kind: Patterns | None = None

    def fits(self, known: Mapping[str, str | None]) -> bool:
        """Whether a deadline of which this is known is meant. What is not known fits nothing."""
        return all(
            any(fnmatchcase(known.get(name) or "", pattern) for pattern in patterns)
            for name, patterns in self
            if patterns is not None
        )


class Step(_Rule):
    """One line of a policy: at a time, tell somebody."""

    before: Wait | None = None
    at: Literal["due"] | None = None
    after: Wait | None = None
    to: Annotated[tuple[Target, ...], BeforeValidator(_targets)]
    importance: Literal["normal", "important"] = "normal"
    repeat: Annotated[int, Field(ge=0, le=REPEATS)] = 0
    every: Wait | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if [self.before, self.at, self.after].count(None) != 2:
            raise _wrong("write exactly one of before: 24 hours, at: due, after: 4 working hours")
        if bool(self.repeat) != (self.every is not None):
            raise _wrong("repeat and every belong together: repeat: 2, every: 1 working day")
        return self


class Call(NamedTuple):
    """One recipient of one step."""

    number: int
    """Of the step, from 1."""
    step: Step
    target: Target


class Policy(_Rule):
    """Steps in the order in which they come, and how long somebody may put them off."""

    name: Name
    version: Annotated[int, Field(ge=1, le=2**31)]
    match: Match = Match()
    steps: Annotated[tuple[Step, ...], BeforeValidator(_some)]
    acknowledged_for: Wait = Wait.model_validate("8 working hours")
    """How long an acknowledgement stops the steps, in the working time of whoever gave it."""
    snoozed_for: Wait = Wait.model_validate("7 days")
    """How far somebody may put it off at most."""
    put_off_times: Annotated[int, Field(ge=0, le=20)] = 5
    """How often it may be acknowledged or put off before it must be done or handed on."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for number, (one, other) in enumerate(zip(self.steps, self.steps[1:], strict=False), 2):
            if not _follows(one, other):
                raise _wrong(
                    f"step {number} comes before the one above it: "
                    "write the steps in the order in which they come"
                )
        return self

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every step once for each of its recipients."""
        return tuple(
            Call(number, step, target)
            for number, step in enumerate(self.steps, 1)
            for target in step.to
        )

    @cached_property
    def named(self) -> frozenset[str]:
        """Whom it names by id."""
        targets = [call.target for call in self.calls]
        return frozenset(one.person for one in targets if isinstance(one, Named))


def _follows(one: Step, other: Step) -> bool:
    """Whether a step may stand below another. Working and plain time cannot be compared."""
    if _phase(one) != _phase(other):
        return _phase(one) < _phase(other)
    waits = (one.before, other.before) if one.before else (other.after, one.after)
    longer, shorter = waits
    if not longer or not shorter or longer.working != shorter.working:
        return True
    days = (longer.unit == "day", shorter.unit == "day")
    if longer.working and days[0] != days[1]:
        return True
    return longer.length >= shorter.length


def _phase(step: Step) -> int:
    return 0 if step.before else 1 if step.at else 2


class Policies(_Rule):
    """The policies of a company, the most particular first."""

    policies: tuple[Policy, ...] = ()

    def of(self, known: Mapping[str, str | None], otherwise: Policy) -> Policy:
        """The first that fits."""
        return next((one for one in self.policies if one.match.fits(known)), otherwise)


def standard(before: timedelta) -> Policy:
    """Where no policy fits: a reminder before and one at the due time, to the owner."""
    steps = (
        Step(before=Wait.plain(before), to=("owner",)),
        Step(at="due", to=("owner",)),
    )
    return Policy(name="standard", version=1, steps=steps)


@lru_cache(maxsize=1024)
def restored(text: str) -> Policy:
    """A policy as a case keeps it. The same few are read again and again."""
    return Policy.model_validate_json(text)


@lru_cache(maxsize=1024)
def kept(policy: Policy) -> str:
    """A policy as text, to be kept with a case."""
    return policy.model_dump_json(exclude_defaults=True)
