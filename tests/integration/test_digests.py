"""Digests and alerts: from figures to mail, once, whatever number of replicas looks."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from services.reporting.answers import Answers
from services.reporting.notices import Notices
from services.reporting.plans import Attainment
from services.reporting.reading import Look, Reading
from services.reporting.repository import Repository
from services.reporting.rights import Viewer
from services.reporting.telling import Telling
from shared.clock import utc_now
from shared.contracts.cloudevents import decode
from shared.contracts.directory import PersonRemoved
from shared.contracts.event import EventData
from shared.contracts.notifications import NotificationRequested
from shared.outbox import Outbox, Row
from shared.pages.rendering import Pages
from shared.relay import Relay
from shared.working_time import Calendar, Calendars
from tahvil.demo import plain_text, read_mails
from tests.support.builders import deal, event, manager
from tests.support.reporting import Nowhere, Reports, reports
from tests.support.system import System
from tests.support.telling import WORLD, say
from tests.unit.test_alerts import settings

NOW = datetime.now(UTC)
EUR = {"value": "100.00", "currency": "EUR"}


def people() -> list[EventData]:
    return [
        manager("mia", reports_to="hana", name="Mia Rahimi"),
        manager("reza", reports_to="hana", name="رضا کاظمی", language="fa",
                time_zone="Asia/Tehran"),
        manager("hana", roles=("head",), reports_to="boss"),
        manager("boss", roles=("company_manager",)),
        manager("sam", roles=("salesperson",)),
        manager("idle", reports_to="hana"),
    ]  # fmt: skip


def weeks() -> list[EventData]:
    """Customers with managers, and a deal a day for a quarter of a year."""
    found: list[EventData] = []
    for account, whose in (("acme", "mia"), ("بازرگانی", "reza")):
        begun = NOW - timedelta(days=100)
        found.append(
            say("handoff.assigned", begun, handoff_id=f"h-{account}", account_id=account,
                manager_id=whose).data
        )  # fmt: skip
        found += [
            deal(f"{account}{n}", account, closed_at=NOW - timedelta(days=n),
                 amount={"value": str(100 + n), "currency": "EUR"})
            for n in range(90)
        ]  # fmt: skip
    return found


async def until(holds: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    for _ in range(int(seconds * 4)):
        if found := await holds():
            return found
        await asyncio.sleep(0.25)
    raise AssertionError("waited in vain")


class Company:
    """The running system, its mail, and what it knows of digests."""

    def __init__(self, system: System) -> None:
        self.system = system

    async def say(self, *datas: EventData) -> None:
        await self.system.publish(
            [event(data, id=f"{data.type}:{random.getrandbits(64)}", time=NOW) for data in datas]
        )
        await self.system.settled()

    async def told(self) -> dict[str, Any]:
        rows = self.system.mongo["reporting"]["digests"].find()
        return {row["_id"]: row async for row in rows}

    async def forget(self) -> None:
        """As if the service had been down for three months."""
        long_ago = {"weekly": "2020-01-05", "monthly": "2020-01-31"}
        await self.system.mongo["reporting"]["digests"].update_many({}, {"$set": long_ago})

    async def looked(self) -> None:
        """Two looks of every replica have passed."""
        await asyncio.sleep(22)
        await self.system.settled()

    def mails(self) -> list[Message]:
        return read_mails(Path(self.system.servers.smtp.maildir))  # type: ignore[return-value]


def subject(mail: Message) -> str:
    return str(make_header(decode_header(str(mail["Subject"]))))


def to(mail: Message) -> str:
    return parseaddr(str(mail["To"]))[1].partition("@")[0]


def html(mail: Message) -> str:
    (part,) = [one for one in mail.walk() if one.get_content_type() == "text/html"]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


@pytest.mark.timeout(400)
async def test_digests_and_alerts_come_by_mail_once(system: System) -> None:
    system.extra["TAHVIL_SELLING"] = "deals"
    await system.start("reporting", "reporting", "reminders")
    company = Company(system)
    await company.say(*people(), *weeks())
    known = await until(lambda: _all(company))
    assert {*known} == {"mia", "reza", "hana", "boss", "idle"}, "salespeople get none"
    await company.looked()
    assert company.mails() == [], "what is before the first start is told to nobody"

    await company.forget()
    await until(lambda: _count(company, 8))
    await company.looked()
    mails = company.mails()
    expected = {(who, one) for who in ("mia", "reza", "hana", "boss") for one in ("week", "month")}
    found = Counter(
        (to(mail), "week" if "week" in subject(mail) or "هفته" in subject(mail) else "month")
        for mail in mails
    )
    assert found == Counter(expected), "one each, though two replicas look and months were missed"
    assert await company.told() == known

    mia = next(m for m in mails if to(m) == "mia" and "week" in subject(m))
    assert "Won, by week" in plain_text(mia)
    assert "█" in plain_text(mia)
    assert "Account acme: −49\u00a0EUR" in plain_text(mia), (
        "seven days, each 7 less than a week before"
    )
    assert "بازرگانی" not in plain_text(mia), "it is not hers"
    assert 'dir="ltr"' in html(mia)
    reza = next(m for m in mails if to(m) == "reza" and "هفته" in subject(m))
    assert "برده‌شده، هفته به هفته" in plain_text(reza)
    assert "۱۴۰" in subject(reza)
    assert 'dir="rtl"' in html(reza)
    assert "/pages" in html(reza)

    for process in [p for p in system.processes if p.name == "reporting"]:
        await system.kill(process)
    await system.start("reporting")
    await company.looked()
    assert len(company.mails()) == 8, "a restart tells nobody again"

    year = str(NOW.year)
    await company.say(
        say("budget.set", NOW, account_id="acme", period=year, amount=EUR).data,
        say("budget.spent", NOW, account_id="acme", spending_id="s1", amount=EUR).data,
        say("satisfaction.recorded", NOW, account_id="بازرگانی", score=20).data,
    )
    await until(lambda: _count(company, 12))
    await company.say(
        say("budget.spent", NOW, account_id="acme", spending_id="s2", amount=EUR).data,
        say("satisfaction.recorded", NOW + timedelta(seconds=1), account_id="بازرگانی",
            score=22).data,
    )  # fmt: skip
    code, output = await system.rebuild("--yes")
    assert code == 0, output
    await company.looked()
    alerts = Counter((to(mail), subject(mail).split(":")[0]) for mail in company.mails()[8:])
    assert alerts == Counter(
        [
            ("mia", "Budget used up"),
            ("hana", "Budget used up"),
            ("reza", "رضایت کم است"),
            ("hana", "Satisfaction is low"),
        ]
    )
    await system.accounts_add_up("reporting")
    assert await system.dead_letters("reminders") == []


async def _all(company: Company) -> dict[str, Any] | None:
    """Partitions of the directory are read side by side."""
    known = await company.told()
    return known if len(known) > 4 else None


async def _count(company: Company, number: int) -> bool:
    return len(company.mails()) >= number


# One look, on a real MongoDB


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Reports]:
    async with reports(tmp_path) as found:
        await found.say(*people())
        await found.say(*weeks())
        yield found


class Kept(Relay):
    """Publishes nothing: what would be is looked for in the outbox."""

    async def submit(self, rows: list[Row]) -> None:
        pass


def telling(
    office: Reports,
    answers: type[Answers] = Answers,
    *,
    left: int = 0,
    calendars: Calendars | None = None,
    **changes: Any,
) -> Telling:
    """A replica."""

    async def behind() -> int:
        return left

    repository = Repository(office.database)
    reading = Reading(repository, WORLD, utc_now, selling="deals")
    outbox = Outbox(office.database, 2)
    known = settings(**changes)
    return Telling(
        notices=Notices(office.database),
        reading=reading,
        answers=answers(reading, repository),
        pages=Pages("services.reporting.pages", scripts=True),
        outbox=outbox,
        relay=Kept(outbox, Nowhere()),
        calendars=calendars or Calendars(company=WORLD.calendar),
        rhythms=known.rhythms,
        limits=known.limits(),
        address="https://reports.example.com/",
        behind=behind,
        most_behind=10,
        count=lambda _: None,
    )


async def said(office: Reports) -> list[NotificationRequested]:
    rows = await Outbox(office.database, 2).waiting([0, 1], 1000)
    found = [decode(m.topic, m.value, m.headers).data for row in rows for m in row.messages]
    assert all(isinstance(one, NotificationRequested) for one in found)
    return found  # type: ignore[return-value]


async def forget(office: Reports, **told: str) -> None:
    await office.database["digests"].update_many({}, {"$set": told})


async def test_of_replicas_that_look_together_one_tells(office: Reports) -> None:
    replicas = [telling(office) for _ in range(4)]
    await asyncio.gather(*(one.look() for one in replicas))
    assert await said(office) == []
    for _ in range(3):
        await forget(office, weekly="2020-01-05")
        counts = await asyncio.gather(*(one.look() for one in replicas))
        assert sum(counts) == 4
    found = await said(office)
    assert len(found) == 12
    assert len({one.notification_id for one in found}) == 4, "one id for one issue and person"
    assert {one.kind for one in found} == {"weekly-digest"}
    assert {one.recipient_id for one in found} == {"mia", "reza", "hana", "boss"}


async def test_nobody_is_told_while_events_wait_to_be_counted(office: Reports) -> None:
    await telling(office).look()
    await forget(office, weekly="2020-01-05", monthly="2020-01-31")
    assert await telling(office, left=11).look() == 0
    assert await telling(office, left=10).look() == 8


class Buggy(Answers):
    """Of one person it knows no answer."""

    async def attainment(
        self, viewer: Viewer, look: Look, on: date | None = None
    ) -> list[Attainment]:
        if viewer.person_id == "reza":
            raise ZeroDivisionError
        return await super().attainment(viewer, look, on)


async def test_a_bug_in_one_digest_keeps_no_other_back(office: Reports) -> None:
    replica = telling(office, Buggy)
    await replica.look()
    await forget(office, weekly="2020-01-05")
    assert await replica.look() == 3
    assert await replica.look() == 0
    assert await telling(office).look() == 1, "the next process tries again"


async def test_who_comes_later_or_leaves(office: Reports) -> None:
    await telling(office, digests="weekly").look()
    rows = {row["_id"]: row async for row in office.database["digests"].find()}
    assert all({*row} == {"_id", "weekly"} for row in rows.values())
    await office.say(manager("new"), PersonRemoved(person_id="mia", removed_at=NOW),
                     at=NOW + timedelta(seconds=1))  # fmt: skip
    await forget(office, weekly="2020-01-05")
    await telling(office).look()
    assert {one.recipient_id for one in await said(office)} == {"reza", "hana", "boss"}
    rows = {row["_id"]: row async for row in office.database["digests"].find()}
    assert rows["new"].keys() == {"_id", "weekly", "monthly"}
    assert date.fromisoformat(rows["new"]["weekly"]) > date(2026, 1, 1)
    assert await telling(office, digests="none").look() == 0


async def test_nobody_is_told_what_the_directory_says_the_person_mutes(office: Reports) -> None:
    replica = telling(office)
    await replica.look()
    hana: dict[str, Any] = {"roles": ("head",), "reports_to": "boss"}
    await office.say(
        manager("mia", reports_to="hana", mutes=("weekly-digest",)),
        manager("hana", mutes=("monthly-digest", "weekly-digest", "budget-alert"), **hana),
        at=NOW + timedelta(seconds=1),
    )
    await forget(office, weekly="2020-01-05", monthly="2020-01-31")
    await replica.look()
    both = {"weekly-digest", "monthly-digest"}
    expected = {("mia", "monthly-digest")} | {(who, kind) for who in ("reza", "boss")
                                              for kind in both}  # fmt: skip
    assert {(one.recipient_id, one.kind) for one in await said(office)} == expected

    await office.say(
        say("budget.set", NOW, account_id="acme", period=str(NOW.year), amount=EUR).data,
        say("budget.spent", NOW, account_id="acme", spending_id="s", amount=EUR).data,
        say("satisfaction.recorded", NOW, account_id="acme", score=20).data,
    )
    await replica.look()
    alerts = [(m.recipient_id, m.title) for m in await said(office) if m.kind == "alert"]
    assert sorted(alerts) == [
        ("hana", "Satisfaction is low: Account acme"),
        ("mia", "Budget used up: Account acme"),
        ("mia", "Satisfaction is low: Account acme"),
    ]

    await office.say(manager("hana", **hana), at=NOW + timedelta(seconds=2))
    assert await replica.look() == 2
    digests = {(m.recipient_id, m.kind) for m in await said(office) if m.kind != "alert"}
    assert digests - expected == {("hana", kind) for kind in both}, "the latest of each"


async def test_a_week_is_that_of_the_calendar_that_the_directory_names(office: Reports) -> None:
    """People work from Saturday to Wednesday by the name of a calendar, or in a team that does."""
    iran = Calendar.saturday_to_wednesday()
    calendars = Calendars(
        company=WORLD.calendar, named={"iran": iran}, teams={"Sales Iran": "iran"}
    )
    await office.say(manager("sara", calendar="iran"), manager("dara", team="Sales Iran"))
    await telling(office, calendars=calendars, digests="weekly").look()
    rows = office.database["digests"].find()
    last = {row["_id"]: date.fromisoformat(row["weekly"]).strftime("%a") async for row in rows}
    assert last == dict.fromkeys(("mia", "reza", "hana", "boss", "idle"), "Sun") | {
        "sara": "Fri", "dara": "Fri"
    }  # fmt: skip


async def test_alerts_come_once_and_again_after_they_were_good(office: Reports) -> None:
    replicas = [telling(office, digests="none") for _ in range(3)]

    async def after(*datas: EventData) -> list[str]:
        before = len(await said(office))
        await office.say(*datas, at=utc_now())
        await asyncio.gather(*(one.look() for one in replicas))
        return [f"{m.recipient_id}: {m.title}" for m in (await said(office))[before:]]

    def budget(amount: str) -> EventData:
        money = {"value": amount, "currency": "EUR"}
        return say("budget.set", NOW, account_id="acme", period=str(NOW.year), amount=money).data

    def spent(number: int, amount: str) -> EventData:
        money = {"value": amount, "currency": "EUR"}
        return say("budget.spent", NOW, account_id="acme", spending_id=f"s{number}",
                   amount=money).data  # fmt: skip

    once = ["hana: Budget used up: Account acme", "mia: Budget used up: Account acme"]
    assert await after(budget("1000"), spent(1, "999")) == []
    assert sorted(await after(spent(2, "1"))) == once
    assert await after(spent(3, "500")) == []
    assert await after(budget("1570")) == [], "95 % and a little: not good yet"
    assert await after(budget("1000")) == []
    assert await after(budget("1600")) == []
    assert sorted(await after(budget("1500"))) == once, "another time"
    assert await office.database["marks"].count_documents({}) == 0
    ids = [m.notification_id for m in await said(office)]
    assert len(set(ids)) == len(ids) == 4


async def test_marks_are_one_a_batch_and_only_of_what_is_watched(office: Reports) -> None:
    """What alerts cost does not grow with events."""
    assert await office.database["marks"].count_documents({}) == 0, "180 deals have left none"
    scores = [
        say("satisfaction.recorded", NOW - timedelta(hours=n), account_id="acme", score=90).data
        for n in range(40)
    ]
    await office.say(*scores)
    assert await office.database["marks"].count_documents({}) == 1


async def test_targets_at_risk_at_the_first_look_are_no_news(office: Reports) -> None:
    target = {"value": "900000", "currency": "EUR"}
    year = str(NOW.year)
    for who in ("mia", "reza"):
        await office.say(say("target.set", NOW, manager_id=who, period=year, amount=target).data)
    changes: dict[str, Any] = {"digests": "none", "alert_target_from": 0}
    assert await telling(office, **changes).look() == 0
    small = {"value": "1", "currency": "EUR"}
    await office.say(say("target.set", NOW, manager_id="mia", period=year, amount=small).data,
                     at=utc_now())  # fmt: skip
    assert await telling(office, **changes).look() == 0
    await office.say(say("target.set", NOW, manager_id="mia", period=year, amount=target).data,
                     at=utc_now())  # fmt: skip
    assert await telling(office, **changes).look() == 2
    assert [m.recipient_id for m in await said(office)] in (["mia", "hana"], ["hana", "mia"])
    assert "/pages/targets" in str((await said(office))[0].link)
