"""Fires due timers: one transaction a batch, by the clock of the MongoDB server only."""

import asyncio
from datetime import timedelta

import structlog

from services.reminders import domain
from services.reminders.repository import Repository
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
        self, *, repository: Repository, outbox: Outbox, relay: Relay, stale_after: timedelta
    ) -> None:
        self._repository = repository
        self._outbox = outbox
        self._relay = relay
        self._stale_after = stale_after

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

        async def fire(session: Session) -> list[Row]:
            taken = await self._repository.take(ids, now, session)
            taken.sort(key=lambda pair: pair[0].at)
            results = [
                domain.fire(deadline, timer.kind, now, self._stale_after)
                for timer, deadline in taken
            ]
            await self._repository.fired(results, now, session)
            messages = [
                to_message(event)
                for result in results
                for event in by_itself(
                    f"{result.deadline.id}:{result.deadline.due_at.isoformat()}",
                    "reminders",
                    result.publish,
                    now,
                )
            ]
            return await self._outbox.add(messages, now, session=session)

        await self._relay.submit(await transaction(database, fire))
        return len(ids)

    async def _until_next(self) -> float:
        at = await self._repository.next_timer()
        if at is None:
            return LONGEST_SLEEP
        now = await server_time(self._repository.database)
        return max(0.0, min(LONGEST_SLEEP, (at - now).total_seconds()))
