"""Events in, changes of facts and counters out."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from typing_extensions import override

from services.reporting.domain import Fold
from services.reporting.facts import Fact, Key
from services.reporting.figures.declaration import World
from services.reporting.repository import Repository
from services.reporting.told import all_told
from shared.contracts.event import Event
from shared.mongo import Session
from shared.records import Work

SlotOf = Callable[[Session], Awaitable[str]]
"""Where to write, asked in the transaction that writes."""
Mark = Callable[[Mapping[Key, Fact], Session], Awaitable[None]]
"""Hears which facts are others now, in the transaction that stores them."""

MOST = 5000
"""Facts that may count otherwise because customers changed hands in a batch: more of them, and
its transaction might not end within the five seconds that MongoDB gives it."""


class TooMuch(Exception):
    """A batch is halved because of it, as because of a bug; a single event never is too much."""


class ReportingWork(Work):
    """The reporting service's share of one transaction. It publishes nothing."""

    def __init__(
        self, repository: Repository, world: World, slot_of: SlotOf, mark: Mark | None = None
    ) -> None:
        """`mark`: who is to be alerted is looked up elsewhere; a rebuild alerts nobody."""
        self._repository = repository
        self._mark = mark
        self._slot_of = slot_of
        self._fold = Fold(world)
        self._slot = ""

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        """Everything is told at once: whose facts count otherwise, and are needed, follows."""
        repository, fold = self._repository, self._fold
        slot = self._slot = await self._slot_of(session)
        told = all_told(events)
        accounts = {tell.fields.get("account") for tell, _ in told}
        keys = {tell.key for tell, _ in told} | _account_keys(accounts)
        fold.facts = await repository.facts(slot, keys, session)
        others = _account_keys(fact.account for fact in fold.facts.values()) - keys
        fold.facts |= await repository.facts(slot, others, session)
        fold.hear(told)
        fold.facts = await repository.of_accounts(slot, fold.moved, session) | fold.facts
        if len(fold.facts) > MOST + 2 * len(keys) and len(events) > 1:
            raise TooMuch(
                f"{len(fold.facts)} facts count otherwise because of {len(events)} events"
            )

    @override
    def apply(self, event: Event) -> list[Event]:
        return []

    @override
    async def save(self, session: Session) -> None:
        await self._repository.save(self._slot, self._fold, session)
        if self._mark:
            await self._mark(self._fold.changed, session)


def _account_keys(accounts: Iterable[str | None]) -> set[Key]:
    return {Key("account", account) for account in accounts if account}
