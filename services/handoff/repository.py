"""Accounts, handoffs and managers in MongoDB: one query each to load a batch, one write to save."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from services.handoff import directory
from services.handoff.assignment import Pool
from services.handoff.book import Book
from services.handoff.documents import (
    from_explanation,
    from_group,
    from_handoff,
    plain,
    to_account,
    to_explanation,
    to_group,
    to_handoff,
    to_manager,
    write_account,
    write_manager,
)
from services.handoff.listing import FIELDS, Wanted, index, of_manager, reached
from services.handoff.obligations import Kind, Obligation
from services.handoff.rights import Viewer
from services.handoff.states import (
    LIVE,
    Account,
    Did,
    Explanation,
    Handoff,
    Status,
    deadline_id,
)
from services.handoff.tiers import Group
from shared.contracts.deadlines import DeadlineMet, DeadlineMoved
from shared.contracts.deals import DealAmended, DealClosed, DealReopened
from shared.contracts.directory import PersonRemoved
from shared.contracts.event import EventData
from shared.contracts.handoffs import Acceptance
from shared.contracts.topics import Topic
from shared.mongo import (
    Collection,
    Database,
    DeleteOne,
    Document,
    IndexModel,
    InsertOne,
    ReplaceOne,
    Session,
    UpdateOne,
    aggregate,
    find,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "accounts": [
        *(IndexModel(list(index("manager_id", field))) for field in FIELDS.values()),
        *(
            IndexModel(
                list(index("home_manager_id", field)),
                partialFilterExpression={"home_manager_id": {"$type": "string"}},
            )
            for field in FIELDS.values()
        ),
        IndexModel("group_id", partialFilterExpression={"group_id": {"$type": "string"}}),
        IndexModel("tier_wanted", partialFilterExpression={"tier_wanted": {"$type": "string"}}),
    ],
    "handoffs": [
        IndexModel("deal_id"),
        IndexModel("account_id"),
        IndexModel([("manager_id", 1), ("status", 1)]),
        IndexModel([("salesperson_id", 1), ("status", 1)]),
        IndexModel([("closed_at", 1), ("_id", 1)]),
        IndexModel(
            "deadlines.owner_id",
            partialFilterExpression={"deadlines.owner_id": {"$exists": True}},
        ),
        IndexModel("status", partialFilterExpression={"status": Status.UNASSIGNED.value}),
    ],
    "managers": [IndexModel("head", partialFilterExpression={"head": True})],
    "checklists": [],
    "groups": [IndexModel("moving", partialFilterExpression={"moving": True})],
    "explanations": [],
    "salespeople": [],
    "history": [IndexModel([("handoff_id", 1), ("at", 1)])],
    "obligations": [
        IndexModel("account_id"),
        IndexModel([("owner_id", 1), ("account_id", 1)]),
    ],
}


_LIVE = [status.value for status in LIVE]

_BEGUN = frozenset({"handoffs", "explanations"})
"""Collections with a document of the id of a handoff, from when it begins."""

TRIED_AT_ONCE = 200
"""Waiting handoffs that a change of the directory tries again at once; the mover does the rest."""


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._accounts: Collection = database["accounts"]
        self._handoffs: Collection = database["handoffs"]
        self._managers: Collection = database["managers"]
        self._groups: Collection = database["groups"]

    async def load(self, events: Sequence[EventData], session: Session) -> Book:
        """Everything the rules need for these events."""
        people = any(event.topic == Topic.DIRECTORY for event in events)
        deals = [
            event.deal_id
            for event in events
            if isinstance(event, DealClosed | DealAmended | DealReopened)
        ]
        wanted: list[Document] = [{"deal_id": {"$in": deals}}] if deals else []
        if left := [event.person_id for event in events if isinstance(event, PersonRemoved)]:
            wanted.append({"salesperson_id": {"$in": left}, "status": {"$in": _LIVE}})
        if people:  # some of those who wait; there may be more than a transaction can hold
            some = await self.waiting(TRIED_AT_ONCE, session=session)
            wanted.append({"_id": {"$in": [handoff.id for handoff in some]}})
        said = {event.deadline_id: event for event in events if _is_told(event)}
        if said:
            wanted.append({"_id": {"$in": [event.subject_id for event in said.values()]}})
        owed = {event.account_id for event in said.values() if event.account_id}
        accounts = {event.account.id for event in events if isinstance(event, DealClosed)}
        customers = {event.key for event in events if event.topic == Topic.ACCOUNTS}
        book = await self.of_accounts(accounts | customers | owed, wanted, session)
        await self._add_groups(book, events, session)
        # Replicas collide on managers only when they both have new accounts to give away.
        free = {one.id for one in book.accounts.values() if one.manager_id is None}
        if people or free or (accounts | customers) - set(book.accounts):
            await self._add_pool(book, session)
        elif accounts or said:
            book.pool = await self.heads(session)
        if free:
            await self._add_live(book, free, session)
        await self.add_obligations(book, free | customers | owed, session)
        for handoff in book.handoffs.values():
            if deadline_id(handoff, "accept") in said:
                record = await self.record(handoff.salesperson_id, session)
                book.records |= {record.id: record} if record else {}
        return book

    async def of_accounts(
        self, accounts: Iterable[str], wanted: Sequence[Document], session: Session | None
    ) -> Book:
        """Handoffs that match any of the queries; their accounts, and these."""
        book = Book()
        if wanted:
            for row in await find(
                self._handoffs, {"$or": list(wanted)}, session=session, sort=[("round", 1)]
            ):
                _know(book, row)
        ids = {*accounts, *(handoff.account_id for handoff in book.handoffs.values())}
        if ids:
            rows = await find(self._accounts, {"_id": {"$in": list(ids)}}, session=session)
            book.know_accounts(to_account(row) for row in rows)
        return book

    async def portfolio(self, account_id: str, session: Session) -> Book:
        """An account with its live handoffs, and everybody who may manage it."""
        book = await self.of_accounts([account_id], [_live_of([account_id])], session)
        await self._add_pool(book, session)
        await self.add_obligations(book, [account_id], session)
        return book

    async def _add_groups(self, book: Book, events: Sequence[EventData], session: Session) -> None:
        """The groups of these accounts, of their parents, and those they head themselves."""
        parents = {
            event.account.parent_id
            for event in events
            if isinstance(event, DealClosed) and event.account.parent_id
        }
        if unknown := parents - set(book.accounts):
            rows = await find(self._accounts, {"_id": {"$in": list(unknown)}}, session=session)
            book.know_accounts(to_account(row) for row in rows)
        of_accounts = {one.group_id for one in book.accounts.values() if one.group_id}
        named = {event.key for event in events if event.topic == Topic.DEALS}
        if ids := list(parents | of_accounts | named):
            rows = await find(self._groups, {"_id": {"$in": ids}}, session=session)
            book.groups = {row["_id"]: to_group(row) for row in rows}

    async def groups_moving(self, limit: int) -> list[Group]:
        """Groups whose members have not all been told of the tier."""
        return [to_group(row) for row in await find(self._groups, {"moving": True}, limit=limit)]

    async def group_moved(self, group: Group) -> None:
        """All members have the tier of the group, unless it has changed since."""
        where = {"_id": group.id, "tier": group.tier.value}
        await write(self._groups, [UpdateOne(where, {"$set": {"moving": False}})])

    async def add_obligations(
        self, book: Book, accounts: Iterable[str], session: Session | None
    ) -> None:
        """What is owed to these customers."""
        if ids := list(accounts):
            query = {"account_id": {"$in": ids}}
            for row in await find(self.database["obligations"], query, session=session):
                one = Obligation(id=row.pop("_id"), **row | {"kind": Kind(row["kind"])})
                book.obligations.setdefault(one.account_id, {})[one.id] = one

    async def _add_pool(self, book: Book, session: Session) -> None:
        book.pool = await self.pool(session)
        book.stored_managers = dict(book.pool.managers)

    async def pool(self, session: Session | None = None) -> Pool:
        """Everybody who is or was an account manager, and the heads."""
        rows = await find(self._managers, {}, session=session)
        return Pool({row["_id"]: to_manager(row) for row in rows})

    async def heads(self, session: Session) -> Pool:
        """Those alone who lead the account managers."""
        rows = await find(self._managers, {"head": True}, session=session)
        return Pool({row["_id"]: to_manager(row) for row in rows})

    async def record(self, salesperson_id: str, session: Session) -> Acceptance | None:
        """How a salesperson's handoffs fared so far."""
        query = {"_id": salesperson_id}
        rows = await find(self.database["salespeople"], query, session=session)
        return Acceptance(id=salesperson_id, accepted=rows[0]["accepted"],
                          returned=rows[0]["returned"]) if rows else None  # fmt: skip

    async def accounts_where(
        self, query: Mapping[str, Any], limit: int, after: str = ""
    ) -> list[Account]:
        """Accounts by id, from the one after `after` on."""
        rest = {"$and": [query, {"_id": {"$gt": after}}]}
        rows = await find(self._accounts, rest, sort=[("_id", 1)], limit=limit)
        return [to_account(row) for row in rows]

    async def accounts_of(self, wanted: Wanted, manager: str | None, limit: int) -> list[Account]:
        """A manager's accounts in the order wanted; None: those of nobody."""
        found: dict[str, Account] = {}
        for whose, query in of_manager(manager).items():
            by = index(whose, FIELDS[wanted.order])
            for one in await self._ordered(wanted, query, limit, by):
                found[one.id] = one
        return sorted(found.values(), key=wanted.place, reverse=wanted.down)[:limit]

    async def accounts_reached(
        self, viewer: Viewer, wanted: Wanted, query: Document, limit: int
    ) -> list[Account]:
        """Accounts that match, of the viewer's own handoffs or owed something, as wanted."""
        rows = await aggregate(self._handoffs, reached(viewer, wanted, query, limit))
        return [to_account(row) for row in rows]

    async def _ordered(
        self,
        wanted: Wanted,
        query: Mapping[str, Any],
        limit: int,
        by: Sequence[tuple[str, int]],
    ) -> list[Account]:
        found: list[Account] = []
        for step in wanted.steps(query):
            left = limit - len(found)
            rows = await find(self._accounts, step, sort=wanted.sort, limit=left, hint=by)
            found += map(to_account, rows)
            if len(found) == limit:
                break
        return found

    async def handoffs_where(
        self, query: Mapping[str, Any], limit: int, session: Session | None = None
    ) -> list[Handoff]:
        """Handoffs, the oldest first."""
        rows = await find(
            self._handoffs, query, sort=[("closed_at", 1), ("_id", 1)], limit=limit, session=session
        )
        return [to_handoff(row) for row in rows]

    async def waiting(
        self, limit: int, after: str = "", session: Session | None = None
    ) -> list[Handoff]:
        """Handoffs that nobody could take, by id, from the one after `after` on."""
        query = {"status": Status.UNASSIGNED.value, "_id": {"$gt": after}}
        rows = await find(self._handoffs, query, sort=[("_id", 1)], limit=limit, session=session)
        return [to_handoff(row) for row in rows]

    async def account(self, account_id: str) -> Account | None:
        """One account."""
        rows = await find(self._accounts, {"_id": account_id})
        return to_account(rows[0]) if rows else None

    async def explanation(self, handoff_id: str) -> Explanation | None:
        """Why a handoff went to whom it went; None when the account had a manager."""
        rows = await find(self.database["explanations"], {"_id": handoff_id})
        return to_explanation(rows[0]) if rows else None

    async def history(self, handoffs: Iterable[str]) -> list[Did]:
        """What people did with these handoffs, the earliest first."""
        query = {"handoff_id": {"$in": list(handoffs)}}
        rows = await find(self.database["history"], query, sort=[("at", 1)])
        return [Did(id=row.pop("_id"), **row | {"said": tuple(row["said"])}) for row in rows]

    async def save(self, book: Book, session: Session) -> None:
        """Write what changed."""
        await write(
            self._accounts,
            [
                write_account(book.stored_accounts.get(i), book.accounts[i])
                for i in sorted(book.changed_accounts)
            ],
            session=session,
        )
        await write(
            self._managers,
            [
                write_manager(book.stored_managers.get(i), book.pool.managers[i])
                for i in sorted(book.changed_managers | book.pool.handicapped)
            ],
            session=session,
        )
        for name, documents in (
            ("handoffs", [from_handoff(book.handoffs[i]) for i in book.changed_handoffs]),
            ("explanations", [from_explanation(e) for e in book.explanations.values()]),
            ("groups", [from_group(book.groups[i]) for i in book.changed_groups]),
            (
                "salespeople",
                [
                    {"_id": r.id, "accepted": r.accepted, "returned": r.returned}
                    for r in book.records.values()
                ],
            ),
        ):
            await write(
                self.database[name],
                [
                    InsertOne(document)  # half the server's time of a replacement that may insert
                    if name in _BEGUN and document["_id"] in book.new_handoffs
                    else ReplaceOne({"_id": document["_id"]}, document, upsert=True)
                    for document in documents
                ],
                session=session,
            )  # fmt: skip

        await write(
            self.database["obligations"],
            [
                ReplaceOne({"_id": name}, plain(one), upsert=True)
                if one
                else DeleteOne({"_id": name})
                for name, one in book.changed_obligations.items()
            ],
            session=session,
        )

        await write(
            self.database["history"],
            [ReplaceOne({"_id": did.id}, plain(did), upsert=True) for did in book.history],
            session=session,
        )

        await write(
            self.database["people"], directory.writes(book.people.values()), session=session
        )

    async def _add_live(self, book: Book, accounts: Iterable[str], session: Session) -> None:
        query = _live_of(accounts)
        for row in await find(self._handoffs, query, session=session, sort=[("round", 1)]):
            if row["_id"] not in book.handoffs:
                _know(book, row)


def _live_of(accounts: Iterable[str]) -> Document:
    return {"account_id": {"$in": list(accounts)}, "status": {"$in": _LIVE}}


def _is_told(event: EventData) -> TypeGuard[DeadlineMet | DeadlineMoved]:
    """Whether it may change whose a deadline is here, or that it is open."""
    return isinstance(event, DeadlineMet) or (
        isinstance(event, DeadlineMoved) and event.from_owner_id is not None
    )


def _know(book: Book, row: Document) -> None:
    handoff = to_handoff(row)
    book.handoffs[handoff.id] = handoff
    if handoff.kind != "transfer":
        book.latest[handoff.deal_id] = handoff.id
