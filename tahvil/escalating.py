"""`tahvil policy`: what a file of policies says, and who would hear of a deadline when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from persiantools.jdatetime import JalaliDateTime
from rich.table import Table
from rich.text import Text

from services.reminders import escalation
from services.reminders.cases import Case, Plan
from services.reminders.documents import Said, of_person, to_person
from services.reminders.people import Person
from services.reminders.policies import Match, Policies, Policy
from services.reminders.world import World
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.directory import AbsenceSet, PersonRemoved, PersonUpserted
from shared.contracts.event import Event
from shared.errors import Misconfigured
from shared.mongo import Document
from shared.working_time import Calendar, is_open

MOST = 500
"""Moments of a preview; a policy has 20 steps with 20 recipients and 10 repetitions at most."""
WIDTH = 36
"""Cells of the picture."""
LINE = (
    Person(id="head", name="(the head)", roles=("head",), reports_to="company-manager"),
    Person(id="company-manager", name="(the company's manager)", roles=("company_manager",)),
)
"""Above an owner of whom no directory is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One line of a preview."""

    at: datetime
    who: str
    what: str
    calendar: Calendar
    important: bool = False
    failed: bool = False


def people(events: Iterable[Event]) -> dict[str, Person]:
    """A directory as the rules see it."""
    rows: dict[str, Document] = {}
    for event in events:
        said: Said
        match event.data:
            case PersonUpserted() | PersonRemoved() | AbsenceSet() as said:
                row = rows.setdefault(said.person_id, {"_id": said.person_id})
                row.update(of_person(said))
            case _:
                pass
    return {key: person for key, row in rows.items() if (person := to_person(row))}


def checked(policies: Policies) -> Table:
    """What was read, in the order in which it is tried."""
    table = Table("policy", "version", "for", "steps")
    for policy in policies.policies:
        table.add_row(policy.name, str(policy.version), _for(policy.match), _steps(policy))
    return table


def preview(world: World, deadline: DeadlineSet, source: str) -> tuple[Policy, list[Heard]]:
    """Everything that happens if nobody does anything, in order."""
    case = escalation.begin(deadline, source, world).case
    heard: list[Heard] = []
    while case.next_at and len(heard) < MOST:
        now = case.next_at
        plan = Plan(case, world)
        turn = escalation.fire(case, now, world)
        heard += _failures(case, turn.case, plan, now)
        for reminder in turn.reminders:
            person = world.people[reminder.recipient_id]
            heard.append(
                Heard(
                    at=now,
                    who=person.name,
                    what=reminder.kind,
                    calendar=world.calendars.of(person),
                    important=reminder.important,
                )
            )
        case = turn.case
    return case.policy, heard


def standing_in(world: World, owner: str) -> World:
    """The world with an owner, a head and a company's manager, where no directory is given."""
    person = Person(id=owner, name=owner, reports_to="head")
    return world.knowing({one.id: one for one in (person, *LINE)}, None)


def in_directory(world: World, known: Mapping[str, Person], owner: str, file: str) -> World:
    """The world with the people of a directory."""
    if owner not in known:
        raise Misconfigured(f"--owner: {file} has nobody with the id {owner!r}")
    return world.knowing(known, None)


def drawn(heard: list[Heard], due: datetime) -> Table:
    """Who hears what and when, with a picture on one scale of time."""
    times = [one.at for one in heard] + [due]
    begin, end = min(times), max(times)
    pad = max((end - begin) / WIDTH, timedelta(hours=1))
    begin, end = begin - pad, end + pad
    table = Table("when", "", "after due", "who", "hears", "│ due  ● told  × not told  ▒ works")
    for one in heard:
        zone = ZoneInfo(one.calendar.time_zone)
        local = one.at.astimezone(zone)
        style = "red" if one.failed else "bold" if one.important else ""
        table.add_row(
            f"{local:%a %Y-%m-%d %H:%M}\n{_jalali(one.at, zone)}",
            zone.key,
            _distance(one.at - due),
            Text(one.who, style),
            Text(one.what + (" (important)" if one.important else ""), style),
            _picture(one, due, begin, end),
        )
    return table


def _failures(before: Case, after: Case, plan: Plan, now: datetime) -> list[Heard]:
    fresh = after.log[len(before.log) :] if len(after.log) > len(before.log) else ()
    found = []
    for entry in fresh:
        if entry.failed:
            person = plan.reached[entry.call].person
            target = before.policy.calls[entry.call].target
            who = entry.person_id or (target if isinstance(target, str) else target.person)
            found.append(
                Heard(
                    at=now,
                    who=who,
                    what=f"nothing: {entry.code}",
                    calendar=plan.world.calendars.of(person),
                    failed=True,
                )
            )
    return found


def _jalali(at: datetime, zone: ZoneInfo) -> str:
    try:
        jalali = JalaliDateTime.to_jalali(at.astimezone(zone))  # type: ignore[no-untyped-call]
        return str(jalali.strftime("%Y/%m/%d %H:%M"))
    except (ValueError, OverflowError):
        return ""  # the calendar's library ends before the year 9999


def _picture(one: Heard, due: datetime, begin: datetime, end: datetime) -> Text:
    cell = (end - begin) / WIDTH
    cells = ["▒" if _open(one.calendar, begin + (n + 0.5) * cell) else "·" for n in range(WIDTH)]
    cells[min(WIDTH - 1, int((due - begin) / cell))] = "│"
    cells[min(WIDTH - 1, int((one.at - begin) / cell))] = "×" if one.failed else "●"
    return Text("".join(cells))


def _open(calendar: Calendar, at: datetime) -> bool:
    try:
        return is_open(calendar, at)
    except OverflowError:
        return False


def _distance(length: timedelta) -> str:
    if not length:
        return "due"
    minutes = abs(length) // timedelta(minutes=1)
    days, hours = divmod(minutes, 1440)
    parts = [(days, "d"), (hours // 60, "h"), (hours % 60, "min")]
    words = " ".join(f"{count} {unit}" for count, unit in parts if count) or "seconds"
    return f"- {words}" if length < timedelta(0) else f"+ {words}"


def _for(match: Match) -> str:
    named = [f"{name}: {', '.join(values)}" for name, values in match if values is not None]
    return "\n".join(named) or "every deadline"


def _steps(policy: Policy) -> str:
    lines = []
    for step in policy.steps:
        when = (
            f"{step.before} before" if step.before else f"{step.after} after" if step.after else ""
        )
        to = ", ".join(one if isinstance(one, str) else one.person for one in step.to)
        again = f", and {step.repeat} more, every {step.every}" if step.repeat else ""
        urgent = " (important)" if step.importance == "important" else ""
        lines.append(f"{when or 'when due'}: {to}{urgent}{again}")
    return "\n".join(lines)


def instant(text: str) -> datetime:
    """A time with an offset, as people type it."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Misconfigured(
            f"--deadline: {text[:40]!r}: write a date, a time and an offset, "
            "e.g. 2026-12-01T12:00+03:30"
        )
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Misconfigured("--deadline: must lie between the years 1 and 9999 in UTC") from None
