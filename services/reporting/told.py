"""What each event says of which facts."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from services.reporting.facts import FIRST, TOLD, Key, Stamp, Tell, digest, micros
from services.reporting.periods import Period, period
from shared.contracts import accounts, deadlines, deals, directory, handoffs, reminders
from shared.contracts.event import Event, EventData
from shared.contracts.values import Money
from shared.identities import ERASED

SEPARATOR = "\x1f"
"""Between the parts of an id: no id and no name can contain it."""
NOBODY = "-"

Says = Callable[[Any, Stamp], tuple[Tell, ...]]


class Refused(Exception):
    """An event that cannot be counted; says which field is wrong and why. It is set aside."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")


def tells(event: Event) -> tuple[tuple[Tell, ...], Stamp]:
    """What an event says, and its stamp; nothing of events that no figure is made of."""
    stamp = Stamp.of(event)
    says = SAYS.get(type(event.data))
    return (says(event.data, stamp) if says else ()), stamp


def all_told(events: Iterable[Event]) -> list[tuple[Tell, Stamp]]:
    """All that these events say, one after the other."""
    return [(tell, stamp) for found, stamp in map(tells, events) for tell in found]


def _money(amount: Money | None) -> str | None:
    return f"{amount.value:f} {amount.currency}" if amount else None


def _period(text: str) -> Period:
    try:
        return period(text)
    except ValueError as error:
        raise Refused("data.period", str(error)) from None


def _deal_closed(data: deals.DealClosed, _: Stamp) -> tuple[Tell, ...]:
    account = data.account
    place = {
        name: value
        for name in ("industry", "country", "region", "city")
        if (value := getattr(account, name)) is not None
    }
    known: dict[str, Any] = {"name": account.name, **place}
    if account.parent_id is not None:
        known["parent"] = account.parent_id
    return (
        Tell(
            Key("deal", data.deal_id),
            {
                "account": account.id,
                "outcome": data.outcome,
                "closed_at": micros(data.closed_at),
                "salesperson": data.salesperson.id,
                "amount": _money(data.amount),
                "products": list(data.products),
                **place,
            },
        ),
        Tell(Key("account", account.id), known),
    )


def _deal_amended(data: deals.DealAmended, _: Stamp) -> tuple[Tell, ...]:
    fields: dict[str, Any] = {"account": data.account_id}
    if data.amount:
        fields["amount"] = _money(data.amount)
    if data.products is not None:
        fields["products"] = list(data.products)
    if data.closed_at:
        fields["closed_at"] = micros(data.closed_at)
    return (Tell(Key("deal", data.deal_id), fields),)


def _deal_reopened(data: deals.DealReopened, _: Stamp) -> tuple[Tell, ...]:
    fields = {"account": data.account_id, "outcome": "open"}
    return (Tell(Key("deal", data.deal_id), fields),)


def _transferred(data: handoffs.AccountTransferred, stamp: Stamp) -> tuple[Tell, ...]:
    entry = [micros(data.at), data.to_manager_id]
    return (Tell(Key("account", data.account_id), {f"manager:{stamp.digest}": entry}),)


def _tier_changed(data: handoffs.AccountTierChanged, stamp: Stamp) -> tuple[Tell, ...]:
    entry = [micros(data.at), data.to_tier]
    return (Tell(Key("account", data.account_id), {f"tier:{stamp.digest}": entry}),)


def _handoff(at: str, whose: str | None = None) -> Says:
    def says(data: Any, stamp: Stamp) -> tuple[Tell, ...]:
        what = data.type.split(".")[1]
        person = getattr(data, whose) if whose else NOBODY
        fields: dict[str, Any] = {
            "account": data.account_id,
            f"{TOLD}{what}:{stamp.digest}": [micros(getattr(data, at)), person],
        }
        if (completeness := getattr(data, "completeness", None)) is not None:
            fields["completeness"] = completeness
        tell = Tell(Key("handoff", data.handoff_id), fields)
        match data:
            case handoffs.HandoffCreated():
                fields |= {"salesperson": data.salesperson_id, "kind": data.kind}
                fields["completeness_first"] = data.completeness
            case handoffs.HandoffAssigned():
                fields["manager"] = data.manager_id
                # Every later change of managers is told as a transfer, so the first is enough.
                name = f"{FIRST}manager:{digest(data.manager_id)}"
                first = {name: [micros(data.assigned_at), data.manager_id]}
                return tell, Tell(Key("account", data.account_id), first)
            case _:
                pass
        return (tell,)

    return says


