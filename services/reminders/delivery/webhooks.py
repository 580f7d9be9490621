"""Signed webhooks (Standard Webhooks): a program is told instead of a person."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from standardwebhooks import Webhook

from services.reminders.delivery.outward import Blocked, Outward, retry_after
from services.reminders.delivery.writing import Letter, Writer
from services.reminders.sending import Delivered, Later, Outcome, Refused
from shared.errors import Misconfigured

LONGEST_BODY = 20_000
"""Bytes, as the standard asks; a longer text is cut and marked."""
KEYS = 2
"""The new key and the one it takes the place of."""
ANY_HOST = "*"


class Webhooks:
    """The channel `webhook`. Each receiver is an endpoint of its own."""

    together = 1
    side_by_side = 4

    def __init__(
        self,
        keys: Mapping[str, SecretStr],
        http: Outward,
        writer: Writer,
        clock: Callable[[], datetime],
    ) -> None:
        self._signers = {host.lower(): _signers(host, both) for host, both in keys.items()}
        self._http = http
        self._writer = writer
        self._clock = clock

    def endpoint(self, letter: Letter) -> str:
        """The receiver."""
        return f"webhook:{letter.address}"

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send one after the other."""
        return [await self._send(letter) for letter in letters]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _send(self, letter: Letter) -> Outcome:
        host = (urlsplit(letter.address).hostname or "").lower()
        signers = self._signers.get(host) or self._signers.get(ANY_HOST)
        if not signers:
            return Refused("TAHVIL_WEBHOOK_KEYS has no key for this host")
        body = self.body(letter)
        try:
            answer = await self._http.post(
                letter.address, body.encode(), self._headers(letter, body, signers)
            )
        except Blocked as error:
            return Refused(str(error))
        if isinstance(answer, Later):
            return answer
        if 200 <= answer.status < 300:
            return Delivered()
        if answer.status == 410:
            return Refused("the endpoint says that it is gone (410)", gone=True)
        throttled = answer.status in (429, 502, 503, 504)
        wait = retry_after(answer.headers.get("retry-after"), self._clock()) if throttled else None
        return Later(f"the endpoint answers {answer.status}", wait)

    def body(self, letter: Letter) -> str:
        """What is said of a message: facts, and the text a person would get."""
        reminder = letter.item.reminder
        text = self._writer.write(letter, "chat.txt")
        data: dict[str, Any] = {
            "reminder_id": reminder.id,
            "recipient_id": reminder.recipient_id,
            "kind": reminder.kind,
            "important": reminder.important,
            "title": text.subject,
            "deadline_id": reminder.deadline_id,
            "account_id": reminder.account_id,
            "account_name": reminder.account_name,
            "due_at": reminder.due_at and reminder.due_at.isoformat(),
            "text": text.text,
            "cut": False,
        }
        while len(body := _dumped(letter, data)) > LONGEST_BODY:
            data["text"] = data["text"][: len(data["text"]) * 3 // 4]
            data["cut"] = True
        return body.decode()

    def _headers(self, letter: Letter, body: str, signers: Sequence[Webhook]) -> dict[str, str]:
        at = self._clock()  # of this attempt: a receiver refuses what is older than five minutes
        name = letter.item.reminder.id
        return {
            "content-type": "application/json",
            "user-agent": "tahvil",
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signer.sign(name, at, body) for signer in signers),
        }


def _dumped(letter: Letter, data: Mapping[str, Any]) -> bytes:
    at = (letter.item.made_at or letter.now).isoformat()
    content = {"type": f"reminder.{letter.item.reminder.kind}", "timestamp": at, "data": data}
    return json.dumps(content, ensure_ascii=False).encode()


def _signers(host: str, both: SecretStr) -> list[Webhook]:
    keys = both.get_secret_value().split()
    if not 1 <= len(keys) <= KEYS or not all(_is_key(key) for key in keys):
        raise Misconfigured(
            f"TAHVIL_WEBHOOK_KEYS: {host}: one key, or the new and the old one with a space "
            "between, each as whsec_ and the base64 of 24 to 64 random bytes"
        )
    return [Webhook(key) for key in keys]


def _is_key(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return text.startswith("whsec_") and 24 <= len(key) <= 64
