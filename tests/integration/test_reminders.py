"""Deadlines to real mail: before and at the due time, once, and after the mail server was away."""

import asyncio
from email.message import Message
from pathlib import Path

import pytest

from shared.contracts.deadlines import DeadlineMet, DeadlineSet
from shared.contracts.event import EventData
from shared.contracts.notifications import NotificationRequested
from tahvil.demo import plain_text, read_mails
from tests.support.builders import event, manager, soon
from tests.support.system import System


def deadline(name: str, owner: str = "mia", **due: float) -> DeadlineSet:
    return DeadlineSet(
        deadline_id=name,
        subject_id="handoff-1",
        account_id="acme",
        account_name="Acme",
        title=f"Step {name}",
        owner_id=owner,
        due_at=soon(**due),
        set_at=soon(),
    )


async def mails(system: System, count: int, seconds: float = 20) -> list[Message]:
    maildir = Path(system.servers.smtp.maildir)
    for _ in range(int(seconds * 10)):
        if len(read_mails(maildir)) >= count:
            break
        await asyncio.sleep(0.1)
    return read_mails(maildir)


async def say(system: System, *data: EventData) -> None:
    await system.publish([event(item, id=f"{item.type}:{item.subject}") for item in data])


@pytest.fixture
async def reminding(system: System) -> System:
    system.extra["TAHVIL_REMIND_BEFORE"] = "PT2S"
    await say(system, manager(), manager("reza", language="fa", name="رضا"))
    await system.start("reminders", "reporting")
    return system


async def test_a_mail_before_and_a_mail_when_due(reminding: System) -> None:
    await say(reminding, deadline("a", seconds=4))
    first, second = await mails(reminding, 2)
    assert first["Subject"] == "Due soon: Step a - Acme"
    assert second["Subject"] == "Overdue: Step a - Acme"
    assert {first["To"], second["To"]} == {"Manager mia <mia@example.com>"}
    assert first["Message-ID"] != second["Message-ID"]
    await reminding.settled()
    assert (await reminding.figure_table("reminders?by=event"))[("sent",)][0] == 2
    assert (await reminding.figure_table("deadlines?by=event"))[("missed",)][0] == 1


async def test_what_is_done_in_time_brings_no_second_mail(reminding: System) -> None:
    await say(reminding, deadline("b", seconds=4))
    await mails(reminding, 1)
    await say(
        reminding,
        DeadlineMet(deadline_id="b", subject_id="handoff-1", account_id="acme", met_at=soon()),
    )
    await asyncio.sleep(4)
    assert len(await mails(reminding, 1)) == 1
    assert ("missed",) not in await reminding.figure_table("deadlines?by=event")


async def test_long_past_deadlines_are_missed_in_silence_and_late_ones_told(
    reminding: System,
) -> None:
    await say(reminding, deadline("old", days=-30), deadline("late", minutes=-5))
    (mail,) = await mails(reminding, 1)
    assert mail["Subject"] == "Overdue: Step late - Acme"
    await reminding.settled()
    assert (await reminding.figure_table("deadlines?by=event"))[("missed",)][0] == 2


async def test_mail_waits_for_a_mail_server_that_is_away(reminding: System) -> None:
    await reminding.servers.smtp.stop()
    await say(reminding, deadline("c", owner="reza", minutes=-1))
    await asyncio.sleep(2)
    await reminding.servers.smtp.start()
    (mail,) = await mails(reminding, 1, seconds=40)
    assert "سلام رضا" in plain_text(mail)


async def test_a_notification_of_another_system_is_delivered(reminding: System) -> None:
    await say(
        reminding,
        NotificationRequested(
            notification_id="n1",
            recipient_id="mia",
            kind="digest",
            title="Your week",
            body="All is well.",
        ),
    )
    (mail,) = await mails(reminding, 1)
    assert mail["Subject"] == "Your week"


async def test_killed_between_sending_and_recording_it_sends_again_with_the_same_id(
    reminding: System,
) -> None:
    smtp = reminding.servers.smtp

    async def hang(_address: str) -> None:
        await asyncio.sleep(3600)

    smtp.after_keeping = hang  # the mail is there; the service is not told so
    await say(reminding, deadline("k", minutes=-1))
    await mails(reminding, 1)
    (process,) = [one for one in reminding.processes if one.name == "reminders"]
    await reminding.kill(process)
    smtp.after_keeping = None
    rows = reminding.mongo["reminders"]["reminders"]
    (row,) = await rows.find().to_list()
    assert row["state"] == "pending"
    # The minute of the dead process's claim passes.
    await rows.update_one({"_id": row["_id"]}, {"$set": {"next_at": row["made_at"]}})
    await reminding.start("reminders")
    first, again = await mails(reminding, 2)
    assert first["Message-ID"] == again["Message-ID"] == f"<{row['_id']}@tahvil>"
    await reminding.settled()
    assert (await reminding.figure_table("reminders?by=event"))[("sent",)][0] == 1