def _deadline(at: str, whose: str | None = None, state: str | None = None) -> Says:
    def says(data: Any, stamp: Stamp) -> tuple[Tell, ...]:
        what = data.type.split(".")[1]
        moment = getattr(data, at)
        person = getattr(data, whose) if whose else NOBODY
        fields: dict[str, Any] = {
            f"{TOLD}{what}:{stamp.digest}": [micros(moment) if moment else stamp.time, person]
        }
        if data.account_id:
            fields["account"] = data.account_id
        if state:
            fields |= {"state": state, f"{state}_at": micros(moment) if moment else stamp.time}
        match data:
            case deadlines.DeadlineSet():
                fields |= {"owner": data.owner_id, "due_at": micros(data.due_at)}
                fields |= {"kind": data.kind, "step": data.step}
            case deadlines.DeadlineMoved():
                fields["due_at"] = micros(data.due_at)
                if data.owner_id:
                    fields["owner"] = data.owner_id
            case reminders.DeadlineRecalculated():
                fields["due_at"] = micros(data.new_due_at)
            case _:
                pass
        return (Tell(Key("deadline", data.deadline_id), fields),)

    return says


def _reminder(at: str) -> Says:
    def says(data: Any, stamp: Stamp) -> tuple[Tell, ...]:
        what = data.type.split(".")[1]
        entry = [micros(getattr(data, at)), data.recipient_id]
        fields = {"channel": data.channel, f"{TOLD}{what}:{stamp.digest}": entry}
        if data.account_id:
            fields["account"] = data.account_id
        return (Tell(Key("reminder", data.reminder_id), fields),)

    return says


def _of_account(subject: str, about: str, /, **fields: str) -> Says:
    """Events of topic `accounts`: fields that are there, by their names in the fact."""

    def says(data: Any, _: Stamp) -> tuple[Tell, ...]:
        found: dict[str, Any] = {"account": data.account_id}
        for name, attribute in fields.items():
            value = getattr(data, attribute)
            if name.endswith("_at"):
                value = micros(value)
            elif isinstance(value, Money):
                value = _money(value)
            if value is not None:
                found[name] = value
        return (Tell(Key(subject, getattr(data, about)), found),)

    return says


def _with_state(state: str, says: Says) -> Says:
    def also(data: Any, stamp: Stamp) -> tuple[Tell, ...]:
        (tell,) = says(data, stamp)
        return (Tell(tell.key, {**tell.fields, "state": state}),)

    return also


def _at_one_moment(kind: str, at: str, *names: str, apart: str | None = None) -> Says:
    """Events with no id of their own: one of a customer's at a time, and by the field `apart`."""

    def says(data: Any, _: Stamp) -> tuple[Tell, ...]:
        moment = micros(getattr(data, at))
        parts = [data.account_id, str(moment), *([getattr(data, apart)] if apart else [])]
        fields = {name: getattr(data, name) for name in names}
        key = Key(kind, SEPARATOR.join(parts))
        return (Tell(key, {"account": data.account_id, "at": moment, **fields}),)

    return says


def _planned(kind: str, whose: str) -> Says:
    def says(data: Any, _: Stamp) -> tuple[Tell, ...]:
        of, who = _period(data.period), getattr(data, f"{whose}_id")
        fields = {
            whose: who,
            "period": of.name,
            "since": of.since.isoformat(),
            "until": of.until.isoformat(),
            "amount": _money(data.amount),
        }
        return (Tell(Key(kind, f"{who}{SEPARATOR}{of.name}"), fields),)

    return says


def _upserted(data: directory.PersonUpserted, _: Stamp) -> tuple[Tell, ...]:
    roles = [role.value for role in data.roles]
    hours = [[day, list(ranges)] for day, ranges in sorted((data.hours or {}).items())]
    fields = {
        "name": data.name,
        "reports_to": data.reports_to,
        "active": 1,
        "roles": roles,
        "language": data.language,
        "time_zone": data.time_zone if "time_zone" in data.model_fields_set else None,
        "hours": hours,
        "team": data.team,
        "calendar": data.calendar,
        "mutes": sorted(set(data.mutes)),
    }
    return (Tell(Key("person", data.person_id), fields),)


FORGOTTEN: Mapping[str, Any] = MappingProxyType(
    {
        "name": ERASED,
        "language": None,
        "time_zone": None,
        "hours": [],
        "team": None,
        "calendar": None,
        "mutes": [],
    }
)
"""What is left of what the directory said of somebody who is erased."""


