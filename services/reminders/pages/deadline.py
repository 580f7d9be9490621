"""A deadline as its reader sees it: in a list, and on a page of its own. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from services.reminders import acts
from services.reminders.cases import Case, Quiet
from services.reminders.domain import Status
from services.reminders.pages.choices import Choice, choices, days
from services.reminders.pages.words import STANDING, Standing
from services.reminders.world import World
from shared.pages.sayings import Sayings
from shared.pages.writing import Clock, Writer, isolated


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, when, and in which words."""

    id: str
    now: datetime
    writer: Writer
    sayings: Sayings


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A deadline in a list."""

    id: str
    title: Markup
    account: str | None
    standing: Standing
    standing_words: Markup
    due: Markup
    clock: Clock | None
    """None: it is over, or stands still."""
    quiet: Markup | None
    """Until when who has it in hand."""
    ended: bool
    done_only_on: str | None
    """The page where it is done; None: here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A deadline, and what its reader can do with it."""

    row: Row
    owner: str
    refused: Markup | None
    """Why nothing."""
    can_put_off: bool
    choices: tuple[tuple[Choice, Markup], ...]
    days: tuple[tuple[date, str], ...]
    latest: Markup
    """Until when it can be put off."""
    colleagues: Mapping[str, str]


def standing(case: Case, now: datetime) -> Standing:
    """How it stands."""
    status = case.deadline.status
    if status in (Status.MET, Status.CANCELLED, Status.PAUSED):
        return Standing(status)
    if quiet(case, now):
        return Standing.QUIET
    return Standing.LATE if case.deadline.due_at <= now else Standing.OPEN


def quiet(case: Case, now: datetime) -> Quiet | None:
    """Who has it in hand just now."""
    last = case.quiet[-1] if case.quiet else None
    return last if last and last.since <= now < last.until and case.live else None


def row(case: Case, names: Mapping[str, str], reader: Reader) -> Row:
    """In a list."""
    deadline, writer = case.deadline, reader.writer
    now = standing(case, reader.now)
    by = quiet(case, reader.now)
    return Row(
        id=deadline.id,
        title=isolated(titled(case, writer.language)),
        account=deadline.account_name,
        standing=now,
        standing_words=writer.say(STANDING[now]),
        due=writer.moment(deadline.due_at),
        clock=writer.clock(deadline.due_at, reader.now) if case.live else None,
        quiet=writer.say(
            "%(who)s, until %(time)s", who=names.get(by.by, by.by), time=writer.moment(by.until)
        )
        if by
        else None,
        ended=now in (Standing.MET, Standing.CANCELLED),
        done_only_on=deadline.done_only_on,
    )


def titled(case: Case, language: str) -> str:
    """The title in a language, where there is one."""
    return case.deadline.titles.get(language, case.deadline.title)


def detail(case: Case, world: World, colleagues: Mapping[str, str], reader: Reader) -> Detail:
    """On a page of its own."""
    writer, now = reader.writer, reader.now
    names = {one.id: one.name for one in world.people.values()}
    refused = acts.refused(case, reader.id)
    latest = acts.latest(case, reader.id, now, world)
    calendar = world.calendars.of(world.people.get(reader.id))
    owner = case.deadline.owner_id
    return Detail(
        row=row(case, names, reader),
        owner=names.get(owner, owner),
        refused=reader.sayings.said(refused.reason, writer, names) if refused else None,
        can_put_off=case.live and len(case.quiet) < case.policy.put_off_times,
        choices=tuple(
            (one, writer.say(one.words)) for one in choices(now, latest, calendar, writer.zone)
        ),
        days=tuple((on, writer.weekday(on)) for on in days(now, latest, writer.zone)),
        latest=writer.moment(latest),
        colleagues={who: name for who, name in colleagues.items() if who != owner},
    )
