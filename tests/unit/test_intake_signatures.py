"""Who knocks: good, tampered, old, rotated and wrong, in each of the ways to prove it."""

import base64
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from services.handoff.intake.signatures import (
    Basic,
    Check,
    Header,
    HubSpot,
    Knock,
    Path,
    StandardWebhooks,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW, OTHER = (
    "whsec_" + base64.b64encode(letter * 25).decode() for letter in (b"a", b"b", b"c")
)
BODY = '{"name": "آذر"}'.encode()


def standard(secret: str = NEW, at: datetime = NOW) -> Knock:
    signature = Webhook(secret).sign("msg_1", at, BODY.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1a,xyz {signature}",
    }
    return Knock("POST", "/intake/x", headers, "", BODY)


def hubspot(secret: str = NEW, at: datetime = NOW, path: str = "/intake/x?a=b%3Ac") -> Knock:
    stamp = str(int(at.timestamp() * 1000))
    address = "https://hooks.example.com" + path.replace("%3A", ":")
    signed = b"POST" + address.encode() + BODY + stamp.encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    return Knock("POST", path, headers, "", BODY)


def basic(secret: str = NEW, user: str = "tahvil") -> Knock:
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return Knock("POST", "/intake/x", {"authorization": f"Basic {pair}"}, "", BODY)


def header(secret: str = NEW) -> Knock:
    return Knock("POST", "/intake/x", {"x-key": secret}, "", BODY)


def path(secret: str = NEW) -> Knock:
    return Knock("POST", "/intake/x", {}, secret, BODY)


CHECKS: list[tuple[Check, object]] = [
    (StandardWebhooks.of([OLD, NEW]), standard),
    (HubSpot([OLD, NEW], "https://hooks.example.com"), hubspot),
    (Basic("tahvil", [OLD, NEW]), basic),
    (Header("x-key", [OLD, NEW]), header),
    (Path([OLD, NEW]), path),
]
IDS = [type(check).__name__ for check, _ in CHECKS]


@pytest.mark.parametrize(("check", "knock"), CHECKS, ids=IDS)
def test_every_secret_of_a_rotation_holds_and_no_other(check: Check, knock: object) -> None:
    assert callable(knock)
    assert check.doubt(knock(NEW), NOW) is None
    assert check.doubt(knock(OLD), NOW) is None
    doubt = check.doubt(knock(OTHER), NOW)
    assert doubt is not None
    assert OLD not in doubt
    assert NEW not in doubt


@pytest.mark.parametrize(("check", "knock"), CHECKS, ids=IDS)
def test_nothing_shown_is_not_believed(check: Check, knock: object) -> None:
    assert check.doubt(Knock("POST", "/intake/x", {}, "", BODY), NOW)


@pytest.mark.parametrize(("check", "knock"), CHECKS[:2], ids=IDS[:2])
def test_a_tampered_body_is_not_believed(check: Check, knock: object) -> None:
    assert callable(knock)
    assert check.doubt(replace(knock(), body=BODY + b" "), NOW)


@pytest.mark.parametrize(("check", "knock"), CHECKS[:2], ids=IDS[:2])
@pytest.mark.parametrize(
    ("age", "believed"),
    [
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
        (-timedelta(minutes=5), True),
        (-timedelta(minutes=5, seconds=1), False),
    ],
)
def test_a_replay_after_five_minutes_is_not_believed(
    check: Check, knock: object, age: timedelta, believed: bool
) -> None:
    assert callable(knock)
    doubt = check.doubt(knock(at=NOW - age), NOW)
    assert (doubt is None) == believed
    assert believed or "five minutes" in str(doubt)


@pytest.mark.parametrize("stamp", ["", "soon", "1e9", "-1", "9" * 15, "9" * 40, "۱۲۳", "nan"])
@pytest.mark.parametrize(("check", "knock"), CHECKS[:2], ids=IDS[:2])
def test_a_timestamp_that_is_none(check: Check, knock: object, stamp: str) -> None:
    assert callable(knock)
    good: Knock = knock()
    headers = {k: stamp if "timestamp" in k else v for k, v in good.headers.items()}
    assert check.doubt(replace(good, headers=headers), NOW)


def test_another_signed_time_or_id_does_not_fit() -> None:
    check, good = StandardWebhooks.of([NEW]), standard()
    later = {**good.headers, "webhook-timestamp": str(int(NOW.timestamp()) + 1)}
    assert check.doubt(replace(good, headers=later), NOW)
    other = {**good.headers, "webhook-id": "msg_2"}
    assert check.doubt(replace(good, headers=other), NOW)


def test_hubspot_signs_the_address() -> None:
    check = HubSpot([NEW], "https://hooks.example.com")
    assert check.doubt(replace(hubspot(), target="/intake/y?a=b%3Ac"), NOW)
    assert HubSpot([NEW], "https://other.example.com").doubt(hubspot(), NOW)


@pytest.mark.parametrize(
    "given", ["Basic", "Basic !!", "Basic /w==", "Bearer x", "basic dGFodmlsOg=="]
)
def test_basic_that_is_none(given: str) -> None:
    knock = Knock("POST", "/", {"authorization": given}, "", BODY)
    assert Basic("tahvil", [NEW]).doubt(knock, NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_" + "YQ==" * 3, "short"])
def test_a_weak_or_broken_webhook_secret_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        StandardWebhooks.of([secret])
