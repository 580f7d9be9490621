"""A year of a company for the dashboard: two teams, deals, handoffs, deadlines, disputes, plans."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts import accounts, deadlines, handoffs
from shared.contracts.directory import Role
from shared.contracts.event import Event, EventData
from shared.contracts.values import Money
from tests.support.builders import deal, event, manager

NOW = datetime.now(UTC)
TEAMS: Mapping[str, Mapping[str, str]] = {
    "hana": {"mia": "Mia Manager", "noah": "Noah Miller", "olga": "Olga Ivanova"},
    "hamid": {"sara": "سارا مرادی", "omid": "امید کریمی"},
}
"""Account managers by their heads; the second team's accounts are Persian."""
PRODUCTS = ("GTX Pro", "GTX Basic", "MG Special", "MG Advanced")
INDUSTRIES = ("retail", "medical", "software", "finance", "marketing")
NAMES = {
    "hana": ("Acme Rockets", "Initech", "Globex", "Stark Industries", "Wayne Enterprises",
             "Umbrella", "Hooli", "Soylent", "Tyrell", "Cyberdyne", "Bluth & Sons", "Vandelay"),
    "hamid": ("شرکت توسکا", "فولاد البرز", "پخش نوین", "دارویی رازی", "کاشی میبد", "نساجی یزد"),
}  # fmt: skip


def _eur(value: float, currency: str = "EUR") -> Money:
    return Money.model_validate({"value": f"{value:.2f}", "currency": currency})


def people() -> list[EventData]:
    found: list[EventData] = [
        manager("carla", name="Carla Chief", roles=(Role.COMPANY_MANAGER,), language="en"),
        manager("kaveh", name="کاوه مدیر", roles=(Role.COMPANY_MANAGER,), language="fa"),
        manager("hana", name="Hana Head", roles=(Role.HEAD,), reports_to="carla", language="en"),
        manager("hamid", name="حمید سرمدی", roles=(Role.HEAD,), reports_to="carla", language="fa"),
        manager("sam", name="Sam Seller", roles=(Role.SALESPERSON,)),
    ]
    for head, team in TEAMS.items():
        language = "fa" if head == "hamid" else "en"
        for name, called in team.items():
            found.append(manager(name, name=called, reports_to=head, language=language))
    return found


def year(seed: int = 7) -> list[Event]:
    """Everything, by time."""
    dice = random.Random(seed)
    told = [(NOW - timedelta(days=400), one) for one in people()]
    for head, team in TEAMS.items():
        for number, name in enumerate(NAMES[head]):
            whose = list(team)[number % len(team)]
            told += _account(dice, f"{head}-{number}", name, whose)
        told += _plans(dice, head, team)
    found = sorted(told, key=lambda one: one[0])
    return [
        event(data, id=f"{data.type}:{n}", source="/year", time=at)
        for n, (at, data) in enumerate(found)
    ]


def _account(
    dice: random.Random, id_: str, name: str, whose: str
) -> Iterator[tuple[datetime, EventData]]:
    began = NOW - timedelta(days=dice.randint(250, 380))
    industry = dice.choice(INDUSTRIES)
    ref = {"id": id_, "name": name, "industry": industry, "region": "Central", "country": "UK",
           "city": dice.choice(("London", "Leeds"))}  # fmt: skip
    for number in range(dice.randint(6, 16)):
        at = began + (NOW - began) * dice.random() if number else began
        lost = number and dice.random() < 0.3
        yield at, deal(
            f"{id_}-{number}", ref, closed_at=at, outcome="lost" if lost else "won",
            amount=_eur(dice.randint(800, 24_000) + 0.5).model_dump(mode="json"),
            products=tuple(dice.sample(PRODUCTS, 2)),
        )  # fmt: skip
    yield from _handoff(dice, f"h-{id_}", id_, whose, began)
    if dice.random() < 0.4:
        tier = dice.choice(("national", "global"))
        at = began + timedelta(days=30)
        yield (
            at,
            handoffs.AccountTierChanged.model_validate(
                {
                    "account_id": id_,
                    "from_tier": "regional",
                    "to_tier": tier,
                    "at": at,
                    "reason": "won",
                }
            ),
        )
    score = dice.randint(55, 90)
    for month in range(8, -1, -1):
        at = NOW - timedelta(days=30 * month + dice.randint(1, 9))
        score = max(20, min(100, score + dice.randint(-9, 8)))
        yield at, accounts.SatisfactionRecorded(account_id=id_, score=score, recorded_at=at)
    for number in range(dice.randint(0, 4)):
        at = NOW - timedelta(days=dice.randint(3, 300))
        dispute = f"x-{id_}-{number}"
        yield at, accounts.DisputeOpened(
            account_id=id_, dispute_id=dispute, opened_at=at, title="Wrong delivery",
            severity=dice.choice(("critical", "high", "normal", "low")),
        )  # fmt: skip
        if dice.random() < 0.65:
            end = min(at + timedelta(days=dice.randint(1, 20)), NOW - timedelta(hours=1))
            yield end, accounts.DisputeResolved(account_id=id_, dispute_id=dispute, resolved_at=end)
    at = NOW - timedelta(days=dice.randint(2, 100))
    yield at, accounts.ContactMade(account_id=id_, by=whose, made_at=at)
    yield from _opportunities(dice, id_)
    yield from _money(dice, id_)


