"""Bugs of others that handoff must not have, each by the number of its issue.

| whose | what went wrong | held by |
|---|---|---|
| SuiteCRM 2032, 8935, 227; EspoCRM 1514 | inactive or absent get work | here, test_assignment |
| roundRobinProcessBuilder 28 | an inactive user takes a turn | here |
| Vacademy 2170 | a cover absorbs the turns of the absent | test_assignment |
| SuiteCRM 10720 | who has nothing is skipped, what is closed counts | test_assignment |
| Odoo 259775, 259324 | the most senior wins every tie | test_assignment, here |
| Odoo 68475 | leave has an echo 30 days later | test_assignment |
| odoo/documentation 18332 | a full team: leads stay unassigned, silently | test_assignment, here |
| HubSpot 211261, 355711 | flood after vacation; editing people resets counts | test_assignment |
| Twenty 15304 | no round robin | here |
| Gainsight 3099 | pooled customers need a user who is nobody | here |
| cal.com 19898 | a known customer gets another owner | here |
| frappe/crm 2588 | follow-ups are forgotten | here |
| osTicket 1168, 6438 | no working hours; no pause | here |
| Chatwoot 9470, 13392 | Friday 16:30 and an hour is Friday 17:30 | test_working_time, here |
| ERPNext 47029 and five more | hours off count as held | here, test_working_time |
| Frappe 2212 | no lunch break | here |
| Zammad 188 | wrong after it is opened again | here |
| Zammad 390 | days that are no holidays count as such | here |
| Zammad 3140 | escalates after the answer | here |
| Zammad 5177 | the next update overrules the first answer | here |
| GitLab 7159 | the clock runs in the wrong region's hours | here: the company's calendar |
| [ZIEL], [REWORK] | asking for what the CRM knows; no definition of complete | here |
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.handoff import lifecycle
from services.handoff.book import Book
from services.handoff.candidates import Away, Manager
from services.handoff.config import CompanyTime
from services.handoff.handlers import decide
from services.handoff.lifecycle import Act, Moved
from services.handoff.rules import Rules
from services.handoff.states import Handoff, Status
from shared import working_time
from shared.contracts.deadlines import DeadlineSet
from shared.contracts.deals import DealReopened, Package
from shared.contracts.event import EventData
from shared.contracts.handoffs import HandoffUnassigned
from shared.contracts.registry import EVENTS
from tests.support.builders import NOON, deal, event, rules

DAY = timedelta(days=1)
FRIDAY = datetime(2026, 11, 27, tzinfo=UTC)


class Company:
    """Deals and customers' events in a book."""

    def __init__(self, *managers: Manager, rules: Rules = rules()) -> None:  # noqa: B008
        self.book, self.rules = Book(), rules
        for one in managers:
            self.book.keep_manager(one)

    def hears(self, data: EventData, at: datetime = NOON) -> list[EventData]:
        return list(decide(event(data, time=at), self.book, self.rules))

    def of(self, account: str, what: str, at: datetime = NOON, **fields: Any) -> list[EventData]:
        data = EVENTS[f"{what}.v1"].model_validate({"account_id": account} | fields)
        return self.hears(data, at)

    def wins(self, deal_id: str = "d1", account: str = "acme", at: datetime = NOON) -> Handoff:
        self.hears(deal(deal_id, account, closed_at=at), at)
        found = self.book.of_deal(deal_id)
        assert found
        return found

    def act(self, by: str, at: datetime) -> Act:
        return Act(by=by, at=at, account=self.book.accounts["acme"], rules=self.rules)


def working(**changes: Any) -> Rules:
    """Nine to five UTC, Monday to Friday, if not said otherwise."""
    week = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    calendar = working_time.parse({"time_zone": "UTC", "week": week} | changes, "calendar.yaml")
    return rules(working=CompanyTime(calendar))


def due(found: Iterable[Any], step: str) -> datetime:
    (one,) = [one for one in found if getattr(one, "step", None) == step]
    at: datetime = one.due_at
    return at


@pytest.mark.parametrize("name", ["suitecrm_2032", "suitecrm_8935", "suitecrm_227", "rrpb_28"])
def test_nobody_inactive_or_absent_gets_a_turn(name: str) -> None:
    out = {
        "suitecrm_2032": {"active": False},
        "suitecrm_8935": {"absences": (Away(NOON - DAY, None),)},
        "suitecrm_227": {"active": False, "load": 0},
        "rrpb_28": {"active": False, "capacity": 99},
    }[name]
    company = Company(replace(Manager(id="gone"), **out), Manager(id="mia", load=40))  # type: ignore[arg-type]
    assert {company.wins(f"d{n}", f"a{n}").manager_id for n in range(9)} == {"mia"}


def test_odoo_259324_and_twenty_15304_equals_take_turns() -> None:
    company = Company(*(Manager(id=name) for name in ("mia", "noah", "olga")))
    turns = [
        company.wins(f"d{n}", f"a{n}", NOON + n * timedelta(minutes=1)).manager_id for n in range(9)
    ]
    assert turns == ["mia", "noah", "olga"] * 3


def test_odoo_18332_a_full_team_is_said_and_somebody_must_act() -> None:
    head = Manager(id="hana", active=False, head=True)
    company = Company(Manager(id="mia", capacity=0), head)
    said = company.hears(deal())
    assert [type(one) for one in said][1:] == [HandoffUnassigned, DeadlineSet]
    late = Company(Manager(id="mia", capacity=0))
    late.hears(deal())
    assert late.wins().deadlines == (), "there is no head"


