"""Who knocks: a person by session or through a proxy, or a machine that knows the password.

A session is a signed cookie. It holds who, and since when; whether that person is still with the
company is asked at every request.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import HTTPException, Request, Response, status
from fastapi.security import HTTPBasic
from itsdangerous import BadData
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.handoff.access import AccessSettings
from services.handoff.directory import Directory
from services.handoff.people import Person
from services.handoff.rights import Viewer
from shared import clients
from shared.contracts.directory import Role
from shared.http import is_operator
from shared.mongo import Database, IndexModel, UpdateOne, find, write
from shared.signing import serializer

RENEWED_AFTER = timedelta(minutes=5)
"""A cookie is written anew when it is that old: not at every request, and often enough."""
PROXY_SECRET = "x-tahvil-proxy-secret"  # noqa: S105 - the name of a header
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "ended_sessions": [IndexModel("until", expireAfterSeconds=0)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the cookie says."""

    id: str
    person_id: str
    begun: datetime
    used: datetime
    """As of when the cookie was written."""


class Seal:
    """Signs what a browser keeps for us. Time is an argument."""

    def __init__(self, keys: Sequence[str], idle: timedelta, life: timedelta) -> None:
        self._sessions = serializer(keys, "session")
        self._forms = serializer(keys, "form")
        self._idle = idle
        self._life = life

    def close(self, session: Session) -> str:
        """The cookie of a session."""
        begun, used = session.begun.timestamp(), session.used.timestamp()
        return str(self._sessions.dumps([session.id, session.person_id, begun, used]))

    def open(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie; None when it is forged, unused for too long, or too old."""
        try:
            name, person, begun, used = self._sessions.loads(cookie)
        except (BadData, ValueError, TypeError):
            return None
        session = Session(id=name, person_id=person, begun=_time(begun), used=_time(used))
        expired = now - session.used > self._idle or now - session.begun > self._life
        return None if expired else session

    def form_token(self, bearer: str) -> str:
        """What a form must bring along. `bearer`: the session, or the person behind a proxy."""
        return str(self._forms.dumps(bearer))

    def is_form_token(self, token: str, bearer: str) -> bool:
        """Whether a form's token was made for this bearer."""
        try:
            made_for = self._forms.loads(token)
        except (BadData, ValueError):
            return False
        return isinstance(made_for, str) and secrets.compare_digest(
            made_for.encode(), bearer.encode()
        )


class Sessions:
    """Begins and ends sessions; `viewer` and `person` are FastAPI dependencies."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        settings: AccessSettings,
        password: str,
        now: Callable[[], datetime],
    ) -> None:
        self._ended = database["ended_sessions"]
        self._directory = directory
        self._settings = settings
        self._password = password
        self._now = now
        self._seal = Seal(settings.keys, settings.session_idle, settings.session_life)
        # Browsers take a cookie of this prefix from this host only, and with https only.
        self.cookie = "__Host-tahvil" if settings.secure else "tahvil"

    async def viewer(self, request: Request) -> Viewer:
        """Whoever asks. Nobody: pages lead to /login, everything else is 401."""
        known: Viewer | None = getattr(request.state, "viewer", None)
        if known is None:
            known = request.state.viewer = await self._viewer(request)
        return known

    async def person(self, request: Request) -> Person:
        """The person who asks: pages are for people, not for machines."""
        viewer = await self.viewer(request)
        if viewer.person is None:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, "pages are for people who sign in, not for `ops`"
            )
        return viewer.person

    def form_token(self, request: Request) -> str:
        """For the hidden field `form_token` of a form that is shown to this viewer."""
        return self._seal.form_token(request.state.bearer)

    async def form(self, request: Request) -> None:
        """A dependency of every route that takes a form, besides `viewer`: checks its token."""
        await self.viewer(request)
        fields = await request.form()
        token = str(fields.get(FORM_TOKEN, ""))
        bearer = getattr(request.state, "bearer", None)
        if bearer is None or not self._seal.is_form_token(token, bearer):
            raise HTTPException(
                status.HTTP_403_FORBIDDEN,
                f"{FORM_TOKEN}: is missing or of another session: open the page again",
            )

    def begin(self, person: Person, response: Response) -> None:
        """Sign somebody in."""
        now = self._now()
        session = Session(id=secrets.token_urlsafe(24), person_id=person.id, begun=now, used=now)
        self._set(response, self._seal.close(session), self._settings.session_life)

    async def end(self, request: Request, response: Response) -> None:
        """Sign out: the cookie is worth nothing from now on, whoever has a copy of it."""
        if session := self._seal.open(request.cookies.get(self.cookie, ""), self._now()):
            until = session.begun + self._settings.session_life
            ended = UpdateOne({"_id": session.id}, {"$set": {"until": until}}, upsert=True)
            await write(self._ended, [ended])
        self._set(response, "", timedelta(0))
        request.state.set_cookie = None

    def check_origin(self, request: Request) -> None:
        """For forms of people who are not signed in yet: no other site may send them."""
        _check_origin(request, self._settings.origin, needed=False)

    def client(self, request: Request) -> str:
        """Address of whoever asks: behind proxies, the last one that is none of ours."""
        return clients.client(request, self._settings.proxy_addresses)

    async def _viewer(self, request: Request) -> Viewer:
        if (named := self._named_by_proxy(request)) is not None:
            person = await self._known(named)
            request.state.bearer = f"person:{person.id}"
        elif request.headers.get("authorization"):
            credentials = await HTTPBasic(auto_error=False)(request)
            if not is_operator(credentials, self._password):
                raise _stranger(request)
            _check_origin(request, self._settings.origin, needed=False)
            return Viewer(None)
        else:
            person = await self._signed_in(request)
        _check_origin(request, self._settings.origin, needed=True)
        team = await self._directory.team(person.id) if Role.HEAD in person.roles else frozenset()
        return Viewer(person, team)

    async def _signed_in(self, request: Request) -> Person:
        now = self._now()
        cookie = request.cookies.get(self.cookie)
        session = self._seal.open(cookie, now) if cookie else None
        if session is None:
            raise _stranger(request)
        if await find(self._ended, {"_id": session.id}, limit=1):
            raise _stranger(request)
        person = await self._directory.person(session.person_id)
        if person is None or not person.active:
            raise _stranger(request)
        if person.out_since and session.begun <= person.out_since:
            raise _stranger(request)
        request.state.bearer = f"session:{session.id}"
        if now - session.used > min(RENEWED_AFTER, self._settings.session_idle / 4):
            left = session.begun + self._settings.session_life - now
            renewed = Response()
            self._set(renewed, self._seal.close(replace(session, used=now)), left)
            request.state.set_cookie = renewed.headers["set-cookie"]
        return person

    def _named_by_proxy(self, request: Request) -> str | None:
        """Whom a proxy of ours names. Refused from anybody else, so that a gap is found."""
        settings = self._settings
        if settings.proxy_user_header is None:
            return None
        named = request.headers.getlist(settings.proxy_user_header)
        if not named:
            return None
        trusted = not settings.proxy_addresses or clients.within(
            clients.peer(request), settings.proxy_addresses
        )
        if settings.proxy_secret:
            sent = request.headers.get(PROXY_SECRET, "").encode()
            expected = settings.proxy_secret.get_secret_value().encode()
            trusted = secrets.compare_digest(sent, expected) and trusted
        if not trusted or len(named) != 1:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN,
                f"{settings.proxy_user_header}: may only be set, and once, by the proxy that "
                "TAHVIL_PROXY_ADDRESSES and TAHVIL_PROXY_SECRET tell of",
            )
        return named[0].strip()

    async def _known(self, named: str) -> Person:
        """Whom the proxy means: by mail address, else by id."""
        found = await self._directory.at(named)
        if not found and (person := await self._directory.person(named)) and person.active:
            found = [person]
        if len(found) != 1:
            reason = "two people have that mail address" if found else "the directory has nobody so"
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"signed in at the proxy, but {reason}")
        return found[0]

    def _set(self, response: Response, cookie: str, life: timedelta) -> None:
        response.set_cookie(
            self.cookie,
            cookie,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self._settings.secure,
            httponly=True,
            samesite="lax",
        )


class Renewal:
    """ASGI middleware: writes the cookie anew that `Sessions` has found to be getting old."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; add the cookie to what comes back."""
        state: dict[str, Any] = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and (cookie := state.get("set_cookie")):
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, answer)


def _check_origin(request: Request, own: str, *, needed: bool) -> None:
    """Refuse what another site makes a browser send. Machines send no such header.

    `Sec-Fetch-Site` is the browser's own judgement and cannot be written by a page; browsers
    that do not send it send `Origin` with every form.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        refused = site != "same-origin"
    elif origin is not None:
        refused = origin != own
    else:
        refused = needed
    if refused:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"this must be sent from a page of {own}: open it there and try again",
        )


def _stranger(request: Request) -> HTTPException:
    if "text/html" in request.headers.get("accept", ""):
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = path if request.method == "GET" else "/"
        return HTTPException(
            status.HTTP_303_SEE_OTHER,
            "sign in first",
            {"Location": "/login" if back == "/" else f"/login?next={quote(back, safe='/')}"},
        )
    return HTTPException(
        status.HTTP_401_UNAUTHORIZED,
        "sign in, or be the user 'ops' with the password TAHVIL_HTTP_PASSWORD",
        {"WWW-Authenticate": "Basic"},
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
