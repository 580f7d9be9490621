"""What digests and alerts say, word for word, and that it is what the figures say.

`python -m tests.unit.test_digests` writes the golden messages anew: look at them, then keep them.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reminders.delivery.writing import Letter as Mail
from services.reminders.delivery.writing import Writer
from services.reminders.domain import notify
from services.reminders.sending import Pending, Recipient
from services.reporting import alerts
from services.reporting.alerts import Drop
from services.reporting.answers import Answers
from services.reporting.digests import Digests
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import World
from services.reporting.issues import Habits, Rhythm, Span, due
from services.reporting.movers import Counted, Mover, Shares, most
from services.reporting.pages.alert import alert
from services.reporting.pages.boards import Boards
from services.reporting.pages.digest import Letter, Seen, bar_part, digest
from services.reporting.pages.parts import Filters, Reader, total
from services.reporting.questions import Question
from services.reporting.reading import Reading
from services.reporting.rights import viewer_of
from services.reporting.telling import _said
from shared.contracts.event import Event
from shared.pages.rendering import Pages
from shared.working_time import Calendar
from tests.support.letters import LINKS
from tests.support.telling import WORLD, Stored, applied, events, say
from tests.unit.test_alerts import LIMITS

GOLDEN = Path("tests/unit/golden/digests")
PAGES = Pages("services.reporting.pages", scripts=True)
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ADDRESS = "https://reports.example.com"
TEHRAN = World(ZoneInfo("Asia/Tehran"), Calendar.saturday_to_wednesday())
Language = Literal["en", "fa"]


def told() -> Iterator[Event]:
    """Two managers below a head below the boss, three customers, ten weeks."""
    begun = datetime(2026, 9, 1, 9, tzinfo=UTC)
    for person, above, *roles in (
        ("mia", "hana", "account_manager"),
        ("reza", "hana", "account_manager"),
        ("hana", "boss", "head"),
        ("boss", None, "company_manager"),
        ("idle", "hana", "account_manager"),
    ):
        yield say("person.upserted", begun, person_id=person, name=person.title(), roles=roles,
                  reports_to=above)  # fmt: skip
    for account, name, whose in (
        ("acme", "Acme <Corporation> & Sons", "mia"),
        ("rahimi", "بازرگانی رحیمی", "mia"),
        ("birch", "Birch", "reza"),
    ):
        yield say("handoff.assigned", begun, handoff_id=f"h-{account}", account_id=account,
                  manager_id=whose)  # fmt: skip
        for week in range(10):
            at = datetime(2026, 9, 15, 12, tzinfo=UTC) + timedelta(weeks=week)
            amount = {"acme": 1000 * week, "rahimi": 9000 - 900 * week, "birch": 100}[account]
            yield say("deal.closed", at, deal_id=f"{account}{week}", outcome="won",
                      account={"id": account, "name": name}, salesperson={"id": "sam"},
                      amount={"value": str(amount), "currency": "EUR"})  # fmt: skip
            yield say("satisfaction.recorded", at, account_id=account,
                      score={"acme": 90 - 4 * week}.get(account, 75))  # fmt: skip
            name_ = f"{account}{week}"
            yield say("deadline.set", at, deadline_id=name_, subject_id=name_, owner_id=whose,
                      title="t", account_id=account, due_at=at + timedelta(hours=1))  # fmt: skip
            late = timedelta(hours=5 if week % 3 == 0 and account == "acme" else 0)
            yield say("deadline.met", at + late, deadline_id=name_, account_id=account,
                      subject_id=name_)  # fmt: skip
    last = datetime(2026, 11, 18, 12, tzinfo=UTC)
    yield say("dispute.opened", last, account_id="acme", dispute_id="x", severity="high")
    yield say("dispute.opened", last - timedelta(days=7), account_id="rahimi", dispute_id="y",
              severity="low")  # fmt: skip
    yield say("dispute.resolved", last, account_id="rahimi", dispute_id="y")
    target = {"value": "120000", "currency": "EUR"}
    money = {"value": "20000", "currency": "EUR"}
    yield say("target.set", begun, manager_id="mia", period="2026-Q4", amount=target)
    yield say("target.set", begun, manager_id="reza", period="1405-Q3", amount=money)
    yield say("budget.set", begun, account_id="acme", period="2026-11", amount=money)
    yield say("budget.spent", last, account_id="acme", spending_id="s1",
              amount={"value": "21500.50", "currency": "EUR"})  # fmt: skip


async def office(world: World = WORLD) -> tuple[Stored, Reading, Answers]:
    stored = await applied([list(told())], world)
    reading = Reading(stored, world, lambda: NOW, selling="deals")  # type: ignore[arg-type]
    return stored, reading, Answers(reading, stored)  # type: ignore[arg-type]


async def seen(
    whose: str, rhythm: Rhythm, language: Language, now: datetime = NOW
) -> tuple[Seen, Reader]:
    world = WORLD if language == "en" else TEHRAN
    _, _, answers = await office(world)
    look = await answers.look()
    viewer = viewer_of(whose, look.people)
    assert viewer
    habits = Habits(calendar=world.calendar, jalali=language == "fa")
    span = due(rhythm, habits, world.zone, now)
    found = await Digests(answers).of(viewer, rhythm, habits, span, now.date())
    writer = PAGES.writer(language, world.zone.key)
    return found, Reader(writer=writer, now=now, people=look.people)


def mailed(letter: Letter, language: Language, form: Literal["mail.txt", "mail.html"]) -> str:
    """As reminders writes it."""
    reminder = notify(_said("n-1", "mia", "weekly-digest", letter))
    to = Recipient(id="mia", name="Mia", email="mia@example.com", language=language)
    mail = Mail(item=Pending(reminder=reminder), recipient=to, names={}, address="x", now=NOW)
    written = Writer(LINKS).write(mail, form)
    return f"Subject: {written.subject}\n\n{written.text}" if form == "mail.txt" else written.text


async def letters(language: Language) -> dict[str, Letter]:
    found: dict[str, Letter] = {}
    for rhythm, whose in (("weekly", "mia"), ("monthly", "boss"), ("weekly", "hana")):
        one, reader = await seen(whose, rhythm, language)  # type: ignore[arg-type]
        found[f"{rhythm}-{whose}"] = digest(one, reader, ADDRESS)
    _, reading, _ = await office()
    (spent,) = await reading.budgets()
    (of_acme,) = (await reading.satisfied(["acme"], await reading.look())).values()
    running = await reading.attainment(NOW.date())
    risky = next(one for one in running if one.target.of == "reza")
    drop = Drop(account="acme", said=of_acme.satisfaction)
    names = {"acme": "Acme <Corporation> & Sons"}
    for look in (
        alerts.budget(spent, "mia", LIMITS, NOW.date()),
        alerts.satisfaction(drop, "mia", LIMITS, NOW),
        alerts.target(risky, LIMITS, WORLD, NOW),
    ):
        assert look
        found[f"alert-{look.about}"] = alert(look, reader, names, ADDRESS)
    return found


async def golden(language: Language) -> dict[str, str]:
    found = await letters(language)
    texts = {f"{n}.{language}.txt": mailed(one, language, "mail.txt") for n, one in found.items()}
    page = mailed(found["weekly-mia"], language, "mail.html")
    return {**texts, f"weekly-mia.{language}.html": page}


@pytest.mark.parametrize("language", ["en", "fa"])
async def test_every_digest_and_alert_is_the_golden_one(language: Language) -> None:
    found = await golden(language)
    for file, content in found.items():
        assert content == (GOLDEN / file).read_text(encoding="utf-8"), file


def test_no_golden_message_is_left_over() -> None:
    assert len(list(GOLDEN.iterdir())) == 2 * (6 + 1)


async def test_somebody_who_manages_nothing_is_told_nothing() -> None:
    found, _ = await seen("idle", "weekly", "en")
    assert found.nothing
    for whose in ("mia", "hana", "boss"):
        found, _ = await seen(whose, "weekly", "en")
        assert not found.nothing


async def test_a_quiet_week_is_told_in_a_line() -> None:
    """Customers are there, and nothing happened: that it was looked at is worth a line."""
    found, reader = await seen("reza", "weekly", "en", NOW + timedelta(weeks=20))
    letter = digest(found, reader, ADDRESS)
    assert not found.nothing
    assert "It was quiet" in letter.body
    assert letter.chart is None
    assert letter.sections == ()


async def test_a_manager_is_told_of_own_accounts_only() -> None:
    found, _ = await seen("reza", "weekly", "en")
    assert {one.account for one in (*found.won, *found.late, *found.disputed)} <= {"birch"}
    assert found.disputes == (0, 0)
    assert [one.target.of for one in found.targets] == ["reza"]
    assert found.budgets == []
    head, _ = await seen("hana", "weekly", "en")
    assert {one.account for one in head.won} == {"acme", "rahimi"}, "of Birch nothing changed"
    assert len(head.targets) == 2


async def test_a_digest_and_a_page_both_count_what_was_somebodys_at_the_time() -> None:
    moved = say("account.transferred", NOW, account_id="acme", to_manager_id="reza")
    stored = await applied([[*told(), moved]])
    reading = Reading(stored, WORLD, lambda: NOW)  # type: ignore[arg-type]
    answers = Answers(reading, stored)  # type: ignore[arg-type]
    look = await answers.look()
    mia = viewer_of("mia", look.people)
    assert mia
    habits = Habits(calendar=WORLD.calendar)
    span = due("weekly", habits, WORLD.zone, NOW)
    week = await Digests(answers).of(mia, "weekly", habits, span, NOW.date())
    ninth = [row for row in week.deals if row.by["day"] >= span.since.isoformat()]
    assert total(ninth, "amount") == 9000 + 900
    shown = Reader(writer=PAGES.writer("en", "UTC"), now=NOW, people=look.people)
    wanted = Filters(since=span.since, until=span.until, currency="EUR")
    page = await Boards(answers, look).overview(mia, shown, wanted)
    assert page.tiles[0].value == "9,900\u00a0EUR"


@given(events(("deal.closed.v1", "deal.amended.v1", "deal.reopened.v1", "dispute.opened.v1",
               "dispute.resolved.v1", "satisfaction.recorded.v1", "deadline.set.v1",
               "deadline.met.v1")), st.integers(1, 20))  # fmt: skip
def test_the_shares_of_customers_add_up_to_the_figure(found: list[Event], length: int) -> None:
    now = Span(date(2026, 3, 19), date(2026, 3, 19) + timedelta(days=length))
    before = Span(now.since - timedelta(days=5), now.since - timedelta(days=1))
    counted = (
        Counted("deals", "amount", {"outcome": {"won"}, "currency": {"EUR"}}),
        Counted("open_disputes", "count", {}),
        Counted("satisfaction", "score", {}),
        Counted("promises", "count", {"outcome": {"late", "open"}}),
    )
    stored = asyncio.run(applied([found]))
    reading = Reading(stored, WORLD, lambda: NOW)  # type: ignore[arg-type]
    shares = Shares(counted, now, before)
    for kind in {FIGURES[one.figure].of for one in counted}:
        for fact in _facts(stored, kind, before.since, now.until):
            shares.add(fact, WORLD)
    for one in counted:
        sums = [Decimal(0), Decimal(0)]
        for mover in shares.movers(one):
            sums[0] += mover.now
            sums[1] += mover.before
        for sum_, span in zip(sums, (now, before), strict=True):
            rows = asyncio.run(_asked(reading, one, span))
            assert sum_ == rows, one


def _facts(stored: Stored, kind: str, since: date, until: date) -> list:  # type: ignore[type-arg]
    async def all_() -> list:  # type: ignore[type-arg]
        return [fact async for fact in stored.between("a", kind, since, until, None)]

    return asyncio.run(all_())


async def _asked(reading: Reading, counted: Counted, span: Span) -> Decimal:
    """What the figure says; of a balance, what was added in that time."""

    async def up_to(until: date, since: date | None) -> Decimal:
        question = Question(where=counted.where, since=since, until=until)
        rows = await reading.figure(counted.figure, question)
        return sum((Decimal(row.measures[counted.measure]) for row in rows), Decimal(0))

    if FIGURES[counted.figure].balance:
        day_before = span.since - timedelta(days=1)
        return await up_to(span.until, None) - await up_to(day_before, None)
    return await up_to(span.until, span.since)


def test_those_who_changed_most_come_first() -> None:
    found = [Mover(name, Decimal(now), Decimal(before)) for name, now, before in
             (("a", 5, 5), ("b", 9, 1), ("c", 0, 20), ("d", 2, 1), ("e", 1, 2))]  # fmt: skip
    assert [one.account for one in most(found, 3)] == ["c", "b", "d"]
    assert [one.account for one in most(found, 2, lambda one: one.now)] == ["b", "a"]


def test_bars_are_seen_and_never_too_long() -> None:
    assert [bar_part(Decimal(value), Decimal(1000)) for value in (-5, 0, 1, 500, 1000)] == [
        0, 0, 1, 50, 100,
    ]  # fmt: skip
    assert bar_part(Decimal(0), Decimal(0)) == 0


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for of in ("en", "fa"):
        for file, content in asyncio.run(golden(of)).items():  # type: ignore[arg-type]
            (GOLDEN / file).write_text(content, encoding="utf-8")
