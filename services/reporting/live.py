"""Tells open pages that there is something new: server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from shared.errors import Transient

EVERY = timedelta(seconds=1)
"""How often what is stored is looked at while anybody listens; so many events at most, too."""
ALIVE = timedelta(seconds=20)
"""How often something is sent when nothing is new, so that nothing in between hangs up."""
LIFE = timedelta(minutes=10)
"""After that the browser comes again, and is asked who it is."""


class Live:
    """One look at what is stored serves all who listen."""

    def __init__(self, position: Callable[[], Awaitable[str]]) -> None:
        self._position = position
        self._changed = asyncio.Condition()
        self._listeners = 0
        self._now: str | None = None

    async def run(self) -> None:
        """For ever: look, and wake those who listen."""
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            if not self._listeners:
                self._now = None
                continue
            try:
                now = await self._position()
            except Transient:  # the database is away: nothing is new until it is back
                continue
            if now != self._now:
                async with self._changed:
                    self._now = now
                    self._changed.notify_all()

    async def events(self, stopping: asyncio.Event, seen: str) -> AsyncIterator[str]:
        """What one listener is sent: a name of the position, whenever it is another one.

        `seen`: the one that the listener's page shows.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + LIFE.total_seconds()
        self._listeners += 1
        try:
            yield "retry: 3000\n\n"
            sent = seen
            while loop.time() < end:
                now = await self._next(sent, stopping)
                if stopping.is_set():
                    return
                if now is None:
                    yield ": alive\n\n"
                else:
                    sent = now
                    yield f"event: position\nid: {now}\ndata: {now}\n\n"
        finally:
            self._listeners -= 1

    async def _next(self, sent: str, stopping: asyncio.Event) -> str | None:
        """The next position; None when it takes long."""

        async def new() -> str:
            async with self._changed:
                await self._changed.wait_for(lambda: self._now not in (None, sent))
                assert self._now  # noqa: S101 - just waited for
                return self._now

        waiting = {asyncio.ensure_future(new()), asyncio.ensure_future(stopping.wait())}
        try:
            done, _ = await asyncio.wait(
                waiting, timeout=ALIVE.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
            return next((r for one in done if isinstance(r := one.result(), str)), None)
        finally:
            for one in waiting:
                one.cancel()
