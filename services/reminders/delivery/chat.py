"""Telegram, Bale and Slack: one request a message, with the answers' own ways to say no.

Not by Apprise, which knows all three: it tells neither 429 nor `Retry-After` nor whether an answer
is final.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

from services.reminders.delivery.outward import Answer, Blocked, Outward, retry_after
from services.reminders.delivery.writing import Letter, Writer
from services.reminders.sending import Delivered, Later, Outcome, Refused

Provider: TypeAlias = Literal["telegram", "bale", "slack"]

LONGEST_TEXT = 4000
"""Telegram takes 4,096 characters; Slack wants no more than 4,000."""

_SLACK_FINAL = frozenset(
    "channel_not_found user_not_found not_in_channel is_archived user_disabled "
    "messages_tab_disabled restricted_action cannot_dm_bot".split()
)


class Chat:
    """A channel that is one HTTP API of a provider."""

    together = 1
    side_by_side = 4

    def __init__(
        self,
        kind: Provider,
        api: str,
        token: SecretStr,
        http: Outward,
        writer: Writer,
    ) -> None:
        self._kind = kind
        self._api = api.rstrip("/")
        self._token = token
        self._http = http
        self._writer = writer

    def endpoint(self, _letter: Letter) -> str:
        """One provider for all."""
        return self._kind

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send one after the other."""
        return [await self._send(letter) for letter in letters]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _send(self, letter: Letter) -> Outcome:
        text = self._writer.write(letter, "chat.txt").text[:LONGEST_TEXT]
        token = self._token.get_secret_value()
        headers = {"content-type": "application/json; charset=utf-8"}
        if self._kind == "slack":
            url = f"{self._api}/chat.postMessage"
            headers["authorization"] = f"Bearer {token}"
            body: Mapping[str, Any] = {"channel": letter.address, "text": text}
        else:
            url = f"{self._api}/bot{token}/sendMessage"
            body = {"chat_id": letter.address, "text": text}
        try:
            answer = await self._http.post(url, json.dumps(body).encode(), headers)
        except Blocked as error:
            return Later(str(error))  # a setting is wrong; it can be mended
        if isinstance(answer, Later):
            return answer
        if 200 <= answer.status < 300 and answer.json().get("ok") is True:
            return Delivered()
        return _slack(answer, letter) if self._kind == "slack" else _telegram(answer, letter)


def _telegram(answer: Answer, letter: Letter) -> Outcome:
    content = answer.json()
    said = str(content.get("description", ""))[:100]
    if answer.status == 429:
        return Later("too many messages (429)", _telegram_wait(content) or _wait(answer, letter))
    if answer.status in (400, 403):
        return Refused(f"{said or 'the chat is not to be reached'} ({answer.status})")
    return Later(f"it answers {answer.status}", _wait(answer, letter))


def _telegram_wait(content: Mapping[str, Any]) -> timedelta | None:
    parameters = content.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return timedelta(seconds=min(seconds, 10**8)) if isinstance(seconds, int) else None


def _slack(answer: Answer, letter: Letter) -> Outcome:
    error = str(answer.json().get("error", ""))[:100]
    if answer.status == 200 and error in _SLACK_FINAL:
        return Refused(error)
    return Later(f"it answers {answer.status} {error}".strip(), _wait(answer, letter))


def _wait(answer: Answer, letter: Letter) -> timedelta | None:
    return retry_after(answer.headers.get("retry-after"), letter.now)
