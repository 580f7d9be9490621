"""Figures of what happens with customers: disputes, satisfaction, contacts, products shown."""

from collections.abc import Iterable

from services.reporting.facts import Fact
from services.reporting.figures.declaration import (
    COUNT,
    Entry,
    Figure,
    Measure,
    Unit,
    World,
    known,
)

_SECOND = 1_000_000


def _disputes(dispute: Fact, world: World) -> Iterable[Entry]:
    opened_at = dispute.get("opened_at")
    if opened_at is None:
        return
    dimensions = {
        "severity": known(dispute.get("severity")),
        "manager": world.of(dispute.account).manager_at(opened_at),
    }
    yield Entry(world.day(opened_at), dimensions, (1, 0, 0))
    if dispute.get("state") == "resolved":
        resolved_at = dispute.get("resolved_at")
        seconds = (resolved_at - opened_at) // _SECOND
        yield Entry(world.day(resolved_at), dimensions, (0, 1, seconds))


def _open_disputes(dispute: Fact, world: World) -> Iterable[Entry]:
    opened_at = dispute.get("opened_at")
    if opened_at is None:
        return
    standing = world.of(dispute.account)
    dimensions = {
        "severity": known(dispute.get("severity")),
        "manager": standing.manager_at(opened_at),
        "manager_now": standing.manager,
    }
    opened = opened_at // _SECOND
    yield Entry(world.day(opened_at), dimensions, (1, opened))
    if dispute.get("state") == "resolved":
        yield Entry(world.day(dispute.get("resolved_at")), dimensions, (-1, -opened))


def _satisfaction(record: Fact, world: World) -> Iterable[Entry]:
    at = record.get("at")
    standing = world.of(record.account)
    yield Entry(
        world.day(at),
        {
            "manager": standing.manager_at(at),
            "manager_now": standing.manager,
            "tier": standing.tier_at(at),
            "industry": standing.industry,
        },
        (1, record.get("score")),
    )


def _contacts(contact: Fact, world: World) -> Iterable[Entry]:
    at = contact.get("at")
    yield Entry(
        world.day(at),
        {
            "channel": known(contact.get("channel")),
            "by": known(contact.get("by")),
            "manager": world.of(contact.account).manager_at(at),
        },
        (1,),
    )


def _introductions(shown: Fact, world: World) -> Iterable[Entry]:
    at = shown.get("at")
    yield Entry(
        world.day(at),
        {
            "product": known(shown.get("product")),
            "manager": world.of(shown.account).manager_at(at),
        },
        (1,),
    )


CUSTOMERS = (
    Figure(
        name="disputes",
        words="Disputes of customers: how many came, how many were settled and after how long. "
        "The manager is whose account it was when the dispute came.",
        day="the day it came, for `opened`; the day it was settled, for the others",
        of="dispute",
        measures=(
            Measure("opened", Unit.COUNT, "disputes that came"),
            Measure("resolved", Unit.COUNT, "disputes that were settled"),
            Measure("resolve_seconds", Unit.SECONDS, "time from coming to settling, by the clock"),
        ),
        always=("severity",),
        cubes=((), ("manager",)),
        counting=_disputes,
    ),
    Figure(
        name="open_disputes",
        words="Disputes that are open, and how old they are: `count` times now, less "
        "`opened_seconds`, is their age together.",
        day="the day it came, or was settled",
        of="dispute",
        measures=(
            COUNT,
            Measure("opened_seconds", Unit.SECONDS, "sum of when they came, in seconds since 1970"),
        ),
        always=("severity",),
        cubes=((), ("manager",), ("manager_now",)),
        balance=True,
        counting=_open_disputes,
    ),
    Figure(
        name="satisfaction",
        words="How satisfied customers said to be, 0 to 100: `score` by `count` is the mean, and "
        "month by month the trend.",
        day="the day it was said",
        of="satisfaction",
        measures=(COUNT, Measure("score", Unit.POINTS, "sum of the scores")),
        cubes=((), ("manager",), ("manager_now",), ("tier",), ("industry",)),
        counting=_satisfaction,
    ),
    Figure(
        name="contacts",
        words="Contacts made with customers.",
        day="the day it was made",
        of="contact",
        measures=(COUNT,),
        always=("channel",),
        cubes=(("manager",), ("by",)),
        counting=_contacts,
    ),
    Figure(
        name="introductions",
        words="Products shown to customers.",
        day="the day it was shown",
        of="introduction",
        measures=(COUNT,),
        always=("product",),
        cubes=(("manager",),),
        counting=_introductions,
    ),
)
