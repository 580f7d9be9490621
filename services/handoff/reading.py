"""Reads what somebody asks for, as far as that person may see it: for the API and for pages.

What a viewer may not see is as if it were not there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.handoff import dossier, rights
from services.handoff.book import Book
from services.handoff.candidates import Manager
from services.handoff.directory import Directory
from services.handoff.listing import Wanted, ids_reached, managed, own
from services.handoff.obligations import Obligation
from services.handoff.people import Person
from services.handoff.repository import Repository
from services.handoff.rights import Reach, Viewer
from services.handoff.states import Account, Explanation, Handoff, Status
from services.handoff.verdicts import WORDS
from services.handoff.views import (
    AbsenceView,
    AccountRow,
    AccountView,
    DeadlineView,
    DidView,
    ExplanationView,
    HandoffView,
    Inbox,
    ManagerView,
    ObligationView,
    Portfolio,
    VerdictView,
)
from shared.mongo import aggregate, server_time

MOST_HANDOFFS = 500  # of one account
_HIDDEN: Mapping[str, Any] = {"satisfaction": None, "contacted_at": None, "won": {}}
"""Of an account of which somebody sees the own handoffs only."""
HAD_ONE = "the account had a manager already, so nobody else was considered"


class Reading:
    """Every query is bounded, and names of people come with one query for all of them."""

    def __init__(self, repository: Repository, directory: Directory) -> None:
        self._repository = repository
        self._directory = directory

    async def inbox(
        self,
        viewer: Viewer,
        *,
        manager: str | None = None,
        salesperson: str | None = None,
        state: Status | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Inbox:
        """Handoffs that are the viewer's or the team's, the oldest first."""
        wanted = {"manager_id": manager, "salesperson_id": salesperson, "status": state}
        query: dict[str, Any] = {name: str(value) for name, value in wanted.items() if value}
        if not viewer.sees_everything:
            query |= {"$or": own(viewer)}
        found = await self._handoffs_after(query, after, limit + 1)
        page = found[:limit]
        return Inbox(
            items=await self._shown(viewer, page),
            next=page[-1].id if len(found) > limit else None,
        )

    async def handoff(self, viewer: Viewer, handoff_id: str) -> HandoffView | None:
        """One handoff."""
        seen = await self.seen(viewer, handoff_id)
        if seen is None:
            return None
        handoff, account = seen
        names = await self._directory.named(_people([handoff]))
        return _handoff(handoff, account, names, viewer)

    async def history(self, handoffs: Iterable[HandoffView]) -> dict[str, list[DidView]]:
        """What people did with handoffs that the viewer sees, the earliest first."""
        did = await self._repository.history(one.id for one in handoffs)
        names = await self._directory.named(one.by for one in did)
        found: dict[str, list[DidView]] = {}
        for one in did:
            shown = DidView.model_validate(one)
            shown = shown.model_copy(update={"by_name": _name(one.by, names)})
            found.setdefault(one.handoff_id, []).append(shown)
        return found

    async def shown(self, viewer: Viewer, handoff: Handoff) -> HandoffView:
        """A handoff that the viewer has just changed."""
        (shown,) = await self._shown(viewer, [handoff])
        return shown

    async def seen(self, viewer: Viewer, handoff_id: str) -> tuple[Handoff, Account] | None:
        """A handoff and its account, if the viewer sees the handoff."""
        found = await self._repository.handoffs_where({"_id": handoff_id}, 1)
        account = await self._repository.account(found[0].account_id) if found else None
        if not found or account is None:
            return None
        (handoff,) = found
        if rights.is_own(viewer, handoff) or rights.manages(viewer, account):
            return handoff, account
        others, owed = await self._of_account(account.id), await self._owed(account.id)
        sees = rights.sees_handoff(viewer, handoff, account, others, owed)
        return (handoff, account) if sees else None

    async def explanation(self, viewer: Viewer, handoff_id: str) -> ExplanationView | None:
        """Why a handoff went to whom it went.

        Why nobody else got it tells of the others: of who is absent, and who is full. Who sees
        all of the account sees it; for the others only the outcome is told.
        """
        seen = await self.seen(viewer, handoff_id)
        if seen is None:
            return None
        handoff, account = seen
        found = await self._repository.explanation(handoff_id)
        if found is None:
            names = await self._directory.named([handoff.manager_id])
            return ExplanationView(
                handoff_id=handoff.id,
                account_id=handoff.account_id,
                manager_id=handoff.manager_id,
                manager_name=_name(handoff.manager_id, names),
                reason=HAD_ONE,
            )
        whole = rights.manages(viewer, account)
        verdicts = [one for one in found.verdicts if whole or one.manager_id == found.manager_id]
        names = await self._directory.named(
            [found.manager_id, *(one.manager_id for one in verdicts)]
        )
        return _explanation(found, verdicts, names)

    async def accounts(
        self,
        viewer: Viewer,
        *,
        manager: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Portfolio:
        """Customers by id: those managed, covered or owed something, and of own handoffs."""
        query: dict[str, Any] = {}
        if manager:
            query = {"$or": [{"manager_id": manager}, {"home_manager_id": manager}]}
        mine: list[Account] = []
        if not viewer.sees_everything:
            ids = await self._accounts_of(viewer, after, limit + 1)
            mine = await self._repository.accounts_where(
                {"$and": [{"_id": {"$in": ids}}, query]}, limit + 1, after
            )
            query = {"$and": [{"$or": managed(viewer)}, query]}
        found = await self._repository.accounts_where(query, limit + 1, after)
        known = {one.id: one for one in (*mine, *found)}
        page = [known[name] for name in sorted(known)][:limit]
        return Portfolio(
            items=await self._rows(viewer, page),
            next=page[-1].id if len(known) > limit else None,
        )

    async def portfolio(
        self, viewer: Viewer, manager: str | None, wanted: Wanted, limit: int
    ) -> Portfolio:
        """Customers of one manager, or of nobody; those of own handoffs to who sees no more.

        The latter by name: another order would tell what is hidden from them.
        """
        if rights.sees_portfolio(viewer, manager):
            found = await self._repository.accounts_of(wanted, manager, limit + 1)
        else:
            wanted = replace(wanted, order="name")
            query = {"manager_id": manager} if manager else {}
            found = await self._repository.accounts_reached(viewer, wanted, query, limit + 1)
        page = found[:limit]
        return Portfolio(
            items=await self._rows(viewer, page),
            next=wanted.ends(page[-1]) if len(found) > limit else None,
        )

    async def account(self, viewer: Viewer, account_id: str) -> AccountView | None:
        """Everything that is known of a customer; None when the viewer sees nothing of it."""
        account = await self._repository.account(account_id)
        if account is None:
            return None
        handoffs = await self._of_account(account_id)
        more = len(handoffs) > MOST_HANDOFFS
        handoffs = handoffs[:MOST_HANDOFFS]
        owed = await self._owed(account_id)
        reach = rights.of_account(viewer, account, handoffs, owed)
        if reach == Reach.NOTHING:
            return None
        if reach == Reach.OWN:
            handoffs = [one for one in handoffs if rights.is_own(viewer, one)]
            owed = []  # nothing of it is the viewer's
        owners = (one.owner_id for one in owed)
        names = await self._directory.named(
            {account.manager_id, account.home_manager_id, *_people(handoffs), *owners}
        )
        shown = _account(account, handoffs, owed, names, viewer)
        if reach == Reach.OWN:
            shown = shown.model_copy(update={**_HIDDEN, "won": {}, "satisfaction_at": None})
        return shown.model_copy(update={"whole": reach == Reach.ALL, "more_handoffs": more})

    async def managers(self, viewer: Viewer) -> list[ManagerView]:
        """Everybody with accounts or room for some whom the viewer leads, or is."""
        now = await server_time(self._repository.database)
        seen = [
            one
            for one in (await self._repository.pool()).managers.values()
            if (one.active or one.load) and rights.sees_manager(viewer, one.id)
        ]
        names = await self._directory.named(one.id for one in seen)
        return [_manager(one, names, now) for one in sorted(seen, key=lambda one: one.id)]

    async def _rows(self, viewer: Viewer, accounts: Sequence[Account]) -> list[AccountRow]:
        names = await self._directory.named(
            name for one in accounts for name in (one.manager_id, one.home_manager_id)
        )
        return [_row(one, names, whole=rights.manages(viewer, one)) for one in accounts]

    async def _shown(self, viewer: Viewer, handoffs: Sequence[Handoff]) -> list[HandoffView]:
        names = await self._directory.named(_people(handoffs))
        accounts = {
            one.id: one
            for one in await self._repository.accounts_where(
                {"_id": {"$in": sorted({one.account_id for one in handoffs})}}, 0
            )
        }
        return [_handoff(one, accounts[one.account_id], names, viewer) for one in handoffs]

    async def _of_account(self, account_id: str) -> list[Handoff]:
        return await self._repository.handoffs_where({"account_id": account_id}, MOST_HANDOFFS + 1)

    async def _owed(self, account_id: str) -> list[Obligation]:
        book = Book()
        await self._repository.add_obligations(book, [account_id], None)
        return list(book.obligations.get(account_id, {}).values())

    async def _handoffs_after(
        self, query: Mapping[str, Any], after: str | None, limit: int
    ) -> list[Handoff]:
        if after:
            last = await self._repository.handoffs_where({"_id": after}, 1)
            if not last:
                return []
            at = last[0].closed_at
            rest = [{"closed_at": {"$gt": at}}, {"closed_at": at, "_id": {"$gt": after}}]
            query = {"$and": [query, {"$or": rest}]}
        return await self._repository.handoffs_where(query, limit)

    async def _accounts_of(self, viewer: Viewer, after: str, limit: int) -> list[str]:
        """Accounts of the viewer's own handoffs, and of what the viewer owes, by id."""
        ids = ids_reached(viewer, account_id={"$gt": after})
        rows = await aggregate(
            self._repository.database["handoffs"], [*ids, {"$sort": {"_id": 1}}, {"$limit": limit}]
        )
        return [row["_id"] for row in rows]


