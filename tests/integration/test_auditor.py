"""Alarms of the auditor, on a real mongod, a real mail server and a real receiver."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.reminders import alarms, auditing
from services.reminders.auditor import Auditor
from services.reminders.config import Settings
from shared import mongo
from shared.errors import Misconfigured
from tahvil.demo import plain_text, read_mails
from tahvil.servers.mongo import EmbeddedMongo
from tahvil.servers.smtp import EmbeddedSmtp
from tests.support.firing import Firing
from tests.support.receivers import Receiver, says
from tests.support.system import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARGIN = timedelta(minutes=5)


class Audited:
    """Cases, their auditors, and where alarms go."""

    def __init__(self, firing: Firing, smtp: EmbeddedSmtp, receiver: Receiver) -> None:
        self.firing, self.smtp, self.receiver = firing, smtp, receiver

    def auditor(self, **changes: Any) -> tuple[Auditor, CollectorRegistry]:
        """One replica's."""
        settings = Settings.model_validate(
            {
                "kafka_bootstrap": "none:1",
                "mongo_uri": SecretStr("none"),
                "http_password": SecretStr(PASSWORD),
                "link_key": SecretStr("k" * 32),
                "smtp_host": self.smtp.host,
                "smtp_port": self.smtp.port,
                "smtp_security": "none",
                "alarm_mail": "ops@example.com",
                "alarm_webhook": SecretStr(f"http://127.0.0.1:{self.receiver.port}/alarm"),
            }
            | changes
        )
        registry = CollectorRegistry()
        auditor = Auditor(
            repository=self.firing.first.repository,
            channels=alarms.channels(settings),
            margin=MARGIN,
            registry=registry,
        )
        return auditor, registry

    async def late(self, **by: float) -> None:
        """A case whose timers nobody fires."""
        await self.firing.deadlines([await self.firing.now() - timedelta(**by)])

    async def in_time(self) -> None:
        await self.firing.first.database["deadlines"].delete_many({})

    async def pass_time(self, by: timedelta) -> None:
        """As if all that is known of alarms were older."""
        rows = self.firing.first.database["marks"]
        for row in await mongo.find(rows, {"watch.since": {"$ne": None}}):
            for name in ("since", "told_at", "calm_since"):
                if row["watch"][name]:
                    row["watch"][name] -= by
            await rows.replace_one({"_id": row["_id"]}, row)

    def mails(self) -> list[str]:
        return [str(mail["Subject"]) for mail in read_mails(self.smtp.maildir)]

    def hooks(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.receiver.requests]


@pytest_asyncio.fixture(loop_scope="module")
async def audited(
    mongod: EmbeddedMongo, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Audited]:
    firing = Firing(mongod.uri, f"a{abs(hash(request.node.name)) % 10**9}")
    smtp = EmbeddedSmtp(tmp_path / "smtp")
    await smtp.start()
    async with firing.opened(), Receiver().listening() as receiver:
        yield Audited(firing, smtp, receiver)
    await smtp.stop()


async def test_an_alarm_is_told_once_by_one_of_many_replicas_and_then_the_all_clear(
    audited: Audited,
) -> None:
    replicas = [audited.auditor()[0] for _ in range(3)]

    async def all_audit() -> None:
        for _ in range(2):
            await asyncio.gather(*(replica.audit() for replica in replicas))

    await all_audit()
    await audited.late(days=2)
    await all_audit()
    assert audited.mails() == ["Tahvil: reminders are late"]
    await audited.pass_time(auditing.AGAIN)
    await all_audit()
    await audited.in_time()
    await all_audit()
    assert len(audited.mails()) == 2
    await audited.pass_time(auditing.CALM)
    await all_audit()
    assert sorted(audited.mails()) == [
        "Tahvil: reminders are in time again",
        "Tahvil: reminders are late",
        "Tahvil: reminders are still late",
    ]
    assert [hook["kind"] for hook in audited.hooks()] == ["raised", "lasts", "clear"]
    assert [hook["overdue"] for hook in audited.hooks()] == [1, 1, 0]


async def test_what_is_late_by_less_than_the_margin_is_no_alarm(audited: Audited) -> None:
    auditor, registry = audited.auditor()
    now = await audited.firing.now()
    await audited.firing.deadlines([now + timedelta(days=1) - MARGIN / 2, now + timedelta(days=9)])
    await auditor.audit()
    assert audited.mails() == []
    assert registry.get_sample_value("tahvil_audit_overdue") == 0
    beat = registry.get_sample_value("tahvil_audit_timestamp_seconds")
    assert beat
    assert abs(beat - now.timestamp()) < 5


async def test_an_alarm_waits_for_a_mail_server_that_is_away_and_holds_up_no_webhook(
    audited: Audited,
) -> None:
    auditor, registry = audited.auditor()
    await audited.late(days=2)
    await audited.smtp.stop()
    await auditor.audit()
    await auditor.audit()
    assert [hook["kind"] for hook in audited.hooks()] == ["raised"]
    assert registry.get_sample_value("tahvil_audit_overdue") == 1
    await audited.smtp.start()
    await auditor.audit()
    await auditor.audit()
    (mail,) = read_mails(audited.smtp.maildir)
    assert mail["To"] == "ops@example.com"
    assert "1 open deadlines wait" in plain_text(mail)
    assert "deadline d0" in plain_text(mail)


async def test_a_replica_that_dies_while_it_tells_is_followed_by_another_with_the_same_id(
    audited: Audited,
) -> None:
    dying, other = audited.auditor()[0], audited.auditor()[0]
    await audited.late(days=2)
    audited.receiver.answer = says(503)
    await dying.audit()
    rows = audited.firing.first.database["marks"]
    now = await audited.firing.now()
    in_hand = {"$set": {"until": now + timedelta(seconds=60)}}
    await rows.update_one({"_id": "audit:webhook"}, in_hand)  # it died before it was answered
    await other.audit()
    assert len(audited.hooks()) == 1
    await rows.update_one({"_id": "audit:webhook"}, {"$set": {"until": now}})
    audited.receiver.answer = says(204)
    await other.audit()
    await other.audit()
    first, again = audited.hooks()
    assert first["id"] == again["id"]


async def test_without_channels_the_log_is_told(
    audited: Audited, capsys: pytest.CaptureFixture[str]
) -> None:
    auditor, _ = audited.auditor(alarm_mail=None, alarm_webhook=None)
    await audited.late(days=2)
    await auditor.audit()
    await auditor.audit()
    assert capsys.readouterr().out.count("audit.alarm") == 1
    assert audited.mails() == audited.hooks() == []


async def test_a_webhook_that_is_no_address_is_refused_at_the_start(audited: Audited) -> None:
    with pytest.raises(Misconfigured, match="TAHVIL_ALARM_WEBHOOK"):
        audited.auditor(alarm_webhook=SecretStr("alarms"))
