"""Events in, changes of facts and counters out."""

from collections.abc import Iterable, Sequence

from typing_extensions import override

from services.reporting.domain import Fold
from services.reporting.facts import Key
from services.reporting.figures.declaration import World
from services.reporting.repository import Repository
from services.reporting.told import tells
from shared.contracts.event import Event
from shared.mongo import Session
from shared.records import Work


class ReportingWork(Work):
    """The reporting service's share of one transaction. It publishes nothing."""

    def __init__(self, repository: Repository, world: World, slot: str | None = None) -> None:
        self._repository = repository
        self._fold = Fold(world)
        self._slot = slot

    @override
    async def load(self, events: Sequence[Event], session: Session) -> None:
        """Everything is told at once: whose facts count otherwise, and are needed, follows."""
        repository, fold = self._repository, self._fold
        slot = self._slot = self._slot or await repository.live(session)
        told = [(tell, stamp) for found, stamp in map(tells, events) for tell in found]
        accounts = {tell.fields.get("account") for tell, _ in told}
        keys = {tell.key for tell, _ in told} | _account_keys(accounts)
        fold.facts = await repository.facts(slot, keys, session)
        others = _account_keys(fact.account for fact in fold.facts.values()) - keys
        fold.facts |= await repository.facts(slot, others, session)
        fold.hear(told)
        fold.facts = await repository.of_accounts(slot, fold.moved, session) | fold.facts

    @override
    def apply(self, event: Event) -> list[Event]:
        return []

    @override
    async def save(self, session: Session) -> None:
        assert self._slot  # noqa: S101 - `load` comes first
        await self._repository.save(self._slot, self._fold, session)


def _account_keys(accounts: Iterable[str | None]) -> set[Key]:
    return {Key("account", account) for account in accounts if account}
