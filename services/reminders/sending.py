"""The rules of sending: to whom, by which channel, now or later. No clock, server or log."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from services.reminders.domain import Kind, Reminder, Status
from shared.contracts.directory import Channel, QuietHours
from shared.contracts.ids import derived

EMAIL = "email"
DIGEST = "digest"
UNDELIVERED = "undelivered"
ADDRESS = "address"
"""The own page has a new address."""
ANY_KIND = "*"

RETRY_BASE, RETRY_CAP = timedelta(seconds=5), timedelta(hours=1)
LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A provider that asks for more is asked again after this; it may say so again."""
PAUSED_FOR = timedelta(hours=1)
"""How often a message about a paused deadline is looked at again."""
HEADS = 10
"""People told one after the other of what reached none of them; then it stays failed."""

_WEEK = timedelta(days=7)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody in the directory, as far as messages go."""

    id: str
    name: str
    email: str | None = None
    language: Literal["fa", "en"] = "en"
    time_zone: str = "UTC"
    active: bool = True
    reports_to: str | None = None
    channels: tuple[Channel, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    digest: Mapping[str, str] = field(default_factory=dict)
    digest_at: str = "08:00"
    addresses: int = 0
    """Of the own page: how many were closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A message in this process's hands."""

    reminder: Reminder
    attempts: int = 1
    """On the channel it is on, this one included."""
    made_at: datetime | None = None
    since: datetime | None = None
    """When that channel was first tried."""
    tried: tuple[str, ...] = ()
    """Channels that are given up, as `name_of` spells them."""
    reasons: tuple[str, ...] = ()
    members: tuple[Reminder, ...] = ()
    """What a digest gathers."""
    dropped: tuple[Reminder, ...] = ()
    """What it gathered and need not be told any more."""


@dataclass(frozen=True, slots=True)
class DeadlineNow:
    """How the deadline of a message stands when it is sent."""

    status: Status
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What the company sets."""

    per_hour: int = 20
    """Messages to a person in an hour; what is more comes in one digest."""
    patience: timedelta = timedelta(hours=4)
    """How long one channel is tried."""
    patience_important: timedelta = timedelta(minutes=15)
    """The same for an important message that has another channel left."""


# What is done with a message in hand.


@dataclass(frozen=True, slots=True)
class Send:
    """Now, by this channel."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Defer:
    """Not before `until`; then everything is looked at anew."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Never: it would tell what is no longer so."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gather:
    """Together with others of its topic, at `at`."""

    digest_id: str
    topic: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No channel is left."""

    reason: str


Decision: TypeAlias = Send | Defer | Drop | Gather | GiveUp


