"""How well it goes with a customer, and why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

CONTENT = 70
"""Satisfaction from which on nothing is taken off."""
FALLEN = 10
"""Points of satisfaction lost since the time before that count as a fall."""
SILENT_DAYS, LONG_SILENT_DAYS = 30, 90
MOST = 40
"""What disputes, or satisfaction, take off at most: no one trouble says all."""
MOST_OVERDUE = 20
SEVERITIES: Mapping[str, int] = MappingProxyType(
    {"critical": 25, "high": 15, "normal": 8, "low": 3}
)


class Grade(StrEnum):
    """In a word."""

    GOOD = "good"
    WATCH = "watch"
    POOR = "poor"


class Reason(NamedTuple):
    """Why points are missing. The page says it in the reader's language."""

    code: str
    points: int
    """How many are missing because of it."""
    number: int
    """What it is about: the score, how many disputes, deadlines, or days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known of a customer."""

    satisfaction: int | None = None
    """As it was said last."""
    satisfaction_before: int | None = None
    disputes: Mapping[str, int] = field(default_factory=dict)
    """Open ones by severity."""
    overdue: int = 0
    """Deadlines open and past."""
    silent_days: int | None = None
    """Since anybody was in touch, or else since the manager has it."""


@dataclass(frozen=True, slots=True)
class Health:
    """0 to 100, and what is missing to 100, the worst first."""

    score: int
    reasons: tuple[Reason, ...]

    @property
    def grade(self) -> Grade:
        """Good from 75 on, poor below 50."""
        if self.score >= 75:
            return Grade.GOOD
        return Grade.WATCH if self.score >= 50 else Grade.POOR


def health(signs: Signs) -> Health:
    """Points off 100, each with its reason. What nobody knows takes nothing off."""
    reasons = [reason for reason in _reasons(signs) if reason.points]
    score = max(0, 100 - sum(reason.points for reason in reasons))
    return Health(score, tuple(sorted(reasons, key=lambda reason: (-reason.points, reason.code))))


def _reasons(signs: Signs) -> list[Reason]:
    found: list[Reason] = []
    last, before = signs.satisfaction, signs.satisfaction_before
    if last is not None:
        found.append(Reason("satisfaction_low", min(MOST, max(0, CONTENT - last)), last))
        if before is not None and before - last >= FALLEN:
            found.append(Reason("satisfaction_fell", 10, before - last))
    points = sum(SEVERITIES.get(name, 8) * count for name, count in signs.disputes.items())
    found.append(Reason("disputes", min(MOST, points), sum(signs.disputes.values())))
    found.append(Reason("overdue", min(MOST_OVERDUE, 5 * signs.overdue), signs.overdue))
    days = signs.silent_days or 0
    if days > LONG_SILENT_DAYS:
        found.append(Reason("silent", 20, days))
    elif days > SILENT_DAYS:
        found.append(Reason("silent", 10, days))
    return found
