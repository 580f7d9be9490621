"""Accounts, handoffs, managers and groups as MongoDB documents, and back."""

import json
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.handoff import checklist_store
from services.handoff.candidates import Away, Manager, Need, Tier
from services.handoff.listing import sort_name
from services.handoff.states import Account, Deadline, Explanation, Handoff, Status
from services.handoff.tiers import Facts, Group
from services.handoff.verdicts import Reason, Verdicts
from shared.contracts.deals import Package
from shared.contracts.values import Money
from shared.mongo import Document, InsertOne, ReplaceOne, UpdateOne


def plain(state: Any) -> Document:
    """A state whose fields MongoDB takes as they are."""
    document: Document = {one.name: getattr(state, one.name) for one in fields(state)}
    return {"_id": document.pop("id"), **document}


def write_account(before: Account | None, account: Account) -> InsertOne[Document] | UpdateOne:
    """Keep an account; `before`: as it is stored."""
    changed = _differing(before, account) if before else plain(account)
    changed["revision"] = account.revision + 1
    if "name" in changed:
        changed["sort_name"] = sort_name(account.name)
    if "won" in changed:
        changed["won"] = {name: str(value) for name, value in account.won.items()}
    if before is None:
        return InsertOne(changed)
    return UpdateOne({"_id": account.id}, {"$set": changed})


def write_manager(before: Manager | None, manager: Manager) -> ReplaceOne[Document] | UpdateOne:
    """Keep a manager; `before`: as it is stored."""
    if before is None:
        return ReplaceOne({"_id": manager.id}, plain(manager), upsert=True)
    return UpdateOne({"_id": manager.id}, {"$set": _differing(before, manager)})


def _differing(before: Account | Manager, now: Account | Manager) -> Document:
    """The fields that are not as stored: MongoDB sets them in half the time of a replacement."""
    return {
        name: value
        for name in now.__slots__
        if (value := getattr(now, name)) != getattr(before, name)
    }


def to_account(row: Document) -> Account:
    """As it was kept."""
    row.pop("sort_name", None)
    row["tier"] = Tier(row["tier"])
    row["tier_wanted"] = row["tier_wanted"] and Tier(row["tier_wanted"])
    row["won"] = {name: Decimal(value) for name, value in row["won"].items()}
    return Account(id=row.pop("_id"), **row)


def from_group(group: Group) -> Document:
    """One document holds what the tier of its members follows from."""
    return plain(group) | {
        "members": [
            [name, {c: str(v) for c, v in facts.won.items()}, facts.country, facts.key]
            for name, facts in group.members.items()
        ]
    }


def to_group(row: Document) -> Group:
    """As it was kept."""
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


def from_handoff(handoff: Handoff) -> Document:
    """One document holds the handoff, its package, open deadlines and checklist."""
    amount, package = handoff.amount, handoff.package
    return plain(handoff) | {
        "amount": amount and {"value": str(amount.value), "currency": amount.currency},
        "package": package and package.model_dump(mode="json", exclude_none=True),
        "deadlines": [
            {name: getattr(d, name) for name in ("step", "title", "owner_id", "due_at", "turn")}
            for d in handoff.deadlines
        ],
        "checklist": handoff.checklist and checklist_store.document(handoff.checklist),
    }


def to_handoff(row: Document) -> Handoff:
    """As it was kept."""
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


def to_manager(row: Document) -> Manager:
    """As it was kept."""
    for name in ("regions", "countries", "cities", "speaks", "industries"):
        row[name] = tuple(row[name])
    row["absences"] = tuple(Away(*one) for one in row["absences"])
    row["level"] = Tier(row["level"]) if row["level"] else None
    return Manager(id=row.pop("_id"), **row)


def from_explanation(explanation: Explanation) -> Document:
    """Why one was chosen, and the others not."""
    # One text a reason: five hundred names each by itself take MongoDB a third of a millisecond.
    by_reason = {
        reason.value: "\n".join(names)
        for reason, names in explanation.verdicts.by_reason.items()
        if names
    }
    need = {name: getattr(explanation.need, name) for name in explanation.need.__slots__}
    return plain(explanation) | {"need": need, "verdicts": by_reason}


def to_explanation(row: Document) -> Explanation:
    """As it was kept."""
    at: datetime = row["at"]
    return Explanation(
        id=row["_id"],
        account_id=row["account_id"],
        at=at,
        reason=row["reason"],
        need=Need(**row["need"] | {"tier": Tier(row["need"]["tier"])}),
        weight=row["weight"],
        manager_id=row["manager_id"],
        verdicts=Verdicts(
            {Reason(reason): names.split("\n") for reason, names in row["verdicts"].items()}
        ),
    )
