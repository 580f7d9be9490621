"""A small company with handoffs in every state, for pages to show: real events, real acts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.contracts.accounts import ContactMade, DisputeOpened, SatisfactionRecorded
from shared.contracts.deals import DealReopened
from shared.contracts.directory import Absence, AbsenceSet, PersonUpserted, Role
from shared.contracts.event import Event
from tests.support.builders import deal, event, manager
from tests.support.system import PASSWORD, System

NOW = datetime.now(UTC)
HOSTILE = "<script>document.title='!'</script>"

PACKAGE: Mapping[str, Any] = {
    "contacts": [
        {
            "name": "Ada Byron",
            "role": "Head of purchasing",
            "email": "ada@acme.example",
            "phone": "+44 20 7946 0000",
            "interests": ["chess", "sailing"],
        },
        {"name": "Grace Hopper", "role": "Operations", "notes": "Prefers a call to a mail."},
    ],
    "needs": ["Delivery within two days", "One invoice a month"],
    "promises": ["10% off the second order", "A named engineer for the first quarter"],
    "relationship": {"state": "good", "notes": "Met at the fair in May; trusts us."},
    "language": "en",
}
PERSIAN: Mapping[str, Any] = {
    "contacts": [
        {
            "name": "نرگس احمدی",
            "role": "مدیر خرید",
            "email": "narges@toska.example",
            "phone": "+98 21 5555 0000",
            "interests": ["کوهنوردی"],
        }
    ],
    "needs": ["تحویل دو روزه", "یک صورت‌حساب در ماه"],
    "promises": ["۱۰٪ تخفیف در سفارش دوم"],
    "language": "fa",
}


def _person(name: str, called: str, role: Role, **more: Any) -> PersonUpserted:
    return manager(name, name=called, roles=(role,), reports_to="hana", **more)


def people() -> list[PersonUpserted]:
    am, sales = Role.ACCOUNT_MANAGER, Role.SALESPERSON
    london = {"time_zone": "Europe/London", "language": "en"}
    tehran = {"time_zone": "Asia/Tehran", "language": "fa"}
    return [
        manager("hana", name="Hana Head", roles=(Role.HEAD,), **london),
        manager("hamid", name="حمید سرمدی", roles=(Role.HEAD,), **tehran),
        _person("mia", "Mia Manager", am, capacity=12, **london),
        _person("noah", "Noah Miller", am, capacity=40, speaks=("fr",), **london),
        _person("olga", "Olga Ivanova", am, capacity=0, **london),
        _person("liam", "Liam O'Brien", am, region="West", **london),
        _person("sara", "سارا مرادی", am, region="تهران", capacity=20, **tehran)
        .model_copy(update={"reports_to": "hamid"}),
        _person("omid", "امید کریمی", am, region="تهران", capacity=0, **tehran)
        .model_copy(update={"reports_to": "hamid"}),
        _person("sam", "Sam Seller", sales, **london),
        _person("reza", "رضا فروتن", sales, **tehran),
    ]  # fmt: skip


def _deals(region: str, seller: str, names: Mapping[str, str]) -> list[Event]:
    """One deal an account; ids begin with the region's letter."""
    package = PERSIAN if region == "تهران" else PACKAGE
    currency = "IRR" if region == "تهران" else "EUR"
    found = []
    for number, (name, called) in enumerate(names.items()):
        closed = NOW - timedelta(days=5 - number / 3)
        # The language bars whoever does not speak it: who gets what does not hang on the order.
        told: dict[str, Any] = {"package": {"language": package["language"]}}
        if number % 4 != 1:
            told = {"package": package, "products": ("GTX Pro",)}
        account = {"id": name, "name": called, "region": region, "industry": "retail"}
        amount = {"value": f"{1250 * (number + 1)}.50", "currency": currency}
        found.append(
            event(
                deal(
                    f"deal-{name}", account, closed_at=closed, amount=amount,
                    salesperson={"id": seller}, **told,
                ),
                id=f"deal-{name}",
                time=closed if number < 2 else NOW,
            )
        )  # fmt: skip
    return found


