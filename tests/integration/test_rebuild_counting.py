"""Facts are counted at one stroke in a rebuild: interrupted anywhere, never twice and all."""

import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pydantic import SecretStr

from services.reporting import rebuild
from services.reporting.domain import Shares
from services.reporting.facts import Fact
from services.reporting.figures.catalogue import BY_KIND, FIGURES
from services.reporting.generations import Generations
from services.reporting.rebuild import Rebuild
from services.reporting.repository import INDEXES, Place, Repository
from services.reporting.told import Refused
from shared import mongo
from shared.config import ServiceSettings
from shared.contracts.event import Event
from shared.mongo import Database, Session
from shared.processor import to_message
from shared.records import Partition
from shared.runtime import ensure_indexes
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import NOON
from tests.support.story import Story, by_document
from tests.support.system import PASSWORD
from tests.support.telling import WORLD, applied, say

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEALS: Partition = ("deals", 0)  # one partition: what is in it is not looked at
_NAMES = count()


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Told:
    """The records of a topic, as `Topics` has them."""

    events: Sequence[Event]
    partitions: frozenset[Partition] = frozenset({DEALS})
    read: list[int] = field(default_factory=list)

    async def batch(
        self, at: Mapping[Partition, int], until: Mapping[Partition, int], most: int
    ) -> tuple[list[Any], dict[Partition, int]]:
        start = at.get(DEALS, 0)
        end = min(start + most, until[DEALS])
        self.read.append(start)
        return [record(n, self.events[n]) for n in range(start, end)], {DEALS: end}


def record(offset: int, event: Event) -> Any:
    message = to_message(event)
    return ConsumerRecord(
        topic=message.topic, partition=DEALS[1], offset=offset, timestamp=0, timestamp_type=0,
        key=message.key, value=message.value, checksum=None, serialized_key_size=0,
        serialized_value_size=0, headers=message.headers,
    )  # fmt: skip


@asynccontextmanager
async def prepared(mongod: EmbeddedMongo, events: int) -> AsyncIterator[Database]:
    """The database of a service that has applied so many records."""
    settings = ServiceSettings(
        kafka_bootstrap="none:1",
        mongo_uri=SecretStr(mongod.uri),
        mongo_database=f"counting-{next(_NAMES)}",
        http_password=SecretStr(PASSWORD),
    )
    database = mongo.connect(settings, "reporting")
    try:
        await ensure_indexes(database, INDEXES, settings.inbox_kept)
        await Generations(database, "now").begin()
        applied_to = {"$set": {"next": events}}
        update = mongo.UpdateOne({"_id": "deals/0"}, applied_to, upsert=True)
        await mongo.write(database["offsets"], [update])
        yield database
    finally:
        await mongo.close(database)


async def begun(database: Database, told: Told) -> Rebuild:
    """A process that rebuilds, or goes on with it."""
    generations = Generations(database, "now")
    progress = await generations.resume()
    return Rebuild(database, WORLD, generations, told, progress)  # type: ignore[arg-type]


async def counters(database: Database) -> dict[str, dict[str, Any]]:
    return {one.id: dict(one.measures) async for one in Repository(database).counters("b")}


def story(events: int) -> list[Event]:
    """With what is said of customers of whom nothing else is known, and of nobody's deadlines."""
    told = Story(random.Random(7))
    told.goes_on(events)
    told.events += [
        say("dispute.opened", NOON, account_id="unheard-of", dispute_id="d", severity="low"),
        say("deadline.set", NOON, account_id=None, deadline_id="n", subject_id="s", title="T",
            owner_id="m-1", due_at=NOON),
        say("target.set", NOON, manager_id="m-1", period="2026",
            amount={"value": "1", "currency": "EUR"}),
    ]  # fmt: skip
    return told.events


async def test_counting_that_is_killed_anywhere_counts_everything_once(
    mongod: EmbeddedMongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = story(1500)
    told = Told(events)
    monkeypatch.setattr(rebuild, "MOST", 200)
    monkeypatch.setattr("services.reporting.repository.AT_ONCE", 30)
    lives = iter(range(1, 100))
    real_add, real_turn = Repository.add, Repository.in_turn
    left = 0

    def step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    async def add(self: Repository, slot: str, changes: Shares, session: Session) -> None:
        step()  # before they are written
        await real_add(self, slot, changes, session)
        step()  # before they are committed

    async def in_turn(self: Repository, *of: Any) -> AsyncIterator[tuple[Place, list[Fact]]]:
        async for found in real_turn(self, *of):
            step()
            yield found

    monkeypatch.setattr(Repository, "add", add)
    monkeypatch.setattr(Repository, "in_turn", in_turn)
    killed = 0
    async with prepared(mongod, len(events)) as database:
        while True:
            made = await begun(database, told)
            left = next(lives)
            try:
                await made.catch_up(lambda _: None)
                await made.count(lambda _: None)
            except Killed:
                killed += 1
                continue
            break
        assert killed > 5
        assert not made.aside
        expected = await applied([events])
        assert await counters(database) == by_document(expected.counters)
        # An account of which nothing was said itself is listed, as the service lists it.
        assert "unheard-of" in await Repository(database).managed("b", None)


async def test_what_cannot_be_counted_is_set_aside_alone(
    mongod: EmbeddedMongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event for event in story(300) if event.type != "contact.made.v1"]
    bad = say("contact.made", NOON, account_id="acme-1", by="m-1", channel="phone")
    told = Told([*events[:100], bad, *events[100:]])

    def counting(_: Fact, __: Any) -> Iterator[Any]:
        raise Refused("data.by", "is nobody")

    broken = {**BY_KIND, "contact": [replace(FIGURES["contacts"], counting=counting)]}
    monkeypatch.setattr("services.reporting.domain.BY_KIND", broken)
    async with prepared(mongod, len(told.events)) as database:
        made = await begun(database, told)
        await made.catch_up(lambda _: None)
        await made.count(lambda _: None)
        assert made.counted
        assert [(one.record, one.reason) for one in made.aside] == [
            ("accounts/0/100", "Refused: data.by: is nobody")
        ]
        expected = await applied([events])
        assert await counters(database) == by_document(expected.counters)
        again = await begun(database, told)  # what it came to is kept
        assert again.counted


async def test_what_is_told_after_the_counting_is_counted_as_it_is_told(
    mongod: EmbeddedMongo,
) -> None:
    events = story(600)
    told = Told(events)
    async with prepared(mongod, 300) as database:
        made = await begun(database, told)
        await made.catch_up(lambda _: None)
        done: list[int] = []
        facts = await made.facts()
        await made.count(done.append)
        assert sum(done) == facts > 0
        reached = mongo.UpdateOne({"_id": "deals/0"}, {"$set": {"next": len(events)}})
        await mongo.write(database["offsets"], [reached])
        made = await begun(database, told)
        assert made.counted
        assert await made.left() == len(events) - 300
        await made.catch_up(lambda _: None)
        await made.count(done.append)
        assert told.read[-1] >= 300  # and not from the beginning
        expected = await applied([events])
        assert await counters(database) == by_document(expected.counters)
