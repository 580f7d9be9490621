"""Asks for what each page shows. What would tell of others is left out, not refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from services.reporting import rights
from services.reporting.answers import Answers, Asking
from services.reporting.pages import account, deadlines, disputes, overview, selling, targets, team
from services.reporting.pages.account import AccountBoard
from services.reporting.pages.parts import (
    ROWS,
    Board,
    Filters,
    Reader,
    Table,
    foremost,
    grouped,
    total,
)
from services.reporting.questions import Question, Row, Unanswerable
from services.reporting.questions import team as led
from services.reporting.reading import Enquiry, Look
from services.reporting.rights import Viewer
from services.reporting.standing import NONE

SOON = timedelta(days=7)
_WON = {"outcome": ["won"]}
_OPEN = {"outcome": ["open"]}


class Boards:
    """The pages, of what a look found."""

    def __init__(self, answers: Answers, look: Look) -> None:
        self._answers = answers
        self._look = look

    async def overview(self, viewer: Viewer, reader: Reader, filters: Filters) -> Board:
        """How things stand; to who only sells, how selling does."""
        if rights.only_sells(reader.people.get(filters.manager or viewer.person_id or "")):
            return await self._selling(viewer, reader, filters)
        ask = _Asking(self._answers, viewer, self._look, reader, filters)
        found = await ask.together(
            deals=ask.figure("deals", "outcome", "currency", reader.month, money=True),
            accounts=ask.now("portfolio", "tier"),
            waiting=ask.now("waiting", "waits_for"),
            overdue=ask.overdue("outcome"),
            soon=ask.soon("outcome"),
            disputes=ask.now("open_disputes", "severity", of="manager_now"),
            satisfaction=ask.figure("satisfaction", reader.month),
            pipeline=ask.now("opportunities", "currency", where={"state": ["open"]}, money=True),
            industries=ask.figure("deals", "industry", "currency", where=_WON, money=True),
        )
        return overview.overview(
            overview.Seen(**found, currency=filters.currency or main_currency(found["deals"])),
            reader,
            filters,
        )

    async def _selling(self, viewer: Viewer, reader: Reader, filters: Filters) -> Board:
        ask = _Asking(self._answers, viewer, self._look, reader, filters)
        sold = ("outcome", "currency", reader.month)
        found = await ask.together(
            deals=ask.figure("deals", *sold, of="salesperson", money=True),
            handovers=ask.figure("handovers", reader.month, of="salesperson"),
        )
        return selling.selling(
            selling.Seen(**found, currency=filters.currency or main_currency(found["deals"])),
            reader,
            filters,
        )

    async def team(self, viewer: Viewer, reader: Reader, filters: Filters) -> Board:
        """Account managers beside each other."""
        ask = _Asking(self._answers, viewer, self._look, reader, filters)
        (deals,) = await ask.rows(
            ask.figure("deals", "manager", "currency", where=_WON, money=True)
        )
        currency = filters.currency or main_currency(deals)
        among = _crowded(team.most(deals, currency, reader))
        ask = ask.about(among)
        found = await ask.together(
            accounts=ask.now("portfolio", "manager"),
            handovers=ask.figure("handovers", "manager"),
            promises=ask.figure("promises", "manager", "outcome"),
            overdue=ask.overdue("manager"),
            disputes=ask.now("open_disputes", "manager_now", of="manager_now"),
            satisfaction=ask.figure("satisfaction", "manager_now", of="manager_now"),
        )
        return team.team(
            team.Seen(deals=deals, **found, currency=currency, among=among), reader, filters
        )

    async def deadlines(self, viewer: Viewer, reader: Reader, filters: Filters) -> Board:
        """How deadlines are kept."""
        ask = _Asking(self._answers, viewer, self._look, reader, filters)
        (overdue,) = await ask.rows(ask.overdue("manager"))
        among = _crowded(foremost(overdue, "manager", reader))
        found = await ask.together(
            months=ask.figure("promises", "outcome", reader.month),
            managers=ask.about(among).figure("promises", "manager", "outcome"),
            soon=ask.soon("manager"),
            steps=ask.figure("promises", "step", "outcome"),
        )
        seen = deadlines.Seen(overdue=overdue, among=among, **found)
        return deadlines.deadlines(seen, reader, filters)

    async def disputes(self, viewer: Viewer, reader: Reader, filters: Filters) -> Board:
        """What is open, what comes, what is settled."""
        ask = _Asking(self._answers, viewer, self._look, reader, filters)
        found = await ask.together(
            months=ask.figure("disputes", reader.month),
            open=ask.now("open_disputes", "manager_now", "severity", of="manager_now"),
        )
        return disputes.disputes(disputes.Seen(**found), reader, filters)

    async def targets(self, viewer: Viewer, reader: Reader, filters: Filters) -> Board:
        """Targets and budgets. The filters' time leaves those that do not touch it out."""
        whose = led(filters.manager, reader.people) if filters.manager else None
        found = [
            one
            for one in await self._answers.attainment(viewer, self._look)
            if (whose is None or one.target.of in whose)
            and _touches(one.target.period.since, one.target.period.until, filters)
        ]
        budgets = [
            one
            for one in await self._answers.budgets(viewer, self._look)
            if _touches(one.budget.period.since, one.budget.period.until, filters)
        ]
        if whose is not None:
            team_ = replace(viewer, whose=frozenset(whose))
            own = await self._answers.own_accounts(team_, self._look)
            budgets = [one for one in budgets if one.budget.of in own]
        shown = {one.budget.of for one in budgets[: targets.MOST]}
        names = await self._answers.account_names(shown, self._look)
        return targets.targets(
            targets.Seen(targets=found, budgets=budgets, accounts=names), reader, filters
        )

    async def account(self, account_id: str, viewer: Viewer, reader: Reader) -> AccountBoard | None:
        """One account; None if there is none that the viewer sees."""
        customer = await self._answers.customer(account_id, viewer, self._look)
        if customer is None:
            return None
        proposed = await self._answers.proposed(customer, self._look)
        return account.account(customer, proposed, reader)

    async def accounts(
        self,
        viewer: Viewer,
        reader: Reader,
        filters: Filters,
        search: str,
        after: tuple[str, str] | None,
    ) -> tuple[Table, tuple[str, str] | None]:
        """The list, and after which name and id it goes on."""
        whose = led(filters.manager, reader.people) if filters.manager else None
        found = await self._answers.accounts(
            viewer, self._look, whose=whose, search=search, after=after, limit=account.PAGE + 1
        )
        shown = found[: account.PAGE]
        more = len(found) > account.PAGE
        last = shown[-1] if more else None
        goes_on = (str(last.get("name") or NONE).casefold(), last.key.id) if last else None
        return account.accounts(shown, reader, filters), goes_on

    async def currencies(self, viewer: Viewer) -> list[str]:
        """In which something was won, the most used first; one, if there is a table of rates."""
        if self._answers.currency:
            return []
        person = viewer.person_id or ""
        sells = rights.only_sells(self._look.people.get(person))
        question = Question(by=("currency",), where={"salesperson": [person]} if sells else {})
        rows = await self._answers.figure(Enquiry("deals", question), viewer, self._look)
        return [row.by["currency"] for row in _by_number(rows) if row.by["currency"] != NONE]


