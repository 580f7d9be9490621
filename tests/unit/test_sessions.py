"""Sessions as a browser keeps them, and the settings of who gets in."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from starlette.requests import Request

from services.handoff.access import AccessSettings
from services.handoff.sessions import Seal, Session, Sessions
from shared.passes import local
from tests.support.builders import NOON

IDLE, LIFE = timedelta(hours=12), timedelta(days=7)
OLD, NEW = "o" * 32, "n" * 32
SESSION = Session(id="s1", person_id="mia", begun=NOON, used=NOON)


def seal(*keys: str) -> Seal:
    return Seal(keys or (NEW,), IDLE, LIFE)


def settings(**changes: Any) -> AccessSettings:
    return AccessSettings(**{"session_key": SecretStr(NEW)} | changes)


def test_a_session_is_read_as_it_was_written() -> None:
    assert seal().open(seal().close(SESSION), NOON) == SESSION


@pytest.mark.parametrize(
    ("begun", "used", "good"),
    [
        (timedelta(0), timedelta(0), True),
        (IDLE, IDLE, True),
        (IDLE + timedelta(seconds=1), IDLE + timedelta(seconds=1), False),
        (LIFE, timedelta(0), True),
        (LIFE + timedelta(seconds=1), timedelta(0), False),
    ],
)
def test_a_session_ends_unused_and_in_any_case(
    begun: timedelta, used: timedelta, good: bool
) -> None:
    session = Session(id="s", person_id="mia", begun=NOON - begun, used=NOON - used)
    assert (seal().open(seal().close(session), NOON) is not None) == good


def test_a_cookie_that_was_tampered_with_is_none() -> None:
    cookie = seal().close(SESSION)
    content, signature = cookie.rsplit(".", 1)
    other = seal().close(Session(id="s1", person_id="hana", begun=NOON, used=NOON))
    forged = f"{other.rsplit('.', 1)[0]}.{signature}"
    for wrong in (
        "",
        ".",
        "x",
        content,
        forged,
        cookie[:-1],
        cookie + "x",
        f"{content}.{'A' * 43}",
    ):
        assert seal().open(wrong, NOON) is None, wrong
    assert seal(OLD).open(cookie, NOON) is None, "another key"
    assert seal().open(seal().form_token("session:s1"), NOON) is None, "a form's token is no cookie"


def test_after_a_rotation_old_sessions_go_on_and_new_ones_have_the_new_key() -> None:
    before = seal(OLD).close(SESSION)
    rotated = seal(NEW, OLD)
    assert rotated.open(before, NOON) == SESSION
    assert seal(NEW).open(rotated.close(SESSION), NOON) == SESSION
    assert seal(OLD).open(rotated.close(SESSION), NOON) is None


def test_the_token_of_a_form_is_one_sessions() -> None:
    token = seal().form_token("session:s1")
    assert seal().is_form_token(token, "session:s1")
    assert not seal().is_form_token(token, "session:s2")
    assert not seal().is_form_token("", "")
    assert not seal(OLD).is_form_token(token, "session:s1")


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "", "x", "/a\nb"]
)
def test_signing_in_leads_to_no_other_site(path: str) -> None:
    assert local(path) == "/"


def test_signing_in_leads_back() -> None:
    assert local("/accounts/acme?x=1") == "/accounts/acme?x=1"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"session_key": SecretStr("short")}, "32 characters"),
        ({"session_key": SecretStr(f"{NEW} short")}, "32 characters"),
        ({"proxy_user_header": "X-User"}, "anybody could say"),
        ({"proxy_user_header": "X-User", "proxy_addresses": "10.0.0.0/99"}, "10.0.0.0/99"),
        ({"proxy_user_header": "X-User", "proxy_secret": SecretStr("x")}, "32"),
        ({"login_rate_address": "often"}, "5 per 15 minutes"),
        ({"session_idle": timedelta(0)}, "greater than 0"),
    ],
)
def test_settings_that_let_anybody_in_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**wrong)


def test_the_environment_names_networks_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAHVIL_SESSION_KEY", f"{NEW}\n{OLD}\n")
    monkeypatch.setenv("TAHVIL_PROXY_ADDRESSES", "10.0.0.0/8, ::1/128")
    monkeypatch.setenv("TAHVIL_HANDOFF_URL", "https://tahvil.example.com/")
    read = AccessSettings()
    assert read.keys == (NEW, OLD)
    assert [str(one) for one in read.proxy_addresses] == ["10.0.0.0/8", "::1/128"]
    assert (read.origin, read.secure) == ("https://tahvil.example.com", True)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("9.9.9.9", "1.1.1.1", "9.9.9.9"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_only_our_proxies_say_for_whom_they_ask(peer: str, forwarded: str, client: str) -> None:
    sessions = Sessions(
        database={"ended_sessions": None},  # type: ignore[arg-type]
        directory=None,  # type: ignore[arg-type]
        settings=settings(proxy_addresses="10.0.0.0/8"),
        password="",
        now=lambda: NOON,
    )
    scope = {
        "type": "http",
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", forwarded.encode())],
    }
    assert sessions.client(Request(scope)) == client
