"""Figures of targets, budgets, spending and transactions."""

from collections.abc import Callable, Iterable

from services.reporting.facts import Fact
from services.reporting.figures.declaration import (
    AMOUNT,
    COUNT,
    Counting,
    Entry,
    Figure,
    World,
    known,
    money,
)


def _planned(who: str) -> Counting:
    def counting(plan: Fact, _: World) -> Iterable[Entry]:
        amount, currency = money(plan.get("amount"))
        dimensions = {who: plan.get(who), "period": plan.get("period"), "currency": currency}
        yield Entry(plan.get("since"), dimensions, (amount,))

    return counting


def _moved(at: str) -> Callable[[Fact, World], Iterable[Entry]]:
    def counting(fact: Fact, world: World) -> Iterable[Entry]:
        moment = fact.get(at)
        standing = world.of(fact.account)
        amount, currency = money(fact.get("amount"))
        yield Entry(
            world.day(moment),
            {
                "kind": known(fact.get("kind")),
                "currency": currency,
                "account": known(fact.account),
                "manager": standing.manager_at(moment),
                "manager_now": standing.manager,
                "industry": standing.industry,
            },
            (1, amount),
        )

    return counting


MONEY = (
    Figure(
        name="targets",
        words="What account managers are to sell in a period.",
        day="the first day of the period",
        of="target",
        measures=(AMOUNT,),
        always=("manager", "period", "currency"),
        counting=_planned("manager"),
    ),
    Figure(
        name="budgets",
        words="What the company may spend on a customer in a period.",
        day="the first day of the period",
        of="budget",
        measures=(AMOUNT,),
        always=("account", "period", "currency"),
        counting=_planned("account"),
    ),
    Figure(
        name="spending",
        words="What was spent on customers.",
        day="the day it was spent",
        of="spending",
        measures=(COUNT, AMOUNT),
        always=("currency",),
        cubes=(("account",), ("manager",), ("manager_now",)),
        counting=_moved("spent_at"),
    ),
    Figure(
        name="transactions",
        words="Money that moved between customers and the company: invoices, payments, refunds, "
        "credits.",
        day="the day it was recorded",
        of="transaction",
        measures=(COUNT, AMOUNT),
        always=("kind", "currency"),
        cubes=(("manager",), ("manager_now",), ("industry",)),
        counting=_moved("recorded_at"),
    ),
)
