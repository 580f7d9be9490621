"""Fires due timers: one transaction a batch, by the clock of the MongoDB server only."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Counter

from services.reminders import escalation
from services.reminders.escalation import Turn
from services.reminders.repository import Repository
from services.reminders.world import World
from shared.caused import by_itself
from shared.errors import Transient
from shared.mongo import Session, server_time, transaction
from shared.outbox import Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

log = structlog.get_logger(__name__)

BATCH = 500
LONGEST_SLEEP = 1.0  # seconds; a deadline set meanwhile may be due before the next known timer


class Timers:
    """Any number of replicas may run it: a timer that two of them take collides, and one wins."""

    def __init__(
        self,
        *,
        repository: Repository,
        outbox: Outbox,
        relay: Relay,
        world: World,
        registry: CollectorRegistry,
    ) -> None:
        self._repository = repository
        self._outbox = outbox
        self._relay = relay
        self._world = world
        self._failures = Counter(
            "tahvil_escalation_failures",
            "Steps of escalation policies that reached nobody, by why",
            ["code"],
            registry=registry,
        )

    async def run(self) -> None:
        """Fire timers as they become due, for ever."""
        while True:
            try:
                pause = 0.0 if await self.fire_due() == BATCH else await self._until_next()
            except Transient as error:
                log.warning("timers.waiting", reason=str(error))
                pause = LONGEST_SLEEP
            await asyncio.sleep(pause)

    async def fire_due(self) -> int:
        """Fire one batch; how many timers were due."""
        database = self._repository.database
        now = await server_time(database)
        ids = await self._repository.due(now, BATCH)
        if not ids:
            return 0

        async def fire(session: Session) -> tuple[list[Row], list[Turn]]:
            cases = await self._repository.take(ids, now, session)
            world = await self._repository.knowing(self._world, cases, session)
            turns = [escalation.fire(case, now, world) for case in cases]
            reminders = [reminder for turn in turns for reminder in turn.reminders]
            await self._repository.fired([turn.case for turn in turns], reminders, now, session)
            messages = [
                to_message(event)
                for turn in turns
                for identity, data in turn.said
                for event in by_itself(identity, "reminders", [data], now)
            ]
            return await self._outbox.add(messages, now, session=session), turns

        rows, turns = await transaction(database, fire)
        await self._relay.submit(rows)
        for turn in turns:
            for code in turn.failures:
                self._failures.labels(code).inc()
                log.warning("escalation.failed", deadline=turn.case.deadline.id, code=code)
        return len(ids)

    async def _until_next(self) -> float:
        at = await self._repository.next_timer()
        if at is None:
            return LONGEST_SLEEP
        now = await server_time(self._repository.database)
        return max(0.0, min(LONGEST_SLEEP, (at - now).total_seconds()))
