"""How an alarm leaves: by mail and webhook, past the outbox and the delivery, which may stand."""

import json
from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

import structlog

from services.reminders.auditing import Kind, Notice
from services.reminders.config import Settings
from services.reminders.delivery.outward import Answer, Blocked, Outward
from shared import smtp
from shared.errors import Misconfigured

log = structlog.get_logger(__name__)

_SUBJECTS = {
    Kind.RAISED: "Tahvil: reminders are late",
    Kind.LASTS: "Tahvil: reminders are still late",
    Kind.CLEAR: "Tahvil: reminders are in time again",
}


class Untold(Exception):
    """It could not be told this way now. The message says why, and no address."""


Tell = Callable[[Notice], Awaitable[None]]
"""Raises `Untold`."""


def channels(settings: Settings) -> Mapping[str, Tell]:
    """The log, and the ways that the settings name."""
    found: dict[str, Tell] = {"log": _log}
    if settings.alarm_mail:
        found["mail"] = _Mail(settings, settings.alarm_mail)
    if settings.alarm_webhook:
        found["webhook"] = _Webhook(settings.alarm_webhook.get_secret_value())
    return found


async def _log(notice: Notice) -> None:
    log.error("audit.alarm", kind=notice.kind, text=notice.text)


class _Mail:
    def __init__(self, settings: smtp.SmtpSettings, to: str) -> None:
        self._settings = settings
        self._to = to

    async def __call__(self, notice: Notice) -> None:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._settings.mail_from
        mail["To"] = self._to
        mail["Subject"] = _SUBJECTS[notice.kind]
        mail["Date"] = format_datetime(notice.at)
        mail["Message-ID"] = f"<{notice.id}@tahvil>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(notice.text)
        try:
            async with smtp.connected(self._settings) as connection:
                await connection.send_message(mail)
        except smtp.REFUSALS as error:
            raise Untold(f"the mail server does not take it ({type(error).__name__})") from error


class _Webhook:
    """JSON with a `text`, as Slack, Mattermost and most alarm receivers take it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise Misconfigured(
                "TAHVIL_ALARM_WEBHOOK: must be a URL such as https://alarms.example.com/x"
            )
        self._url = url
        self._host = parts.hostname

    async def __call__(self, notice: Notice) -> None:
        overdue = notice.overdue
        content = {
            "id": notice.id,
            "kind": notice.kind,
            "text": f"{_SUBJECTS[notice.kind]}. {notice.text}",
            "since": notice.since.isoformat(),
            "overdue": overdue.count if overdue else 0,
            "oldest": overdue.since.isoformat() if overdue else None,
        }
        headers = {"content-type": "application/json", "user-agent": "tahvil"}
        http = Outward([self._host])  # the settings name it: it may be the company's own
        try:
            answer = await http.post(self._url, json.dumps(content).encode(), headers)
        except Blocked as error:
            raise Untold(str(error)) from error
        finally:
            await http.close()
        if not isinstance(answer, Answer):
            raise Untold(answer.reason)
        if not 200 <= answer.status < 300:
            raise Untold(f"the receiver answers {answer.status}")
