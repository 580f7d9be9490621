"""Figures of deals, portfolios and opportunities."""

from collections.abc import Iterable, Iterator

from services.reporting.facts import Fact
from services.reporting.figures.declaration import (
    AMOUNT,
    COUNT,
    Entry,
    Figure,
    Measure,
    Unit,
    World,
    known,
    money,
    stays,
)
from services.reporting.standing import NONE, Standing

BY_PLACE = ("country", "region", "city")


def _deals(deal: Fact, world: World) -> Iterable[Entry]:
    closed_at, outcome = deal.get("closed_at"), deal.get("outcome")
    if outcome not in {"won", "lost"} or closed_at is None:
        return
    standing = world.of(deal.account)
    amount, currency = money(deal.get("amount"))
    products = deal.get("products") or (NONE,)
    yield Entry(
        world.day(closed_at),
        {
            "outcome": outcome,
            "currency": currency,
            "salesperson": known(deal.get("salesperson")),
            "manager": standing.manager_at(closed_at),
            "manager_now": standing.manager,
            "tier": standing.tier_at(closed_at),
            "industry": known(deal.get("industry")),
            "country": known(deal.get("country")),
            "region": known(deal.get("region")),
            "city": known(deal.get("city")),
            "product": products[0] if len(products) == 1 else tuple(products),
        },
        (1, amount),
    )


def _portfolio(account: Fact, world: World) -> Iterator[Entry]:
    """An account comes into a portfolio, and leaves it when its manager or its tier is another."""
    standing = world.of(account.key.id)
    if not standing.managers:
        return
    begin = standing.managers[0][0]
    moments = {begin, *(at for at, _ in (*standing.managers, *standing.tiers) if at > begin)}
    yield from stays([(at, _stands(standing, at)) for at in sorted(moments)], world)


def _stands(standing: Standing, at: int) -> dict[str, str]:
    return {
        "manager": standing.manager_at(at),
        "tier": standing.tier_at(at),
        "industry": standing.industry,
        "country": standing.country,
        "region": standing.region,
        "city": standing.city,
    }


def _opportunities(opportunity: Fact, world: World) -> Iterable[Entry]:
    state = opportunity.get("state")
    at = opportunity.get({"open": "identified_at"}.get(state, f"{state}_at"))
    if at is None:
        return
    standing = world.of(opportunity.account)
    amount, currency = money(opportunity.get("amount"))
    yield Entry(
        world.day(at),
        {
            "state": state,
            "kind": known(opportunity.get("kind")),
            "currency": currency,
            "manager": standing.manager_at(at),
            "manager_now": standing.manager,
            "product": known(opportunity.get("product")),
            "industry": standing.industry,
        },
        (1, amount),
    )


SALES = (
    Figure(
        name="deals",
        words="Closed deals, won and lost, and what they are worth. A deal that was corrected "
        "counts as it was corrected, one that was reopened not at all.",
        day="the day it was closed",
        of="deal",
        measures=(COUNT, AMOUNT),
        always=("outcome", "currency"),
        cubes=(
            (),
            ("salesperson",),
            ("manager", "tier"),
            ("industry", "tier"),  # before the next: of those that fit the first is read
            ("manager_now", "industry"),
            BY_PLACE,
            ("manager", "product"),
            ("industry", "tier", "product"),
        ),
        several=frozenset({"product"}),
        counting=_deals,
    ),
    Figure(
        name="portfolio",
        words="Accounts in the portfolios of account managers: at any day as it was then, and as "
        "it is now.",
        day="the day the account came to the manager, or left",
        of="account",
        measures=(Measure("accounts", Unit.COUNT, "how many accounts"),),
        cubes=(("tier",), ("manager", "tier"), ("industry", "tier"), BY_PLACE),
        balance=True,
        counting=_portfolio,
    ),
    Figure(
        name="opportunities",
        words="Opportunities with customers: upsell, cross-sell and new, open, won and lost.",
        day="the day it was identified while it is open, else the day it was won or lost",
        of="opportunity",
        measures=(COUNT, AMOUNT),
        always=("state", "kind", "currency"),
        cubes=((), ("manager",), ("manager_now",), ("product", "industry")),
        counting=_opportunities,
    ),
)
