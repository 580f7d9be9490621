"""Reckons cases anew after the directory or a calendar has changed.

What is to be done follows from what is stored: a note for each person who has changed, deleted
when every case that concerns the person was reckoned. A process that dies half way leaves the
note; doing it again changes nothing.
"""

import asyncio
from datetime import timedelta

import structlog

from services.reminders import escalation
from services.reminders.repository import EVERYBODY, Repository
from services.reminders.world import World
from shared.caused import Said
from shared.errors import Transient
from shared.mongo import Session, server_time
from shared.outbox import Outbox
from shared.relay import Relay
from shared.telling import Teller

log = structlog.get_logger(__name__)

CASES = 200
"""In one transaction."""
PEOPLE = 200
"""Looked after together."""
IDLE = 2.0  # seconds between looks
SETTLED = timedelta(seconds=6)
"""A transaction that began before a change lasts 5 s at most; what it writes is seen, too."""


class Recalculation:
    """Any number of replicas may run it."""

    def __init__(
        self, *, repository: Repository, outbox: Outbox, relay: Relay, world: World
    ) -> None:
        self._repository = repository
        self._teller = Teller("reminders", repository.database, outbox, relay)
        self._world = world
        self._compared = False

    async def run(self) -> None:
        """Recalculate whenever something has changed, for ever."""
        while True:
            try:
                await self._compare()
                busy = await self.recalculate()
            except Transient as error:
                log.warning("recalculation.waiting", reason=str(error))
                busy = False
            if not busy:
                await asyncio.sleep(IDLE)

    async def recalculate(self) -> bool:
        """Look after a number of changes; whether there were any."""
        now = await server_time(self._repository.database)
        changes = await self._repository.rechecks(now - SETTLED, PEOPLE)
        if not changes:
            return False
        last = ""
        while ids := await self._repository.concerned(changes, last, CASES):
            await self._reckon(ids)
            last = ids[-1]
        await self._repository.rechecked(changes)
        return True

    async def _compare(self) -> None:
        """Once a start: whether the calendars are others than at the last one."""
        if self._compared:
            return
        if await self._repository.new_calendars(self._world.calendars.digest):
            now = await server_time(self._repository.database)
            await self._repository.recheck([EVERYBODY], now, None)
        self._compared = True

    async def _reckon(self, ids: list[str]) -> None:
        now = await server_time(self._repository.database)

        async def reckon(session: Session) -> tuple[None, list[Said]]:
            cases = await self._repository.cases(ids, session)
            world = await self._repository.knowing(self._world, cases.values(), session)
            turns = [escalation.recalculate(case, now, world) for case in cases.values()]
            changed = [turn for turn in turns if turn.case != cases[turn.case.deadline.id]]
            reminders = [reminder for turn in changed for reminder in turn.reminders]
            pairs = [(cases[turn.case.deadline.id], turn.case) for turn in changed]
            await self._repository.fired(pairs, reminders, now, session)
            return None, [said for turn in changed for said in turn.said]

        await self._teller.tell(reckon, now)