ENGLISH_ACCOUNTS = {
    "late": "Acme Rockets",
    "fresh": "Bluth & Sons",
    "ask": "Initech",
    "return": "Globex Corporation",
    "accept": "Stark Industries",
    "complete": "Wayne Enterprises",
    "reopen": "Umbrella Holdings",
    "hostile": HOSTILE,
}
PERSIAN_ACCOUNTS = {
    "fa-late": "شرکت توسکا",
    "fa-fresh": "بازرگانی Sepehr Trading (بین‌الملل)",
    "fa-ask": "فولاد البرز",
    "fa-return": "پخش نوین",
    "fa-accept": "دارویی رازی",
    "fa-complete": "کاشی میبد",
}


async def set_up(system: System) -> None:
    """Publish everything, and act until every state is there."""
    system.extra["TAHVIL_CALENDAR"] = "examples/crm/calendar.yaml"
    for rate in ("ADDRESS", "CLIENT"):
        system.extra[f"TAHVIL_LOGIN_RATE_{rate}"] = "500 per 15 minutes"
    await system.start("handoff")
    early = NOW - timedelta(days=30)
    await system.publish([event(one, id=f"p-{one.person_id}", time=early) for one in people()])
    away = AbsenceSet(person_id="omid", absences=(Absence(since=NOW - timedelta(hours=1)),))
    await system.publish([event(away, id="away", time=early)])
    await system.settled()
    await system.publish(
        _deals("Central", "sam", ENGLISH_ACCOUNTS) + _deals("تهران", "reza", PERSIAN_ACCOUNTS)
    )
    far = deal("deal-far", {"id": "far", "name": "Far Away Ltd", "region": "Moon"}, closed_at=NOW)
    await system.publish([event(far, id="deal-far")])
    await system.settled()
    async with Acts(system) as acts:
        for prefix in ("", "fa-"):
            await acts.do(f"{prefix}ask", "ask", questions=["Who signs?", "When do they start?"])
            await acts.do(f"{prefix}return", "return", reasons=["No contact is named."])
            await acts.do(f"{prefix}accept", "accept")
            await acts.do(f"{prefix}accept", "steps/welcome-call/done")
            await acts.do(f"{prefix}complete", "accept")
            for step in ("welcome-call", "kick-off", "first-review"):
                await acts.do(f"{prefix}complete", f"steps/{step}/done")
    reopened = DealReopened(deal_id="deal-reopen", account_id="reopen", reopened_at=NOW)
    facts = [event(reopened, id="reopened")]
    for name in ("accept", "fa-accept"):
        facts += [
            event(
                SatisfactionRecorded(account_id=name, score=35, recorded_at=NOW), id=f"s-{name}"
            ),
            event(
                ContactMade(account_id=name, by="mia", made_at=NOW - timedelta(days=3)),
                id=f"c-{name}",
            ),
            event(
                DisputeOpened(
                    account_id=name, dispute_id=f"x-{name}", opened_at=NOW, severity="high",
                    title="Wrong delivery" if name == "accept" else "ارسال اشتباه",
                ),
                id=f"d-{name}",
            ),
        ]  # fmt: skip
    await system.publish(facts)
    await system.settled()


class Acts:
    """Does what people do, as the user `ops`."""

    def __init__(self, system: System) -> None:
        door = next(one.door for one in system.processes if one.name == "handoff")
        self._http = httpx.AsyncClient(base_url=door, auth=("ops", PASSWORD))

    async def __aenter__(self) -> "Acts":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def handoff(self, account: str) -> dict[str, Any]:
        """The first handoff of an account."""
        answer = await self._http.get(f"/accounts/{account}")
        found, *_ = answer.raise_for_status().json()["handoffs"]
        return dict(found)

    async def do(self, account: str, what: str, **told: Any) -> None:
        handoff = await self.handoff(account)
        by = handoff["manager_id"]
        path = f"/handoffs/{handoff['id']}/{what}"
        answer = await self._http.post(path, json={"by": by, **told})
        assert answer.status_code == 200, answer.text
