"""Delivers pending messages: claimed, decided, sent, recorded; at least once, with one id."""

import asyncio
import contextlib
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from services.reminders.delivery import fates
from services.reminders.delivery.channels import Sender
from services.reminders.delivery.lanes import Lanes
from services.reminders.delivery.writing import Letter
from services.reminders.outgoing import Fate, Known, Outgoing
from services.reminders.sending import (
    RETRY_CAP,
    Decision,
    Defer,
    Drop,
    Limits,
    Pending,
    Send,
    decide,
    name_of,
)
from shared.caused import by_itself
from shared.errors import Transient
from shared.mongo import Session, server_time, transaction
from shared.outbox import Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

log = structlog.get_logger(__name__)

BATCH = 200
IDLE = 0.25  # seconds between looks when nothing is pending
IN_FLIGHT = 2000  # messages in this process's hands: of one receiver 100, of the mail server 1000
BEGUN_WITHIN = timedelta(seconds=25)
"""Of its claim a message must be begun in this; an attempt and its record fit in what is left."""
RECORDED_AT_ONCE = 500
STOPPING = 5.0  # seconds in which what is under way may end

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Delivery:
    """Any number of replicas may run it: a message is claimed before it is sent."""

    def __init__(
        self,
        *,
        outgoing: Outgoing,
        senders: Mapping[str, Sender],
        outbox: Outbox,
        relay: Relay,
        limits: Limits,
        count: Callable[[str, str], None],
    ) -> None:
        """`count` hears of every outcome: channel, what became of it."""
        self._outgoing = outgoing
        self._senders = senders
        self._outbox = outbox
        self._relay = relay
        self._limits = limits
        self._count = count
        self._chance = random.Random()  # noqa: S311 - jitter, no secret
        self._lanes = Lanes(_steady, self._chance)
        self._under_way: dict[asyncio.Task[None], int] = {}
        self._fates: asyncio.Queue[Fate] = asyncio.Queue()
        self._publishing = False

    async def run(self) -> None:
        """Deliver what is pending, for ever. Cancelled, it lets end what is under way, shortly."""
        recorder = asyncio.create_task(self._record_for_ever())
        try:
            while not recorder.done():
                if not await self._look():
                    await asyncio.wait([recorder], timeout=IDLE)
            recorder.result()
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOPPING):
                    await asyncio.gather(*self._under_way, return_exceptions=True)
                    await self._fates.join()
            for task in (*self._under_way, recorder):
                task.cancel()
            await asyncio.gather(*self._under_way, recorder, return_exceptions=True)
            for sender in self._senders.values():
                await sender.close()

    async def _look(self) -> int:
        """Take a batch in hand, if there is room; how many it were."""
        full = sum(self._under_way.values()) + self._fates.qsize() >= IN_FLIGHT
        if full or self._publishing:  # what cannot be recorded would be sent again
            await asyncio.sleep(IDLE)
            return 0
        try:
            return await self._take()
        except Transient as error:
            log.warning("delivery.waiting", reason=str(error))
            return 0

    async def _take(self) -> int:
        claim = secrets.token_hex(8)
        now, begin_by = await server_time(self._outgoing.database), _steady() + BEGUN_WITHIN
        items = await self._outgoing.claim(claim, now, BATCH)
        if not items:
            return 0
        hand = _Hand(claim, now, _steady(), await self._outgoing.known(items, now), begin_by)
        sent: defaultdict[str, int] = defaultdict(int, hand.known.sent)
        ways: defaultdict[str, list[tuple[Letter, Send]]] = defaultdict(list)
        for one in items:
            who = one.reminder.recipient_id
            try:
                item, decision = self._decide(one, hand, sent[who])
            except Exception as error:  # noqa: BLE001 - it must not end the others' delivery
                log.error("delivery.bug", reminder=one.reminder.id, error=type(error).__name__)  # noqa: TRY400
                item, decision = one, Defer(now + RETRY_CAP, "a bug of ours")
            if isinstance(decision, Send):
                sent[who] += 1
                letter = _letter(item, decision, hand)
                ways[self._senders[decision.channel.kind].endpoint(letter)].append(
                    (letter, decision)
                )
            else:
                fate = fates.decided(item, decision, hand.known, claim, now)
                self._end(fate, "-", type(decision).__name__.lower())
        for endpoint, letters in ways.items():
            task = asyncio.create_task(self._carry(endpoint, letters, hand))
            self._under_way[task] = len(letters)
            task.add_done_callback(self._under_way.pop)
        return len(items)

    def _decide(self, one: Pending, hand: "_Hand", sent: int) -> tuple[Pending, Decision]:
        known, now = hand.known, hand.now
        item = fates.with_members(one, known, now)
        if item.reminder.gathers and not item.members:
            return item, Drop("nothing of it need be told any more")
        while True:
            decision = decide(
                item,
                known.people.get(item.reminder.recipient_id),
                known.deadline(item.reminder),
                now,
                sent=sent,
                limits=self._limits,
                gone=known.gone,
            )
            if not isinstance(decision, Send) or decision.channel.kind in self._senders:
                return item, decision
            kind = decision.channel.kind
            item = replace(
                item,
                tried=(*item.tried, name_of(decision.channel)),
                reasons=(*item.reasons, f"{kind}: no such channel is set up"),
                attempts=1,
                since=None,
            )

    async def _carry(
        self, endpoint: str, letters: Sequence[tuple[Letter, Send]], hand: "_Hand"
    ) -> None:
        """Send what goes to one endpoint."""
        kind = letters[0][1].channel.kind
        lane = self._lanes.to(endpoint, self._senders[kind])
        outcomes = await lane.carry([letter for letter, _ in letters], hand.begin_by)
        now = hand.server_time()
        for (letter, decision), outcome in zip(letters, outcomes, strict=True):
            fate = fates.tried(
                letter.item,
                outcome,
                decision,
                known=hand.known,
                claim=hand.claim,
                now=now,
                limits=self._limits,
                chance=self._chance,
            )
            self._end(fate, kind, type(outcome).__name__.lower())

    def _end(self, fate: Fate, channel: str, outcome: str) -> None:
        self._count(channel, outcome)
        if outcome in ("refused", "giveup"):
            log.warning(
                "reminder.undelivered",
                reminder=fate.item.reminder.id,
                channel=channel,
                at_last=fate.state == "failed",
            )
        self._fates.put_nowait(fate)

    async def _record_for_ever(self) -> None:
        """Write what became of messages, as many in one transaction as there are."""
        while True:
            ended = [await self._fates.get()]
            while len(ended) < RECORDED_AT_ONCE and not self._fates.empty():
                ended.append(self._fates.get_nowait())
            while True:
                try:
                    await self._record(ended)
                    break
                except Transient as error:
                    # What another process takes over meanwhile is its to record.
                    log.warning("delivery.waiting", reason=str(error))
                    await asyncio.sleep(1)
            for _ in ended:
                self._fates.task_done()

    async def _record(self, ended: Sequence[Fate]) -> None:
        database = self._outgoing.database
        now = await server_time(database)

        async def write(session: Session) -> list[Row]:
            held = await self._outgoing.record(ended, now, session)
            if len(held) < len(ended):
                log.warning("delivery.taken_over", messages=len(ended) - len(held))
            messages = [
                to_message(event)
                for fate in held
                for identity, data in fate.publish
                for event in by_itself(identity, "reminders", [data], now)
            ]
            return await self._outbox.add(messages, now, session=session)

        rows = await transaction(database, write)
        self._publishing = True  # for as long as Kafka is slower than we are
        await self._relay.submit(rows)
        self._publishing = False


@dataclass(frozen=True, slots=True)
class _Hand:
    """One batch in this process's hands."""

    claim: str
    now: datetime
    """By the server's clock."""
    taken: datetime
    """The same by `_steady`."""
    known: Known
    begin_by: datetime

    def server_time(self) -> datetime:
        """The server's clock without asking it: times are kept in milliseconds."""
        at = self.now + (_steady() - self.taken)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _letter(item: Pending, decision: Send, hand: _Hand) -> Letter:
    return Letter(
        item=item,
        recipient=hand.known.people[item.reminder.recipient_id],
        names={person.id: person.name for person in hand.known.people.values()},
        address=str(decision.channel.address),
        now=hand.now,
    )


def _steady() -> datetime:
    """A clock that nobody sets: what it shows means nothing but the time between two looks."""
    return _EPOCH + timedelta(seconds=time.monotonic())
