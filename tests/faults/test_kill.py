"""kill -9 under load, with and without a second replica: nothing lost, nothing doubled."""

import asyncio
import os
import random
import signal
from collections import Counter
from decimal import Decimal

import pytest

from shared.contracts.event import Event
from shared.contracts.topics import SERVICES
from tests.support.builders import deal, event, manager
from tests.support.system import System

ROUNDS = 50
DEALS = 120  # a round
SEED = 20261124


class Model:
    """What the system must show after the deals published so far."""

    def __init__(self) -> None:
        self.deals = 0
        self.amount = Decimal(0)

    def next_deals(self, chance: random.Random) -> list[Event]:
        made = []
        for _ in range(DEALS):
            self.deals += 1
            value = Decimal(chance.randrange(1, 10**7)) / 100
            self.amount += value
            data = deal(
                f"deal-{self.deals}",
                f"account-{chance.randrange(200)}",
                amount={"value": str(value), "currency": "EUR"},
            )
            made.append(event(data))
        return made

    async def holds(self, system: System) -> None:
        """Nothing lost, nothing doubled: states, figures and messages."""
        figures = await system.figure_table("deals?by=outcome")
        assert figures == {("won",): (self.deals, self.amount)}
        handoff = system.mongo["handoff"]
        assert await handoff["handoffs"].count_documents({}) == self.deals
        managers: dict[str, set[str]] = {}
        async for row in handoff["handoffs"].find():
            managers.setdefault(row["account_id"], set()).add(row["manager_id"])
        assert all(len(names) == 1 for names in managers.values())
        loads = Counter({m["_id"]: m["load"] async for m in handoff["managers"].find()})
        assert loads.total() == len(managers)
        assert await system.figure_table("handoffs?by=event") == {
            ("created",): (self.deals, 0),
            ("assigned",): (self.deals, 0),
        }
        deadlines = await system.figure_table("deadlines?by=event")
        assert deadlines[("set",)] == (4 * self.deals, 0)
        assert await system.mongo["reminders"]["deadlines"].count_documents({}) == 4 * self.deals
        for service in SERVICES:
            totals = await system.accounts_add_up(service)
            assert totals["dead_lettered"] == 0
        # what handoff said is on Kafka: each message at least once, and applied once
        totals = await system.accounts_add_up("reminders")
        assert totals["applied"] == 4 * self.deals + 3


async def _kill_rounds(system: System, rounds: int, chance: random.Random, replicas: int) -> None:
    names = [name for name in SERVICES for _ in range(replicas)]
    await system.start(*names)
    people = [manager(name) for name in ("mia", "noah", "olga")]
    await system.publish([event(person) for person in people])
    await system.settled()
    model = Model()
    for number in range(rounds):
        events = model.next_deals(chance)
        load = asyncio.create_task(system.publish(events))
        await asyncio.sleep(chance.uniform(0, 0.4))
        victim = chance.choice(system.processes)
        await system.kill(victim)
        await load
        await system.start(victim.name)
        await system.settled(90)
        try:
            await model.holds(system)
        except AssertionError as error:
            raise AssertionError(f"round {number}, {victim.name} was killed: {error}") from error
    code, output = await system.rebuild()
    assert code == 0, output  # made anew, every figure is the same
    await model.holds(system)


@pytest.mark.timeout(1500)
async def test_fifty_kills_lose_nothing_and_double_nothing(system: System) -> None:
    await _kill_rounds(system, ROUNDS, random.Random(SEED), replicas=1)


@pytest.mark.timeout(600)
async def test_kills_among_two_replicas_of_each_service(system: System) -> None:
    await _kill_rounds(system, 10, random.Random(SEED + 1), replicas=2)


@pytest.mark.timeout(300)
async def test_a_paused_process_that_wakes_up_does_no_harm(system: System) -> None:
    """SIGSTOP for longer than the session: another replica takes over; then SIGCONT."""
    chance = random.Random(SEED + 2)
    await system.start(*SERVICES, *SERVICES)
    await system.publish([event(manager(name)) for name in ("mia", "noah", "olga")])
    await system.settled()
    model = Model()
    sleeper = next(p for p in system.processes if p.name == "handoff")
    load = asyncio.create_task(system.publish(model.next_deals(chance)))
    await asyncio.sleep(0.05)
    os.kill(sleeper.child.pid, signal.SIGSTOP)
    await load
    await asyncio.sleep(8)  # longer than the session of 6 s
    await system.publish(model.next_deals(chance))
    os.kill(sleeper.child.pid, signal.SIGCONT)
    await system.publish(model.next_deals(chance))
    await system.settled(90)
    await model.holds(system)
