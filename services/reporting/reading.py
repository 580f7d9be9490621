"""The way to figures for everything that shows them."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Literal, TypeVar

from services.reporting.customer import Customer, customer
from services.reporting.facts import Fact, Key
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import Figure, World
from services.reporting.pipelines import Sums, sums_for
from services.reporting.plans import Attainment, Plan, Spent, attained, plan
from services.reporting.questions import (
    TIMES,
    People,
    Person,
    Question,
    Row,
    Unanswerable,
    balances,
    joined,
    rolled_up,
)
from services.reporting.rates import Rates
from services.reporting.repository import Repository
from services.reporting.standing import Standing, standing

T = TypeVar("T")
Selling = Literal["opportunities", "deals"]
"""What counts for targets: opportunities won, or deals won."""

_EVERYTHING = ("deal", "opportunity", "dispute", "satisfaction", "contact", "introduction",
               "spending", "transaction", "deadline")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """What was stored at a moment."""

    position: str
    """Names all of it."""
    slot: str
    """Where it is."""
    people: People
    """The directory: everybody, those who left too."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The directory as of a position."""

    position: str = ""
    people: People = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Enquiry:
    """A figure, and what is asked of it."""

    figure: str
    question: Question = field(default_factory=Question)
    rolled: bool = False
    """By manager, everybody with all those below."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """How an enquiry is answered."""

    enquiry: Enquiry
    by: tuple[str, ...]
    """What is fetched: what is asked for, and what converting needs."""
    time: str | None
    """Of a balance, by which time it goes."""
    sums: Sums


class Reading:
    """Answers questions from what is stored now, or as a `Look` found it."""

    def __init__(
        self,
        repository: Repository,
        world: World,
        now: Callable[[], datetime],
        *,
        rates: Rates | None = None,
        selling: Selling = "opportunities",
    ) -> None:
        self._repository = repository
        self._world = world
        self._now = now
        self._rates = rates
        self._selling = selling
        self._known = _Known()

    @property
    def world(self) -> World:
        """What besides facts decides where they count."""
        return self._world

    @property
    def currency(self) -> str | None:
        """The company's, if there is a table of rates."""
        return self._rates.currency if self._rates else None

    async def figure(
        self, name: str, question: Question | None = None, look: Look | None = None
    ) -> list[Row]:
        """A figure's rows, in the order of their dimensions; `Unanswerable` says what it lacks."""
        (found,) = await self.figures([Enquiry(name, question or Question())], look)
        return rows_of(found)

    async def figures(
        self, enquiries: Sequence[Enquiry], look: Look | None = None
    ) -> list[list[Row] | Unanswerable]:
        """Rows of several figures, asked together; of what has no answer, why."""
        look = look or await self.look()
        people = look.people
        ready = [_or_why(partial(self._prepared, one, people)) for one in enquiries]
        sums = [one.sums for one in ready if isinstance(one, _Prepared)]
        rows = iter(await self._repository.rows(look.slot, sums))
        return [
            _or_why(partial(self._answered, one, next(rows), people))
            if isinstance(one, _Prepared)
            else one
            for one in ready
        ]

    def _prepared(self, enquiry: Enquiry, people: People) -> _Prepared:
        question = enquiry.question
        figure = FIGURES.get(enquiry.figure)
        if figure is None:
            raise Unanswerable(
                f"there is no figure {enquiry.figure!r}: there are {', '.join(FIGURES)}"
            )
        more = self._for_rates(figure, question)
        return _Prepared(
            enquiry,
            (*question.by, *more),
            _time_of(figure, question.by),
            sums_for(figure, question, people, more),
        )

    def _answered(self, ready: _Prepared, rows: Sequence[Row], people: People) -> list[Row]:
        question = ready.enquiry.question
        by = tuple(question.by)
        found = joined(rows, ready.by, people)
        if question.converted and self._rates:
            found = self._rates.converted(found, by)
        if ready.enquiry.rolled and "manager" in by:
            found = rolled_up(found, by, people)
        return balances(found, by, ready.time, question.since) if ready.time else found

    async def look(self) -> Look:
        """As of now. The directory is read anew when it has changed."""
        slot, position, of_directory = await self._repository.positions()
        if self._known.position != of_directory:
            self._known = _Known(of_directory, await self._people(slot))
        return Look(position, slot, self._known.people)

    async def attainment(
        self, on: date | None = None, look: Look | None = None
    ) -> list[Attainment]:
        """All targets, or those that run on a day, the newest first, and how they stand."""
        look = look or await self.look()
        facts = (await self._repository.of_kind(look.slot, "target")).values()
        targets = [
            found
            for found in (plan(fact, "manager") for fact in facts)
            if on is None or found.period.since <= on <= found.period.until
        ]
        periods = sorted({target.period for target in targets})
        where = {"outcome" if self._selling == "deals" else "state": ["won"]}
        enquiries = [
            Enquiry(
                self._selling,
                Question(
                    by=("manager", "currency"), where=where, since=period.since, until=period.until
                ),
                rolled=True,
            )
            for period in periods
        ]
        sold: dict[tuple[str, str, str], Decimal] = {}
        for period, rows in zip(periods, await self.figures(enquiries, look), strict=True):
            for row in rows_of(rows):
                place = (row.by["manager"], row.by["currency"], period.name)
                sold[place] = Decimal(row.measures["amount"])
        return [
            attained(
                target,
                sold.get((target.of, target.currency, target.period.name), Decimal(0)),
                self._world,
                self._now(),
            )
            for target in _newest_first(targets)
        ]

    async def budgets(
        self,
        of: Collection[str] | None = None,
        on: date | None = None,
        look: Look | None = None,
    ) -> list[Spent]:
        """Budgets of these accounts, or all, and what was spent of them; those that run on a day.

        The newest first.
        """
        look = look or await self.look()
        if of is None:
            facts = await self._repository.of_kind(look.slot, "budget")
        else:
            facts = await self._repository.of_accounts(look.slot, of, kinds=["budget"])
        budgets = [
            found
            for found in (plan(fact, "account") for fact in facts.values())
            if on is None or found.period.since <= on <= found.period.until
        ]
        spent: dict[tuple[str, str, str], Decimal] = {}
        for period in {budget.period for budget in budgets}:
            question = Question(
                by=("account", "currency"),
                where={"account": {b.of for b in budgets if b.period == period}},
                since=period.since,
                until=period.until,
            )
            for row in await self.figure("spending", question, look):
                place = (row.by["account"], row.by["currency"], period.name)
                spent[place] = Decimal(row.measures["amount"])
        return [
            Spent(
                budget=budget,
                spent=spent.get((budget.of, budget.currency, budget.period.name), Decimal(0)),
            )
            for budget in _newest_first(budgets)
        ]

    async def satisfied(self, accounts: Collection[str], look: Look) -> dict[str, Customer]:
        """Of customers who ever said how satisfied they are: what they said, and whose they are."""
        said = await self._repository.of_accounts(look.slot, accounts, kinds=["satisfaction"])
        facts: dict[str, list[Fact]] = {}
        for fact in said.values():
            facts.setdefault(str(fact.account), []).append(fact)
        own = await self.standings(facts, look)
        return {one: customer(one, facts[one], own[one], self._now()) for one in facts}

    async def standings(
        self, accounts: Iterable[str], look: Look | None = None
    ) -> dict[str, Standing]:
        """How accounts stand, one that nothing is known of too."""
        look = look or await self.look()
        keys = [Key("account", account) for account in accounts]
        known = await self._repository.facts(look.slot, keys)
        return {key.id: standing(known.get(key)) for key in keys}

    async def customer(self, account: str, look: Look | None = None) -> Customer | None:
        """One customer, whole; None if nothing is known of it."""
        look = look or await self.look()
        key = Key("account", account)
        facts, known = await asyncio.gather(
            self._repository.of_accounts(look.slot, [account], kinds=_EVERYTHING),
            self._repository.facts(look.slot, [key]),
        )
        own = known.get(key)
        if own is None and not facts:
            return None
        return customer(account, facts.values(), standing(own), self._now())

    async def whitespace(self, whose: Customer, look: Look | None = None) -> list[Row]:
        """Products that were won from accounts of its industry and tier, and not from this one.

        By product: how many deals, the most first. What was shown to it already is there, too.
        """
        question = Question(
            by=("product",),
            where={
                "outcome": ["won"],
                "industry": [whose.standing.industry],
                "tier": [whose.standing.tier],
            },
        )
        has = {*whose.products, "-"}
        rows = await self.figure("deals", question, look)
        rows = [row for row in rows if row.by["product"] not in has]
        return sorted(rows, key=lambda row: (-row.measures["count"], row.by["product"]))

    def _for_rates(self, figure: Figure, question: Question) -> tuple[str, ...]:
        """What converting needs to know of each row besides what is asked for."""
        if not question.converted:
            return ()
        if self._rates is None:
            raise Unanswerable("there is no table of rates: set TAHVIL_RATES")
        if "currency" not in figure.always:
            raise Unanswerable(f"{figure.name} has no money")
        needed = ("currency", "day") if self._rates.dated else ("currency",)
        return tuple(name for name in needed if name not in question.by)

    async def _people(self, slot: str) -> People:
        return {
            key.id: Person(
                name=fact.get("name") or key.id,
                reports_to=fact.get("reports_to"),
                roles=tuple(fact.get("roles") or ()),
                active=bool(fact.get("active")),
                language=fact.get("language") or "en",
                time_zone=fact.get("time_zone"),
                hours={day: tuple(ranges) for day, ranges in fact.get("hours") or ()},
                team=fact.get("team"),
                calendar=fact.get("calendar"),
                mutes=frozenset(fact.get("mutes") or ()),
            )
            for key, fact in (await self._repository.of_kind(slot, "person")).items()
        }


def _or_why(answer: Callable[[], T]) -> T | Unanswerable:
    try:
        return answer()
    except Unanswerable as error:
        return error


def rows_of(found: list[Row] | Exception) -> list[Row]:
    """The rows; raises why there are none."""
    if isinstance(found, Exception):
        raise found
    return found


def _newest_first(plans: list[Plan]) -> list[Plan]:
    return sorted(plans, key=lambda p: (p.period.until, p.of, p.currency), reverse=True)


def _time_of(figure: Figure, by: Sequence[str]) -> str | None:
    times = [name for name in by if name in TIMES]
    if not figure.balance or not times:
        return None
    if len(times) > 1:
        raise Unanswerable(f"{figure.name} goes by one of {', '.join(TIMES)} at a time")
    return times[0]
