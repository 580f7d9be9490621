"""Several workers on one database at once: batches, commands and moves of portfolios collide.

What must hold is checked on what is stored and on what was told. Every worker does what a replica
of the service does, in this process, against a real MongoDB replica set.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typing_extensions import override

from services.handoff.book import Book
from services.handoff.commands import Commands, Unknown
from services.handoff.handlers import HandoffWork
from services.handoff.moving import Mover
from services.handoff.repository import INDEXES, Repository
from services.handoff.states import LIVE, Status, deadline_id
from shared import mongo
from shared.clock import utc_now
from shared.config import ServiceSettings
from shared.contracts.accounts import ContactMade, DisputeOpened
from shared.contracts.cloudevents import decode
from shared.contracts.deadlines import DeadlineCancelled, DeadlineMet, DeadlineMoved, DeadlineSet
from shared.contracts.deals import DealReopened
from shared.contracts.directory import Absence, AbsenceSet, PersonRemoved
from shared.contracts.event import Event
from shared.errors import Transient
from shared.mongo import Database, Session, transaction, unpack
from shared.outbox import Message, Outbox, Row
from shared.processor import to_message
from shared.relay import Relay
from shared.runtime import ensure_indexes
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import NOON, deal, event, manager, rules
from tests.support.system import PASSWORD

RULES = rules()
SECONDS, ENOUGH = 15, 150
"""So long, and at least so many events, on a slow machine too."""
PEOPLE = ("mia", "noah", "olga", "pari")


class Silent(Outbox):
    """Says nothing. What is said of one account makes transactions collide by itself, in its lane
    of the outbox; without it, only the states protect each other."""

    @override
    async def add(
        self, messages: Iterable[Message], at: datetime, *, session: Session
    ) -> list[Row]:
        return []


class Nowhere:
    async def publish(self, messages: Sequence[Message]) -> None:
        raise AssertionError("no relay runs in these tests")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    server = EmbeddedMongo(tmp_path)
    await server.start()
    settings = ServiceSettings(
        kafka_bootstrap="none", mongo_uri=SecretStr(server.uri), http_password=SecretStr(PASSWORD)
    )
    database = mongo.connect(settings, "replicas_test")
    await ensure_indexes(database, INDEXES, settings.inbox_kept)
    yield database
    await mongo.close(database)
    await server.stop()


class Meeting(Repository):
    """Two of these have both read before either writes: the worst that can happen, every time."""

    def __init__(self, database: Database, barrier: asyncio.Barrier) -> None:
        super().__init__(database)
        self._barrier: asyncio.Barrier | None = barrier

    @override
    async def save(self, book: Book, session: Session) -> None:
        barrier, self._barrier = self._barrier, None  # not when the transaction is tried again
        if barrier:
            await barrier.wait()
        await super().save(book, session)


class Replica:
    """What one process does, with pauses of chance between reading and writing."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        seed: int = 0,
        repository: Repository | None = None,
    ) -> None:
        self.chance = random.Random(seed)
        self.database = database
        self.repository = repository or Repository(database)
        self.outbox = outbox
        relay = Relay(self.outbox, Nowhere())
        relay._submitted = asyncio.Queue()  # unbounded: nobody takes from it here
        parts: dict[str, Any] = {
            "repository": self.repository, "outbox": self.outbox, "relay": relay, "rules": RULES,
        }  # fmt: skip
        self.commands = Commands(**parts)
        self.mover = Mover(**parts, cover_after=timedelta(0))

    async def apply(self, events: Sequence[Event]) -> None:
        """One batch, as the processor does it; the offsets and the inbox are others' tests."""

        async def do(session: Session) -> list[Row]:
            work = HandoffWork(self.repository, RULES)
            await work.load(events, session)
            await asyncio.sleep(self.chance.uniform(0, 0.02))
            messages = [to_message(said) for one in events for said in work.apply(one)]
            await work.save(session)
            return await self.outbox.add(messages, utc_now(), session=session)

        while True:
            with suppress(Transient):
                await transaction(self.database, do)
                return

    async def act(self) -> None:
        """Somebody does something with some handoff, allowed or not."""
        found = await self.repository.handoffs_where({"status": {"$in": list(LIVE)}}, 200)
        if not found:
            return
        one = self.chance.choice(found)
        do = self.commands
        by = one.manager_id or "nobody"
        with suppress(Unknown, Transient):
            await self.chance.choice([
                lambda: do.accept(one.id, by),
                lambda: do.ask(one.id, by, ("why?",)),
                lambda: do.give_back(one.id, by, ("no",)),
                lambda: do.resubmit(one.id, one.salesperson_id, ("so",), None),
                *[lambda step=due.step: do.do_step(one.id, by, step) for due in one.deadlines],
            ])()  # fmt: skip

    async def sweep(self) -> None:
        with suppress(Transient):
            await self.mover.sweep()


