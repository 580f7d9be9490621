"""What is written and said of a message: by what was decided, by what became of the attempt."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.reminders.domain import Reminder
from services.reminders.outgoing import Fate, Known
from services.reminders.sending import (
    Defer,
    Delivered,
    Drop,
    Gather,
    GiveUp,
    Held,
    Limits,
    Outcome,
    Pending,
    Refused,
    Send,
    after,
    name_of,
    obsolete,
    route,
    tell_head,
)
from shared.contracts.reminders import ReminderFailed, ReminderSent

LONGEST_REASON = 500
NO_CHANNEL = "none"


def with_members(item: Pending, known: Known, now: datetime) -> Pending:
    """A digest with what it gathered, as far as it is still true."""
    if not item.reminder.gathers:
        return item
    members = known.members.get(item.reminder.id, ())
    dropped = tuple(one for one in members if obsolete(one, known.deadline(one), now))
    return replace(item, members=tuple(m for m in members if m not in dropped), dropped=dropped)


def decided(
    item: Pending, decision: Defer | Drop | Gather | GiveUp, known: Known, claim: str, now: datetime
) -> Fate:
    """Of a message that is not sent now."""
    match decision:
        case Defer(until, reason):
            fields = {
                "next_at": until,
                "attempts": item.attempts - 1,
                "tried": list(item.tried),
                "reasons": list(item.reasons),
                "because": reason,
            }
            return Fate(item=item, claim=claim, state="pending", fields=fields)
        case Drop(reason):
            fields = {"dropped_at": now, "because": reason}
            return Fate(item=item, claim=claim, state="dropped", fields=fields)
        case Gather():
            fields = {"digest_id": decision.digest_id}
            return Fate(item=item, claim=claim, state="gathered", fields=fields, gather=decision)
        case GiveUp(reason):
            return _failed(item, reason[:LONGEST_REASON], known, claim, now)


def tried(
    item: Pending,
    outcome: Outcome,
    sent: Send,
    *,
    known: Known,
    claim: str,
    now: datetime,
    limits: Limits,
    chance: random.Random,
) -> Fate:
    """Of a message that was sent, or could not be."""
    kind = sent.channel.kind
    if isinstance(outcome, Delivered):
        return Fate(
            item=item,
            claim=claim,
            state="sent",
            fields={"sent_at": now, "channel": kind},
            publish=tuple(
                (one.id, ReminderSent(**_about(one, kind), sent_at=now)) for one in _told(item)
            ),
        )
    recipient = known.people[item.reminder.recipient_id]
    left = route(recipient, important=item.reminder.important, tried=item.tried, gone=known.gone)
    follows = after(item, outcome, left, now, limits=limits, chance=chance)
    if isinstance(follows, Defer):
        held = isinstance(outcome, Held)
        fields: dict[str, Any] = {
            "next_at": follows.until,
            "attempts": item.attempts - 1 if held else item.attempts,
            "since": item.since or now,
            "tried": list(item.tried),
            "reasons": list(item.reasons),
            "because": follows.reason,
        }
    else:
        fields = {
            "next_at": now,
            "attempts": 0,
            "since": None,
            "tried": [*item.tried, follows.given_up],
            "reasons": [*item.reasons, follows.reason],
            "because": follows.reason,
        }
    gone = isinstance(outcome, Refused) and outcome.gone
    return Fate(
        item=item,
        claim=claim,
        state="pending",
        fields=fields,
        gone=name_of(sent.channel) if gone else None,
    )


def _failed(item: Pending, reason: str, known: Known, claim: str, now: datetime) -> Fate:
    """What reaches nobody by any channel is said, and brought to the head."""
    recipient = known.people.get(item.reminder.recipient_id)
    head = known.people.get(recipient.reports_to or "") if recipient else None
    channel = item.tried[-1].partition(":")[0] if item.tried else NO_CHANNEL
    told = _told(item)
    brought = [tell_head(one, recipient, reason, head) for one in told]
    return Fate(
        item=item,
        claim=claim,
        state="failed",
        fields={"failed_at": now, "because": reason},
        new=tuple(one for one in brought if one),
        publish=tuple(
            (one.id, ReminderFailed(**_about(one, channel), reason=reason, failed_at=now))
            for one in told
        ),
    )


def _told(item: Pending) -> Sequence[Reminder]:
    """A digest is an envelope: what counts is what it holds."""
    return item.members if item.reminder.gathers else (item.reminder,)


def _about(reminder: Reminder, channel: str) -> dict[str, Any]:
    return {
        "reminder_id": reminder.id,
        "recipient_id": reminder.recipient_id,
        "channel": channel,
        "kind": reminder.kind,
        "deadline_id": reminder.deadline_id,
        "account_id": reminder.account_id,
    }
