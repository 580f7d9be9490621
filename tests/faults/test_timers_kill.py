"""Three replicas of reminders, killed and paused while timers fire: each once, each message sent.

`ROUNDS=200` in the environment makes it the long run.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.deadlines import DeadlineSet
from shared.contracts.topics import Topic
from tahvil.demo import read_mails
from tahvil.reading import events
from tests.support.builders import event, manager, soon
from tests.support.receivers import Receiver
from tests.support.system import System

ROUNDS = int(os.environ.get("ROUNDS", "25"))
TIMERS = 60  # a round
SEED = 20261125
TAKEOVER = timedelta(seconds=10)
OWNERS = ("mia", "noah", "prog")  # the last one is a program, told by webhook
KEY = "whsec_YSBrZXkgb2YgdGhlc2UgdGVzdHMsIGxvbmcgZW5vdWdoLi4="
POLICY = "policies: [{name: due, version: 1, steps: [{at: due, to: owner}]}]"


class Scene:
    """What was set, and what came of it."""

    def __init__(self, system: System, receiver: Receiver) -> None:
        self.system = system
        self.receiver = receiver
        self.set = 0

    async def due(self, count: int, within: float) -> None:
        """Deadlines that are due soon, at random moments."""
        now = soon()
        chance = random.Random(SEED + self.set)
        numbers = range(self.set, self.set + count)
        self.set += count
        await self.system.publish(
            [
                event(
                    DeadlineSet(
                        deadline_id=f"d{number}",
                        subject_id="handoff-1",
                        account_id=f"acme-{number % 50}",
                        title=f"Step {number}",
                        owner_id=OWNERS[number % len(OWNERS)],
                        due_at=now + timedelta(seconds=chance.uniform(0, within)),
                        set_at=now,
                    )
                )
                for number in numbers
            ]
        )

    async def rows(self, collection: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.system.mongo["reminders"][collection].find().to_list()
        )
        return found

    async def all_sent(self, seconds: float) -> None:
        """Wait until nothing is left to be done."""
        for _ in range(int(seconds * 4)):
            rows = await self.rows("reminders")
            sent = sum(row["state"] == "sent" for row in rows)
            if sent == self.set:
                return
            await asyncio.sleep(0.25)
        raise AssertionError(
            f"{sent} of {self.set} sent, {len(rows)} made\n{self.system.last_words()}"
        )

    async def holds(self) -> timedelta:
        """Each timer's effect once, each message at least once with one id; how late the last was.

        Of deadlines that were known only when they were due, that is Kafka's lateness, too.
        """
        cases, reminders = await self.rows("deadlines"), await self.rows("reminders")
        assert len(cases) == len(reminders) == self.set
        for case in cases:
            assert [entry["code"] for entry in case["log"]] == ["told"], case
            assert (case["made"], case["status"], case["next_at"]) == ([1], "missed", None)
        assert len({row["deadline_id"] for row in reminders}) == self.set
        mails = [
            str(mail["Message-ID"]) for mail in read_mails(Path(self.system.servers.smtp.maildir))
        ]
        hooks = [request.headers["webhook-id"] for request in self.receiver.requests]
        by_mail = {f"<{row['_id']}@tahvil>" for row in reminders if row["recipient_id"] != "prog"}
        by_hook = {row["_id"] for row in reminders if row["recipient_id"] == "prog"}
        assert (set(mails), set(hooks)) == (by_mail, by_hook)
        said = await events(self.system.kafka, Topic.REMINDERS)
        missed = {(one.id, one.data.subject) for one in said if one.type == "deadline.missed.v1"}
        assert len(missed) == len({subject for _, subject in missed}) == self.set
        return max(case["log"][0]["at"] - case["due_at"] for case in cases)


@pytest.fixture
async def scene(system: System, tmp_path: Path) -> AsyncIterator[Scene]:
    policies = tmp_path / "policies.yaml"
    policies.write_text(POLICY)
    async with Receiver().listening() as receiver:
        system.extra |= {
            "TAHVIL_POLICIES": str(policies),
            "TAHVIL_MESSAGES_PER_HOUR": "1000000",
            "TAHVIL_WEBHOOK_KEYS": json.dumps({"127.0.0.1": KEY}),
            "TAHVIL_WEBHOOK_HOSTS": json.dumps([f"127.0.0.1:{receiver.port}"]),
        }
        hook = {"kind": "webhook", "address": f"http://127.0.0.1:{receiver.port}/hook"}
        await system.publish(
            [event(manager(name)) for name in OWNERS[:2]]
            + [event(manager("prog", channels=(hook,)))]
        )
        await system.start("reminders", "reminders", "reminders")
        await system.settled()
        yield Scene(system, receiver)


@pytest.mark.timeout(300 + 20 * ROUNDS)
async def test_kills_among_three_replicas_fire_each_timer_once(scene: Scene) -> None:
    chance = random.Random(SEED)
    for _ in range(ROUNDS):
        await scene.due(TIMERS, within=4)
        await asyncio.sleep(chance.uniform(0, 2))
        victim = chance.choice(scene.system.processes)
        await scene.system.kill(victim)
        await scene.system.start(victim.name)
    await scene.all_sent(120)
    await scene.holds()


@pytest.mark.timeout(300)
async def test_others_take_over_from_a_paused_replica_and_it_does_no_harm_awake(
    scene: Scene,
) -> None:
    """SIGSTOP for longer than the lease; then SIGCONT."""
    await scene.due(900, within=30)
    await scene.system.settled()
    for sleeper in scene.system.processes[:2]:
        os.kill(sleeper.child.pid, signal.SIGSTOP)
        await asyncio.sleep(9)
        os.kill(sleeper.child.pid, signal.SIGCONT)
        await asyncio.sleep(3)
    await scene.all_sent(90)
    assert await scene.holds() < TAKEOVER


@pytest.mark.timeout(300)
async def test_a_killed_replicas_timers_are_taken_over_within_ten_seconds(scene: Scene) -> None:
    await scene.due(600, within=20)
    await scene.system.settled()
    await scene.system.kill(scene.system.processes[0])
    await scene.all_sent(90)
    assert await scene.holds() < TAKEOVER