def something(chance: random.Random, number: int) -> Event:
    """An event that moves or gives away accounts, or relies on who manages one."""
    at = NOON + timedelta(minutes=number)
    name, account = f"d{chance.randrange(60)}", f"a{chance.randrange(25)}"
    person = chance.choice(PEOPLE)
    ref = {"id": account, "name": account}
    data: Any = chance.choices(
        [
            deal(name, ref, amount=None),
            DealReopened(deal_id=name, account_id=account, reopened_at=at),
            DisputeOpened(account_id=account, dispute_id=f"x{number}", opened_at=at),
            ContactMade(account_id=account, made_at=at, by=person),
            manager(person, regions=(), capacity=9),
            PersonRemoved(person_id=person, removed_at=at),
            AbsenceSet(person_id=person, absences=(Absence(since=NOON),)),
            AbsenceSet(person_id=person),
        ],
        weights=(10, 3, 5, 3, 4, 1, 1, 2),
    )[0]
    return event(data, id=f"e{number}", time=at)


async def busy(database: Database, outbox: Outbox) -> int:
    """Three replicas for a while; how many events they applied."""
    replicas = [Replica(database, outbox, number) for number in range(3)]
    people = [event(manager(name, regions=(), capacity=9)) for name in PEOPLE]
    await replicas[0].apply([*people, event(manager("hana", roles=("head",)))])
    until = asyncio.get_running_loop().time() + SECONDS
    numbers = iter(range(1, 10**6))
    applied = 0

    def going_on() -> bool:
        return asyncio.get_running_loop().time() < until or applied < ENOUGH

    async def batches(replica: Replica) -> None:
        nonlocal applied
        while going_on():
            size = replica.chance.randint(1, 8)
            await replica.apply([something(replica.chance, next(numbers)) for _ in range(size)])
            applied += size

    async def others(replica: Replica) -> None:
        while going_on():
            await replica.act()
            await replica.act()
            await replica.sweep()

    async with asyncio.timeout(SECONDS * 10):
        await asyncio.gather(*(job(one) for one in replicas for job in (batches, others)))
        await replicas[0].sweep()
    return applied


async def told(database: Database) -> list[Event]:
    """Everything that was said, in order."""
    rows = await mongo.find(database["outbox"], {}, sort=[("_id", 1)])
    return [
        decode(topic, value, [(name, content) for name, content in headers])
        for row in rows
        for topic, _, value, headers in unpack(row["packed"])
    ]


def still_due(said: Sequence[Event]) -> dict[str, str]:
    """Open deadlines and their owners, as whoever listens knows them."""
    due: dict[str, str] = {}
    for one in said:
        match one.data:
            case DeadlineSet() as data:
                assert data.deadline_id not in due, "one open step, one open deadline"
                due[data.deadline_id] = data.owner_id
            case DeadlineMoved() as data:
                assert data.deadline_id in due
                due[data.deadline_id] = data.owner_id or due[data.deadline_id]
            case DeadlineMet() | DeadlineCancelled() as data:
                del due[data.deadline_id]
            case _:
                pass
    return due


@pytest.mark.parametrize("outbox", [Outbox, Silent])
async def test_three_replicas_never_contradict_each_other(
    database: Database, outbox: type[Outbox]
) -> None:
    # One lane: its rows tell the order of all that was said.
    applied = await busy(database, outbox(database, 1))
    handoffs = await Repository(database).handoffs_where({}, 0)
    said = await told(database)
    print(f"{applied} events, {len(said)} told, {len(handoffs)} handoffs")
    assert applied >= ENOUGH
    assert len(handoffs) > 30

    await assert_consistent(database)
    if outbox is Silent:
        return
    owed = await mongo.find(database["obligations"], {})
    ids = Counter(one.id for one in said)
    assert not [name for name, count in ids.items() if count > 1], "every event has its own id"
    stored = {
        deadline_id(one, due.step): due.owner_id for one in handoffs for due in one.deadlines
    } | {row["_id"]: row["owner_id"] for row in owed if row["owner_id"]}
    assert still_due(said) == stored


def assert_loads(pool: Mapping[str, Any], accounts: Mapping[str, Any]) -> None:
    loads: Counter[str] = Counter()
    for account in accounts.values():
        if account.manager_id:
            loads[account.manager_id] += account.weight
        if account.home_manager_id:
            loads[account.home_manager_id] += account.home_weight
    assert {one.id: one.load for one in pool.values()} == {name: loads[name] for name in pool}
    for one in pool.values():
        assert one.capacity is None or one.load <= one.capacity


def leaves(person: str) -> Event:
    return event(PersonRemoved(person_id=person, removed_at=NOON))


def disputed() -> Event:
    return event(DisputeOpened(account_id="acme", dispute_id="x", opened_at=NOON))


def thin(deal_id: str, account: str = "acme") -> Event:
    """Without an amount: being won changes nothing of the account's own."""
    return event(deal(deal_id, account, amount=None), time=NOON)


