"""Accounts, handoffs and managers in MongoDB: one query each to load a batch, one write to save."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.handoff import checklist_store, directory
from services.handoff.assignment import Away, Manager, Need, Pool, Tier
from services.handoff.book import Book
from services.handoff.obligations import Kind, Obligation
from services.handoff.states import LIVE, Account, Deadline, Did, Explanation, Handoff, Status
from services.handoff.tiers import Facts, Group
from services.handoff.verdicts import Reason, Verdicts
from shared.contracts.deals import DealAmended, DealClosed, DealReopened, Package
from shared.contracts.directory import PersonRemoved
from shared.contracts.event import EventData
from shared.contracts.handoffs import Acceptance
from shared.contracts.topics import Topic
from shared.contracts.values import Money
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
    find,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "accounts": [
        IndexModel("manager_id"),
        IndexModel("group_id", partialFilterExpression={"group_id": {"$type": "string"}}),
        IndexModel("tier_wanted", partialFilterExpression={"tier_wanted": {"$type": "string"}}),
        IndexModel(
            "home_manager_id", partialFilterExpression={"home_manager_id": {"$type": "string"}}
        ),
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
    "explanations": [IndexModel("account_id")],
    "salespeople": [],
    "history": [IndexModel([("handoff_id", 1), ("at", 1)])],
    "obligations": [IndexModel("account_id")],
}


_LIVE = [status.value for status in LIVE]

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
        accounts = {event.account.id for event in events if isinstance(event, DealClosed)}
        customers = {event.key for event in events if event.topic == Topic.ACCOUNTS}
        book = await self.of_accounts(accounts | customers, wanted, session)
        await self._add_groups(book, events, session)
        # Replicas collide on managers only when they both have new accounts to give away.
        free = {one.id for one in book.accounts.values() if one.manager_id is None}
        if people or free or (accounts | customers) - set(book.accounts):
            book.pool = await self.pool(session)
        elif accounts:
            book.pool = Pool(await self._heads(session))
        if free:
            await self._add_live(book, free, session)
        await self.add_obligations(book, free | customers, session)
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
            book.accounts = {row["_id"]: _account(row) for row in rows}
        return book

    async def portfolio(self, account_id: str, session: Session) -> Book:
        """An account with its live handoffs, and everybody who may manage it."""
        book = await self.of_accounts([account_id], [_live_of([account_id])], session)
        book.pool = await self.pool(session)
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
            book.accounts |= {row["_id"]: _account(row) for row in rows}
        of_accounts = {one.group_id for one in book.accounts.values() if one.group_id}
        named = {event.key for event in events if event.topic == Topic.DEALS}
        if ids := list(parents | of_accounts | named):
            rows = await find(self._groups, {"_id": {"$in": ids}}, session=session)
            book.groups = {row["_id"]: _group(row) for row in rows}

    async def groups_moving(self, limit: int) -> list[Group]:
        """Groups whose members have not all been told of the tier."""
        return [_group(row) for row in await find(self._groups, {"moving": True}, limit=limit)]

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

    async def pool(self, session: Session | None = None) -> Pool:
        """Everybody who is or was an account manager, and the heads."""
        rows = await find(self._managers, {}, session=session)
        return Pool({row["_id"]: _manager(row) for row in rows})

    async def heads(self, session: Session) -> frozenset[str]:
        """Who leads the account managers."""
        return frozenset(await self._heads(session))

    async def _heads(self, session: Session) -> dict[str, Manager]:
        rows = await find(self._managers, {"head": True}, session=session)
        return {row["_id"]: _manager(row) for row in rows}

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
        return [_account(row) for row in rows]

    async def handoffs_where(
        self, query: Mapping[str, Any], limit: int, session: Session | None = None
    ) -> list[Handoff]:
        """Handoffs, the oldest first."""
        rows = await find(
            self._handoffs, query, sort=[("closed_at", 1), ("_id", 1)], limit=limit, session=session
        )
        return [_handoff(row) for row in rows]

    async def waiting(
        self, limit: int, after: str = "", session: Session | None = None
    ) -> list[Handoff]:
        """Handoffs that nobody could take, by id, from the one after `after` on."""
        query = {"status": Status.UNASSIGNED.value, "_id": {"$gt": after}}
        rows = await find(self._handoffs, query, sort=[("_id", 1)], limit=limit, session=session)
        return [_handoff(row) for row in rows]

    async def account(self, account_id: str) -> Account | None:
        """One account."""
        rows = await find(self._accounts, {"_id": account_id})
        return _account(rows[0]) if rows else None

    async def explanation(self, handoff_id: str) -> Explanation | None:
        """Why a handoff went to whom it went; None when the account had a manager."""
        rows = await find(self.database["explanations"], {"_id": handoff_id})
        return _explanation(rows[0]) if rows else None

    async def history(self, handoffs: Iterable[str]) -> list[Did]:
        """What people did with these handoffs, the earliest first."""
        query = {"handoff_id": {"$in": list(handoffs)}}
        rows = await find(self.database["history"], query, sort=[("at", 1)])
        return [Did(id=row.pop("_id"), **row | {"said": tuple(row["said"])}) for row in rows]

    async def keep_history(self, did: Did, session: Session) -> None:
        """Remember what somebody did."""
        one = ReplaceOne({"_id": did.id}, _plain(did), upsert=True)
        await write(self.database["history"], [one], session=session)

    async def save(self, book: Book, session: Session) -> None:
        """Write what changed."""
        changed = sorted(book.changed_managers | book.pool.handicapped)
        managers = [book.pool.managers[i] for i in changed]
        for name, documents in (
            (
                "accounts",
                [_account_document(book.accounts[i]) for i in sorted(book.changed_accounts)],
            ),
            ("handoffs", [_handoff_document(book.handoffs[i]) for i in book.changed_handoffs]),
            ("managers", [_plain(manager) for manager in managers]),
            ("explanations", [_explanation_document(e) for e in book.explanations.values()]),
            ("groups", [_group_document(book.groups[i]) for i in book.changed_groups]),
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
                    if name == "handoffs" and document["_id"] in book.new_handoffs
                    else ReplaceOne({"_id": document["_id"]}, document, upsert=True)
                    for document in documents
                ],
                session=session,
            )  # fmt: skip

        await write(
            self.database["obligations"],
            [
                ReplaceOne({"_id": name}, _plain(one), upsert=True)
                if one
                else DeleteOne({"_id": name})
                for name, one in book.changed_obligations.items()
            ],
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


def _know(book: Book, row: Document) -> None:
    handoff = _handoff(row)
    book.handoffs[handoff.id] = handoff
    if handoff.kind != "transfer":
        book.latest[handoff.deal_id] = handoff.id


def _plain(state: Any) -> Document:
    document: Document = {one.name: getattr(state, one.name) for one in fields(state)}
    return {"_id": document.pop("id"), **document}


def _account_document(account: Account) -> Document:
    return _plain(account) | {
        "won": {name: str(value) for name, value in account.won.items()},
        "revision": account.revision + 1,
    }


def _account(row: Document) -> Account:
    row["tier"] = Tier(row["tier"])
    row["tier_wanted"] = row["tier_wanted"] and Tier(row["tier_wanted"])
    row["won"] = {name: Decimal(value) for name, value in row["won"].items()}
    return Account(id=row.pop("_id"), **row)


def _group_document(group: Group) -> Document:
    return _plain(group) | {
        "members": [
            [name, {c: str(v) for c, v in facts.won.items()}, facts.country, facts.key]
            for name, facts in group.members.items()
        ]
    }


def _group(row: Document) -> Group:
    return Group(
        id=row["_id"],
        members={
            name: Facts({c: Decimal(v) for c, v in won.items()}, country, key)
            for name, won, country, key in row["members"]
        },
        tier=Tier(row["tier"]),
        reason=row["reason"],
        moving=row["moving"],
    )


def _handoff_document(handoff: Handoff) -> Document:
    amount, package = handoff.amount, handoff.package
    return _plain(handoff) | {
        "amount": amount and {"value": str(amount.value), "currency": amount.currency},
        "package": package and package.model_dump(mode="json", exclude_none=True),
        "deadlines": [
            {"step": d.step, "title": d.title, "owner_id": d.owner_id, "due_at": d.due_at}
            for d in handoff.deadlines
        ],
        "checklist": handoff.checklist and checklist_store.document(handoff.checklist),
    }


def _handoff(row: Document) -> Handoff:
    amount, package = row["amount"], row["package"]
    row["amount"] = amount and Money(value=Decimal(amount["value"]), currency=amount["currency"])
    row["package"] = package and Package.model_validate_json(json.dumps(package))
    row["status"] = Status(row["status"])
    row["checklist"] = row["checklist"] and checklist_store.checklist(row["checklist"])
    titles = {step.id: step.titles for step in row["checklist"].steps} if row["checklist"] else {}
    row["deadlines"] = tuple(
        Deadline(**one, titles=titles.get(one["step"], {})) for one in row["deadlines"]
    )
    row["done"], row["missing"] = tuple(row["done"]), tuple(row["missing"])
    row["moved"] = tuple(row["moved"])
    return Handoff(id=row.pop("_id"), **row)


def _manager(row: Document) -> Manager:
    for name in ("regions", "countries", "cities", "speaks", "industries"):
        row[name] = tuple(row[name])
    row["absences"] = tuple(Away(*one) for one in row["absences"])
    row["level"] = Tier(row["level"]) if row["level"] else None
    return Manager(id=row.pop("_id"), **row)


def _explanation_document(explanation: Explanation) -> Document:
    by_reason = {reason.value: names for reason, names in explanation.verdicts.by_reason.items()}
    need = {name: getattr(explanation.need, name) for name in explanation.need.__slots__}
    return _plain(explanation) | {"need": need, "verdicts": by_reason}


def _explanation(row: Document) -> Explanation:
    at: datetime = row["at"]
    return Explanation(
        id=row["_id"],
        account_id=row["account_id"],
        at=at,
        reason=row["reason"],
        need=Need(**row["need"] | {"tier": Tier(row["need"]["tier"])}),
        weight=row["weight"],
        manager_id=row["manager_id"],
        verdicts=Verdicts({Reason(reason): names for reason, names in row["verdicts"].items()}),
    )
