"""Questions as they are written in an address, and what is wrong with them. Pure."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

from services.reporting.figures.declaration import Figure
from services.reporting.periods import GREGORIAN_YEARS, JALALI_YEARS, jalali_day, period
from services.reporting.questions import (
    TIMES,
    Question,
    Unanswerable,
    cube_for,
    dimensions,
)

Calendar = Literal["gregorian", "jalali"]

_OF_CALENDAR: Mapping[tuple[str, Calendar], str] = MappingProxyType(
    {("month", "jalali"): "jalali_month"}
)
_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")


class Wrong(Exception):
    """A part of a question that cannot be understood: which one, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """As it was written."""

    by: Sequence[str] = ()
    where: Sequence[str] = ()
    """Each `dimension:value`; several values of a dimension are alternatives."""
    since: str | None = None
    until: str | None = None
    calendar: Calendar = "gregorian"
    converted: bool = False


def understood(figure: Figure, asked: Asked) -> Question:
    """The question; `Wrong` says which part of it is none."""
    known = dimensions(figure)
    by = [_OF_CALENDAR.get((name, asked.calendar), name) for name in asked.by]
    for name in by:
        if name not in known:
            raise Wrong("by", f"{figure.name} has no dimension {name!r}: it has {_list(known)}")
    if len(set(by)) < len(by):
        raise Wrong("by", "names a dimension twice")
    if figure.balance and len({*by} & {*TIMES}) > 1:
        raise Wrong("by", f"{figure.name} goes by one of {_list(TIMES)} at a time")
    question = Question(
        by=tuple(by or known[:1]),
        where=_where(figure, asked, known),
        since=_day("from", asked.since, last=False),
        until=_day("to", asked.until, last=True),
        converted=asked.converted,
    )
    if question.since and question.until and question.since > question.until:
        raise Wrong("to", "is before `from`")
    try:
        cube_for(figure, question)
    except Unanswerable as error:
        raise Wrong("by", str(error)) from None
    return question


def _where(figure: Figure, asked: Asked, known: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for condition in asked.where:
        written, colon, value = condition.partition(":")
        name = _OF_CALENDAR.get((written, asked.calendar), written)
        if not colon:
            raise Wrong("where", f"{condition[:80]!r} must be such as {known[0]}:value")
        if name in TIMES:
            raise Wrong("where", f"{name} is a time: write `from` and `to`")
        if name not in known:
            raise Wrong("where", f"{figure.name} has no dimension {name!r}: it has {_list(known)}")
        found.setdefault(name, []).append(value)
    return found


def _day(field: str, text: str | None, *, last: bool) -> date | None:
    """A day of either calendar, or the first or last one of a period; the year says which."""
    if not text:
        return None
    plain = text.strip().translate(_DIGITS)
    try:
        if plain.count("-") == 2:
            return _one_day(*(int(part) for part in plain.split("-")))
        span = period(plain)
    except ValueError:
        raise Wrong(
            field, f"{text[:40]!r} is no day: write 2026-11-25, 1405-09-04, 2026-11 or 2026-Q4"
        ) from None
    return span.until if last else span.since


def _one_day(year: int, month: int, day: int) -> date:
    if year in JALALI_YEARS:
        return jalali_day(year, month, day)
    if year in GREGORIAN_YEARS:
        return date(year, month, day)
    raise ValueError(year)


def cursor(by: Sequence[str], values: Mapping[str, str]) -> str:
    """Where an answer goes on: after the row with these values."""
    plain = json.dumps([values[name] for name in by], ensure_ascii=False)
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def after(text: str | None, by: Sequence[str]) -> tuple[str, ...] | None:
    """The values that a cursor stands for."""
    if not text:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != len(by)
        or not all(isinstance(one, str) for one in found)
    ):
        raise Wrong("cursor", "take it from `next` of an answer to the same question")
    return tuple(found)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