def _handoff(
    dice: random.Random, id_: str, account: str, whose: str, at: datetime
) -> Iterator[tuple[datetime, EventData]]:
    yield at, handoffs.HandoffCreated.model_validate(
        {"handoff_id": id_, "account_id": account, "deal_id": f"{account}-0", "kind": "new",
         "salesperson_id": "sam", "completeness": dice.randint(40, 100), "account_name": account,
         "closed_at": at, "created_at": at}
    )  # fmt: skip
    yield (
        at,
        handoffs.HandoffAssigned(
            handoff_id=id_, account_id=account, manager_id=whose, reason="it fits", assigned_at=at
        ),
    )
    if dice.random() > 0.15:
        accepted = at + timedelta(hours=dice.randint(1, 60))
        yield (
            accepted,
            handoffs.HandoffAccepted.model_validate(
                {
                    "handoff_id": id_,
                    "account_id": account,
                    "by": whose,
                    "accepted_at": accepted,
                }
            ),
        )
    for number in range(dice.randint(4, 9)):
        due = at + timedelta(days=30 * number + dice.randint(2, 20))
        set_at = min(due - timedelta(days=5), NOW - timedelta(hours=2))
        name = f"d-{id_}-{number}"
        step = ("welcome-call", "kick-off", "first-review")[number % 3]
        yield set_at, deadlines.DeadlineSet.model_validate(
            {"deadline_id": name, "account_id": account, "owner_id": whose, "title": step,
             "kind": "step", "step": step, "set_at": set_at, "due_at": due, "subject_id": id_}
        )  # fmt: skip
        if due < NOW and dice.random() < 0.9:
            met = due + timedelta(hours=dice.choice((-30, -9, -4, -2, 5, 40)))
            if met < NOW:
                yield (
                    met,
                    deadlines.DeadlineMet.model_validate(
                        {
                            "deadline_id": name,
                            "account_id": account,
                            "met_at": met,
                            "by": whose,
                            "subject_id": id_,
                        }
                    ),
                )


def _opportunities(dice: random.Random, id_: str) -> Iterator[tuple[datetime, EventData]]:
    for number in range(dice.randint(1, 4)):
        at = NOW - timedelta(days=dice.randint(5, 300))
        name, amount = f"o-{id_}-{number}", _eur(dice.randint(500, 9000))
        yield at, accounts.OpportunityIdentified.model_validate(
            {"account_id": id_, "opportunity_id": name, "identified_at": at, "amount": amount,
             "kind": dice.choice(("upsell", "cross_sell")), "product": dice.choice(PRODUCTS)}
        )  # fmt: skip
        if dice.random() < 0.5:
            won = at + (NOW - at) * dice.random()
            yield (
                won,
                accounts.OpportunityWon(
                    account_id=id_, opportunity_id=name, won_at=won, amount=amount
                ),
            )


def _money(dice: random.Random, id_: str) -> Iterator[tuple[datetime, EventData]]:
    begin = NOW - timedelta(days=200)
    yield (
        begin,
        accounts.BudgetSet(account_id=id_, period=str(NOW.year), amount=_eur(4000), set_at=begin),
    )
    for number in range(dice.randint(0, 4)):
        at = datetime(NOW.year, 1, 2, tzinfo=UTC)
        at += (NOW - at) * dice.random()
        yield at, accounts.BudgetSpent.model_validate(
            {"account_id": id_, "spending_id": f"s-{id_}-{number}", "spent_at": at,
             "amount": _eur(dice.randint(200, 2200)), "purpose": "Training"}
        )  # fmt: skip


def _plans(
    dice: random.Random, head: str, team: Mapping[str, Any]
) -> Iterator[tuple[datetime, EventData]]:
    at = NOW - timedelta(days=390)
    periods = [str(NOW.year), f"{NOW.year}-Q{(NOW.month + 2) // 3}"]
    for name in (head, *team):
        for period in periods:
            amount = _eur(dice.randint(4, 30) * 1000)
            yield at, accounts.TargetSet(manager_id=name, period=period, amount=amount, set_at=at)
