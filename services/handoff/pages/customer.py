"""Everything known of a customer, for its page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from markupsafe import Markup

from services.handoff.obligations import Kind
from services.handoff.pages.summary import Due, Reader, Summary, asked_for, due, summary
from services.handoff.pages.words import NEED, OWED, SEVERITY
from services.handoff.steps import CLOCKS
from services.handoff.views import AccountView
from shared.contracts.deals import Package
from shared.contracts.values import Money


@dataclass(frozen=True, slots=True)
class Owed:
    """Something owed to the customer, with its deadline."""

    about: Markup
    """What kind of thing, and how severe."""
    due: Due
    handoff_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The page of an account. Whoever sees only own handoffs of it sees `whole` false."""

    id: str
    name: str
    whole: bool
    facts: tuple[tuple[Markup, str | Markup], ...]
    manager: str | None
    home_manager: str | None
    """To whom it goes back after an absence."""
    won: tuple[str, ...]
    satisfaction: int | None
    satisfaction_words: Markup | None
    contacted: Markup | None
    package: Package | None
    owed: tuple[Owed, ...]
    handoffs: tuple[Summary, ...]
    """The latest first."""
    more: bool
    """There are more handoffs than are shown."""


def customer(account: AccountView, reader: Reader) -> Customer:
    """What the reader sees of it."""
    writer = reader.writer
    return Customer(
        id=account.id,
        name=account.name,
        whole=account.whole,
        facts=tuple(_facts(account, reader)) if account.whole else (),
        manager=account.manager_name,
        home_manager=account.home_manager_name,
        won=won(account.won, reader),
        satisfaction=account.satisfaction,
        satisfaction_words=_satisfaction(account, reader),
        contacted=writer.day(account.contacted_at) if account.contacted_at else None,
        package=account.package,
        owed=tuple(_owed(account, reader)),
        handoffs=tuple(summary(one, reader) for one in reversed(account.handoffs)),
        more=account.more_handoffs,
    )


def won(amounts: Mapping[str, Decimal], reader: Reader) -> tuple[str, ...]:
    """Won value, a currency each. Corrections can make it negative, which no deal may be."""
    return tuple(
        reader.writer.money(Money.model_construct(value=value, currency=currency))
        for currency, value in sorted(amounts.items())
        if value
    )


def _facts(account: AccountView, reader: Reader) -> Iterable[tuple[Markup, str | Markup]]:
    say = reader.writer.say
    tier = asked_for("tier", account.tier, reader)
    if account.tier_reason:
        tier = say("%(tier)s: %(why)s", tier=tier, why=reader.said(account.tier_reason))
    for name, words in NEED.items():
        if value := getattr(account, name):
            yield say(words), tier if name == "tier" else asked_for(name, value, reader)
    if account.key:
        yield say("Key account"), say("yes")
    if account.group_id:
        yield say("Group"), account.group_id
    if account.weight:
        yield say("Weight"), reader.writer.number(account.weight)


def _satisfaction(account: AccountView, reader: Reader) -> Markup | None:
    writer, score = reader.writer, account.satisfaction
    if score is None:
        return None
    if account.satisfaction_at is None:
        return writer.say("%(score)s of 100", score=score)
    day = writer.day(account.satisfaction_at)
    return writer.say("%(score)s of 100, on %(day)s", score=score, day=day)


def _owed(account: AccountView, reader: Reader) -> Iterable[Owed]:
    say = reader.writer.say
    found: list[tuple[datetime, Owed]] = []
    for handoff in account.handoffs:
        for one in handoff.deadlines:
            kind = say("Handoff") if one.step in CLOCKS else say("Checklist")
            found.append((one.due_at, Owed(kind, due(one, reader), handoff.id)))
    for owed in account.obligations:
        about = say(OWED[Kind(owed.kind)])
        if owed.severity and owed.severity in SEVERITY:
            severity = say(SEVERITY[owed.severity])
            about = say("%(kind)s, %(severity)s", kind=about, severity=severity)
        found.append((owed.due_at, Owed(about, due(owed, reader))))
    for _, soonest in sorted(found, key=lambda pair: pair[0]):
        yield soonest
