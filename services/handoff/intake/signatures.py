"""Who knocks: the ways in which systems prove that a webhook is theirs.

A check gives the reason why it does not believe the request, or none when it does. Several
secrets may hold at once, so that one can be replaced without a gap. Every secret is compared
with every signature, in constant time, so that neither which of them fits nor how far shows.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from standardwebhooks import Webhook

from services.handoff.intake.refusal import Refused

WINDOW = timedelta(minutes=5)
"""How old or early a signed request may be. Standard Webhooks and HubSpot both say five minutes."""

_SIGNATURES = 10  # read of one header at most
_ESCAPES = {"3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'", "28": "(",
            "29": ")", "2A": "*", "2C": ",", "3B": ";"}  # fmt: skip
_ESCAPE = re.compile("%(" + "|".join(_ESCAPES) + ")", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Knock:
    """What a request shows of itself."""

    method: str
    target: str
    """Path and query as they came."""
    headers: Mapping[str, str]
    """Names in lower case."""
    in_path: str
    """What follows the source's name in the path."""
    body: bytes


class Check(Protocol):
    """A way to prove who one is."""

    @property
    def signs_body(self) -> bool:
        """Whether the body must be read before it is known who sent it."""
        ...

    def doubt(self, knock: Knock, now: datetime) -> str | None:
        """Why the request is not believed; none: it is."""
        ...


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """Standard Webhooks, symmetric (`v1`): standardwebhooks.com."""

    webhooks: Sequence[Webhook]
    signs_body: bool = True

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "StandardWebhooks":
        """From `whsec_…` secrets; ValueError says what is wrong with one."""
        for secret in secrets:
            try:
                text = secret.removeprefix("whsec_").rstrip("=")
                size = len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
            except binascii.Error:
                size = 0
            if not 24 <= size <= 64:
                raise ValueError("must be `whsec_` and 24 to 64 bytes in base64")
        return cls([Webhook(secret) for secret in secrets])

    def doubt(self, knock: Knock, now: datetime) -> str | None:
        """Why the request is not believed."""
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        message_id, stamp, given = (knock.headers.get(name, "") for name in names)
        if not (message_id and stamp and given):
            return f"the headers {', '.join(names)} are needed"
        moment = _moment(stamp, per_second=1)
        if moment is None:
            return "webhook-timestamp: must be seconds since 1970"
        if abs(now - moment) > WINDOW:
            return "webhook-timestamp: is more than five minutes from now"
        try:
            text = knock.body.decode()
        except UnicodeDecodeError:
            raise Refused(400, "the body is not UTF-8") from None
        expected = [webhook.sign(message_id, moment, text) for webhook in self.webhooks]
        if _any_equal(given.split(" ")[:_SIGNATURES], expected):
            return None
        return "webhook-signature: none of the signatures fits"


@dataclass(frozen=True, slots=True)
class HubSpot:
    """HubSpot's signature, version 3: of method, address, body and time."""

    secrets: Sequence[str]
    public_url: str
    """The address that HubSpot was told, up to the path: a proxy hides it from us."""
    signs_body: bool = True

    def doubt(self, knock: Knock, now: datetime) -> str | None:
        """Why the request is not believed."""
        given = knock.headers.get("x-hubspot-signature-v3", "")
        stamp = knock.headers.get("x-hubspot-request-timestamp", "")
        if not (given and stamp):
            return "the headers x-hubspot-signature-v3 and x-hubspot-request-timestamp are needed"
        moment = _moment(stamp, per_second=1000)
        if moment is None:
            return "x-hubspot-request-timestamp: must be milliseconds since 1970"
        if abs(now - moment) > WINDOW:
            return "x-hubspot-request-timestamp: is more than five minutes from now"
        address = _ESCAPE.sub(lambda m: _ESCAPES[m[1].upper()], self.public_url + knock.target)
        signed = (knock.method + address).encode() + knock.body + stamp.encode()
        expected = [
            base64.b64encode(hmac.digest(secret.encode(), signed, sha256)).decode()
            for secret in self.secrets
        ]
        if _any_equal([given], expected):
            return None
        return "x-hubspot-signature-v3: does not fit (is public_url what HubSpot was told?)"


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password (HTTP Basic), as Pipedrive and Salesforce can send them."""

    user: str
    passwords: Sequence[str]
    signs_body: bool = False

    def doubt(self, knock: Knock, now: datetime) -> str | None:  # noqa: ARG002
        """Why the request is not believed."""
        scheme, _, given = knock.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "user and password are needed (HTTP Basic)"
        try:
            pair = base64.b64decode(given.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            pair = ""
        if _any_equal([pair], [f"{self.user}:{password}" for password in self.passwords]):
            return None
        return "wrong user or password"


@dataclass(frozen=True, slots=True)
class Header:
    """A secret in a header of its own, such as HubSpot's workflows send as an API key."""

    header: str
    secrets: Sequence[str]
    signs_body: bool = False

    def doubt(self, knock: Knock, now: datetime) -> str | None:  # noqa: ARG002
        """Why the request is not believed."""
        given = knock.headers.get(self.header, "")
        if _any_equal([given.removeprefix("Bearer ")], self.secrets):
            return None
        return f"the header {self.header} with the secret is needed"


@dataclass(frozen=True, slots=True)
class Path:
    """A secret at the end of the address, for systems that offer nothing else."""

    secrets: Sequence[str]
    signs_body: bool = False

    def doubt(self, knock: Knock, now: datetime) -> str | None:  # noqa: ARG002
        """Why the request is not believed."""
        if _any_equal([knock.in_path], self.secrets):
            return None
        return "there is no such source"


def _moment(stamp: str, *, per_second: int) -> datetime | None:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 15):
        return None
    try:
        return datetime.fromtimestamp(int(stamp) / per_second, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _any_equal(given: Sequence[str], expected: Sequence[str]) -> bool:
    found = [
        hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected
    ]
    return any(found)
