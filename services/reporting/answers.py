"""Answers to who asks: figures cut down to what the viewer sees, and row by row where they can be.

Everything that shows figures to a person goes through here.
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from services.reporting import rights
from services.reporting.customer import Customer
from services.reporting.facts import Fact, Key
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Figure
from services.reporting.issues import Span
from services.reporting.movers import Counted, Shares
from services.reporting.periods import Days
from services.reporting.pipelines import sums_for
from services.reporting.plans import Attainment, Spent
from services.reporting.questions import (
    JOINED,
    TIMES,
    People,
    Question,
    Row,
    Unanswerable,
    stored,
)
from services.reporting.reading import Enquiry, Look, Reading, rows_of
from services.reporting.repository import Repository
from services.reporting.rights import Hidden, Viewer

JALALI = "jalali_month"
AT_ONCE = 1000
"""Facts in memory."""


class Answers:
    """Reads for a viewer, what a look found."""

    def __init__(self, reading: Reading, repository: Repository) -> None:
        self._reading = reading
        self._repository = repository

    async def look(self) -> Look:
        """What is stored now."""
        return await self._reading.look()

    async def position(self) -> str:
        """Names all that is stored as it is now."""
        return (await self.look()).position

    async def figures(
        self, enquiries: Sequence[Enquiry], viewer: Viewer, look: Look
    ) -> list[list[Row] | Hidden | Unanswerable]:
        """Rows of several figures that the viewer sees, asked together.

        `Hidden` when an answer would tell of others.
        """
        bounded = [await self._own(one, viewer, look) for one in enquiries]
        asked = [one for one in bounded if isinstance(one, Enquiry)]
        rows = iter(await self._reading.figures(asked, look))
        return [
            _seen(next(rows), one, viewer) if isinstance(one, Enquiry) else one for one in bounded
        ]

    async def figure(self, enquiry: Enquiry, viewer: Viewer, look: Look) -> list[Row]:
        """Likewise of one; raises what it has no answer for."""
        (found,) = await self.figures([enquiry], viewer, look)
        return rows_of(found)

    async def rows(
        self, enquiry: Enquiry, viewer: Viewer, look: Look, *, after: Sequence[str] | None = None
    ) -> AsyncGenerator[Row]:
        """Likewise one by one, from behind these values on: memory does not grow with them.

        Only what has to be known as a whole to be answered (balances by time, what is rolled up
        or looked up in the directory) is made at once.
        """
        figure, question = FIGURES[enquiry.figure], enquiry.question
        if enquiry.rolled or not _plain(figure, question):
            for row in await self.figure(enquiry, viewer, look):
                if not after or tuple(row.by[one] for one in question.by) > tuple(after):
                    yield row
            return
        bounded = await self._bounded(figure, question, viewer, look)
        wanted = sums_for(figure, bounded, look.people)
        async for row in self._repository.stream(look.slot, wanted, after):
            yield row

    async def accounts(
        self,
        viewer: Viewer,
        look: Look,
        *,
        whose: Collection[str] | None = None,
        search: str = "",
        after: tuple[str, str] | None = None,
        limit: int,
    ) -> list[Fact]:
        """Accounts by name that the viewer sees; of these managers, if any are named."""
        seen = viewer.whose
        if whose is not None:
            seen = frozenset(one for one in whose if viewer.sees(one))
        return await self._repository.accounts(look.slot, seen, search, after, limit)

    async def own_accounts(self, viewer: Viewer, look: Look) -> set[str]:
        """Ids of accounts that the viewer sees."""
        return await self._repository.managed(look.slot, viewer.whose)

    async def customer(self, account: str, viewer: Viewer, look: Look) -> Customer | None:
        """One account, whole; None if there is none that the viewer sees."""
        found = await self._reading.customer(account, look)
        return found if found and viewer.sees(found.standing.manager) else None

    async def proposed(self, customer: Customer, look: Look) -> list[Row]:
        """Products for an account that the viewer sees. They tell of no other account."""
        return await self._reading.whitespace(customer, look)

    async def attainment(
        self, viewer: Viewer, look: Look, on: date | None = None
    ) -> list[Attainment]:
        """Targets of the people whose figures the viewer sees; those that run on a day."""
        found = await self._reading.attainment(on, look)
        return [one for one in found if viewer.sees(one.target.of)]

    async def budgets(self, viewer: Viewer, look: Look, on: date | None = None) -> list[Spent]:
        """Budgets of the accounts that the viewer sees; those that run on a day."""
        own = None if viewer.whose is None else await self.own_accounts(viewer, look)
        return await self._reading.budgets(own, on, look)

    async def shares(
        self, counted: Sequence[Counted], viewer: Viewer, look: Look, now: Span, before: Span
    ) -> Shares:
        """What each account that the viewer sees added to figures, in a time and the one before.

        Where that is everybody's, all facts of the kinds are looked at: it is for now and then.
        """
        own = None if viewer.whose is None else await self.own_accounts(viewer, look)
        shares = Shares(counted, now, before)
        for kind in sorted({FIGURES[one.figure].of for one in counted}):
            facts: list[Fact] = []
            async for fact in self._repository.between(
                look.slot, kind, before.since, now.until, own
            ):
                facts.append(fact)
                if len(facts) == AT_ONCE:
                    await self._share(shares, facts, look)
                    facts = []
            await self._share(shares, facts, look)
        return shares

    async def _share(self, shares: Shares, facts: Sequence[Fact], look: Look) -> None:
        accounts = {fact.account for fact in facts if fact.account}
        standings = await self._reading.standings(accounts, look)
        world = replace(self._reading.world, standings=standings)
        for fact in facts:
            shares.add(fact, world)

    async def account_names(self, ids: Iterable[str], look: Look) -> dict[str, str]:
        """What accounts are called; of ids that the viewer was shown."""
        keys = [Key("account", one) for one in ids]
        facts = await self._repository.facts(look.slot, keys)
        return {key.id: fact.get("name") or key.id for key, fact in facts.items()}

    @property
    def currency(self) -> str | None:
        """The company's, if there is a table of rates."""
        return self._reading.currency

    async def _own(self, enquiry: Enquiry, viewer: Viewer, look: Look) -> Enquiry | Hidden:
        figure = FIGURES[enquiry.figure]
        try:
            return replace(
                enquiry, question=await self._bounded(figure, enquiry.question, viewer, look)
            )
        except Hidden as error:
            return error

    async def _bounded(
        self, figure: Figure, question: Question, viewer: Viewer, look: Look
    ) -> Question:
        name = rights.bounded_by(figure, question, viewer)
        if name is None:
            return question
        by_account = name == rights.ACCOUNT
        own = await self.own_accounts(viewer, look) if by_account else viewer.whose or ()
        return rights.bounded(question, name, own)


