"""A company's calendars from a YAML file. Every fault is one line: file, line, what to write."""

from collections.abc import Mapping
from pathlib import Path

from shared import lined
from shared.errors import Misconfigured
from shared.working_time.calendar import Calendar, parse
from shared.working_time.company import Calendars


def read_calendars(file: Path) -> Calendars:
    """Read a file of calendars."""
    told = lined.read(file)
    content = told.content
    if unknown := set(content) - {"company", "calendars", "teams"}:
        name = min(map(str, unknown))
        raise Misconfigured(
            f"{told.where([name])}: is unknown; there are company, calendars and teams"
        )
    entries, teams = content.get("calendars"), content.get("teams") or {}
    if not isinstance(entries, Mapping) or not entries:
        raise Misconfigured(f"{told.where(['calendars'])}: write calendars by their names")
    named: dict[str, Calendar] = {}
    for name, entry in entries.items():
        where = told.where(["calendars", name])
        if not isinstance(entry, Mapping):
            raise Misconfigured(f"{where}: write time_zone and week")
        named[str(name)] = parse(entry, where)
    company = content.get("company")
    if company not in named:
        known = ", ".join(named)
        raise Misconfigured(
            f"{told.where(['company'])}: write whose hours everybody else has: {known}"
        )
    if not isinstance(teams, Mapping):
        raise Misconfigured(f"{told.where(['teams'])}: write teams with names of calendars")
    for team, name in teams.items():
        if name not in named:
            where, known = told.where(["teams", team]), ", ".join(named)
            raise Misconfigured(f"{where}: no calendar {str(name)[:40]!r}; there are {known}")
    return Calendars(
        company=named[company],
        named=named,
        teams={str(team): str(name) for team, name in teams.items()},
    )
