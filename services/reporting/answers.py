"""Answers to who asks: figures cut down to what the viewer sees, and row by row where they can be.

Everything that shows figures to a person goes through here.
"""

import asyncio
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
from services.reporting.plans import Attainment, Spent
from services.reporting.questions import (
    JOINED,
    TIMES,
    People,
    Question,
    Row,
    cube_for,
    looked_up,
    stored,
)
from services.reporting.reading import Look, Reading
from services.reporting.repository import Repository
from services.reporting.rights import Viewer

JALALI = "jalali_month"
AT_ONCE = 1000
"""Facts in memory."""


class Answers:
    """Reads for a viewer."""

    def __init__(self, reading: Reading, repository: Repository) -> None:
        self._reading = reading
        self._repository = repository

    async def look(self) -> Look:
        """What is stored now."""
        return await self._reading.look()

    async def position(self) -> str:
        """Names all that is stored as it is now."""
        return (await self.look()).position

    async def live(self) -> str:
        """The slot that is read from."""
        return await self._repository.live()

    async def people(self) -> People:
        """The directory."""
        return (await self.look()).people

    async def figure(
        self,
        name: str,
        question: Question,
        viewer: Viewer,
        *,
        rolled: bool = False,
        slot: str | None = None,
    ) -> list[Row]:
        """A figure's rows that the viewer sees; `Hidden` when that would tell of others.

        `slot`: the live one, where it is known already.
        """
        bounded = await self._bounded(FIGURES[name], question, viewer)
        rows = await self._reading.figure(name, bounded, rolled=rolled, slot=slot)
        return [row for row in rows if rights.seen(row, viewer)] if rolled else rows

    async def rows(
        self,
        name: str,
        question: Question,
        viewer: Viewer,
        *,
        rolled: bool = False,
        after: Sequence[str] | None = None,
    ) -> AsyncGenerator[Row]:
        """Likewise one by one, from behind these values on: memory does not grow with them.

        Only what has to be known as a whole to be answered (balances by time, what is rolled up
        or looked up in the directory) is made at once.
        """
        figure = FIGURES[name]
        if rolled or not _plain(figure, question):
            found = await self.figure(name, question, viewer, rolled=rolled)
            for row in found:
                if not after or tuple(row.by[one] for one in question.by) > tuple(after):
                    yield row
            return
        bounded = await self._bounded(figure, question, viewer)
        people = await self.people()
        async for row in self._repository.stream(
            await self._repository.live(),
            figure,
            cube_for(figure, bounded),
            bounded.by,
            looked_up(bounded.where, people),
            (None if figure.balance else bounded.since, bounded.until),
            after,
        ):
            yield row

    async def accounts(
        self,
        viewer: Viewer,
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
        slot = await self._repository.live()
        return await self._repository.accounts(slot, seen, search, after, limit)

    async def own_accounts(self, viewer: Viewer) -> set[str]:
        """Ids of accounts that the viewer sees."""
        return await self._repository.managed(await self._repository.live(), viewer.whose)

    async def customer(self, account: str, viewer: Viewer) -> Customer | None:
        """One account, whole; None if there is none that the viewer sees."""
        found = await self._reading.customer(account)
        return found if found and viewer.sees(found.standing.manager) else None

    async def proposed(self, customer: Customer) -> list[Row]:
        """Products for an account that the viewer sees. They tell of no other account."""
        return await self._reading.whitespace(customer)

    async def attainment(self, viewer: Viewer, on: date | None = None) -> list[Attainment]:
        """Targets of the people whose figures the viewer sees; those that run on a day."""
        return [one for one in await self._reading.attainment(on) if viewer.sees(one.target.of)]

    async def budgets(self, viewer: Viewer, on: date | None = None) -> list[Spent]:
        """Budgets of the accounts that the viewer sees; those that run on a day."""
        own = None if viewer.whose is None else await self.own_accounts(viewer)
        return await self._reading.budgets(own, on)

    async def shares(
        self, counted: Sequence[Counted], viewer: Viewer, now: Span, before: Span
    ) -> Shares:
        """What each account that the viewer sees added to figures, in a time and the one before.

        Where that is everybody's, all facts of the kinds are looked at: it is for now and then.
        """
        slot = await self._repository.live()
        own = None if viewer.whose is None else await self.own_accounts(viewer)
        shares = Shares(counted, now, before)
        for kind in sorted({FIGURES[one.figure].of for one in counted}):
            facts: list[Fact] = []
            async for fact in self._repository.between(slot, kind, before.since, now.until, own):
                facts.append(fact)
                if len(facts) == AT_ONCE:
                    await self._share(shares, facts)
                    facts = []
            await self._share(shares, facts)
        return shares

    async def _share(self, shares: Shares, facts: Sequence[Fact]) -> None:
        accounts = {fact.account for fact in facts if fact.account}
        standings = await self._reading.standings(accounts)
        world = replace(self._reading.world, standings=standings)
        for fact in facts:
            shares.add(fact, world)

    async def names(self, by: Sequence[str]) -> dict[str, dict[str, str]]:
        """What people are called, for those dimensions whose values are people."""
        called = {one: person.name for one, person in (await self.people()).items()}
        return {name: called for name in by if JOINED.get(name, name) in rights.PERSONS}

    async def account_names(self, ids: Iterable[str]) -> dict[str, str]:
        """What accounts are called; of ids that the viewer was shown."""
        keys = [Key("account", one) for one in ids]
        facts = await self._repository.facts(await self._repository.live(), keys)
        return {key.id: fact.get("name") or key.id for key, fact in facts.items()}

    @property
    def currency(self) -> str | None:
        """The company's, if there is a table of rates."""
        return self._reading.currency

    async def _bounded(self, figure: Figure, question: Question, viewer: Viewer) -> Question:
        name = rights.bounded_by(figure, question, viewer)
        if name is None:
            return question
        own = await self.own_accounts(viewer) if name == rights.ACCOUNT else viewer.whose or ()
        return rights.bounded(question, name, own)


class Asking:
    """Questions about people whom a viewer sees, as their own pages ask them."""

    def __init__(
        self, answers: Answers, viewer: Viewer, whose: Collection[str] | None = None
    ) -> None:
        """`whose`: some whom the viewer sees; None: all of them."""
        self._answers = answers
        self._viewer = viewer
        self._whose = viewer.whose if whose is None else whose
        self._slot: asyncio.Future[str] | None = None

    async def rows(
        self,
        name: str,
        by: Sequence[str],
        days: Days = (None, None),
        of: str = "manager",
        where: Mapping[str, Collection[str]] | None = None,
        *,
        converted: bool = False,
    ) -> list[Row]:
        """A figure's rows. `of`: by which dimension it is somebody's."""
        conditions = dict(where or {})
        if self._whose is not None:  # said here, one's own page is the page that others see of one
            conditions[of] = sorted(self._whose)
        question = Question(
            by=by, where=conditions, since=days[0], until=days[1], converted=converted
        )
        if self._slot is None:  # looked for once, whatever is asked
            self._slot = asyncio.ensure_future(self._answers.live())
        return await self._answers.figure(name, question, self._viewer, slot=await self._slot)


def _plain(figure: Figure, question: Question) -> bool:
    """Whether each row stands by itself, and MongoDB can make it."""
    if figure.balance and any(name in TIMES for name in question.by):
        return False
    looked_up_or_jalali = stored(question.by) != tuple(question.by) or JALALI in question.by
    return not looked_up_or_jalali and not question.converted