def _people(handoffs: Iterable[Handoff]) -> set[str | None]:
    return {
        name
        for one in handoffs
        for name in (one.manager_id, one.salesperson_id, *(due.owner_id for due in one.deadlines))
    }


def _name(person_id: str | None, names: Mapping[str, Person]) -> str:
    if person_id is None:
        return ""
    return names[person_id].name if person_id in names else person_id


def _handoff(
    handoff: Handoff, account: Account, names: Mapping[str, Person], viewer: Viewer
) -> HandoffView:
    shown = HandoffView.model_validate(handoff)
    deadlines = tuple(
        DeadlineView.model_validate(due).model_copy(
            update={"owner_name": _name(due.owner_id, names)}
        )
        for due in handoff.deadlines
    )
    return shown.model_copy(
        update={
            "account_name": account.name,
            "manager_name": _name(handoff.manager_id, names) or None,
            "salesperson_name": _name(handoff.salesperson_id, names),
            "deadlines": deadlines,
            "may": rights.may(viewer, handoff, account),
        }
    )


def _row(account: Account, names: Mapping[str, Person], *, whole: bool) -> AccountRow:
    shown = AccountRow.model_validate(account)
    hidden = {} if whole else _HIDDEN
    return shown.model_copy(update={**_managers(account, names), "whole": whole, **hidden})