# What became of an attempt.


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel has taken it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; the same attempt may succeed later."""

    reason: str
    after: timedelta | None = None
    """What the provider asks for (`Retry-After`), for all messages to this endpoint."""
    endpoint: bool = True
    """Whether the endpoint is at fault, not this one message."""


@dataclass(frozen=True, slots=True)
class Refused:
    """This channel will never take it."""

    reason: str
    gone: bool = False
    """The endpoint says that it is no more (410): nothing is sent to it again."""


@dataclass(frozen=True, slots=True)
class Held:
    """Not attempted: the endpoint is busy, or left alone for a while."""

    wait: timedelta


Outcome: TypeAlias = Delivered | Later | Refused | Held


@dataclass(frozen=True, slots=True)
class NextChannel:
    """This channel is given up."""

    given_up: str
    reason: str


def name_of(channel: Channel) -> str:
    """One name for one way to one place."""
    return f"{channel.kind}:{channel.address}"


def obsolete(reminder: Reminder, deadline: DeadlineNow | None, now: datetime) -> str | None:
    """Why a message need not be sent any more."""
    if deadline is None:
        return None
    if deadline.status in (Status.MET, Status.CANCELLED):
        return f"the deadline is {deadline.status} meanwhile"
    if reminder.due_at and reminder.due_at != deadline.due_at:
        return "the deadline was moved meanwhile"
    if reminder.kind == Kind.BEFORE and now >= deadline.due_at:
        return "its time is up; the message that says so takes its place"
    return None


def decide(
    item: Pending,
    recipient: Recipient | None,
    deadline: DeadlineNow | None,
    now: datetime,
    *,
    sent: int,
    limits: Limits,
    gone: Collection[str] = (),
) -> Decision:
    """What to do with a message, with all that is known at the moment of sending.

    `sent`: messages this person got in the last hour; `gone`: channels that are no more.
    """
    if reason := obsolete(item.reminder, deadline, now):
        return Drop(reason)
    if deadline and deadline.status == Status.PAUSED:
        return Defer(now + PAUSED_FOR, "the deadline is paused")
    if recipient is None or not recipient.active:
        return GiveUp(
            "this person has left" if recipient else "the directory does not know this person"
        )
    left = route(recipient, important=item.reminder.important, tried=item.tried, gone=gone)
    if not left:
        return GiveUp("; ".join(item.reasons) or "the directory has no way to reach this person")
    return _held_back(item.reminder, recipient, now, sent, limits) or Send(left[0])


def _held_back(
    reminder: Reminder, recipient: Recipient, now: datetime, sent: int, limits: Limits
) -> Defer | Gather | None:
    """Out of regard for the person; what is important is not held back."""
    if reminder.important:
        return None
    if until := quiet_until(recipient, now):
        return Defer(until, "quiet hours")
    if reminder.gathers:
        return None
    if gathered := _gathered(reminder, recipient, now):
        return gathered
    return _digest(recipient, ANY_KIND, _next_hour(now)) if sent >= limits.per_hour else None


def route(
    recipient: Recipient,
    *,
    important: bool,
    tried: Collection[str] = (),
    gone: Collection[str] = (),
) -> list[Channel]:
    """Channels that are left, in the person's order; mail is everybody's last resort."""
    wanted = "important" if important else "ordinary"
    chosen = [channel for channel in recipient.channels if channel.only in (None, wanted)]
    left: list[Channel] = []
    for channel in [*chosen, Channel(kind=EMAIL)]:
        address = channel.address or recipient.email
        if address is None:
            continue
        known = Channel(kind=channel.kind, address=address)
        if name_of(known) not in {*tried, *gone} and known not in left:
            left.append(known)
    return left


def quiet_until(recipient: Recipient, now: datetime) -> datetime | None:
    """The end of the quiet hours a moment lies in; None: it lies in none.

    Quiet hours that touch are one. Somebody who is always quiet would never hear of anything,
    which nobody wants: after a week without an opening they do not count.
    """
    zone = ZoneInfo(recipient.time_zone)
    moment = now
    while moment - now <= _WEEK:
        ends = [end for hours in recipient.quiet_hours if (end := _end(hours, zone, moment))]
        if not ends:
            return moment if moment > now else None
        moment = max(ends)
    return None


def after(
    item: Pending,
    outcome: Later | Refused | Held,
    channels: Sequence[Channel],
    now: datetime,
    *,
    limits: Limits,
    chance: random.Random,
) -> Defer | NextChannel:
    """What follows an attempt that failed; `channels`: the one tried and those left after it."""
    this = name_of(channels[0])
    kind = channels[0].kind
    if isinstance(outcome, Refused):
        return NextChannel(this, f"{kind}: {outcome.reason}")
    reason = outcome.reason if isinstance(outcome, Later) else "the endpoint is left alone"
    hurried = item.reminder.important and len(channels) > 1
    limit = limits.patience_important if hurried else limits.patience
    since = item.since or now
    if isinstance(outcome, Held):
        wait = outcome.wait
    else:
        wait = _jitter(item.attempts, chance)
        if outcome.after:
            wait = max(wait, min(outcome.after, LONGEST_RETRY_AFTER))
    if now + wait - since > limit:
        return NextChannel(this, f"{kind}: {reason}, for {limit}")
    return Defer(now + wait, reason)


def tell_head(
    reminder: Reminder, recipient: Recipient | None, reason: str, head: Recipient | None
) -> Reminder | None:
    """The message about a message that reached nobody; None: there is no head left to tell."""
    unreached = (*reminder.unreached, reminder.recipient_id)
    if recipient is None or head is None or head.id in unreached or len(unreached) > HEADS:
        return None
    return Reminder(
        id=derived("undelivered", reminder.id, head.id),
        recipient_id=head.id,
        kind=UNDELIVERED,
        title=reminder.title,
        titles=reminder.titles,
        deadline_id=reminder.deadline_id,
        account_id=reminder.account_id,
        account_name=reminder.account_name,
        done_only_on=reminder.done_only_on,
        due_at=reminder.due_at,
        body=reminder.body,
        important=reminder.important,
        unreached=unreached,
        reason=reason,
    )


def _jitter(attempts: int, chance: random.Random) -> timedelta:
    """Full jitter: anything up to this attempt's cap, so that failures do not march in step."""
    longest = min(RETRY_CAP, RETRY_BASE * 2 ** min(attempts, 20))
    return timedelta(seconds=chance.uniform(0, longest.total_seconds()))


def _gathered(reminder: Reminder, recipient: Recipient, now: datetime) -> Gather | None:
    wish = recipient.digest.get(reminder.kind, recipient.digest.get(ANY_KIND, "none"))
    if wish == "hourly":
        return _digest(recipient, reminder.kind, _next_hour(now))
    if wish == "daily":
        return _digest(recipient, reminder.kind, _next_morning(recipient, now))
    return None


def _digest(recipient: Recipient, topic: str, at: datetime) -> Gather:
    return Gather(derived("digest", recipient.id, topic, at.isoformat()), topic, at)


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _next_morning(recipient: Recipient, now: datetime) -> datetime:
    zone = ZoneInfo(recipient.time_zone)
    today = now.astimezone(zone).date()
    clock = time.fromisoformat(recipient.digest_at)
    morning = _at(today, clock, zone)
    return morning if morning > now else _at(today + timedelta(days=1), clock, zone)


def _end(hours: QuietHours, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """When these hours end, if the moment lies in them."""
    since, until = time.fromisoformat(hours.since), time.fromisoformat(hours.until)
    today = moment.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        if hours.days and _WEEKDAYS[day.weekday()] not in hours.days:
            continue
        last = day if until > since else day + timedelta(days=1)
        end = _at(last, until, zone)
        if _at(day, since, zone) <= moment < end:
            return end
    return None


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """A time on somebody's clock, in UTC: only there do moments compare and add up."""
    return datetime.combine(day, clock, zone).astimezone(ZoneInfo("UTC"))
