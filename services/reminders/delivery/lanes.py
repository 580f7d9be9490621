"""Keeps one endpoint's trouble to itself: its own few calls at a time, its own breaker."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from services.reminders.delivery.breaker import Breaker
from services.reminders.delivery.channels import Sender
from services.reminders.delivery.writing import Letter
from services.reminders.sending import (
    LONGEST_RETRY_AFTER,
    Delivered,
    Held,
    Later,
    Outcome,
)

log = structlog.get_logger(__name__)

BACKLOG = 100
"""Messages that wait for one endpoint in one process; more are handed back for a while."""
BACKLOG_CALLS = 20
"""The same where one call takes many messages."""
PROBED_AGAIN = timedelta(seconds=5)
"""When the rest is looked at again while one attempt shows whether an endpoint works."""
SPREAD = 5.0  # seconds over which what was held back comes again, so that it does not come at once
IDLE_LANES = 1000  # endpoints remembered; beyond, those with nothing to remember are forgotten


class Lane:
    """The way to one endpoint."""

    def __init__(
        self, name: str, sender: Sender, clock: Callable[[], datetime], chance: random.Random
    ) -> None:
        self._name = name
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._calls = asyncio.Semaphore(sender.side_by_side)
        self._probing = False
        self.breaker = Breaker()
        self.waiting = 0

    @property
    def forgettable(self) -> bool:
        """Whether it is as good as new."""
        return self.waiting == 0 and self.breaker == Breaker()

    async def carry(self, letters: Sequence[Letter], begin_by: datetime) -> list[Outcome]:
        """Send what can be sent; what could not be begun in time is held, not failed."""
        most = max(BACKLOG, BACKLOG_CALLS * self._sender.together)
        room = max(0, most - self.waiting)
        taken, rest = letters[:room], letters[room:]
        self.waiting += len(taken)
        try:
            size = self._sender.together
            parts = [taken[start : start + size] for start in range(0, len(taken), size)]
            carried = await asyncio.gather(*(self._call(part, begin_by) for part in parts))
        finally:
            self.waiting -= len(taken)
        return [*(one for part in carried for one in part), *(self._held() for _ in rest)]

    async def _call(self, letters: Sequence[Letter], begin_by: datetime) -> list[Outcome]:
        try:
            async with asyncio.timeout((begin_by - self._clock()).total_seconds()):
                await self._calls.acquire()
        except TimeoutError:
            return [self._held() for _ in letters]
        try:
            now = self._clock()
            if now >= begin_by:
                return [self._held() for _ in letters]
            if wait := self.breaker.wait(now):
                return [self._held(wait) for _ in letters]
            if not self.breaker.probing:
                return await self._send(letters)
            if self._probing:
                return [self._held(PROBED_AGAIN) for _ in letters]
            self._probing = True
            try:
                rest = [self._held(PROBED_AGAIN) for _ in letters[1:]]
                return [*await self._send(letters[:1]), *rest]
            finally:
                self._probing = False
        finally:
            self._calls.release()

    async def _send(self, letters: Sequence[Letter]) -> list[Outcome]:
        try:
            outcomes = await self._sender.send(letters)
        except Exception as error:  # noqa: BLE001 - a bug with one message must not end delivery
            at = error.__traceback__
            while at and at.tb_next:
                at = at.tb_next
            # Its own words may hold an address or a name.
            log.error(  # noqa: TRY400
                "delivery.bug",
                error=type(error).__name__,
                file=at and at.tb_frame.f_code.co_filename,
                line=at and at.tb_lineno,
            )
            bug = Later(f"a bug of ours ({type(error).__name__})", endpoint=False)
            return [bug for _ in letters]
        self._learn(outcomes)
        return outcomes

    def _learn(self, outcomes: Sequence[Outcome]) -> None:
        """One call is one success or one failure, however many messages it held."""
        now = self._clock()
        later = [one for one in outcomes if isinstance(one, Later) and one.endpoint]
        if not later:
            self.breaker = self.breaker.succeeded()
            return
        if any(isinstance(one, Delivered) for one in outcomes):
            self.breaker = self.breaker.succeeded()
        before = self.breaker.opened
        self.breaker = self.breaker.failed(now)
        for one in later:
            if one.after:
                self.breaker = self.breaker.throttled(now, min(one.after, LONGEST_RETRY_AFTER))
        if self.breaker.opened > before:
            log.warning("endpoint.left_alone", channel=self._name.partition(":")[0])

    def _held(self, wait: timedelta = timedelta(0)) -> Held:
        return Held(wait + timedelta(seconds=self._chance.uniform(0, SPREAD)))


class Lanes:
    """The lanes of this process, by endpoint."""

    def __init__(self, clock: Callable[[], datetime], chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._lanes: dict[str, Lane] = {}

    def to(self, endpoint: str, sender: Sender) -> Lane:
        """The lane to an endpoint."""
        if len(self._lanes) > IDLE_LANES:
            self._lanes = {n: lane for n, lane in self._lanes.items() if not lane.forgettable}
        if endpoint not in self._lanes:
            self._lanes[endpoint] = Lane(endpoint, sender, self._clock, self._chance)
        return self._lanes[endpoint]
