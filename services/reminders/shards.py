"""Which replica looks after which timers: pure arithmetic on leases.

Cases are spread over shards by the key of what is published about them. A shard has one owner at a
time, for as long as its lease lasts; each change of owner raises its epoch, so that an owner of
before is told apart.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from shared.outbox import key_hash

SHARDS = 12
"""It is stored with every case. Of the outbox's lanes, of which there are as many unless set
otherwise, each is written by one shard's timers only: so two replicas that fire never collide."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard's lease as it is stored, judged by the server's clock."""

    shard: int
    owner: str | None
    free: bool
    """Whether nobody owns it, or not any more."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What a replica should do to have its share."""

    shed: tuple[int, ...] = ()
    claim: tuple[int, ...] = ()


def shard_of(key: str) -> int:
    """The shard of a case, by the key of its events."""
    return key_hash(key.encode()) % SHARDS


def share(me: str, replicas: Collection[str]) -> int:
    """How many shards a replica should have. What is left over goes to the first by name."""
    living = sorted({me, *replicas})
    each, left_over = divmod(SHARDS, len(living))
    return each + (living.index(me) < left_over)


def moves(leases: Iterable[Lease], me: str, replicas: Collection[str]) -> Moves:
    """Shed what is above the share, claim what is free up to it.

    Every replica has an order of its own, so that those that start together seldom want the same.
    """
    ranked = sorted(leases, key=lambda lease: blake2b(f"{me}:{lease.shard}".encode()).digest())
    mine = [lease.shard for lease in ranked if lease.owner == me]
    free = [lease.shard for lease in ranked if lease.free and lease.owner != me]
    fair = share(me, replicas)
    return Moves(shed=tuple(mine[fair:]), claim=tuple(free[: max(0, fair - len(mine))]))
