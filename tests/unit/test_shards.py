"""Shares of the timers: whoever comes and goes, every shard has one owner and nobody too many."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.reminders.shards import SHARDS, Lease, moves, shard_of, target

NOBODY = [Lease(shard, None, free=True) for shard in range(SHARDS)]


def test_a_share_is_never_less_than_what_all_need() -> None:
    assert [target(replicas) for replicas in (0, 1, 2, 3, 64, 100)] == [64, 64, 32, 22, 1, 1]


def test_one_replica_takes_all_and_a_second_makes_it_shed_half() -> None:
    assert len(moves(NOBODY, "a", 1).claim) == SHARDS
    held = [Lease(shard, "a", free=False) for shard in range(SHARDS)]
    assert moves(held, "a", 1) == moves(held, "b", 2) == moves([], "a", 1)
    assert len(moves(held, "a", 2).shed) == SHARDS // 2


def test_what_another_holds_is_never_claimed() -> None:
    held = [Lease(shard, "b", free=shard % 2 == 0) for shard in range(SHARDS)]
    assert {shard % 2 for shard in moves(held, "a", 1).claim} == {0}


def test_replicas_that_start_together_seldom_want_the_same() -> None:
    one, other = (set(moves(NOBODY, name, 2).claim) for name in ("one", "other"))
    assert len(one & other) < len(one) * 0.75


def test_cases_are_spread_evenly() -> None:
    counts = [0] * SHARDS
    for number in range(64_000):
        counts[shard_of(f"deal-{number}:welcome-call")] += 1
    assert 800 < min(counts) <= max(counts) < 1200


@given(st.lists(st.integers(-3, 4), max_size=12), st.randoms(use_true_random=False))
def test_after_any_coming_and_going_all_shards_are_shared(
    steps: list[int], chance: random.Random
) -> None:
    owners: dict[int, str | None] = dict.fromkeys(range(SHARDS))
    alive = ["r0"]
    for number, step in enumerate(steps):
        alive += [f"r{number}-{n}" for n in range(max(0, step))]
        chance.shuffle(alive)
        alive = alive[: max(1, len(alive) + min(0, step))]
        for _ in range(3):
            for me in alive:
                leases = [
                    Lease(shard, owner, free=owner not in alive) for shard, owner in owners.items()
                ]
                found = moves(leases, me, len(alive))
                owners |= dict.fromkeys(found.shed)
                owners |= dict.fromkeys(found.claim, me)
        assert set(owners.values()) <= set(alive)
        assert max(list(owners.values()).count(me) for me in alive) <= target(len(alive))
