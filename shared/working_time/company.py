"""Whose working time it is: a person's own, the team's, the company's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.contracts.ids import derived
from shared.working_time.calendar import Calendar, personal


class Works(Protocol):
    """Somebody of the directory, as far as working time goes."""

    @property
    def time_zone(self) -> str | None:
        """Where the directory says one; none: that of the calendar."""

    @property
    def team(self) -> str | None:
        """Whose calendar it is, too."""

    @property
    def calendar(self) -> str | None:
        """Name of a calendar of the company."""

    @property
    def hours(self) -> Mapping[str, tuple[str, ...]] | None:
        """The own week, by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendars:
    """The calendars of a company. The directory says who is in which team."""

    company: Calendar = field(default_factory=lambda: Calendar.monday_to_friday("UTC"))
    named: Mapping[str, Calendar] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    """Team to name of its calendar."""

    def of(self, person: Works | None) -> Calendar:
        """The nearest calendar: own hours, own calendar, the team's, the company's.

        It is read in the person's own time zone where the directory says one. Own hours keep the
        holidays of the calendar they replace.
        """
        if person is None:
            return self.company
        team = self.teams.get(person.team or "", "")
        calendar = self.named.get(person.calendar or "") or self.named.get(team) or self.company
        hours = tuple(sorted(person.hours.items())) if person.hours else None
        if hours is None and person.time_zone in (None, calendar.time_zone):
            return calendar
        return personal(calendar, person.time_zone, hours)

    @property
    def digest(self) -> str:
        """Another one for every other content."""
        content = [repr((name, calendar)) for name, calendar in sorted(self.named.items())]
        return derived("calendars", repr(self.company), repr(sorted(self.teams.items())), *content)
