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
from services.handoff.assignment import Pool
from services.handoff.book import Book
from services.handoff.candidates import Manager, Need
from services.handoff.portfolio import Change, Moved
from services.handoff.repository import Repository
from services.handoff.rules import Rules
from services.handoff.states import Handoff, Status
from services.handoff.tiers import Group
from shared.caused import Said
from shared.errors import Transient
from shared.mongo import Session, server_time
from shared.outbox import Outbox
from shared.relay import Relay
from shared.telling import Teller

log = structlog.get_logger(__name__)

SWEEP = 2.0  # seconds
AT_ONCE = 200  # accounts in memory
PAGES = 10
"""Times `AT_ONCE` waiting handoffs that are tried again a sweep: 100,000 in some two minutes."""


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
        self._teller = Teller("handoff", repository.database, outbox, relay)
        self._rules = rules
        self._cover_after = cover_after
        self._waited = ""
        """The last handoff that was tried again."""

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
                if state.group_id != group.id:  # it has another parent by now
                    return Moved()
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
        """Handoffs that wait for a manager: capacity may have become free.

        Some pages of them a sweep, in turn: those that nobody can take starve no others.
        """
        moved = 0
        hopeless: set[tuple[Need, int]] = set()
        for _ in range(PAGES):
            waiting = await self._repository.waiting(AT_ONCE, self._waited)
            self._waited = waiting[-1].id if len(waiting) == AT_ONCE else ""
            if waiting:
                moved += await self._receive(waiting, hopeless, now)
            if not self._waited:
                break
        return moved

    async def _receive(
        self, waiting: Sequence[Handoff], hopeless: set[tuple[Need, int]], now: datetime
    ) -> int:
        def receive(book: Book, account: str) -> Moved:
            state, live = book.accounts[account], book.live(account)
            first = next((h for h in live if h.status == Status.UNASSIGNED), None)
            if first is None:
                return Moved()
            change = self._change(book, now, "a manager was found")
            wanted = state.need, self._rules.policy.weight(state.tier, state.won)
            if state.manager_id is None and wanted in hopeless:
                return portfolio.wait(first, state, live, change)
            moved = portfolio.receive(first, state, live, change)
            if not (moved.account and moved.account.manager_id):
                hopeless.add(wanted)
            return moved

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
        async def move(session: Session) -> tuple[bool, list[Said]]:
            book = await self._repository.portfolio(account, session)
            decided = decide(book, account)
            if decided == Moved():
                return False, []
            publish = book.keep(decided, now)
            await self._repository.save(book, session)
            state = book.accounts[account]
            identity = f"{account}:{state.revision}"
            return True, [(identity, data) for data in publish]

        return int(await self._teller.tell(move, now))

    def _change(self, book: Book, at: datetime, reason: str) -> Change:
        return Change(at=at, pool=book.pool, rules=self._rules, reason=reason)

    def _long_away(self, manager: Manager, now: datetime) -> bool:
        """Whether this absence is long enough that the accounts are covered."""
        away = manager.absence(now)
        return away is not None and (
            away.until is None or away.until - away.since >= self._cover_after
        )
