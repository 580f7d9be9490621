"""Moves portfolios when people leave, go away and come back: one account a transaction.

What is to be moved follows from the stored states alone, so a process that dies half way leaves
nothing to be mended: the next sweep, of any replica, goes on. Time is the MongoDB server's.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.handoff import portfolio
from services.handoff.assignment import Manager, Pool
from services.handoff.book import Book
from services.handoff.portfolio import Change, Moved
from services.handoff.repository import Repository
from services.handoff.rules import Rules
from services.handoff.states import Handoff, Status
from services.handoff.tiers import Group
from shared.caused import by_itself
from shared.errors import Transient
from shared.mongo import Session, server_time, transaction
from shared.outbox import Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

log = structlog.get_logger(__name__)

SWEEP = 2.0  # seconds
AT_ONCE = 200  # accounts in memory


class Mover:
    """Any number of replicas may run it: two that take one account collide, and one wins."""

    def __init__(
        self,
        *,
        repository: Repository,
        outbox: Outbox,
        relay: Relay,
        rules: Rules,
        cover_after: timedelta,
    ) -> None:
        self._repository = repository
        self._outbox = outbox
        self._relay = relay
        self._rules = rules
        self._cover_after = cover_after

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                moved = await self.sweep()
            except Transient as error:
                log.warning("moving.waiting", reason=str(error))
                moved = 0
            if not moved:
                await asyncio.sleep(SWEEP)

    async def sweep(self) -> int:
        """Move what is to be moved now; how many accounts moved."""
        now = await server_time(self._repository.database)
        managers = (await self._repository.pool()).managers.values()
        gone = [m.id for m in managers if not m.active]
        away = [m.id for m in managers if m.active and self._long_away(m, now)]
        here = [m.id for m in managers if m.active and not m.absent(now)]

        def leave(book: Book, account: str) -> Moved:
            state = book.accounts[account]
            leaver = state.manager_id if state.manager_id in gone else state.home_manager_id
            change = self._change(book, now, "the account manager has left")
            live = book.live(account)
            return portfolio.leave(state, live, leaver, change) if leaver in gone else Moved()

        def cover(book: Book, account: str) -> Moved:
            state = book.accounts[account]
            absent = state.manager_id
            change = self._change(book, now, "the account manager is absent")
            live = book.live(account)
            return portfolio.cover(state, live, absent, change) if absent in away else Moved()

        def give_back(book: Book, account: str) -> Moved:
            state = book.accounts[account]
            home = state.home_manager_id
            change = self._change(book, now, "the account manager is back")
            live = book.live(account)
            return portfolio.give_back(state, live, home, change) if home in here else Moved()

        # The type is for the partial index: without it MongoDB reads every account.
        left = {
            "$or": [
                {"manager_id": {"$in": gone}},
                {"home_manager_id": {"$in": gone, "$type": "string"}},
            ]
        }
        moved = await self._move(left, leave, now)
        moved += await self._move({"manager_id": {"$in": away}}, cover, now)
        moved += await self._move(
            {"home_manager_id": {"$in": here, "$type": "string"}}, give_back, now
        )
        return moved + await self._retier(now) + await self._retry(now)

    async def _retier(self, now: datetime) -> int:
        """Accounts whose tier has changed, and the other accounts of their groups."""

        def retier(book: Book, account: str) -> Moved:
            change = self._change(book, now, "the account's tier has changed")
            return portfolio.retier(book.accounts[account], book.live(account), change)

        moved = await self._move({"tier_wanted": {"$type": "string"}}, retier, now)
        for group in await self._repository.groups_moving(AT_ONCE):

            def follow(book: Book, account: str, group: Group = group) -> Moved:
                state = book.accounts[account]
                wanting = replace(state, tier_wanted=group.tier, tier_reason=group.reason)
                change = self._change(book, now, "the group's tier has changed")
                return portfolio.retier(wanting, book.live(account), change)

            others = {"group_id": group.id, "tier": {"$ne": group.tier.value}}
            count = await self._move(others, follow, now)
            if not count:
                await self._repository.group_moved(group)
            moved += count
        return moved

    async def _retry(self, now: datetime) -> int:
        """Handoffs that wait for a manager: capacity may have become free."""
        waiting = await self._repository.handoffs_where(
            {"status": Status.UNASSIGNED.value}, AT_ONCE
        )
        if not waiting:
            return 0

        def receive(book: Book, account: str) -> Moved:
            live = book.live(account)
            first = next((h for h in live if h.status == Status.UNASSIGNED), None)
            if first is None:
                return Moved()
            change = self._change(book, now, "a manager was found")
            return portfolio.receive(first, book.accounts[account], live, change)

        named = {"_id": {"$in": [handoff.account_id for handoff in waiting]}}
        return await self._move(named, receive, now, waiting)

    async def _move(
        self,
        query: Mapping[str, object],
        decide: Callable[[Book, str], Moved],
        now: datetime,
        live: Sequence[Handoff] = (),
    ) -> int:
        """Ask the rules in memory first: what nobody can take costs no transaction a sweep."""
        moved, last = 0, ""
        while accounts := await self._repository.accounts_where(query, AT_ONCE, last):
            pool = await self._repository.pool()
            for account in accounts:
                handoffs = {one.id: one for one in live if one.account_id == account.id}
                guess = Book({account.id: account}, handoffs, Pool(dict(pool.managers)))
                if decide(guess, account.id) != Moved():
                    moved += await self._one(account.id, decide, now)
            last = accounts[-1].id
        if moved:
            log.info("accounts.moved", count=moved)
        return moved

    async def _one(self, account: str, decide: Callable[[Book, str], Moved], now: datetime) -> int:
        async def move(session: Session) -> tuple[bool, list[Row]]:
            book = await self._repository.portfolio(account, session)
            decided = decide(book, account)
            if decided == Moved():
                return False, []
            publish = book.keep(decided, now)
            await self._repository.save(book, session)
            state = book.accounts[account]
            identity = f"{account}:{state.transfers}:{state.manager_id}"
            events = by_itself(identity, "handoff", publish, now)
            messages = [to_message(event) for event in events]
            return True, await self._outbox.add(messages, now, session=session)

        moved, rows = await transaction(self._repository.database, move)
        await self._relay.submit(rows)
        return int(moved)

    def _change(self, book: Book, at: datetime, reason: str) -> Change:
        return Change(at=at, pool=book.pool, rules=self._rules, reason=reason)

    def _long_away(self, manager: Manager, now: datetime) -> bool:
        """Whether this absence is long enough that the accounts are covered."""
        return any(
            since <= now and (until is None or (now < until and until - since >= self._cover_after))
            for since, until in manager.absences
        )