def _managers(account: Account, names: Mapping[str, Person]) -> dict[str, str | None]:
    return {
        "manager_name": _name(account.manager_id, names) or None,
        "home_manager_name": _name(account.home_manager_id, names) or None,
    }


def _account(
    account: Account,
    handoffs: Sequence[Handoff],
    owed: Iterable[Obligation],
    names: Mapping[str, Person],
    viewer: Viewer,
) -> AccountView:
    obligations = tuple(
        ObligationView.model_validate(one).model_copy(
            update={"owner_name": _name(one.owner_id, names)}
        )
        for one in sorted(owed, key=lambda one: (one.due_at, one.id))
    )
    fields = {name: getattr(account, name) for name in account.__slots__}
    return AccountView.model_validate(
        fields
        | _managers(account, names)
        | {
            "won": dict(account.won),
            "package": dossier.merged(handoffs),
            "obligations": obligations,
            "handoffs": tuple(_handoff(one, account, names, viewer) for one in handoffs),
        }
    )


def _explanation(
    found: Explanation, verdicts: Iterable[Any], names: Mapping[str, Person]
) -> ExplanationView:
    need = {name: getattr(found.need, name) for name in found.need.__slots__}
    return ExplanationView(
        handoff_id=found.id,
        account_id=found.account_id,
        manager_id=found.manager_id,
        manager_name=_name(found.manager_id, names) or None,
        reason=found.reason,
        at=found.at,
        weight=found.weight,
        need={name: str(value) for name, value in need.items() if value},
        verdicts=[
            VerdictView(
                manager_id=one.manager_id,
                manager_name=_name(one.manager_id, names),
                reason=one.reason,
                words=WORDS[one.reason],
            )
            for one in verdicts
        ],
    )


def _manager(manager: Manager, names: Mapping[str, Person], now: datetime) -> ManagerView:
    return ManagerView(
        id=manager.id,
        name=_name(manager.id, names),
        active=manager.active,
        load=manager.load,
        capacity=manager.capacity,
        absent=manager.absent(now),
        absences=tuple(AbsenceView(since=a.since, until=a.until) for a in manager.absences),
        level=manager.level,
        places=(*manager.cities, *manager.regions, *manager.countries),
    )