REOPENED = event(DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON))
Doing = Callable[[Replica], Awaitable[object]]


def hears(*events: Event) -> Doing:
    return lambda replica: replica.apply(events)


def completes(deal_id: str) -> Doing:
    async def do(replica: Replica) -> None:
        (one,) = await replica.repository.handoffs_where({"deal_id": deal_id}, 1)
        await replica.commands.do_step(one.id, "mia", "first-review")

    return do


def sweeps(replica: Replica) -> Awaitable[object]:
    return replica.sweep()


async def two_almost_done(database: Database) -> None:
    """Two deals of one account, with one step left each."""
    clerk = Replica(database, Silent(database, 1))
    await clerk.apply([thin("d1"), thin("d2")])
    for one in await clerk.repository.handoffs_where({}, 9):
        await clerk.commands.accept(one.id, "mia")
        await clerk.commands.do_step(one.id, "mia", "welcome-call")
        await clerk.commands.do_step(one.id, "mia", "kick-off")


@pytest.mark.parametrize(
    ("before", "one", "other"),
    [
        pytest.param(
            hears(thin("d9", "full")), hears(thin("d1")), hears(thin("d2", "other")),
            id="one-free-place",
        ),
        pytest.param(
            hears(thin("d8"), thin("d9", "other")), hears(thin("d1")), hears(thin("d1", "other")),
            id="one-deal",
        ),
        pytest.param(hears(), hears(thin("d1")), hears(thin("d2")), id="one-account"),
        pytest.param(hears(), hears(thin("d1")), hears(disputed()), id="dispute-and-first-deal"),
        pytest.param(
            hears(thin("d1"), leaves("mia")), hears(disputed()), sweeps, id="dispute-while-moving"
        ),
        pytest.param(
            hears(thin("d1"), REOPENED, leaves("mia")), hears(thin("d1")), sweeps,
            id="won-again-while-moving",
        ),
        pytest.param(
            lambda replica: two_almost_done(replica.database), completes("d1"), completes("d2"),
            id="two-completed-at-once",
        ),
        pytest.param(hears(thin("d1"), leaves("mia")), sweeps, sweeps, id="two-movers"),
        pytest.param(hears(), hears(thin("d1")), hears(leaves("mia")), id="given-to-a-leaver"),
    ],
)  # fmt: skip
async def test_what_two_replicas_decide_at_the_same_moment_holds_together(
    database: Database, before: Doing, one: Doing, other: Doing
) -> None:
    silent = Silent(database, 1)
    clerk = Replica(database, silent)
    await clerk.apply([event(manager(one, regions=(), capacity=1)) for one in ("mia", "noah")])
    await before(clerk)
    barrier = asyncio.Barrier(2)
    two = [Replica(database, silent, repository=Meeting(database, barrier)) for _ in range(2)]
    async with asyncio.timeout(20):
        await asyncio.gather(one(two[0]), other(two[1]))
    assert barrier.n_waiting == 0
    await clerk.sweep()
    await assert_consistent(database)


async def assert_consistent(database: Database) -> None:
    """What is stored does not contradict itself."""
    repository = Repository(database)
    accounts = {one.id: one for one in await repository.accounts_where({}, 0)}
    handoffs = await repository.handoffs_where({}, 0)
    pool = (await repository.pool()).managers
    assert_loads(pool, accounts)
    of_deals = Counter(
        one.deal_id for one in handoffs if one.kind != "transfer" and one.status != Status.CANCELLED
    )
    assert of_deals
    assert set(of_deals.values()) == {1}, "one handoff a deal"
    for one in handoffs:
        if one.status in LIVE and one.manager_id and accounts[one.account_id].manager_id:
            assert accounts[one.account_id].manager_id == one.manager_id

    owed = await mongo.find(database["obligations"], {})
    for row in owed:
        if owner := accounts[row["account_id"]].manager_id:
            assert row["owner_id"] == owner, row
    contacts = Counter(row["account_id"] for row in owed if row["kind"] == "contact")
    assert not [name for name, count in contacts.items() if count > 1]


async def test_those_nobody_can_take_starve_no_others(database: Database) -> None:
    clerk = Replica(database, Silent(database, 1))
    await clerk.apply([event(manager("mia", "Central", capacity=0))])
    places = ["Moon"] * 450 + ["Central"] * 50
    await clerk.apply([
        event(deal(f"d{n}", {"id": f"a{n}", "name": "A", "region": place}))
        for n, place in enumerate(places)
    ])  # fmt: skip
    await mongo.write(
        database["managers"], [mongo.UpdateOne({"_id": "mia"}, {"$set": {"capacity": 50}})]
    )
    await clerk.sweep()
    assert (await clerk.repository.pool()).managers["mia"].load == 50
    assert len(await clerk.repository.waiting(1000)) == 450
    assert await clerk.mover.sweep() == 0
