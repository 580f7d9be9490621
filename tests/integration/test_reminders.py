"""Deadlines to real mail: before and at the due time, once, and after the mail server was away."""

import asyncio
from datetime import timedelta
from email.message import Message
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from services.reminders.acts import Refused
from services.reminders.commands import Commands, Unknown
from services.reminders.repository import Repository
from services.reminders.world import World
from shared import mongo
from shared.contracts.deadlines import DeadlineMet, DeadlinePaused, DeadlineResumed, DeadlineSet
from shared.contracts.directory import Absence, AbsenceSet
from shared.contracts.event import EventData
from shared.contracts.notifications import NotificationRequested
from shared.contracts.topics import Topic
from shared.outbox import Outbox
from tahvil.demo import plain_text, read_mails
from tahvil.reading import events
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


def to(mail: Message) -> str:
    return parseaddr(str(mail["To"]))[1]


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
    assert {to(first), to(second)} == {"mia@example.com"}
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


POLICY = """
policies:
  - name: quick
    version: 1
    match: {kind: urgent}
    steps:
      - {at: due, to: owner}
      - {after: 2 seconds, to: head, importance: important}
      - {after: 3 seconds, to: company_manager}
      - {after: 4 seconds, to: {person: nobody}}
      - {after: 5 seconds, to: {person: vera}, repeat: 1, every: 2 seconds}
    acknowledged_for: 4 seconds
"""


async def escalating(system: System, folder: Path, policy: str = POLICY) -> None:
    file = folder / "policies.yaml"
    file.write_text(policy)
    system.extra["TAHVIL_POLICIES"] = str(file)
    await say(
        system,
        manager(reports_to="hana"),
        manager("hana", roles=("head",)),
        manager("vera", roles=()),
    )
    await system.start("reminders", "reporting")


def urgent(name: str, **due: float) -> DeadlineSet:
    return deadline(name, **due).model_copy(update={"kind": "urgent"})


async def case_of(system: System, name: str) -> dict[str, Any]:
    row = await system.mongo["reminders"]["deadlines"].find_one({"_id": name})
    assert row is not None
    return row


async def test_what_is_not_done_goes_up_to_the_head_by_mail(system: System, tmp_path: Path) -> None:
    await escalating(system, tmp_path)
    await say(system, urgent("u", seconds=2))
    found = await mails(system, 4)
    assert [to(mail) for mail in found] == [
        "mia@example.com", "hana@example.com", "vera@example.com", "vera@example.com",
    ]  # fmt: skip
    assert "To be done by: Manager mia" in plain_text(found[1])
    row = await case_of(system, "u")
    codes = [(entry["step"], entry["code"]) for entry in row["log"]]
    assert codes == [
        (1, "told"), (2, "told"), (3, "no_recipient"), (4, "unknown_person"), (5, "told"),
        (5, "told"),
    ]  # fmt: skip
    await system.settled()
    assert (await system.figure_table("deadlines?by=event"))[("escalated",)][0] == 3
    rows = await system.mongo["reminders"]["reminders"].find({"recipient_id": "hana"}).to_list()
    assert [(one["important"], one["kind"]) for one in rows] == [(True, "escalated")]


async def test_a_case_keeps_its_policy_when_the_file_changes(
    system: System, tmp_path: Path
) -> None:
    await escalating(system, tmp_path)
    await say(system, urgent("kept", seconds=12))
    await system.settled()
    (reminders, _) = system.processes
    await system.kill(reminders)
    (tmp_path / "policies.yaml").write_text(
        "policies: [{name: quick, version: 2, steps: [{at: due, to: {person: vera}}]}]"
    )
    await system.start("reminders")
    await say(system, urgent("new", seconds=-1))
    found = await mails(system, 3, seconds=60)
    assert sorted(to(mail) for mail in found) == [
        "hana@example.com", "mia@example.com", "vera@example.com",
    ]  # fmt: skip


async def test_somebody_who_is_not_in_the_directory_yet_hears_of_it_later(
    reminding: System,
) -> None:
    await say(reminding, deadline("early", owner="newcomer", seconds=-1))
    await reminding.settled()
    for _ in range(100):
        row = await case_of(reminding, "early")
        if row["log"]:
            break
        await asyncio.sleep(0.1)
    # The first reminder gave way; the second reached nobody and is held.
    assert [entry["code"] for entry in row["log"]] == ["overtaken", "unknown_person"]
    assert len(row["held"]) == 1
    await say(reminding, manager("newcomer"))
    (mail,) = await mails(reminding, 1)
    assert to(mail) == "newcomer@example.com"


