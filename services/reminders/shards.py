"""Which replica looks after which timers: pure arithmetic on leases.

Cases are spread over shards by their ids. A shard has one owner at a time, for as long as its
lease lasts; each change of owner raises its epoch, so that an owner of before is told apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

SHARDS = 64
"""Never changes: it is stored with every case. Enough for some twenty replicas to share evenly."""


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


def shard_of(case_id: str) -> int:
    """The shard of a case. The hash of Kafka's partitioner would take 50 times as long."""
    return crc32(case_id.encode()) % SHARDS


def target(replicas: int) -> int:
    """How many shards one of so many replicas should have, at most."""
    return -(-SHARDS // max(1, replicas))


def moves(leases: Iterable[Lease], me: str, replicas: int) -> Moves:
    """Shed what is above the share, claim what is free up to it.

    Every replica has an order of its own, so that those that start together seldom want the same.
    """
    ranked = sorted(leases, key=lambda lease: blake2b(f"{me}:{lease.shard}".encode()).digest())
    mine = [lease.shard for lease in ranked if lease.owner == me]
    free = [lease.shard for lease in ranked if lease.free and lease.owner != me]
    share = target(replicas)
    return Moves(shed=tuple(mine[share:]), claim=tuple(free[: max(0, share - len(mine))]))
