"""Portfolios: how loaded managers are, and the accounts of one of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from markupsafe import Markup

from services.handoff.candidates import Tier
from services.handoff.pages.customer import won
from services.handoff.pages.summary import Reader
from services.handoff.pages.words import TIER
from services.handoff.views import AccountRow, ManagerView

PAGE = 50
Order = Literal["name", "tier", "weight", "satisfaction", "contacted"]
_NEVER = datetime.min.replace(tzinfo=UTC)


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
    page: int = 1

    def address(self, **changes: object) -> str:
        """The address of this query with something changed; the page is the first again."""
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
    found: int
    all: int
    first: int
    """Number of the first row shown, from 1."""
    before: str | None
    """Address of the page before."""
    after: str | None


def portfolio(
    managers: Sequence[ManagerView],
    accounts: Sequence[AccountRow],
    query: Query,
    reader: Reader,
) -> Portfolio:
    """`managers`: whom the reader sees; `accounts`: of the one the query names."""
    fitting = [one for one in accounts if _fits(one, query)]
    fitting.sort(key=lambda one: (one.name.casefold(), one.id))
    if query.order != "name":
        fitting.sort(key=_ORDERS[query.order], reverse=query.down)
    elif query.down:
        fitting.reverse()
    pages = max(1, -(-len(fitting) // PAGE))
    page = min(max(1, query.page), pages)
    begin = (page - 1) * PAGE
    return Portfolio(
        query=query,
        loads=tuple(loads(managers, query.manager, reader)),
        whose=next((one.name for one in managers if one.id == query.manager), query.manager),
        rows=tuple(_row(one, query, reader) for one in fitting[begin : begin + PAGE]),
        found=len(fitting),
        all=len(accounts),
        first=begin + 1,
        before=query.address(page=page - 1) if page > 1 else None,
        after=query.address(page=page + 1) if page < pages else None,
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


def _fits(account: AccountRow, query: Query) -> bool:
    if query.tier and account.tier != query.tier:
        return False
    wanted = query.search.casefold().strip()
    told = (
        account.name,
        account.id,
        account.city,
        account.region,
        account.country,
        account.industry,
    )
    return not wanted or any(wanted in one.casefold() for one in told if one)


_ORDERS: Mapping[str, Callable[[AccountRow], Any]] = {
    "tier": lambda one: Tier(one.tier).rank,
    "weight": lambda one: one.weight,
    "satisfaction": lambda one: -1 if one.satisfaction is None else one.satisfaction,
    "contacted": lambda one: one.contacted_at or _NEVER,
}


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