def names(by: Sequence[str], people: People) -> dict[str, dict[str, str]]:
    """What people are called, for those dimensions whose values are people."""
    called = {one: person.name for one, person in people.items()}
    return {name: called for name in by if JOINED.get(name, name) in rights.PERSONS}


class Asking:
    """Asks about people whom a viewer sees, as their own pages ask about them."""

    def __init__(
        self, answers: Answers, viewer: Viewer, look: Look, whose: Collection[str] | None = None
    ) -> None:
        """`whose`: some whom the viewer sees; None: all of them."""
        self._answers = answers
        self._viewer = viewer
        self._look = look
        self._whose = viewer.whose if whose is None else whose

    def enquiry(
        self,
        name: str,
        by: Sequence[str],
        days: Days = (None, None),
        of: str = "manager",
        where: Mapping[str, Collection[str]] | None = None,
        *,
        converted: bool = False,
    ) -> Enquiry:
        """About a figure. `of`: by which dimension it is somebody's."""
        conditions = dict(where or {})
        if self._whose is not None:  # said here, one's own page is the page that others see of one
            conditions[of] = sorted(self._whose)
        question = Question(
            by=by, where=conditions, since=days[0], until=days[1], converted=converted
        )
        return Enquiry(name, question)

    async def rows(self, *enquiries: Enquiry) -> list[list[Row]]:
        """Of each, asked together; raises what any of them has no answer for."""
        return [rows_of(one) for one in await self.found(enquiries)]

    async def found(self, enquiries: Sequence[Enquiry]) -> list[list[Row] | Hidden | Unanswerable]:
        """Likewise; of what has no answer, why."""
        return await self._answers.figures(enquiries, self._viewer, self._look)


def _seen(
    found: list[Row] | Unanswerable, enquiry: Enquiry, viewer: Viewer
) -> list[Row] | Unanswerable:
    if isinstance(found, Unanswerable) or not enquiry.rolled:
        return found
    return [row for row in found if rights.seen(row, viewer)]


def _plain(figure: Figure, question: Question) -> bool:
    """Whether each row stands by itself, and MongoDB can make it."""
    if figure.balance and any(name in TIMES for name in question.by):
        return False
    looked_up_or_jalali = stored(question.by) != tuple(question.by) or JALALI in question.by
    return not looked_up_or_jalali and not question.converted
