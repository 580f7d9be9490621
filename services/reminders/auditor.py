"""Audits that timers are fired: an open case whose next step is overdue raises an alarm.

It shares nothing with the timers but the cases themselves. Every replica audits; what they know
of the alarm is one document a channel, changed by whoever read it last, so one of them tells.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge

from services.reminders.alarms import Tell, Untold
from services.reminders.auditing import Kind, Notice, Overdue, Watch, judge, told
from services.reminders.repository import Repository
from shared.errors import Transient
from shared.mongo import Collection, UpdateOne, find, is_duplicate_key, server_time, write

log = structlog.get_logger(__name__)

EVERY = 30.0  # seconds between audits; the first comes after it: a start may have to catch up
TELLING = timedelta(seconds=60)
"""For so long a notice is in one replica's hands: a channel's own time limit is far less."""


class Auditor:
    """Any number of replicas may run it."""

    def __init__(
        self,
        *,
        repository: Repository,
        channels: Mapping[str, Tell],
        margin: timedelta,
        registry: CollectorRegistry,
        every: float = EVERY,
    ) -> None:
        self._repository = repository
        self._marks: Collection = repository.database["marks"]
        self._channels = channels
        self._margin = margin
        self._every = every
        self._audited = Gauge(
            "tahvil_audit_timestamp_seconds",
            "When this replica last audited the timers, by the server's clock",
            registry=registry,
        )
        self._overdue = Gauge(
            "tahvil_audit_overdue",
            "Open deadlines whose next step is overdue by more than the margin",
            registry=registry,
        )

    async def run(self) -> None:
        """Audit, for ever."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.audit()
            except Transient as error:
                log.warning("audit.waiting", reason=str(error))

    async def audit(self) -> None:
        """Look once; tell what is to be told, if no other replica is at it."""
        now = await server_time(self._repository.database)
        overdue = await self._repository.overdue(now - self._margin)
        calm = not overdue and not await self._repository.overdue(now - self._margin / 2)
        self._audited.set(now.timestamp())
        self._overdue.set(overdue.count if overdue else 0)
        await asyncio.gather(
            *(
                self._look(channel, tell, lambda watch: judge(watch, overdue, calm, now), now)
                for channel, tell in self._channels.items()
            )
        )

    async def _look(
        self, channel: str, tell: Tell, judged: Callable[[Watch], Watch], now: datetime
    ) -> None:
        """Each channel by itself: one that stands keeps no other from telling."""
        rows = await find(self._marks, {"_id": f"audit:{channel}"})
        version, until = (rows[0]["version"], rows[0]["until"]) if rows else (0, now)
        before = _watch(rows[0]["watch"]) if rows else Watch()
        watch = judged(before)
        if watch.notice is None:
            if watch != before:
                await self._swap(channel, version, watch, now)
        elif until <= now and await self._swap(channel, version, watch, now + TELLING):
            try:
                await tell(watch.notice)
            except Untold as error:  # whoever audits next tries again
                log.error("audit.untold", channel=channel, reason=str(error))  # noqa: TRY400
            else:
                watch = told(watch, now)
            await self._swap(channel, version + 1, watch, now)

    async def _swap(self, channel: str, version: int, watch: Watch, until: datetime) -> bool:
        """Store it unless another replica was quicker; whether it is stored.

        `until`: no other tells the notice before.
        """
        row = {"version": version + 1, "watch": asdict(watch), "until": until}
        query = {"_id": f"audit:{channel}", "version": version}
        try:
            update = UpdateOne(query, {"$set": row}, upsert=not version)
            return await write(self._marks, [update]) == 1
        except Exception as error:
            if is_duplicate_key(error):
                return False
            raise


def _watch(row: Mapping[str, Any]) -> Watch:
    notice = row["notice"]
    if notice:
        overdue = notice["overdue"]
        notice = Notice(
            **notice
            | {
                "kind": Kind(notice["kind"]),
                "overdue": Overdue(**overdue) if overdue else None,
            }
        )
    return Watch(**{**row, "notice": notice})