def test_gainsight_3099_customers_of_nobody_wait_for_somebody_and_are_nobody_s() -> None:
    company = Company()
    assert company.wins().manager_id is None
    assert company.book.accounts["acme"].manager_id is None
    assert company.book.pool.managers == {}, "no user who stands for a pool"


def test_calcom_19898_a_known_customer_keeps_its_manager() -> None:
    company = Company(Manager(id="mia"), Manager(id="noah"))
    first = company.wins().manager_id
    company.book.keep_manager(replace(company.book.pool.managers["mia"], load=49))
    assert company.wins("d2").manager_id == first == "mia"


def test_frappe_crm_2588_a_follow_up_has_a_deadline_until_somebody_speaks_with_them() -> None:
    company = Company(Manager(id="mia"))
    company.wins()
    said = company.of("acme", "product.introduced", product="GTX", introduced_at=NOON)
    assert [one.type for one in said] == ["deadline.set.v1"]
    said = company.of("acme", "contact.made", NOON + DAY, made_at=NOON + DAY, by="mia")
    assert [one.type for one in said] == ["deadline.met.v1"]


def test_osticket_1168_and_chatwoot_13392_the_clock_to_accept_runs_in_working_hours() -> None:
    company = Company(Manager(id="mia"), rules=working())
    handoff = company.wins(at=FRIDAY.replace(hour=16, minute=30))
    assert due(handoff.deadlines, "accept") == datetime(2026, 11, 30, 16, 30, tzinfo=UTC)


def test_frappe_2212_lunch_is_no_working_time() -> None:
    week = {"fri": ["09:00-12:00", "13:00-17:00"], "mon": ["09:00-12:00", "13:00-17:00"]}
    company = Company(Manager(id="mia"), rules=working(week=week))
    handoff = company.wins(at=FRIDAY.replace(hour=11))
    assert due(handoff.deadlines, "accept") == datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def test_osticket_6438_and_erpnext_47029_hours_off_are_not_held_against_anybody() -> None:
    company = Company(Manager(id="mia"), rules=working())
    handoff = company.wins(at=FRIDAY.replace(hour=9))
    asked = lifecycle.ask(handoff, ("?",), company.act("mia", FRIDAY.replace(hour=17)))
    assert isinstance(asked, Moved)
    assert [one.type for one in asked.publish][1] == "deadline.paused.v1"
    assert due(asked.handoff.deadlines, "answer") == datetime(2026, 11, 30, 17, tzinfo=UTC)
    sunday = FRIDAY + 2 * DAY
    answered = lifecycle.resubmit(asked.handoff, ("so",), None, company.act("sam", sunday))
    assert isinstance(answered, Moved)
    assert due(answered.handoff.deadlines, "accept") == datetime(2026, 11, 30, 17, tzinfo=UTC)


def test_zammad_188_won_again_the_clocks_begin_anew() -> None:
    company = Company(Manager(id="mia"))
    first = company.wins()
    company.hears(DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON))
    later = NOON + 40 * DAY
    second = company.wins(at=later)
    assert second.id != first.id
    assert {one.due_at - later for one in second.deadlines} == {
        one.due_at - NOON for one in first.deadlines
    }


def test_zammad_390_what_is_no_public_holiday_is_a_working_day() -> None:
    """St. Martin's day, in the calendars of many, is none."""
    berlin = working(time_zone="Europe/Berlin", holidays="DE")
    eve = datetime(2026, 11, 10, 12, tzinfo=UTC)
    assert berlin.working.add_days(eve, 1) == eve + DAY


def test_zammad_3140_an_answered_dispute_asks_for_no_first_answer() -> None:
    company = Company(Manager(id="mia"))
    company.wins()
    company.of("acme", "dispute.opened", dispute_id="x", opened_at=NOON)
    company.of("acme", "dispute.updated", NOON + DAY, dispute_id="x", updated_at=NOON + DAY)
    kinds = {one.kind.value for one in company.book.obligations["acme"].values()}
    assert kinds == {"dispute-update", "dispute-resolve"}


def test_zammad_5177_the_daily_word_does_not_put_off_the_first_answer() -> None:
    company = Company(Manager(id="mia"))
    company.wins()
    said = company.of("acme", "dispute.opened", dispute_id="x", opened_at=NOON, severity="high")
    assert due(said, "dispute-answer") == NOON + timedelta(hours=4)
    assert due(said, "dispute-update") == NOON + DAY


def test_gitlab_7159_hours_are_those_of_the_calendar_s_zone() -> None:
    week = {day: ["08:00-16:00"] for day in ("sat", "sun", "mon", "tue", "wed")}
    company = Company(Manager(id="mia"), rules=working(time_zone="Asia/Tehran", week=week))
    handoff = company.wins(at=datetime(2026, 11, 25, 12, tzinfo=UTC))  # Wednesday 15:30 there
    tehran = due(handoff.deadlines, "accept").astimezone(ZoneInfo("Asia/Tehran"))
    assert (tehran.strftime("%a %H:%M")) == "Sat 15:30"


def test_ziel_what_the_crm_told_is_not_asked_for_again() -> None:
    package = {"needs": ["speed"], "contacts": [{"name": "C"}]}
    company = Company(Manager(id="mia"))
    company.hears(deal(package=package, products=["GTX"]))
    handoff = company.book.of_deal("d1")
    assert handoff
    assert handoff.missing == ("package.promises", "package.relationship")
    more = lifecycle.add(handoff, Package(promises=("a discount",)), company.act("sam", NOON))
    assert isinstance(more, Moved)
    assert more.handoff.missing == ("package.relationship",)
    assert more.handoff.status == Status.ASSIGNED
