"""`tahvil checklist`: what is wrong with a file of checklists, and what a deal would get of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.table import Column, Table

from services.handoff import checklist_file
from services.handoff.candidates import Tier
from services.handoff.checklist_nodes import KINDS, money
from services.handoff.checklists import (
    ACCEPTED,
    ASSIGNED,
    CLOSED,
    Anchor,
    Checklists,
    Deal,
    Owner,
    Step,
)
from services.handoff.config import CompanyTime
from services.handoff.steps import due_dates
from shared.errors import Misconfigured

TIERS = tuple(tier.value for tier in Tier)


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of a handoff's course, as typed: a date, or a date and time with an offset."""

    closed: str
    assigned: str | None = None
    accepted: str | None = None

    def known(self, zone: ZoneInfo) -> dict[Anchor, datetime]:
        """By anchor. The assignment is taken to follow at once."""
        said = {
            CLOSED: self.closed,
            ASSIGNED: self.assigned or self.closed,
            ACCEPTED: self.accepted,
        }
        return {anchor: _moment(text, str(anchor), zone) for anchor, text in said.items() if text}


def check(path: Path) -> tuple[list[str], str]:
    """What is wrong, a line each; and what there is."""
    found, faults = checklist_file.read(path)
    told = ", ".join(f"{one.checklist.name} {one.checklist.version}" for one in found.templates)
    return [str(fault) for fault in faults], told


def read(path: Path) -> Checklists:
    """The checklists of a file that is in order."""
    found, faults = checklist_file.read(path)
    if faults:
        raise Misconfigured(f"{faults[0]}; all that is wrong: tahvil checklist check {path}")
    return found


def deal(
    kind: str, tier: str, amount: str | None, products: list[str], about: Mapping[str, str | None]
) -> Deal:
    """A deal as typed. `about`: language, country, region, industry."""
    if kind not in KINDS:
        raise Misconfigured(f"--kind {kind}: there are {', '.join(KINDS)}")
    if tier not in TIERS:
        raise Misconfigured(f"--tier {tier}: there are {', '.join(TIERS)}")
    try:
        value = money(amount) if amount else None
    except ValueError as error:
        raise Misconfigured(f"--amount {amount}: {error}") from None
    return Deal(kind=kind, tier=Tier(tier), amount=value, products=tuple(products), **about)


def reasons(found: Checklists, what: Deal) -> Iterator[str]:
    """Which templates were tried, and why each was taken or not."""
    for tried in found.explain(what):
        name = f"{tried.template.checklist.name} {tried.template.checklist.version}"
        if tried.because:
            yield f"  {name}: {tried.because}"
        elif tried.template.when.clauses:
            yield f"→ {name}: {tried.template.when}"
        else:
            yield f"→ {name}: the default"


def preview(found: Checklists, what: Deal, moments: Moments, working: CompanyTime) -> Table:
    """Every step with its owner and its due date in the company's calendar."""
    checklist = found.choose(what)
    steps = checklist.steps if checklist else ()
    zone = ZoneInfo(working.calendar.time_zone)
    dues = due_dates(steps, moments.known(zone), working)
    narrow = [Column(name, no_wrap=True) for name in ("step", "owner", "due")]
    table = Table(*narrow, "what", Column("when", overflow="fold"))
    for step in steps:
        due = dues.get(step.id)
        table.add_row(
            step.id,
            _owner(step),
            due.astimezone(zone).strftime("%a %Y-%m-%d %H:%M") if due else "not known yet",
            step.title,
            step.offset + (f"; needs {', '.join(step.needs)}" if step.needs else ""),
        )
    table.caption = "no steps" if not steps else f"times of {working.calendar.time_zone}"
    return table


def _owner(step: Step) -> str:
    return step.person_id or "" if step.owner == Owner.PERSON else step.owner.value


def _moment(text: str, name: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Misconfigured(
            f"--{name} {text}: write a date, 2026-11-24, or 2026-11-24T10:00:00Z"
        ) from None
    return moment
