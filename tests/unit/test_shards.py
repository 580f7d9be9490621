"""Shares of the timers: whoever comes and goes, every shard has one owner and nobody too many."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.reminders.shards import SHARDS, Lease, moves, shard_of, share
from shared.outbox import key_hash

NOBODY = [Lease(shard, None, free=True) for shard in range(SHARDS)]


@given(st.sets(st.text(max_size=3), min_size=1, max_size=20))
def test_shares_are_fair_and_no_shard_is_left_over(replicas: set[str]) -> None:
    shares = [share(me, replicas) for me in replicas]
    assert sum(shares) == SHARDS
    assert max(shares) - min(shares) <= 1


def test_a_replica_that_others_do_not_see_yet_counts_itself() -> None:
    assert share("a", []) == SHARDS
    assert share("a", ["b", "c"]) == SHARDS // 3


def test_one_replica_takes_all_and_a_second_makes_it_shed_half() -> None:
    assert len(moves(NOBODY, "a", "a").claim) == SHARDS
    held = [Lease(shard, "a", free=False) for shard in range(SHARDS)]
    assert moves(held, "a", "a") == moves(held, "b", "ab") == moves([], "a", "a")
    assert len(moves(held, "a", "ab").shed) == SHARDS // 2


def test_what_another_holds_is_never_claimed() -> None:
    held = [Lease(shard, "b", free=shard % 2 == 0) for shard in range(SHARDS)]
    assert {shard % 2 for shard in moves(held, "a", "a").claim} == {0}


def test_replicas_that_start_together_seldom_want_the_same() -> None:
    alike = 0
    for number in range(100):
        names = (f"one-{number}", f"other-{number}")
        one, other = (set(moves(NOBODY, name, names).claim) for name in names)
        alike += len(one & other)
    assert alike < 100 * SHARDS // 2 * 0.6


def test_cases_are_spread_evenly() -> None:
    counts = [0] * SHARDS
    for number in range(12_000):
        counts[shard_of(f"account-{number}")] += 1
    assert 800 < min(counts) <= max(counts) < 1200


@given(st.text(min_size=1), st.sampled_from([12, 24, 36]))
def test_a_lane_of_the_outbox_belongs_to_one_shard(key: str, lanes: int) -> None:
    assert key_hash(key.encode()) % lanes % SHARDS == shard_of(key)


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
                found = moves(leases, me, alive)
                owners |= dict.fromkeys(found.shed)
                owners |= dict.fromkeys(found.claim, me)
        assert set(owners.values()) <= set(alive)
        assert all([*owners.values()].count(me) == share(me, alive) for me in alive)
