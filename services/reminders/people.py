"""The people deadlines concern: who they are, when they are away, and whom they report to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.directory import Role

HIGHEST = 20
"""Levels of a hierarchy that are climbed at most; more is a mistake in the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in the directory, as far as time and escalation go."""

    id: str
    name: str
    roles: tuple[str, ...] = ()
    reports_to: str | None = None
    time_zone: str | None = None
    """Where the directory says one; a person without works in the zone of the calendar."""
    team: str | None = None
    calendar: str | None = None
    hours: Mapping[str, tuple[str, ...]] | None = None
    absences: tuple[tuple[datetime, datetime | None], ...] = ()
    active: bool = True

    def away(self, at: datetime) -> bool:
        """Whether the person is absent then."""
        return any(since <= at and (until is None or at < until) for since, until in self.absences)

    def back(self, at: datetime) -> datetime | None:
        """The first moment from then on at which the person is there; None: not known."""
        for since, until in sorted(self.absences, key=lambda absence: absence[0]):
            if since <= at:
                if until is None:
                    return None
                at = max(at, until)
        return at


def above(people: Mapping[str, Person], person: Person | None) -> list[Person]:
    """Whom somebody reports to, level by level; a circle in the directory ends it."""
    line: list[Person] = []
    seen = {person.id} if person else set()
    while person and person.reports_to and len(line) < HIGHEST:
        person = people.get(person.reports_to)
        if person is None or person.id in seen:
            break
        seen.add(person.id)
        line.append(person)
    return line


def first_with(line: list[Person], role: Role) -> Person | None:
    """The nearest one of a line with a role who has not left."""
    return next((person for person in line if person.active and role in person.roles), None)
