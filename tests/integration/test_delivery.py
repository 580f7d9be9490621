"""From a pending message to a person, on a real mongod, a real mail server and real receivers."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks import Webhook, WebhookVerificationError

from services.reminders.delivery.webhooks import LONGEST_BODY
from services.reminders.domain import Reminder, Status
from services.reminders.outgoing import Fate, Outgoing
from services.reminders.sending import Pending
from shared.clock import utc_now
from shared.contracts.directory import PersonUpserted
from shared.contracts.reminders import ReminderFailed, ReminderSent
from shared.errors import Misconfigured
from shared.mongo import transaction
from tahvil.demo import plain_text
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import manager
from tests.support.delivering import Desk
from tests.support.receivers import Receiver, Request, says

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = "whsec_dGhlIG5ldyBrZXkgb2YgdGhlc2UgdGVzdHMsIGxvbmc="
OLD = "whsec_dGhlIG9sZCBrZXkgb2YgdGhlc2UgdGVzdHMsIGxvbmc="
STRANGE = "whsec_YSBrZXkgdGhhdCBub2JvZHkgb2YgdXMgaGFzIHNlZW4="


@pytest_asyncio.fixture(loop_scope="module")
async def desk(
    mongod: EmbeddedMongo, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Desk]:
    async with Desk(mongod.uri, f"t{abs(hash(request.node.name)) % 10**9}", tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as listening:
        yield listening


def note(name: str = "n1", to: str = "mia", **changes: Any) -> Reminder:
    """A message about nothing that could change meanwhile."""
    fields = {
        "id": name,
        "recipient_id": to,
        "kind": "note",
        "title": f"Note {name}",
        "body": "Go.",
    }
    return Reminder(**fields | changes)


def person(identity: str = "mia", *channels: str, **changes: Any) -> PersonUpserted:
    """`channels` as kind:address."""
    ways = [dict(zip(("kind", "address"), way.split(":", 1), strict=True)) for way in channels]
    return manager(identity, channels=ways, **changes)


def webhooks(receiver: Receiver, keys: str = NEW, **more: Any) -> dict[str, Any]:
    return {
        "webhook_keys": {"*": keys},
        "webhook_hosts": [f"127.0.0.1:{receiver.port}"],
        **more,
    }


def hook(receiver: Receiver, path: str = "hook") -> str:
    return f"webhook:http://127.0.0.1:{receiver.port}/{path}"


async def no_mail(_address: str) -> str:
    return "451 4.7.0 too many messages, try later"


async def refused(_address: str) -> str:
    return "550 5.1.1 no such user"


# Mail


async def test_a_mail_is_text_and_html_and_said_to_be_sent(desk: Desk) -> None:
    await desk.people(person())
    await desk.add(note())
    async with desk.delivering():
        rows = await desk.settled()
    (mail,) = desk.mails()
    assert rows["n1"]["state"] == "sent"
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative", "text/plain", "text/html"
    ]  # fmt: skip
    assert "Go." in plain_text(mail)
    (sent,) = desk.published.events
    assert isinstance(sent, ReminderSent)
    assert (sent.reminder_id, sent.channel) == ("n1", "email")


async def test_a_busy_mail_server_is_asked_again_with_the_same_id(desk: Desk) -> None:
    await desk.people(person())
    await desk.add(note())
    desk.smtp.to_mail = no_mail
    async with desk.delivering():
        rows = await desk.settled()
        before = rows["n1"]["attempts"]  # two, now and then: jitter may be nothing
        assert rows["n1"]["state"] == "pending"
        await desk.pass_time()
        await desk.until(lambda now: now["n1"]["attempts"] > before and "claim" not in now["n1"])
        desk.smtp.to_mail = None
        await desk.pass_time()
        await desk.until(lambda now: now["n1"]["state"] == "sent")
    assert [mail["Message-ID"] for mail in desk.mails()] == ["<n1@tahvil>"]


async def test_a_mail_kept_but_not_recorded_comes_again_with_the_same_id(desk: Desk) -> None:
    """The process ends between sending and recording."""
    await desk.people(person())
    await desk.add(note())
    kept = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def keep_and_hang(_address: str) -> None:
        loop.call_soon_threadsafe(kept.set)
        await asyncio.sleep(8)

    desk.smtp.after_keeping = keep_and_hang
    async with desk.delivering():
        await kept.wait()
    assert (await desk.rows())["n1"]["state"] == "pending"
    desk.smtp.after_keeping = None
    await desk.pass_time()  # of the claim
    async with desk.delivering():
        await desk.until(lambda now: now["n1"]["state"] == "sent")
    assert [mail["Message-ID"] for mail in desk.mails()] == ["<n1@tahvil>"] * 2
    assert len(desk.published.events) == 1


async def test_one_refused_address_costs_its_batch_mates_nothing(desk: Desk) -> None:
    await desk.people(person(), person("bad"), person("ugly", email=None))

    async def pick(address: str) -> str | None:
        return await refused(address) if address.startswith("bad") else None

    desk.smtp.to_recipient = pick
    await desk.add(*(note(f"n{n}") for n in range(9)), note("b", "bad"), note("u", "ugly"))
    async with desk.delivering():
        rows = await desk.settled()
    assert Counter(row["state"] for row in rows.values()) == {"sent": 9, "failed": 2}
    assert len(desk.mails()) == 9


async def test_what_reaches_nobody_is_brought_to_the_head_with_the_reason(desk: Desk) -> None:
    head = person("head", name="Head")
    await desk.people(person(reports_to="head", name="Mia Rahimi"), head)

    async def pick(address: str) -> str | None:
        return await refused(address) if address.startswith("mia") else None

    desk.smtp.to_recipient = pick
    await desk.add(note())
    async with desk.delivering():
        await desk.until(lambda rows: len(rows) == 2)
        await desk.settled()
    (mail,) = desk.mails()
    assert mail["Subject"] == "Not delivered: Note n1"
    assert "Mia Rahimi, who could not be reached" in plain_text(mail)
    assert "refuses the address (550)" in plain_text(mail)
    events = {type(event): event for event in desk.published.events}
    failed = events[ReminderFailed]
    assert isinstance(failed, ReminderFailed)
    assert (failed.recipient_id, failed.channel) == ("mia", "email")
    assert "550" in failed.reason
    assert isinstance(events[ReminderSent], ReminderSent)


async def test_an_unknown_recipient_is_a_failure_that_is_told(desk: Desk) -> None:
    await desk.add(note(to="nobody"))
    async with desk.delivering():
        rows = await desk.settled()
    assert rows["n1"]["state"] == "failed"
    (failed,) = desk.published.events
    assert isinstance(failed, ReminderFailed)
    assert (failed.channel, failed.reason) == ("none", "the directory does not know this person")


# Decided anew when sent


async def test_what_is_done_meanwhile_is_dropped_and_recorded(desk: Desk) -> None:
    await desk.people(person())
    due = utc_now() + timedelta(hours=1)
    await desk.deadline("d1", due, Status.MET)
    await desk.deadline("d2", due + timedelta(days=1))
    await desk.deadline("d3", due)
    await desk.add(
        *(note(f"r{n}", kind="before", deadline_id=f"d{n}", due_at=due) for n in (1, 2, 3))
    )
    async with desk.delivering():
        rows = await desk.settled()
    assert {name: row["state"] for name, row in rows.items()} == {
        "r1": "dropped", "r2": "dropped", "r3": "sent"
    }  # fmt: skip
    assert "met" in rows["r1"]["because"]
    assert "moved" in rows["r2"]["because"]
    assert len(desk.mails()) == 1


async def test_quiet_hours_defer_and_are_looked_at_again_when_sent(desk: Desk) -> None:
    now = utc_now()
    quiet = {
        "since": f"{now - timedelta(hours=2):%H:%M}",
        "until": f"{now + timedelta(hours=2):%H:%M}",
    }
    await desk.people(person(quiet_hours=[quiet]))
    await desk.add(note(), note("loud", important=True))
    async with desk.delivering():
        rows = await desk.settled()
        assert (rows["n1"]["state"], rows["loud"]["state"]) == ("pending", "sent")
        assert timedelta(hours=1) < rows["n1"]["next_at"] - now <= timedelta(hours=2)
        await desk.pass_time()
        rows = await desk.settled()
        assert rows["n1"]["state"] == "pending", "still quiet"
        await desk.people(person())
        await desk.pass_time()
        await desk.until(lambda rows: rows["n1"]["state"] == "sent")
    assert (await desk.rows())["n1"]["attempts"] == 1


async def test_a_digest_gathers_leaves_out_what_is_done_and_counts_each(desk: Desk) -> None:
    await desk.people(person(digest={"before": "hourly"}))
    due = utc_now() + timedelta(days=2)
    for name in ("d1", "d2", "d3"):
        await desk.deadline(name, due)
    about: dict[str, Any] = {"kind": "before", "due_at": due, "body": None}
    await desk.add(*(note(f"r{n}", deadline_id=f"d{n}", **about) for n in (1, 2, 3)))
    async with desk.delivering():
        rows = await desk.settled()
        (digest,) = [row for row in rows.values() if row.get("gathers")]
        assert {rows[f"r{n}"]["state"] for n in (1, 2, 3)} == {"gathered"}
        assert digest["next_at"] > utc_now()
        assert desk.mails() == []
        await desk.deadline("d2", due, Status.MET)
        await desk.pass_time()
        await desk.until(lambda rows: rows[digest["_id"]]["state"] == "sent")
        # One that comes only now, in the same hour: for the next digest
        await desk.deadline("d4", due)
        await desk.add(note("r4", deadline_id="d4", **about))
        rows = await desk.settled()
    assert {name: rows[name]["state"] for name in ("r1", "r2", "r3", "r4")} == {
        "r1": "sent", "r2": "dropped", "r3": "sent", "r4": "pending",
    }  # fmt: skip
    (mail,) = desk.mails()
    assert mail["Subject"].startswith("2 messages")
    assert sorted(event.subject for event in desk.published.events) == ["r1", "r3"]


async def test_messages_gathered_while_their_digest_is_sent_are_not_forgotten(desk: Desk) -> None:
    await desk.people(person(digest={"note": "hourly"}))
    await desk.add(note("r1"))
    hanging, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hang(_address: str) -> None:
        loop.call_soon_threadsafe(hanging.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))

    desk.smtp.after_keeping = hang
    async with desk.delivering():
        await desk.settled()
        await desk.pass_time()
        await hanging.wait()
        await desk.add(note("r2"))
        await desk.until(lambda rows: rows["r2"]["state"] == "gathered")
        go_on.set()
        desk.smtp.after_keeping = None
        await desk.until(lambda rows: rows["r1"]["state"] == "sent")
        await desk.until(lambda rows: rows["r2"]["state"] == "pending")
        await desk.people(person())
        await desk.pass_time()
        await desk.until(lambda rows: rows["r2"]["state"] == "sent")
    assert sorted(event.subject for event in desk.published.events) == ["r1", "r2"]


async def test_what_is_over_the_hourly_limit_comes_in_one_digest(desk: Desk) -> None:
    await desk.people(person())
    await desk.add(*(note(f"n{n:02}") for n in range(30)), note("loud", important=True))
    async with desk.delivering(messages_per_hour=5):
        rows = await desk.settled()
        counts = Counter(row["state"] for row in rows.values())
        # The important one counts, too, whenever it is its turn.
        assert counts["sent"] in (5, 6)
        assert counts["gathered"] == 31 - counts["sent"]
        await desk.pass_time()
        rows = await desk.settled()
    assert {row["state"] for row in rows.values()} == {"sent"}
    assert len(desk.mails()) == counts["sent"] + 1
    assert len({event.subject for event in desk.published.events}) == 31


# Several at once


async def test_two_replicas_send_each_message_once(desk: Desk) -> None:
    await desk.people(*(person(f"p{n}") for n in range(40)))
    await desk.add(*(note(f"n{n}", to=f"p{n % 40}") for n in range(400)))
    async with desk.delivering(), desk.delivering():
        await desk.until(lambda rows: {row["state"] for row in rows.values()} == {"sent"})
    assert Counter(Counter(mail["Message-ID"] for mail in desk.mails()).values()) == {1: 400}
    assert len(desk.published.events) == 400


async def test_one_endpoint_that_never_answers_holds_up_none_of_the_others(
    desk: Desk, receiver: Receiver
) -> None:
    held = asyncio.Event()

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/p0":
            await held.wait()
        await says(204)(request, writer)

    receiver.answer = answer
    people = [person(f"p{n}", hook(receiver, f"p{n}")) for n in range(30)]
    await desk.people(*people, person())
    await desk.add(*(note(f"n{n}", to=f"p{n % 30}") for n in range(300)), note("mail"))
    async with desk.delivering(**webhooks(receiver)):
        await desk.until(lambda rows: sum(row["state"] == "sent" for row in rows.values()) == 291)
        waiting = await desk.rows(state="pending")
        assert {row["recipient_id"] for row in waiting.values()} == {"p0"}
        assert sum(request.path == "/p0" for request in receiver.requests) == 4
        held.set()


async def test_a_mail_server_that_hangs_holds_up_no_webhook(desk: Desk, receiver: Receiver) -> None:
    held = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hang(_address: str) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(held.wait(), loop))

    desk.smtp.to_recipient = hang
    await desk.people(person(), person("hook", hook(receiver)))
    await desk.add(*(note(f"m{n}") for n in range(5)), *(note(f"w{n}", "hook") for n in range(15)))
    async with desk.delivering(**webhooks(receiver)):
        await desk.until(lambda rows: sum(r["state"] == "sent" for r in rows.values()) == 15)
        assert not desk.mails()
        held.set()
        desk.smtp.to_recipient = None


# Webhooks


async def test_a_webhook_is_signed_by_both_keys_and_keeps_its_id(
    desk: Desk, receiver: Receiver
) -> None:
    await desk.people(person("mia", hook(receiver)))
    await desk.add(note())
    receiver.answer = says(500)
    async with desk.delivering(**webhooks(receiver, f"{NEW} {OLD}")):
        await desk.settled()
        receiver.answer = says(204)
        await desk.pass_time()
        await desk.until(lambda rows: rows["n1"]["state"] == "sent")
    first, again = receiver.requests
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == "n1"
    assert first.body == again.body
    for request in (first, again):
        for key in (NEW, OLD):
            content = Webhook(key).verify(request.body, request.headers)
        assert content["data"]["reminder_id"] == "n1"
        assert content["type"] == "reminder.note"
        with pytest.raises(WebhookVerificationError):
            Webhook(STRANGE).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(request.body + b" ", request.headers)
        old = str(int(request.headers["webhook-timestamp"]) - 301)
        with pytest.raises(WebhookVerificationError, match="too old"):
            Webhook(NEW).verify(request.body, request.headers | {"webhook-timestamp": old})
    assert desk.mails() == []


@pytest.mark.parametrize("status", [400, 404, 500, 301, 302, 503])
async def test_anything_but_2xx_is_tried_again_and_no_redirect_followed(
    desk: Desk, receiver: Receiver, status: int
) -> None:
    receiver.answer = says(status, location="http://169.254.169.254/latest/meta-data")
    await desk.people(person("mia", hook(receiver)))
    await desk.add(note())
    async with desk.delivering(**webhooks(receiver)):
        await desk.settled()
    (row,) = (await desk.rows()).values()
    assert row["state"] == "pending"
    assert str(status) in row["because"]
    # Jitter may be nothing: now and then the second attempt follows at once.
    assert len(receiver.requests) == row["attempts"]
    assert {request.path for request in receiver.requests} == {"/hook"}
    assert desk.mails() == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_retry_after_is_obeyed_for_the_whole_endpoint(
    desk: Desk, receiver: Receiver, status: int
) -> None:
    receiver.answer = says(status, retry_after="120")
    await desk.people(person("mia", hook(receiver)), person("noah", hook(receiver)))
    await desk.add(note())
    async with desk.delivering(**webhooks(receiver)):
        rows = await desk.settled()
        asked = utc_now()
        assert rows["n1"]["next_at"] - asked > timedelta(seconds=110)
        await desk.add(note("n2", to="noah"))
        rows = await desk.settled()
        assert rows["n2"]["state"] == "pending"
        assert rows["n2"]["next_at"] - asked > timedelta(seconds=100)
    assert len(receiver.requests) == 1


async def test_gone_disables_the_endpoint_and_the_next_channel_takes_over(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = says(410)
    await desk.people(person("mia", hook(receiver)))
    await desk.add(note())
    async with desk.delivering(**webhooks(receiver)):
        await desk.until(lambda rows: rows["n1"]["state"] == "sent")
        await desk.add(note("n2"))
        await desk.until(lambda rows: rows["n2"]["state"] == "sent")
    assert len(receiver.requests) == 1
    assert len(desk.mails()) == 2
    assert {event.channel for event in desk.published.events} == {"email"}  # type: ignore[attr-defined]


async def test_a_private_address_gets_no_request_and_the_next_channel_takes_over(
    desk: Desk, receiver: Receiver
) -> None:
    other = f"webhook:https://127.1:{receiver.port}/"
    await desk.people(person("mia", other, "webhook:https://10.0.0.1/"))
    await desk.add(note())
    async with desk.delivering(webhook_keys={"*": NEW}):
        await desk.until(lambda rows: rows["n1"]["state"] == "sent")
    assert receiver.connections == 0
    assert (await desk.rows())["n1"]["channel"] == "email"
    assert len((await desk.rows())["n1"]["tried"]) == 2


async def test_a_long_text_is_cut_to_what_webhooks_may_hold(desk: Desk, receiver: Receiver) -> None:
    await desk.people(person("mia", hook(receiver)))
    await desk.add(note(body="\u0633" * 10_000), note("short"))
    async with desk.delivering(**webhooks(receiver)):
        await desk.settled()
    bodies = {json.loads(r.body)["data"]["reminder_id"]: r.body for r in receiver.requests}
    assert len(bodies["n1"]) <= LONGEST_BODY
    assert json.loads(bodies["n1"])["data"]["cut"] is True
    assert json.loads(bodies["short"])["data"]["cut"] is False


@pytest.mark.parametrize(
    "keys", ["", "whsec_c2hvcnQ=", "whsec_not-base64", NEW[6:], f"{NEW} {OLD} {NEW}"]
)
async def test_a_bad_key_is_said_at_the_start_and_not_shown(desk: Desk, keys: str) -> None:
    with pytest.raises(Misconfigured, match=r"TAHVIL_WEBHOOK_KEYS: \*") as error:
        async with desk.delivering(webhook_keys={"*": keys}):
            pass
    assert not keys or keys not in str(error.value)


# Chat, SMS and others


@pytest.mark.parametrize("kind", ["telegram", "bale"])
async def test_a_bot_sends_to_the_chat(desk: Desk, receiver: Receiver, kind: str) -> None:
    receiver.answer = says(200, b'{"ok": true, "result": {}}')
    await desk.people(person("mia", f"{kind}:4711", language="fa"))
    await desk.add(note())
    bot = {f"{kind}_token": "42:secret", f"{kind}_api": f"http://127.0.0.1:{receiver.port}"}
    async with desk.delivering(**bot):
        rows = await desk.settled()
    (request,) = receiver.requests
    assert request.path == "/bot42:secret/sendMessage"
    assert json.loads(request.body)["chat_id"] == "4711"
    assert "Note n1" in json.loads(request.body)["text"]
    assert (rows["n1"]["state"], rows["n1"]["channel"]) == ("sent", kind)


async def test_a_chat_that_blocks_the_bot_goes_to_the_next_channel(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = says(403, b'{"ok": false, "description": "Forbidden: bot was blocked"}')
    await desk.people(person("mia", "bale:4711"))
    await desk.add(note())
    async with desk.delivering(bale_token="t", bale_api=f"http://127.0.0.1:{receiver.port}"):
        await desk.until(lambda rows: rows["n1"]["state"] == "sent")
    assert (await desk.rows())["n1"]["channel"] == "email"
    assert "blocked" in (await desk.rows())["n1"]["reasons"][0]


async def test_telegram_says_in_its_own_words_how_long_to_wait(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = says(429, b'{"ok": false, "parameters": {"retry_after": 90}}')
    await desk.people(person("mia", "telegram:4711"))
    await desk.add(note())
    bot = {"telegram_token": "t", "telegram_api": f"http://127.0.0.1:{receiver.port}"}
    async with desk.delivering(**bot):
        rows = await desk.settled()
    assert timedelta(seconds=80) < rows["n1"]["next_at"] - utc_now() <= timedelta(seconds=95)


@pytest.mark.parametrize(
    ("answer", "state", "channel"),
    [
        (says(200, b'{"ok": true}'), "sent", "slack"),
        (says(200, b'{"ok": false, "error": "user_not_found"}'), "sent", "email"),
        (says(200, b'{"ok": false, "error": "invalid_auth"}'), "pending", None),
        (says(429, b"{}", retry_after="30"), "pending", None),
    ],
)
async def test_slack(
    desk: Desk, receiver: Receiver, answer: Any, state: str, channel: str | None
) -> None:
    receiver.answer = answer
    await desk.people(person("mia", "slack:U1"))
    await desk.add(note())
    async with desk.delivering(slack_token="xoxb-1", slack_api=f"http://127.0.0.1:{receiver.port}"):
        rows = await desk.settled()
    assert (rows["n1"]["state"], rows["n1"].get("channel")) == (state, channel)
    assert receiver.requests[0].headers["authorization"] == "Bearer xoxb-1"
    assert receiver.requests[0].path == "/chat.postMessage"


async def test_any_service_of_apprise_is_a_channel(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = says(200)
    await desk.people(person("mia", "sms:+98/912?to=x"))
    await desk.add(note())
    async with desk.delivering(apprise={"sms": f"json://127.0.0.1:{receiver.port}/{{address}}"}):
        rows = await desk.settled()
    (request,) = receiver.requests
    assert request.path == "/+98%2F912%3Fto=x", "an address is one part of the path"
    assert "Note n1" in json.loads(request.body)["message"]
    assert (rows["n1"]["state"], rows["n1"]["channel"]) == ("sent", "sms")


async def test_a_service_of_apprise_that_fails_is_tried_again(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = says(500)
    await desk.people(person("mia", "sms:1"))
    await desk.add(note())
    async with desk.delivering(apprise={"sms": f"json://127.0.0.1:{receiver.port}/{{address}}"}):
        await desk.settled()
    (row,) = (await desk.rows()).values()
    assert (row["state"], row["attempts"]) == ("pending", len(receiver.requests))


@pytest.mark.parametrize(
    "apprise", [{"sms": "kavenegar://KEY/"}, {"sms": "nothing://{address}"}, {"email": "json://h/{address}"}]
)  # fmt: skip
async def test_a_bad_url_of_apprise_is_said_at_the_start(
    desk: Desk, apprise: dict[str, str]
) -> None:
    with pytest.raises(Misconfigured, match="TAHVIL_APPRISE"):
        async with desk.delivering(apprise=apprise):
            pass


async def test_a_channel_that_is_not_set_up_is_passed_over(desk: Desk) -> None:
    await desk.people(person("mia", "telegram:1", "carrier-pigeon:loft-7"))
    await desk.add(note())
    async with desk.delivering():
        await desk.until(lambda rows: rows["n1"]["state"] == "sent")
    assert (await desk.rows())["n1"]["channel"] == "email"


async def test_what_another_process_took_over_is_its_to_record(desk: Desk) -> None:
    """A process that was paused for longer than its claim comes back with what it sent."""
    await desk.people(person())
    await desk.add(note())
    outgoing = Outgoing(desk.database)
    now = utc_now()
    (late,) = await outgoing.claim("late", now, 10)
    await desk.pass_time()
    (taken,) = await outgoing.claim("other", now, 10)
    assert await outgoing.claim("third", now, 10) == []

    async def record(item: Pending, claim: str) -> list[Fate]:
        fate = Fate(item=item, claim=claim, state="sent", fields={"sent_at": now})
        return await transaction(
            desk.database, lambda session: outgoing.record([fate], now, session)
        )

    assert await record(late, "late") == []
    assert (await desk.rows())["n1"]["state"] == "pending"
    assert len(await record(taken, "other")) == 1
    assert (await desk.rows())["n1"]["state"] == "sent"
    assert await record(taken, "other") == []


async def test_while_nothing_can_be_published_nothing_is_sent_twice(desk: Desk) -> None:
    """Kafka is away for longer than a claim: what was sent cannot be recorded meanwhile."""
    await desk.people(*(person(f"p{n}") for n in range(12)))
    desk.published.open.clear()
    async with desk.delivering():
        for n in range(12):
            await desk.add(note(f"n{n}", to=f"p{n}"))
            await asyncio.sleep(0.3)
        assert 4 <= len(desk.mails()) < 12
        await desk.pass_time()  # of every claim
        await asyncio.sleep(1)
        assert len(desk.mails()) < 12
        desk.published.open.set()
        await desk.until(lambda rows: {row["state"] for row in rows.values()} == {"sent"})
    assert Counter(Counter(mail["Message-ID"] for mail in desk.mails()).values()) == {1: 12}


async def test_a_message_that_cannot_be_decided_holds_up_no_other(desk: Desk) -> None:
    await desk.people(person(), person("odd", digest={"note": "daily"}))
    await desk.database["people"].update_one({"_id": "odd"}, {"$set": {"digest_at": "25:00"}})
    await desk.add(note(), note("n2", to="odd"))
    async with desk.delivering():
        rows = await desk.settled()
    assert (rows["n1"]["state"], rows["n2"]["state"]) == ("sent", "pending")
    assert rows["n2"]["because"] == "a bug of ours"