class _Asking:
    """Questions of one page: of its time, and its people."""

    def __init__(
        self,
        answers: Answers,
        viewer: Viewer,
        look: Look,
        reader: Reader,
        filters: Filters,
        *,
        about: Collection[str] | None = None,
    ) -> None:
        """`about`: questions about these people only."""
        self._reader = reader
        self._filters = filters
        self._converts = answers.currency is not None
        if about is None and filters.manager:
            about = led(filters.manager, reader.people)
        self._ask = Asking(answers, viewer, look, about)
        self._about = partial(_Asking, answers, viewer, look, reader, filters)

    def about(self, people: Collection[str] | None) -> "_Asking":
        """Questions about these of the people only; None: as before."""
        return self if people is None else self._about(about=people)

    def figure(
        self,
        name: str,
        *by: str,
        of: str = "manager",
        where: Mapping[str, Sequence[str]] | None = None,
        money: bool = False,
    ) -> Enquiry:
        """Of the filtered time and people."""
        days = (self._filters.since, self._filters.until)
        return self._ask.enquiry(name, by, days, of, where, converted=money and self._converts)

    def now(
        self,
        name: str,
        *by: str,
        of: str = "manager",
        where: Mapping[str, Sequence[str]] | None = None,
        money: bool = False,
    ) -> Enquiry:
        """Likewise, of all time: how it stands today."""
        return self._ask.enquiry(name, by, of=of, where=where, converted=money and self._converts)

    def overdue(self, *by: str) -> Enquiry:
        """Deadlines that are open, and were due before today."""
        days = (None, self._reader.today - timedelta(days=1))
        return self._ask.enquiry("promises", by, days, where=_OPEN)

    def soon(self, *by: str) -> Enquiry:
        """Deadlines that are open, and due today or in the days after."""
        days = (self._reader.today, self._reader.today + SOON)
        return self._ask.enquiry("promises", by, days, where=_OPEN)

    async def together(self, **asked: Enquiry) -> dict[str, list[Row]]:
        """Rows by what they are for; none where they would tell of others, or cannot be."""
        return dict(zip(asked, await self.rows(*asked.values()), strict=True))

    async def rows(self, *asked: Enquiry) -> list[list[Row]]:
        """Likewise, in the order of the questions."""
        found = await self._ask.found(asked)
        plain = [
            # a rate is missing: each currency by itself says more than nothing
            replace(one, question=replace(one.question, converted=False))
            for one, rows in zip(asked, found, strict=True)
            if isinstance(rows, Unanswerable) and one.question.converted
        ]
        again = iter(await self.rows(*plain)) if plain else iter(())
        return [
            rows
            if isinstance(rows, list)
            else next(again)
            if isinstance(rows, Unanswerable) and one.question.converted
            else []
            for one, rows in zip(asked, found, strict=True)
        ]


def _crowded(first: list[str]) -> list[str] | None:
    """Whom a table shows that has no room for more: only they are asked about. None: all."""
    return first if len(first) == ROWS else None


def main_currency(rows: Sequence[Row]) -> str | None:
    """In which most was done."""
    return next((r.by["currency"] for r in _by_number(rows) if r.by["currency"] != NONE), None)


def _by_number(rows: Sequence[Row]) -> list[Row]:
    found = grouped(rows, "currency")
    numbers = {name: total(rows_) for name, rows_ in found.items()}
    names = sorted(numbers, key=lambda one: (-numbers[one], one))
    return [found[name][0] for name in names]


def _touches(since: date, until: date, filters: Filters) -> bool:
    return (filters.since is None or until >= filters.since) and (
        filters.until is None or since <= filters.until
    )
