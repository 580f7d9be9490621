"""Alerts: two thresholds, so that what is near one of them is told once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.alerts import (
    NEWS,
    Band,
    Drop,
    Gauge,
    Limits,
    Watched,
    budget,
    judged,
    satisfaction,
    target,
    told_to,
)
from services.reporting.config import Settings
from services.reporting.figures.declaration import World
from services.reporting.periods import period
from services.reporting.plans import Plan, Spent, attained
from services.reporting.questions import Person
from shared.errors import Misconfigured
from shared.working_time import Calendar, Calendars
from shared.working_time.file import read_calendars
from tests.support.system import PASSWORD

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TODAY = NOW.date()
WORLD = World(ZoneInfo("UTC"), Calendar.monday_to_friday("UTC"))
HIGH, LOW = Band(100, 95), Band(50, 60)


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "kafka_bootstrap": "none", "mongo_uri": "none", "http_password": PASSWORD
    }  # fmt: skip
    return Settings(**values | changes)  # type: ignore[arg-type]


LIMITS = settings().limits()


def watched(values: Sequence[int], *bands: Band) -> list[Watched]:
    found = [Watched()]
    for value in values:
        found.append(judged(found[-1], [Gauge(Decimal(value), band) for band in bands]))
    return found[1:]


def test_it_is_raised_once_and_again_only_after_it_was_good() -> None:
    found = watched([90, 100, 99, 130, 96, 100, 94, 99, 100], HIGH)
    assert [one.turn for one in found] == [0, 1, 1, 1, 1, 1, 1, 1, 2]
    assert [one.raised for one in found] == [0, 1, 1, 1, 1, 1, 0, 0, 1]
    found = watched([50, 49, 55, 50, 49, 60, 50, 49], LOW)
    assert [one.turn for one in found] == [0, 1, 1, 1, 1, 1, 1, 2]


@given(st.lists(st.integers(0, 200), max_size=60), st.sampled_from([HIGH, LOW]))
def test_between_two_alerts_it_was_good(values: list[int], band: Band) -> None:
    """At most one alert for each time that the whole band is crossed."""
    found = watched(values, band)
    raised = [n for n, one in enumerate(found) if one.turn > (found[n - 1].turn if n else 0)]
    assert len(raised) == (found[-1].turn if found else 0)
    for first, second in pairwise(raised):
        assert any(band.good(Decimal(value)) for value in values[first:second])
    assert all(band.bad(Decimal(values[n])) for n in raised)


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=60), st.sampled_from([HIGH, LOW]))
def test_noise_around_a_threshold_is_one_alert_at_most(noise: list[int], band: Band) -> None:
    found = watched([band.begins + one for one in noise], band)
    assert found[-1].turn <= 1


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(-50, 50)), max_size=40))
def test_of_two_gauges_both_must_be_good_again(values: list[tuple[int, int]]) -> None:
    state = Watched()
    for low, fall in values:
        gauges = [Gauge(Decimal(low), LOW), Gauge(Decimal(fall), Band(20, 10))]
        after = judged(state, gauges)
        if state.raised and not after.raised:
            assert low >= 60
            assert fall < 10
        if after.turn > state.turn:
            assert low < 50 or fall >= 20
        state = after


def spent(amount: int, of: int = 1000, name: str = "2026-11") -> Spent:
    plan = Plan(of="acme", period=period(name), amount=Decimal(of), currency="EUR")
    return Spent(budget=plan, spent=Decimal(amount))


def test_a_budget_is_looked_at_in_its_time_and_a_fortnight_after() -> None:
    look = budget(spent(1000), "mia", LIMITS, TODAY)
    assert look
    assert judged(Watched(), look.gauges).raised
    assert not judged(Watched(), (budget(spent(999), "mia", LIMITS, TODAY) or look).gauges).raised
    late = date(2026, 12, 1) + NEWS
    assert budget(spent(1000), "mia", LIMITS, late - timedelta(days=1))
    assert budget(spent(1000), "mia", LIMITS, late) is None
    assert budget(spent(1000, name="2026-12"), "mia", LIMITS, TODAY) is None
    nothing = (
        budget(spent(0, of=0), "mia", LIMITS, TODAY),
        budget(spent(1, of=0), "mia", LIMITS, TODAY),
    )
    assert [judged(Watched(), one.gauges).raised for one in nothing if one] == [False, True]


def drop(*scores: int, ago: timedelta = timedelta(0)) -> Drop:
    days = range(len(scores) - 1, -1, -1)
    said = [(NOW - ago - timedelta(days=n), s) for n, s in zip(days, scores, strict=True)]
    return Drop(account="acme", said=tuple(said))


@pytest.mark.parametrize(
    ("scores", "raised"),
    [
        ((80, 80, 80, 60), True),
        ((80, 80, 80, 61), False),
        ((49,), True),
        ((50,), False),
        ((40, 90, 90, 90, 75), False),
        ((90, 60), True),
    ],
)
def test_satisfaction_that_is_low_or_has_fallen(scores: tuple[int, ...], *, raised: bool) -> None:
    look = satisfaction(drop(*scores), "mia", LIMITS, NOW)
    assert look
    assert judged(Watched(), look.gauges).raised is raised


def test_a_new_normal_is_no_new_alert_and_the_next_fall_is() -> None:
    state, turns = Watched(), []
    scores = [90, 90, 90, 65, 66, 64, 65, 65, 40]
    for n in range(1, len(scores) + 1):
        look = satisfaction(drop(*scores[:n]), "mia", LIMITS, NOW)
        assert look
        state = judged(state, look.gauges)
        turns.append(state.turn)
    assert turns == [0, 0, 0, 1, 1, 1, 1, 1, 2]


def test_what_was_said_long_ago_is_history() -> None:
    assert satisfaction(drop(10, ago=NEWS), "mia", LIMITS, NOW)
    assert satisfaction(drop(10, ago=NEWS + timedelta(seconds=1)), "mia", LIMITS, NOW) is None
    assert satisfaction(Drop(account="acme", said=()), "mia", LIMITS, NOW) is None


def test_a_target_is_looked_at_when_its_pace_says_something() -> None:
    plan = Plan(of="mia", period=period("2026-11"), amount=Decimal(1000), currency="EUR")

    def look(day: int, sold: int) -> object:
        now = datetime(2026, 11, day, 12, tzinfo=UTC)
        found = target(attained(plan, Decimal(sold), WORLD, now), LIMITS, WORLD, now)
        return found and judged(Watched(), found.gauges).raised

    assert look(3, 0) is None, "two days say nothing"
    assert look(16, 450) is False
    assert look(16, 400) is True
    done = datetime(2026, 12, 1, tzinfo=UTC)
    assert target(attained(plan, Decimal(0), WORLD, done), LIMITS, WORLD, done) is None


def test_the_manager_and_the_nearest_head_are_told() -> None:
    people = {
        "mia": Person("Mia", "lead", ("account_manager",)),
        "lead": Person("Lead", "hana", ("account_manager",)),
        "hana": Person("Hana", "boss", ("head",)),
        "boss": Person("Boss", None, ("company_manager",)),
        "gone": Person("Gone", "hana", ("account_manager",), active=False),
        "a": Person("A", "b", ("head",)),
        "b": Person("B", "a", ("account_manager",)),
    }
    assert told_to("mia", people) == ["mia", "hana"]
    assert told_to("hana", people) == ["hana", "boss"]
    assert told_to("boss", people) == ["boss"]
    assert told_to("gone", people) == ["hana"], "whoever has left is not told"
    assert told_to("b", people) == ["b", "a"], "a circle ends"
    assert told_to("-", people) == told_to("nobody", people) == []


def test_settings_name_the_thresholds() -> None:
    assert settings().limits() == Limits(
        budget=Band(100, 95), satisfaction=Band(50, 60), fall=Band(20, 10), target=Band(90, 95),
        target_from=20,
    )  # fmt: skip
    off = settings(alert_budget="none", alert_satisfaction="none", alert_fall="none",
                   alert_target="none", digests="none")  # fmt: skip
    assert off.rhythms == ()
    assert budget(spent(5000), "mia", off.limits(), TODAY) is None
    assert satisfaction(drop(1), "mia", off.limits(), NOW) is None
    assert settings(digests="monthly").rhythms == ("monthly",)
    for name, value in (("alert_budget", "95/100"), ("alert_target", "95/90"),
                        ("alert_fall", "10/10")):  # fmt: skip
        with pytest.raises(Misconfigured, match=f"TAHVIL_{name.upper()}"):
            settings(**{name: value}).limits()
    with pytest.raises(ValueError, match="alert_budget"):
        settings(alert_budget="a lot")


def test_people_are_told_by_the_calendars_of_reminders_or_by_the_companys(tmp_path: Path) -> None:
    own = tmp_path / "calendar.yaml"
    own.write_text('{time_zone: Asia/Tehran, week: {sat: ["08:00-16:00"]}}')
    assert settings(calendar=own).staff_calendars() == Calendars(
        company=settings(calendar=own).world().calendar
    )
    named = Path("deploy/rules/calendars.yaml")
    assert settings(calendar=own, calendars=named).staff_calendars() == read_calendars(named)
    with pytest.raises(Misconfigured, match=r"calendar\.yaml.*time_zone: is unknown"):
        settings(calendars=own).staff_calendars()