async def test_who_is_away_is_told_on_return(reminding: System) -> None:
    back = soon(seconds=6)
    await say(
        reminding,
        AbsenceSet(person_id="mia", absences=(Absence(since=soon(days=-1), until=back),)),
    )
    await reminding.settled()
    await say(reminding, deadline("away", seconds=-1))
    (mail,) = await mails(reminding, 1)
    assert to(mail) == "mia@example.com"
    rows = await reminding.mongo["reminders"]["reminders"].find().to_list()
    assert rows[0]["next_at"] >= back.replace(microsecond=back.microsecond // 1000 * 1000)


CALENDARS = """
company: office
calendars:
  office: {{time_zone: UTC, week: {{mon: &all ["00:00-24:00"], tue: *all, wed: *all, thu: *all,
           fri: *all, sat: *all, sun: *all}}{more}}}
"""


async def test_a_changed_calendar_moves_what_was_reckoned_in_it_and_says_so(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "calendars.yaml"
    file.write_text(CALENDARS.format(more=""))
    system.extra["TAHVIL_CALENDARS"] = str(file)
    await say(system, manager())
    await system.start("reminders")
    day = timedelta(days=1)
    due, begun = soon(days=20), soon(days=2)
    of = {"subject_id": "handoff-1", "account_id": "acme"}
    for name in ("stood", "ran"):
        await say(system, deadline(name, days=20).model_copy(update={"due_at": due}))
    await say(system, DeadlinePaused(deadline_id="stood", paused_at=begun, **of))
    await say(system, DeadlineResumed(deadline_id="stood", resumed_at=begun + 4 * day, **of))
    await system.settled()
    first = (await case_of(system, "stood"))["due_at"]
    assert abs(first - (due + 4 * day)) < timedelta(seconds=1)

    await system.kill(system.processes[0])
    free = (begun + day).date()
    file.write_text(CALENDARS.format(more=f", overrides: {{{free}: []}}"))
    await system.start("reminders")
    (mail,) = await mails(system, 1)
    assert mail["Subject"] == "Due at another time: Step stood - Acme"
    assert (await case_of(system, "stood"))["due_at"] == first - day
    assert (await case_of(system, "ran"))["due_at"] < first - 3 * day
    await system.settled()
    said = [
        (one.data.deadline_id, one.data.new_due_at - one.data.old_due_at, one.data.reason)
        for one in await events(system.kafka, Topic.REMINDERS)
        if one.type == "deadline.recalculated.v1"
    ]
    assert [(name, reason) for name, _, reason in said] == [
        ("stood", "the clock stood still"), ("stood", "a calendar has changed"),
    ]  # fmt: skip
    assert said[1][1] == -day


async def test_acknowledged_it_is_quiet_and_not_done_it_comes_back(
    system: System, tmp_path: Path
) -> None:
    await escalating(system, tmp_path)
    commands, close = commanding(system)
    await say(system, urgent("ack", seconds=1))
    await mails(system, 1)
    assert not isinstance(await commands.acknowledge("ack", "mia", channel="page"), Refused)
    again = await commands.acknowledge("ack", "mia", channel="page")
    assert not isinstance(again, Refused)
    assert isinstance(await commands.acknowledge("ack", "vera", channel="page"), Refused)
    found = await mails(system, 3)
    assert [(to(mail), mail["Subject"].split(":")[0]) for mail in found] == [
        ("mia@example.com", "Overdue"),
        ("mia@example.com", "Not done yet"),
        ("hana@example.com", "Needs your attention"),
    ]
    assert not isinstance(await commands.done("ack", "hana"), Refused)
    assert not isinstance(await commands.done("ack", "hana"), Refused)
    assert isinstance(await commands.snooze("ack", "mia", soon(hours=1)), Refused)
    with pytest.raises(Unknown):
        await commands.done("unheard of", "mia")
    await commands_published(system)
    kinds = [one.type for one in await events(system.kafka, Topic.REMINDERS)]
    assert kinds.count("reminder.acknowledged.v1") == 1
    met = [one.data for one in await events(system.kafka, Topic.DEADLINES)
           if isinstance(one.data, DeadlineMet)]  # fmt: skip
    assert [(one.deadline_id, one.by) for one in met] == [("ack", "hana")]
    assert len(await mails(system, 3)) == 3
    await close()


async def test_handed_on_it_is_the_other_ones(system: System, tmp_path: Path) -> None:
    await escalating(system, tmp_path)
    commands, close = commanding(system)
    await say(system, urgent("hand", seconds=60))
    await system.settled()
    assert isinstance(await commands.hand_on("hand", "mia", "stranger"), Refused)
    assert isinstance(await commands.hand_on("hand", "vera", "vera"), Refused)
    assert not isinstance(await commands.hand_on("hand", "mia", "vera"), Refused)
    await commands_published(system)
    row = await case_of(system, "hand")
    assert (row["owner_id"], row["status"]) == ("vera", "open")
    moved = [one.data for one in await events(system.kafka, Topic.DEADLINES)][-1]
    assert moved.reason == "handed on by mia"
    await close()


def commanding(system: System) -> tuple[Commands, Any]:
    """Commands of a process of their own; a service's relay publishes what they leave."""
    settings = system.settings
    database = mongo.connect(settings, "reminders")

    class Left:
        async def submit(self, rows: Any) -> None:
            """Left in the outbox."""

    commands = Commands(
        repository=Repository(database),
        outbox=Outbox(database, settings.outbox_lanes),
        relay=Left(),  # type: ignore[arg-type]
        world=World(),
    )
    return commands, lambda: mongo.close(database)


async def commands_published(system: System) -> None:
    """A process that starts publishes what another left behind."""
    await system.start("reminders")
    await system.settled()
