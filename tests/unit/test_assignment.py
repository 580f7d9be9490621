"""Who gets an account, why, and why nobody else does; with known bugs of others by name."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.handoff.assignment import Policy, Pool
from services.handoff.candidates import Away, Manager, Need, Tier
from services.handoff.verdicts import WORDS, Reason
from shared.contracts.values import Money
from tests.support.builders import NOON

POLICY = Policy()
BEST = Manager(id="best")
R = Reason


def choose(
    need: Need, *managers: Manager, weight: int = 1, at: datetime = NOON
) -> tuple[str | None, dict[str, Reason]]:
    pool = Pool({manager.id: manager for manager in managers})
    choice = pool.choose(need, weight, at, POLICY)
    return choice.manager and choice.manager.id, dict(choice.verdicts)


@pytest.mark.parametrize(
    ("need", "changes", "reason"),
    [
        (Need(), {"active": False}, R.INACTIVE),
        (Need(tier=Tier.GLOBAL), {"level": Tier.NATIONAL}, R.TIER),
        (Need(region="West"), {"regions": ("East",)}, R.TERRITORY),
        (Need(country="IR"), {"cities": ("Qom",)}, R.TERRITORY),
        (Need(language="fa"), {"speaks": ("en",)}, R.LANGUAGE),
        (Need(industry="retail"), {"industries": ("steel", "oil")}, R.INDUSTRY),
        (Need(), {"absences": (Away(NOON, None),)}, R.ABSENT),
        (Need(), {"capacity": 3, "load": 3}, R.FULL),
        (Need(), {"level": Tier.GLOBAL}, R.MORE_SENIOR),
        (Need(), {"load": 1}, R.MORE_LOADED),
        (Need(), {"last_assigned": NOON}, R.MORE_RECENT),
        (Need(), {}, R.LATER_ID),
    ],
)
def test_why_one_loses_against_the_best(
    need: Need, changes: dict[str, object], reason: Reason
) -> None:
    other = replace(Manager(id="other"), **changes)  # type: ignore[arg-type]
    chosen, verdicts = choose(need, other, BEST)
    assert chosen == "best"
    assert verdicts == {"best": R.CHOSEN, "other": reason}


@pytest.mark.parametrize(
    ("need", "changes"),
    [
        (Need(tier=Tier.NATIONAL), {"level": Tier.GLOBAL}),
        (Need(region="east"), {"regions": ("East",)}),
        (Need(), {"regions": ("East",)}),
        (Need(language="FA", industry="Oil"), {"speaks": ("fa",), "industries": ("oil",)}),
        (Need(), {"absences": (Away(NOON + timedelta(1), None), Away(NOON - timedelta(9), NOON))}),
        (Need(), {"capacity": 1}),
    ],
)
def test_who_can_take_an_account(need: Need, changes: dict[str, object]) -> None:
    alone = replace(Manager(id="a"), **changes)  # type: ignore[arg-type]
    assert choose(need, alone) == ("a", {"a": R.CHOSEN})


def test_the_most_specific_territory_wins_and_gives_way_when_full() -> None:
    need = Need(city="Qom", region="Central", country="IR")
    city = Manager(id="z-city", cities=("Qom",), load=9, capacity=10)
    region = Manager(id="y-region", regions=("Central",))
    country = Manager(id="x-country", countries=("IR",))
    anywhere = Manager(id="a-anywhere")
    everyone = (anywhere, country, region, city)
    chosen, verdicts = choose(need, *everyone)
    assert chosen == "z-city"
    assert set(verdicts.values()) == {R.CHOSEN, R.LESS_SPECIFIC}
    full, verdicts = choose(need, *everyone, weight=2)
    assert (full, verdicts["z-city"]) == ("y-region", R.FULL)
    assert choose(need, anywhere, country)[0] == "x-country"


def test_load_counts_relative_to_capacity() -> None:
    small, large = (
        Manager(id="small", capacity=10, load=5),
        Manager(id="large", capacity=100, load=40),
    )
    assert choose(Need(), small, large)[0] == "large"


def test_the_weight_of_an_account_is_its_tier_and_its_revenue() -> None:
    policy = Policy(revenue_step=Money(value=Decimal(100), currency="EUR"), revenue_most=3)
    assert policy.weight(Tier.REGIONAL, {}) == 1
    assert policy.weight(Tier.GLOBAL, {"EUR": Decimal(250)}) == 6
    assert policy.weight(Tier.REGIONAL, {"EUR": Decimal(99_999)}) == 4
    assert policy.weight(Tier.REGIONAL, {"USD": Decimal(99_999)}) == 1
    assert policy.weight(Tier.REGIONAL, {"EUR": Decimal(-500)}) == 1
    assert POLICY.weight(Tier.NATIONAL, {"EUR": Decimal(99_999)}) == 2


def test_every_reason_has_words_and_a_choice_says_why() -> None:
    assert set(WORDS) == set(Reason)
    pool = Pool({"a": Manager(id="a"), "b": Manager(id="b", load=2), "c": Manager(id="c", load=1)})
    assert pool.choose(Need(), 1, NOON, POLICY).why == (
        "least loaded of those who can take the account"
    )
    assert Pool({"best": BEST}).choose(Need(), 1, NOON, POLICY).why == "the only account manager"
    full = Pool({n: Manager(id=n, capacity=0) for n in "ab"})
    full.keep(Manager(id="c", active=False))
    assert full.choose(Need(), 1, NOON, POLICY).why == (
        "nobody can take the account: 2 has no capacity left for the weight of the account; "
        "1 is no account manager now"
    )


def test_what_the_directory_changes_is_seen_at_once() -> None:
    pool = Pool({"best": BEST})
    assert pool.choose(Need(region="West"), 1, NOON, POLICY).manager
    pool.keep(replace(BEST, regions=("East",)))
    assert pool.choose(Need(region="West"), 1, NOON, POLICY).manager is None


def test_absences_that_touch_are_one() -> None:
    day = timedelta(days=1)
    away = Manager(
        id="a", absences=(Away(NOON + day, NOON + 3 * day), Away(NOON, NOON + day),
                          Away(NOON + 2 * day, NOON + 2 * day), Away(NOON + 9 * day, None)),
    )  # fmt: skip
    assert away.absence(NOON + 2 * day) == Away(NOON, NOON + 3 * day)
    assert away.absence(NOON + 3 * day) is None
    assert away.absence(NOON + 99 * day) == Away(NOON + 9 * day, None)


# Known bugs of others, by the number of their issue.


def give_all(managers: list[Manager], accounts: int, at: datetime, every: timedelta) -> Pool:
    pool = Pool({manager.id: manager for manager in managers})
    for number in range(accounts):
        now = at + every * number
        manager = pool.choose(Need(), 1, now, POLICY).manager
        assert manager
        pool.give(manager.id, 1, now)
    return pool


def test_suitecrm_2032_and_espocrm_1514_inactive_or_absent_people_get_no_work() -> None:
    away = Manager(id="away", absences=(Away(NOON - timedelta(1), NOON + timedelta(1)),))
    left = Manager(id="left", active=False)
    assert choose(Need(), away, left, replace(BEST, load=99))[0] == "best"
    assert choose(Need(), away, left)[0] is None


def test_suitecrm_10720_who_has_no_account_yet_is_the_least_loaded() -> None:
    assert choose(Need(), Manager(id="a", load=1), Manager(id="b", load=0))[0] == "b"


def test_suitecrm_10720_accounts_given_away_do_not_count() -> None:
    pool = Pool({"a": Manager(id="a", load=2), "b": Manager(id="b", load=1)})
    pool.give("a", -2)
    choice = pool.choose(Need(), 1, NOON, POLICY)
    assert choice.manager
    assert choice.manager.id == "a"


def test_odoo_259775_seniority_does_not_win_every_tie() -> None:
    team = [Manager(id=f"m{n}", joined_at=NOON - timedelta(days=9 * n)) for n in range(6)]
    pool = give_all(team, 30, NOON, timedelta(seconds=1))
    assert {manager.load for manager in pool.managers.values()} == {5}


def test_hubspot_211261_back_from_leave_is_neither_flooded_nor_starved() -> None:
    back = Manager(id="back", load=0, absences=(Away(NOON - timedelta(60), NOON),))
    team = [back, *(Manager(id=f"m{n}", load=20) for n in range(4))]
    in_a_day = give_all(team, 20, NOON, timedelta(hours=1))
    assert 1 <= in_a_day.managers["back"].load <= 8, "a fair share is 4"
    in_sixty_days = give_all(team, 200, NOON, timedelta(hours=8))
    loads = sorted(manager.load for manager in in_sixty_days.managers.values())
    assert loads[-1] - loads[0] <= 1, "the gap is closed in the end"


def test_odoo_68475_leave_has_no_echo_a_window_later() -> None:
    back = Manager(id="back", load=10, absences=(Away(NOON - timedelta(60), NOON - timedelta(31)),))
    team = [back, *(Manager(id=f"m{n}", load=10) for n in range(3))]
    pool = give_all(team, 40, NOON, timedelta(hours=20))
    assert {manager.load for manager in pool.managers.values()} == {20}


def test_vacademy_2170_a_cover_does_not_lose_turns_to_the_absent() -> None:
    away = Manager(id="away", absences=(Away(NOON, None),))
    pool = give_all([away, Manager(id="a"), Manager(id="b")], 10, NOON, timedelta(minutes=1))
    assert [pool.managers[name].load for name in ("away", "a", "b")] == [0, 5, 5]


def test_odoo_18332_a_full_team_is_said_and_not_passed_over_in_silence() -> None:
    pool = Pool({n: Manager(id=n, capacity=1, load=1) for n in "ab"})
    choice = pool.choose(Need(), 1, NOON, POLICY)
    assert choice.manager is None
    assert "no capacity left" in choice.why


def test_hubspot_355711_editing_a_person_resets_nothing() -> None:
    pool = Pool({"a": Manager(id="a", load=3, last_assigned=NOON), "b": Manager(id="b", load=3)})
    pool.keep(replace(pool.managers["a"], regions=("East",)))
    assert (pool.managers["a"].load, pool.managers["a"].last_assigned) == (3, NOON)


# Properties

places = st.sampled_from([None, "n", "s", "w"])
several = st.lists(st.sampled_from(["n", "s", "w"]), max_size=2).map(tuple)
teams = st.lists(
    st.builds(
        Manager,
        id=st.integers(0, 99).map(str),
        regions=several,
        cities=several,
        countries=several,
        speaks=several,
        industries=several,
        level=st.sampled_from([None, *Tier]),
        capacity=st.none() | st.integers(0, 9),
        load=st.integers(0, 9),
        active=st.booleans(),
        absences=st.lists(
            st.builds(
                Away,
                st.integers(-2, 1).map(lambda d: NOON + timedelta(d)),
                st.none() | st.integers(-1, 2).map(lambda d: NOON + timedelta(d)),
            ),
            max_size=2,
        ).map(tuple),
    ),
    max_size=8,
    unique_by=lambda manager: manager.id,
)
needs = st.builds(
    Need, tier=st.sampled_from(list(Tier)), city=places, region=places, country=places,
    language=places, industry=places,
)  # fmt: skip


@given(teams, needs, st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_choice_explains_everybody_and_does_not_hang_on_the_order(
    team: list[Manager], need: Need, weight: int, chance: random.Random
) -> None:
    chosen, verdicts = choose(need, *team, weight=weight)
    assert set(verdicts) == {manager.id for manager in team}
    assert [i for i, reason in verdicts.items() if reason == R.CHOSEN] == (
        [chosen] if chosen else []
    )
    chance.shuffle(team)
    assert choose(need, *team, weight=weight) == (chosen, verdicts)
    if chosen:
        manager = next(one for one in team if one.id == chosen)
        assert manager.active
        assert not manager.absent(NOON)
        assert manager.capacity is None or manager.load + weight <= manager.capacity
        without = [one for one in team if one.id != chosen]
        assert choose(need, *without, weight=weight)[0] != chosen


@given(st.integers(1, 300), st.integers(1, 12), st.randoms(use_true_random=False))
def test_loads_stay_within_one_of_each_other(
    accounts: int, count: int, chance: random.Random
) -> None:
    names = [f"m{number}" for number in range(count)]
    chance.shuffle(names)
    pool = give_all([Manager(id=name) for name in names], accounts, NOON, timedelta(minutes=1))
    loads = [manager.load for manager in pool.managers.values()]
    assert sum(loads) == accounts
    assert max(loads) - min(loads) <= 1


@given(teams, st.lists(st.tuples(needs, st.integers(1, 4), st.booleans()), max_size=12))
def test_what_a_pool_remembers_changes_no_choice(
    team: list[Manager], accounts: list[tuple[Need, int, bool]]
) -> None:
    pool = Pool({manager.id: manager for manager in team})
    for number, (need, weight, absence) in enumerate(accounts):
        at = NOON + timedelta(hours=number)
        excluded = [manager.id for manager in team[: number % 3]]
        fresh = Pool(dict(pool.managers)).choose(need, weight, at, POLICY, excluded=excluded)
        choice = pool.choose(need, weight, at, POLICY, excluded=excluded)
        assert (choice.why, dict(choice.verdicts)) == (fresh.why, dict(fresh.verdicts))
        assert choice.manager == fresh.manager
        if choice.manager:
            pool.give(choice.manager.id, weight, at)
            if absence:
                away = replace(pool.managers[choice.manager.id], absences=(Away(at, None),))
                pool.keep(away)
