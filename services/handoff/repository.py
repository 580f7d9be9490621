"""Accounts, handoffs and managers in MongoDB: one query each to load a batch, one write to save."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.handoff.domain import Account, Decision, Handoff, Manager, Status
from shared.contracts.deals import DealClosed, DealReopened
from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.mongo import (
    Collection,
    Database,
    Document,
    IndexModel,
    ReplaceOne,
    Session,
    find,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "accounts": [IndexModel("manager_id")],
    "handoffs": [
        IndexModel("deal_id"),
        IndexModel("account_id"),
        IndexModel("status", partialFilterExpression={"status": Status.UNASSIGNED.value}),
    ],
    "managers": [],
}


@dataclass(slots=True)
class Book:
    """What one batch needs to know, and what it changed."""

    accounts: dict[str, Account] = field(default_factory=dict)
    handoffs: dict[str, Handoff] = field(default_factory=dict)
    """By deal: the latest round."""
    managers: dict[str, Manager] = field(default_factory=dict)
    changed: dict[str, dict[str, Account | Handoff | Manager]] = field(
        default_factory=lambda: {"accounts": {}, "handoffs": {}, "managers": {}}
    )

    def keep(self, decision: Decision) -> None:
        """Take over the states of a decision."""
        if decision.account:
            self.accounts[decision.account.id] = decision.account
            self.changed["accounts"][decision.account.id] = decision.account
        if decision.handoff:
            self.handoffs[decision.handoff.deal_id] = decision.handoff
            self.changed["handoffs"][decision.handoff.id] = decision.handoff
        if decision.manager:
            self.keep_manager(decision.manager)

    def keep_manager(self, manager: Manager) -> None:
        """Take over the state of a manager."""
        self.managers[manager.id] = manager
        self.changed["managers"][manager.id] = manager


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database) -> None:
        self._accounts: Collection = database["accounts"]
        self._handoffs: Collection = database["handoffs"]
        self._managers: Collection = database["managers"]
        self._database = database

    async def load(self, events: Sequence[EventData], session: Session) -> Book:
        """Everything the rules need for these events."""
        people = any(event.topic == Topic.DIRECTORY for event in events)
        deals = [event.deal_id for event in events if isinstance(event, DealClosed | DealReopened)]
        wanted: list[Document] = [{"deal_id": {"$in": deals}}] if deals else []
        if people:
            wanted.append({"status": Status.UNASSIGNED.value})
        book = Book()
        if wanted:
            rounds = await find(
                self._handoffs, {"$or": wanted}, session=session, sort=[("round", 1)]
            )
            book.handoffs = {row["deal_id"]: _handoff(row) for row in rounds}
        accounts = {event.account.id for event in events if isinstance(event, DealClosed)}
        accounts |= {handoff.account_id for handoff in book.handoffs.values()}
        book.accounts = {
            row["_id"]: Account(id=row.pop("_id"), **row)
            for row in await find(self._accounts, {"_id": {"$in": list(accounts)}}, session=session)
        }
        # Replicas collide on managers only when they both have new accounts to give away.
        if people or any(
            account not in book.accounts or book.accounts[account].manager_id is None
            for account in accounts
        ):
            book.managers = {
                row["_id"]: Manager(id=row.pop("_id"), **row | {"regions": tuple(row["regions"])})
                for row in await find(self._managers, {}, session=session)
            }
        return book

    async def save(self, book: Book, session: Session) -> None:
        """Write what changed."""
        for name, states in book.changed.items():
            await write(
                self._database[name],
                [
                    ReplaceOne({"_id": identity}, _document(state), upsert=True)
                    for identity, state in states.items()
                ],
                session=session,
            )


def _document(state: Account | Handoff | Manager) -> Document:
    fields: Document = {name: getattr(state, name) for name in state.__slots__}
    return {"_id": fields.pop("id"), **fields}


def _handoff(row: Document) -> Handoff:
    return Handoff(id=row.pop("_id"), **row | {"status": Status(row["status"])})
