"""Kafka and MongoDB stopped and started under load: services wait and recover by themselves."""

import asyncio
import random

import pytest

from shared.contracts.topics import SERVICES
from tests.faults.test_kill import Model
from tests.support.builders import event, manager
from tests.support.system import System


async def _started(system: System) -> Model:
    await system.start()
    await system.publish([event(manager(name)) for name in ("mia", "noah", "olga")])
    await system.settled()
    return Model()


async def _ready(system: System) -> list[bool]:
    return [await process._answers() for process in system.processes]


@pytest.mark.timeout(300)
async def test_mongodb_away_under_load(system: System) -> None:
    chance = random.Random(1)
    model = await _started(system)
    for way in (system.servers.mongo.stop, system.servers.mongo.kill):
        load = asyncio.create_task(system.publish(model.next_deals(chance)))
        await asyncio.sleep(0.05)
        await way()
        await load
        await system.publish(model.next_deals(chance))
        await asyncio.sleep(6)
        assert all(process.child.ended is None for process in system.processes)
        assert not any(await _ready(system)), "nobody is ready while MongoDB is away"
        await system.servers.mongo.start()
        await system.settled()
        await model.holds(system)
        assert all(await _ready(system))
    for service in SERVICES:
        assert await system.dead_letters(service) == []


@pytest.mark.timeout(300)
async def test_kafka_away_under_load(system: System) -> None:
    chance = random.Random(2)
    model = await _started(system)
    for way in (system.servers.kafka.stop, system.servers.kafka.kill):
        await system.publish(model.next_deals(chance))
        await way()
        await asyncio.sleep(6)
        assert all(process.child.ended is None for process in system.processes)
        await system.servers.kafka.start()
        await system.publish(model.next_deals(chance))
        await system.settled()
        await model.holds(system)
    for service in SERVICES:
        assert await system.dead_letters(service) == []
