"""Portfolios: how loaded managers are, and the accounts of one of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from services.handoff.candidates import Tier
from services.handoff.listing import Order, Wanted
from services.handoff.pages.customer import won
from services.handoff.pages.summary import Reader
from services.handoff.pages.words import TIER
from services.handoff.views import AccountRow, ManagerView
from services.handoff.views import Portfolio as Accounts

PAGE = 50


@dataclass(frozen=True, slots=True)
class Load:
    """How loaded one manager is."""

    id: str
    name: str
    words: Markup
    percent: int
    """Of the capacity; without one, of the largest load here."""
    over: bool
    away: bool
    chosen: bool
    """Whose accounts are listed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One account of a portfolio."""

    id: str
    name: str
    tier: Markup
    place: str
    weight: str
    won: tuple[str, ...]
    satisfaction: int | None
    satisfaction_words: str
    contacted: Markup | None
    covered_for: str | None
    """Whose it is, when it is only covered."""
    kept_by: str | None
    """Who covers it, when it is the reader's and covered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What the address asks for."""

    manager: str | None = None
    search: str = ""
    tier: Tier | None = None
    order: Order = "name"
    down: bool = False

    def wanted(self, after: str) -> Wanted:
        """As the database is asked. `after`: where the page before ended."""
        return Wanted(
            search=self.search, tier=self.tier, order=self.order, down=self.down, after=after
        )

    def address(self, **changes: object) -> str:
        """The address of this query with something changed; from the beginning, if not told."""
        asked = {
            "manager": self.manager,
            "search": self.search,
            "tier": self.tier and self.tier.value,
            "order": self.order if self.order != "name" else "",
            "down": "yes" if self.down else "",
        } | changes
        told = {name: value for name, value in asked.items() if value}
        return f"/pages/portfolio?{urlencode(told)}" if told else "/pages/portfolio"

    def by(self, order: Order) -> str:
        """The address that sorts by this, or the other way round."""
        turned = "" if self.order != order or self.down else "yes"
        return self.address(order=order if order != "name" else "", down=turned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """The page."""

    query: Query
    loads: tuple[Load, ...]
    """The reader's, or the team's."""
    whose: str | None
    rows: tuple[Row, ...]
    filtered: bool
    """Whether there may be accounts that do not fit."""
    begin: str | None
    """Address of the first page; None: it is this one."""
    after: str | None
    """Address of the page after; None: there is none."""


def portfolio(
    managers: Sequence[ManagerView],
    page: Accounts,
    query: Query,
    reader: Reader,
    *,
    first: bool,
) -> Portfolio:
    """`managers`: whom the reader sees; `page`: of the accounts that the query asks for."""
    return Portfolio(
        query=query,
        loads=tuple(loads(managers, query.manager, reader)),
        whose=next((one.name for one in managers if one.id == query.manager), query.manager),
        rows=tuple(_row(one, query, reader) for one in page.items),
        filtered=bool(query.search.strip() or query.tier),
        begin=None if first else query.address(),
        after=query.address(after=page.next) if page.next else None,
    )


def loads(managers: Sequence[ManagerView], chosen: str | None, reader: Reader) -> Iterable[Load]:
    """The most loaded relative to capacity first."""
    largest = max((one.load for one in managers), default=0) or 1
    say = reader.writer.say

    def percent(one: ManagerView) -> int:
        return round(100 * one.load / (one.capacity or largest)) if one.load else 0

    for one in sorted(managers, key=lambda one: (-percent(one), one.id)):
        yield Load(
            id=one.id,
            name=one.name,
            words=say("%(load)s of %(capacity)s", load=one.load, capacity=one.capacity)
            if one.capacity is not None
            else say("%(load)s, no limit", load=one.load),
            percent=percent(one),
            over=one.capacity is not None and one.load > one.capacity,
            away=one.absent,
            chosen=one.id == chosen,
        )


def _row(account: AccountRow, query: Query, reader: Reader) -> Row:
    writer, home = reader.writer, account.home_manager_id
    covering = account.home_manager_name if account.manager_id == query.manager else None
    covered = account.manager_name if home and home == query.manager else None
    score = account.satisfaction
    return Row(
        id=account.id,
        name=account.name,
        tier=writer.say(TIER[Tier(account.tier)]),
        place=account.city or account.region or account.country or "",
        weight=writer.number(account.weight),
        won=won(account.won, reader),
        satisfaction=score,
        satisfaction_words="" if score is None else writer.number(score),
        contacted=writer.day(account.contacted_at) if account.contacted_at else None,
        covered_for=covering,
        kept_by=covered,
    )
