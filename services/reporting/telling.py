"""Tells people of figures: digests when they are due, and alerts. Through `notifications`.

Any number of replicas may run it. What was told is stored in the transaction that writes the
message into the outbox, so of two that tell the same one collides and finds it told. Time is the
MongoDB server's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import structlog

from services.reporting import alerts, rights
from services.reporting.alerts import Drop, Limits, Look, Watched, judged, told_to
from services.reporting.answers import Answers
from services.reporting.digests import Digests
from services.reporting.issues import Habits, Rhythm, Span, due
from services.reporting.notices import Notices
from services.reporting.pages.alert import alert
from services.reporting.pages.digest import Letter, digest
from services.reporting.pages.parts import Reader
from services.reporting.questions import People, Person
from services.reporting.reading import Reading
from shared.caused import Said
from shared.contracts.ids import derived
from shared.contracts.notifications import NotificationRequested
from shared.errors import Transient
from shared.mongo import Session, server_time
from shared.outbox import Outbox
from shared.pages.rendering import Pages
from shared.relay import Relay
from shared.telling import Teller
from shared.working_time import Calendars

log = structlog.get_logger(__name__)

EVERY = 10.0
"""Seconds between looks; the first comes after it, since a start may have to catch up."""
TARGETS_EVERY = timedelta(minutes=5)
"""Targets go by the clock, too: nothing has to happen for one to be at risk."""
AT_ONCE = 500
"""Things that are watched in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A digest that somebody is to get."""

    person: str
    rhythm: Rhythm
    habits: Habits
    span: Span
    before: date
    """Up to which day the person has had it."""


class Telling:
    """Looks now and then who is to be told what."""

    def __init__(
        self,
        *,
        notices: Notices,
        reading: Reading,
        answers: Answers,
        pages: Pages,
        outbox: Outbox,
        relay: Relay,
        calendars: Calendars,
        rhythms: Sequence[Rhythm],
        limits: Limits,
        address: str,
        behind: Callable[[], Awaitable[int]],
        most_behind: int,
        count: Callable[[str], None],
    ) -> None:
        """`behind`: how many events are not counted yet; above `most_behind` nobody is told."""
        self._notices = notices
        self._reading = reading
        self._answers = answers
        self._digests = Digests(answers)
        self._pages = pages
        self._teller = Teller("reporting", notices.database, outbox, relay)
        self._calendars = calendars
        self._rhythms = rhythms
        self._limits = limits
        self._address = address.rstrip("/")
        self._behind = behind
        self._most_behind = most_behind
        self._count = count
        self._targets_at: datetime | None = None
        self._failed: set[Issue | str] = set()

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except Transient as error:
                log.warning("telling.waiting", reason=str(error))

    async def look(self) -> int:
        """Tell whom there is something to tell; how many messages that were."""
        now = await server_time(self._notices.database)
        people = (await self._answers.look()).people
        issues = [one for one in await self._due(people, now) if one not in self._failed]
        marks = await self._notices.marks()
        targets = bool(self._limits.target) and (
            self._targets_at is None or now >= self._targets_at + TARGETS_EVERY
        )
        if not (issues or marks or targets):
            return 0
        if (left := await self._behind()) > self._most_behind:
            log.info("telling.waiting", reason=f"{left} events are not counted yet")
            return 0
        told = 0
        for issue in issues:
            told += await self._tried(issue, partial(self._send, issue, people, now))
        if marks:
            accounts = frozenset().union(*(mark.accounts for mark in marks))
            told += await self._tried("accounts", partial(self._accounts, accounts, now))
            await self._notices.unmark(marks)
        if targets:
            self._targets_at = now
            told += await self._tried("targets", partial(self._targets, now))
        return told

    async def _tried(self, what: Issue | str, tell: Callable[[], Awaitable[int]]) -> int:
        """A bug in one of them keeps nobody else from being told, and figures from nobody.

        A digest that failed is tried again by the next process.
        """
        try:
            return await tell()
        except Transient:
            raise
        except Exception:
            name = what if isinstance(what, str) else f"{what.rhythm} digest to {what.span.until}"
            log.exception("telling.failed", what=name)
            self._count("failed")
            self._failed.add(what)
            return 0

    async def _due(self, people: People, now: datetime) -> list[Issue]:
        """Digests that are due. Whoever is new begins with the next one."""
        told = await self._notices.told()
        issues: list[Issue] = []
        new: dict[str, dict[Rhythm, date]] = {}
        for person_id, person in people.items():
            if not person.active or rights.LEADERS.isdisjoint(person.roles):
                continue
            habits = self._habits(person)
            for rhythm in self._rhythms:
                if f"{rhythm}-digest" in person.mutes:
                    continue
                span = due(rhythm, habits, self._reading.world.zone, now)
                before = told.get(person_id, {}).get(rhythm)
                if before is None:
                    new.setdefault(person_id, {})[rhythm] = span.until
                elif span.until > before:
                    issues.append(
                        Issue(
                            person=person_id,
                            rhythm=rhythm,
                            habits=habits,
                            span=span,
                            before=before,
                        )
                    )
        if new:
            await self._notices.begin(new)
        return issues

    async def _send(self, issue: Issue, people: People, now: datetime) -> int:
        """Send a digest; who manages nothing and has nothing to be told gets none."""
        person = people[issue.person]
        viewer = rights.viewer_of(issue.person, people, person.language)
        assert viewer  # noqa: S101 - of those who left nothing is due
        today = now.astimezone(self._reading.world.zone).date()
        seen = await self._digests.of(viewer, issue.rhythm, issue.habits, issue.span, today)
        letter = None
        if not seen.nothing:
            letter = digest(seen, self._reader(person, people, now), self._address)
        kind = f"{issue.rhythm}-digest"
        identity = derived("digest", issue.rhythm, issue.span.since.isoformat(), issue.person)

        async def send(session: Session) -> list[NotificationRequested]:
            ours = await self._notices.tell(
                issue.person, issue.rhythm, issue.before, issue.span.until, session
            )
            return [_said(identity, issue.person, kind, letter)] if ours and letter else []

        return await self._told(send, kind, now)

    async def _accounts(self, accounts: frozenset[str], now: datetime) -> int:
        """Budgets and satisfaction of accounts of which something has changed."""
        told, all_ = 0, sorted(accounts)
        today = now.astimezone(self._reading.world.zone).date()
        for start in range(0, len(all_), AT_ONCE):
            some = all_[start : start + AT_ONCE]
            stored = await self._reading.look()
            budgets = await self._reading.budgets(some, look=stored)
            satisfied = await self._reading.satisfied(some, stored)
            standings = await self._reading.standings(some, stored)
            found = [
                alerts.budget(one, standings[one.budget.of].manager, self._limits, today)
                for one in budgets
            ]
            found += [
                alerts.satisfaction(
                    Drop(account=account, said=customer.satisfaction),
                    customer.standing.manager,
                    self._limits,
                    now,
                )
                for account, customer in satisfied.items()
            ]
            names = {account: standing.name for account, standing in standings.items()}
            told += await self._judge([one for one in found if one], names, now)
        return told

    async def _targets(self, now: datetime) -> int:
        """Targets that run. At the first time of all, those at risk already are no news."""
        world = self._reading.world
        running = await self._reading.attainment(now.astimezone(world.zone).date())
        looks = [alerts.target(one, self._limits, world, now) for one in running]
        silent = not await self._notices.begun("targets")
        return await self._judge([one for one in looks if one], {}, now, silent=silent)

    async def _judge(
        self,
        looks: Sequence[Look],
        names: Mapping[str, str],
        now: datetime,
        *,
        silent: bool = False,
    ) -> int:
        """Raise alerts and lower them; tell of those that were raised."""
        people = (await self._answers.look()).people
        # What nobody could be told of is looked at again when something else happens.
        known = {look.id: look for look in looks if told_to(look.manager, people)}

        async def judge(session: Session) -> list[NotificationRequested]:
            before = await self._notices.watched(known, session)
            after: dict[str, Watched] = {}
            for name, look in known.items():
                was = before.get(name, Watched())
                is_ = judged(was, look.gauges)
                if is_ != was:
                    after[name] = is_
            await self._notices.watch(after, session)
            raised = [known[name] for name, one in after.items() if one.raised and not silent]
            return [
                message
                for look in raised
                for message in self._alerts(look, after[look.id], people, names, now)
            ]

        return await self._told(judge, "alert", now) if known else 0

    def _alerts(
        self, look: Look, watched: Watched, people: People, names: Mapping[str, str], now: datetime
    ) -> Iterable[NotificationRequested]:
        for to in told_to(look.manager, people):
            if f"{look.about}-alert" in people[to].mutes:
                continue
            letter = alert(look, self._reader(people[to], people, now), names, self._address)
            yield _said(derived("alert", look.id, str(watched.turn), to), to, "alert", letter)

    async def _told(
        self,
        deed: Callable[[Session], Awaitable[list[NotificationRequested]]],
        kind: str,
        now: datetime,
    ) -> int:
        async def tell(session: Session) -> tuple[int, list[Said]]:
            said = await deed(session)
            return len(said), [(one.notification_id, one) for one in said]

        count = await self._teller.tell(tell, now)
        for _ in range(count):
            self._count(kind)
        if count:
            log.info("people.told", kind=kind, count=count)
        return count

    def _habits(self, person: Person) -> Habits:
        return Habits(calendar=self._calendars.of(person), jalali=person.language == "fa")

    def _reader(self, person: Person, people: People, now: datetime) -> Reader:
        writer = self._pages.writer(person.language, self._reading.world.zone.key)
        return Reader(writer=writer, now=now, people=people)


def _said(identity: str, to: str, kind: str, letter: Letter) -> NotificationRequested:
    return NotificationRequested(
        notification_id=identity,
        recipient_id=to,
        kind=kind,
        title=letter.title,
        body=letter.body,
        lines=letter.lines,
        chart=letter.chart,
        sections=letter.sections,
        link=letter.link,
    )
