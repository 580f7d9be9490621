"""To whom, by which channel, now or later: with no server and no clock."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reminders.delivery import fates
from services.reminders.domain import Reminder, Status
from services.reminders.outgoing import Fate, Known
from services.reminders.sending import (
    HEADS,
    LONGEST_RETRY_AFTER,
    RETRY_CAP,
    DeadlineNow,
    Decision,
    Defer,
    Delivered,
    Drop,
    Gather,
    GiveUp,
    Held,
    Later,
    Limits,
    NextChannel,
    Outcome,
    Pending,
    Recipient,
    Refused,
    Send,
    after,
    decide,
    name_of,
    quiet_until,
    route,
    tell_head,
)
from shared.contracts.directory import Channel, QuietHours
from shared.contracts.reminders import ReminderFailed, ReminderSent
from tests.support.builders import NOON
from tests.support.letters import reminder

HOUR = timedelta(hours=1)
LIMITS = Limits()
TEHRAN = "Asia/Tehran"
MONDAYS = QuietHours(since="12:00", until="13:00", days=("mon",))
NIGHT = QuietHours(since="22:00", until="07:00")


def mia(**changes: Any) -> Recipient:
    return Recipient(**{"id": "mia", "name": "Mia", "email": "mia@example.com"} | changes)


def chosen(
    about: Reminder | None = None, to: Recipient | None = None, now: datetime = NOON, **more: Any
) -> Decision:
    deadline = more.pop("deadline", None)
    item = more.pop("item", None) or Pending(reminder=about or reminder("due"))
    return decide(item, to or mia(), deadline, now, **{"sent": 0, "limits": LIMITS} | more)


def kinds(*names: str) -> tuple[Channel, ...]:
    return tuple(Channel(kind=name, address=f"{name}-1") for name in names)


# By which channel


def test_without_channels_it_goes_by_mail() -> None:
    assert chosen() == Send(Channel(kind="email", address="mia@example.com"))


def test_channels_come_in_their_order_and_mail_is_the_last_resort() -> None:
    left = route(mia(channels=kinds("bale", "sms")), important=False)
    assert [channel.kind for channel in left] == ["bale", "sms", "email"]


def test_a_mail_address_of_its_own_is_used_and_the_other_stays() -> None:
    own = Channel(kind="email", address="mia@home.example")
    left = route(mia(channels=(own, *kinds("sms"))), important=False)
    assert [channel.address for channel in left] == ["mia@home.example", "sms-1", "mia@example.com"]


def test_channels_only_for_important_messages_are_for_them_only() -> None:
    channels = (
        Channel(kind="sms", address="1", only="important"),
        Channel(kind="bale", address="2", only="ordinary"),
    )
    kind = {
        important: [c.kind for c in route(mia(channels=channels), important=important)]
        for important in (True, False)
    }
    assert kind == {True: ["sms", "email"], False: ["bale", "email"]}


def test_what_was_given_up_or_is_gone_is_left_out() -> None:
    to = mia(channels=kinds("webhook", "bale"))
    assert [c.kind for c in route(to, important=False, tried=["bale:bale-1"])] == [
        "webhook", "email"
    ]  # fmt: skip
    assert [c.kind for c in route(to, important=False, gone=["webhook:webhook-1"])] == [
        "bale", "email"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        (None, "does not know"),
        (mia(active=False), "has left"),
        (mia(email=None), "no way"),
    ],
)
def test_an_unknown_recipient_is_a_failure_with_its_reason(
    to: Recipient | None, reason: str
) -> None:
    item = Pending(reminder=reminder("due"))
    decision = decide(item, to, None, NOON, sent=0, limits=LIMITS)
    assert isinstance(decision, GiveUp)
    assert reason in decision.reason


# Whether at all


@pytest.mark.parametrize("status", [Status.MET, Status.CANCELLED])
def test_what_is_done_meanwhile_is_dropped(status: Status) -> None:
    decision = chosen(deadline=DeadlineNow(status, reminder().due_at or NOON))
    assert isinstance(decision, Drop)
    assert str(status) in decision.reason


def test_what_was_moved_meanwhile_is_dropped_and_what_is_paused_waits() -> None:
    due = reminder().due_at or NOON
    assert isinstance(chosen(deadline=DeadlineNow(Status.OPEN, due + HOUR)), Drop)
    assert isinstance(chosen(deadline=DeadlineNow(Status.PAUSED, due)), Defer)
    assert isinstance(chosen(deadline=DeadlineNow(Status.MISSED, due)), Send)


def test_due_soon_is_not_said_once_the_time_is_up() -> None:
    about = reminder("before")
    assert about.due_at
    standing = DeadlineNow(Status.OPEN, about.due_at)
    assert isinstance(chosen(about, deadline=standing), Send)
    assert isinstance(chosen(about, deadline=standing, now=about.due_at), Drop)


def test_even_an_important_message_about_what_is_done_is_dropped() -> None:
    about = reminder("due", important=True)
    assert isinstance(chosen(about, deadline=DeadlineNow(Status.MET, NOON)), Drop)


# Quiet hours


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        ((NIGHT,), "UTC", "2026-11-24T21:59", None),
        ((NIGHT,), "UTC", "2026-11-24T22:00", "2026-11-25T07:00"),
        ((NIGHT,), "UTC", "2026-11-25T06:59", "2026-11-25T07:00"),
        ((NIGHT,), "UTC", "2026-11-25T07:00", None),
        ((NIGHT,), TEHRAN, "2026-11-25T03:00", "2026-11-25T07:00"),
        # Fridays off, and the nights beside them: one stretch.
        (
            (NIGHT, QuietHours(since="00:00", until="00:00", days=("fri",))),
            TEHRAN, "2026-11-26T23:00", "2026-11-28T07:00",
        ),
        # The night of a clock change, an hour longer
        ((NIGHT,), "Europe/Berlin", "2026-10-24T23:00", "2026-10-25T07:00"),
        ((MONDAYS,), "UTC", "2026-11-24T12:30", None),
        ((MONDAYS,), "UTC", "2026-11-23T12:30", "2026-11-23T13:00"),
    ],
)  # fmt: skip
def test_quiet_hours(hours: tuple[QuietHours, ...], zone: str, now: str, until: str | None) -> None:
    to = mia(quiet_hours=hours, time_zone=zone)
    assert quiet_until(to, at(now, zone)) == (at(until, zone) if until else None)


def test_who_is_always_quiet_is_reached_all_the_same() -> None:
    always = mia(quiet_hours=(QuietHours(since="00:00", until="00:00"),))
    assert quiet_until(always, NOON) is None


def test_quiet_hours_defer_and_important_messages_pass() -> None:
    to = mia(quiet_hours=(QuietHours(since="11:00", until="13:00"),))
    assert chosen(to=to) == Defer(NOON + HOUR, "quiet hours")
    assert isinstance(chosen(reminder("due", important=True), to=to), Send)


quiet = st.builds(
    lambda since, until, days: QuietHours(
        since=f"{since:02}:00", until=f"{until:02}:30", days=days
    ),
    st.integers(0, 23),
    st.integers(0, 23),
    st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), max_size=3).map(
        tuple
    ),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
zones = st.sampled_from(["UTC", TEHRAN, "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])


@given(st.lists(quiet, max_size=3).map(tuple), zones, moments)
def test_the_end_of_quiet_hours_is_later_and_not_quiet(
    hours: tuple[QuietHours, ...], zone: str, now: datetime
) -> None:
    to = mia(quiet_hours=hours, time_zone=zone)
    end = quiet_until(to, now)
    if end is not None:
        assert now < end <= now + timedelta(days=9)
        assert quiet_until(to, end) is None
        assert quiet_until(to, end - timedelta(seconds=1)) == end


# Digests and the hourly limit


def test_a_kind_that_is_gathered_waits_for_its_digest() -> None:
    to = mia(digest={"due": "hourly"})
    first, again = chosen(to=to), chosen(reminder("due", id="other"), to=to)
    assert isinstance(first, Gather)
    assert first == again
    assert first.at == NOON + HOUR
    assert isinstance(chosen(reminder("before"), to=to), Send)
    assert isinstance(chosen(reminder("due", important=True), to=to), Send)


def test_each_topic_has_its_own_digest_and_a_star_is_all_that_are_not_named() -> None:
    to = mia(digest={"*": "daily", "due": "none"}, time_zone=TEHRAN, digest_at="08:30")
    assert isinstance(chosen(to=to), Send)
    before, weekly = chosen(reminder("before"), to=to), chosen(reminder("weekly"), to=to)
    assert isinstance(before, Gather)
    assert isinstance(weekly, Gather)
    assert before.digest_id != weekly.digest_id
    assert before.at == at("2026-11-25T08:30", TEHRAN)


def test_what_is_over_the_hourly_limit_comes_in_one_digest_and_none_is_dropped() -> None:
    over = {kind: chosen(reminder(kind), sent=20) for kind in ("before", "due")}
    assert over["before"] == over["due"]
    assert isinstance(over["due"], Gather)
    assert isinstance(chosen(sent=19), Send)
    assert isinstance(chosen(reminder("due", important=True), sent=500), Send)


def test_a_digest_itself_is_not_gathered_but_keeps_quiet_hours() -> None:
    envelope = Reminder(id="g", recipient_id="mia", kind="digest", title="*", gathers=True)
    to = mia(digest={"*": "hourly"})
    assert isinstance(chosen(envelope, to=to, sent=100), Send)
    quiet = replace(to, quiet_hours=(QuietHours(since="11:00", until="13:00"),))
    assert isinstance(chosen(envelope, to=quiet), Defer)


# What follows a failed attempt

CHANNELS = kinds("bale", "sms")


def follows(outcome: Later | Refused | Held, item: Pending, left: Any = CHANNELS) -> Any:
    return after(item, outcome, left, NOON, limits=LIMITS, chance=random.Random(7))


@given(st.integers(1, 60), st.integers(0, 10**6), st.integers(0, 2**32))
def test_retries_wait_longer_up_to_a_cap_and_end(attempts: int, ask: int, seed: int) -> None:
    item = Pending(reminder=reminder(), attempts=attempts, since=NOON)
    outcome = Later("busy", timedelta(seconds=ask) if ask else None)
    step = after(item, outcome, CHANNELS, NOON, limits=LIMITS, chance=random.Random(seed))
    assert isinstance(step, Defer)
    asked = min(timedelta(seconds=ask), LONGEST_RETRY_AFTER)
    assert asked <= step.until - NOON <= max(RETRY_CAP, asked)


def test_retry_after_is_obeyed_and_clamped() -> None:
    item = Pending(reminder=reminder(), attempts=1)
    minute = follows(Later("429", timedelta(minutes=1)), item)
    assert NOON + timedelta(minutes=1) <= minute.until
    assert follows(Later("429", timedelta(days=9)), item).until == NOON + LONGEST_RETRY_AFTER


def test_a_refusal_goes_to_the_next_channel_at_once() -> None:
    assert follows(Refused("blocked"), Pending(reminder=reminder())) == NextChannel(
        "bale:bale-1", "bale: blocked"
    )


@pytest.mark.parametrize("outcome", [Later("busy"), Held(timedelta(seconds=1))])
@pytest.mark.parametrize(
    ("important", "left", "minutes", "moves"),
    [
        (False, CHANNELS, 239, False),
        (False, CHANNELS, 241, True),
        (True, CHANNELS, 14, False),
        (True, CHANNELS, 16, True),
        (True, CHANNELS[:1], 16, False),
        (True, CHANNELS[:1], 241, True),
    ],
)
def test_patience_with_a_channel_ends_sooner_when_it_matters(
    outcome: Later | Held, *, important: bool, left: Any, minutes: int, moves: bool
) -> None:
    since = NOON - timedelta(minutes=minutes)
    item = Pending(reminder=reminder(important=important), attempts=1, since=since)
    assert isinstance(follows(outcome, item, left), NextChannel) == moves


# What becomes of it, and what is said


def known(**more: Any) -> Known:
    people = {
        "mia": mia(reports_to="head", channels=kinds("bale")),
        "head": mia(id="head", name="Head", reports_to="boss"),
        "boss": mia(id="boss", name="Boss", reports_to="mia"),
    }
    return Known(**{"people": people} | more)


def became(outcome: Outcome, item: Pending | None = None) -> Fate:
    item = item or Pending(reminder=reminder())
    send = Send(route(known().people["mia"], important=False, tried=item.tried)[0])
    return fates.tried(
        item,
        outcome,
        send,
        known=known(),
        claim="c",
        now=NOON,
        limits=LIMITS,
        chance=random.Random(7),
    )


def test_sent_says_by_which_channel() -> None:
    fate = became(Delivered())
    ((identity, data),) = fate.publish
    assert fate.state == "sent"
    assert identity == "before-1"
    assert isinstance(data, ReminderSent)
    assert data.channel == "bale"


def test_all_channels_in_turn_then_the_head_with_the_reasons() -> None:
    item = Pending(reminder=reminder())
    for reason in ("blocked", "refused"):
        fields = became(Refused(reason), item).fields
        assert (fields["next_at"], fields["attempts"]) == (NOON, 0)
        item = replace(item, tried=tuple(fields["tried"]), reasons=tuple(fields["reasons"]))
    decision = decide(item, known().people["mia"], None, NOON, sent=0, limits=LIMITS)
    assert decision == GiveUp("bale: blocked; email: refused")
    assert isinstance(decision, GiveUp)
    fate = fates.decided(item, decision, known(), "c", NOON)
    ((_, data),) = fate.publish
    assert isinstance(data, ReminderFailed)
    assert (data.channel, data.reason) == ("email", "bale: blocked; email: refused")
    (told,) = fate.new
    assert (told.recipient_id, told.unreached, told.reason) == ("head", ("mia",), data.reason)
    assert told.id == fates.decided(item, decision, known(), "other", NOON).new[0].id


def test_a_circle_of_heads_ends() -> None:
    about: Reminder | None = reminder()
    heard = []
    while about:
        who = known().people[about.recipient_id]
        heard.append(who.id)
        about = tell_head(about, who, "no", known().people.get(who.reports_to or ""))
    assert heard == ["mia", "head", "boss"]


def test_a_long_line_of_heads_ends() -> None:
    about = replace(reminder(), unreached=tuple(f"h{n}" for n in range(HEADS)))
    assert tell_head(about, mia(), "no", mia(id="next")) is None


def test_what_is_held_back_is_no_attempt() -> None:
    item = Pending(reminder=reminder(), attempts=3)
    assert became(Held(timedelta(seconds=9)), item).fields["attempts"] == 2
    assert became(Later("busy"), item).fields["attempts"] == 3


def test_a_gone_endpoint_is_remembered() -> None:
    assert became(Refused("410", gone=True)).gone == "bale:bale-1"
    assert became(Refused("403")).gone is None


def test_a_digest_says_what_it_holds_and_leaves_out_what_is_done() -> None:
    envelope = Reminder(id="g", recipient_id="mia", kind="digest", title="due", gathers=True)
    due = reminder("due").due_at or NOON
    members = (
        reminder("due", id="r1"),
        reminder("due", id="r2", deadline_id="d2"),
        reminder("due", id="r3"),
    )
    knows = known(members={"g": members}, deadlines={"d2": DeadlineNow(Status.MET, due)})
    item = fates.with_members(Pending(reminder=envelope), knows, NOON)
    assert [one.id for one in item.dropped] == ["r2"]
    assert [identity for identity, _ in became(Delivered(), item).publish] == ["r1", "r3"]
    failed = fates.decided(item, GiveUp("no way"), knows, "c", NOON)
    assert [identity for identity, _ in failed.publish] == ["r1", "r3"]
    assert len(failed.new) == 2


@given(
    st.builds(
        Recipient,
        id=st.just("mia"),
        name=st.just("Mia"),
        email=st.sampled_from([None, "mia@example.com"]),
        time_zone=zones,
        active=st.booleans(),
        channels=st.lists(
            st.builds(
                Channel,
                kind=st.sampled_from(["bale", "sms", "webhook"]),
                address=st.sampled_from(["1", "2"]),
                only=st.sampled_from([None, "ordinary", "important"]),
            ),
            max_size=4,
        ).map(tuple),
        quiet_hours=st.lists(quiet, max_size=2).map(tuple),
        digest=st.dictionaries(
            st.sampled_from(["due", "before", "*"]), st.sampled_from(["none", "hourly", "daily"])
        ),
    ),
    st.booleans(),
    st.sampled_from(["due", "before", "weekly"]),
    st.integers(0, 40),
    moments,
)
def test_every_message_is_sent_deferred_gathered_or_given_up_never_lost(
    to: Recipient, important: bool, kind: str, sent: int, now: datetime
) -> None:
    """Whatever the preferences: followed through time, it ends with a way or with a reason."""
    item = Pending(reminder=reminder(kind, important=important, deadline_id=None))
    for _ in range(60):
        decision = decide(item, to, None, now, sent=sent, limits=LIMITS)
        match decision:
            case Defer(until):
                assert not important
                assert until > now
                now = until
            case Gather():
                assert not important
                assert decision.at > now
                item = Pending(reminder=replace(item.reminder, gathers=True))
                now = decision.at
            case Send(channel):
                assert name_of(channel) not in item.tried
                item = replace(item, tried=(*item.tried, name_of(channel)))
            case GiveUp():
                return
            case Drop():
                raise AssertionError
    raise AssertionError("it never ends")