def _erased(data: directory.PersonErased, _: Stamp) -> tuple[Tell, ...]:
    """All but the name: to whom somebody reported, figures are rolled up."""
    roles = [role.value for role in data.roles]
    kept = {"reports_to": data.reports_to, "active": 0, "roles": roles}
    return (Tell(Key("person", data.person_id), {**FORGOTTEN, **kept}),)


def _removed(data: directory.PersonRemoved, _: Stamp) -> tuple[Tell, ...]:
    return (Tell(Key("person", data.person_id), {"active": 0}),)


SAYS: Mapping[type[EventData], Says] = MappingProxyType(
    {
        deals.DealClosed: _deal_closed,
        deals.DealAmended: _deal_amended,
        deals.DealReopened: _deal_reopened,
        accounts.DisputeOpened: _with_state(
            "open",
            _of_account("dispute", "dispute_id", opened_at="opened_at", severity="severity"),
        ),
        accounts.DisputeUpdated: _of_account("dispute", "dispute_id", severity="severity"),
        accounts.DisputeResolved: _with_state(
            "resolved", _of_account("dispute", "dispute_id", resolved_at="resolved_at")
        ),
        accounts.SatisfactionRecorded: _at_one_moment("satisfaction", "recorded_at", "score"),
        accounts.OpportunityIdentified: _with_state(
            "open",
            _of_account("opportunity", "opportunity_id", identified_at="identified_at",
                        kind="kind", product="product", amount="amount"),
        ),
        accounts.OpportunityWon: _with_state(
            "won",
            _of_account("opportunity", "opportunity_id", won_at="won_at", amount="amount"),
        ),
        accounts.OpportunityLost: _with_state(
            "lost", _of_account("opportunity", "opportunity_id", lost_at="lost_at")
        ),
        accounts.BudgetSet: _planned("budget", "account"),
        accounts.BudgetSpent: _of_account(
            "spending", "spending_id", spent_at="spent_at", amount="amount"
        ),
        accounts.TransactionRecorded: _of_account(
            "transaction", "transaction_id", recorded_at="recorded_at", kind="kind",
            amount="amount",
        ),
        accounts.ContactMade: _at_one_moment(
            "contact", "made_at", "by", "channel", apart="by"
        ),
        accounts.ProductIntroduced: _at_one_moment(
            "introduction", "introduced_at", "product", "by", apart="product"
        ),
        accounts.TargetSet: _planned("target", "manager"),
        directory.PersonUpserted: _upserted,
        directory.PersonRemoved: _removed,
        directory.PersonErased: _erased,
        handoffs.HandoffCreated: _handoff("created_at"),
        handoffs.HandoffAssigned: _handoff("assigned_at", "manager_id"),
        handoffs.HandoffUnassigned: _handoff("at"),
        handoffs.HandoffInfoRequested: _handoff("requested_at"),
        handoffs.HandoffAccepted: _handoff("accepted_at"),
        handoffs.HandoffReturned: _handoff("returned_at"),
        handoffs.HandoffResubmitted: _handoff("resubmitted_at"),
        handoffs.HandoffPackageAdded: _handoff("added_at"),
        handoffs.HandoffStepDone: _handoff("done_at"),
        handoffs.HandoffCompleted: _handoff("completed_at"),
        handoffs.HandoffCancelled: _handoff("at"),
        handoffs.AccountTransferred: _transferred,
        handoffs.AccountTierChanged: _tier_changed,
        deadlines.DeadlineSet: _deadline("set_at", "owner_id", "open"),
        deadlines.DeadlineMoved: _deadline("moved_at"),
        deadlines.DeadlinePaused: _deadline("paused_at"),
        deadlines.DeadlineResumed: _deadline("resumed_at"),
        deadlines.DeadlineMet: _deadline("met_at", state="met"),
        deadlines.DeadlineCancelled: _deadline("cancelled_at", state="cancelled"),
        reminders.ReminderSent: _reminder("sent_at"),
        reminders.ReminderFailed: _reminder("failed_at"),
        reminders.ReminderAcknowledged: _reminder("acknowledged_at"),
        reminders.DeadlineMissed: _deadline("missed_at", "owner_id"),
        reminders.DeadlineEscalated: _deadline("escalated_at", "to_id"),
        reminders.DeadlineRecalculated: _deadline("recalculated_at"),
    }
)  # fmt: skip
"""Events that say nothing to figures are not in it."""
