"""Who knocks: a person by a cookie that a pass of handoff's was turned into, or `ops`.

Nobody signs in here. The cookie says who and since when, and is short-lived: then the browser is
led through handoff again, so that signing out there ends it here too. What somebody may see is
looked up in the directory at every request.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from fastapi import HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPBasic

from services.reporting.answers import Answers
from services.reporting.rights import Viewer, viewer_of
from shared.http import is_operator
from shared.passes import Bearer, Passes, local

COOKIE_LIFE = timedelta(minutes=15)
"""How long at most somebody who signed out at handoff, in another window, goes on reading here."""


class Doors:
    """`viewer` is a FastAPI dependency. No keys: nobody but `ops` comes in."""

    def __init__(
        self,
        *,
        answers: Answers,
        keys: Sequence[str],
        password: str,
        handoff: str,
        secure: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._answers = answers
        self._passes = Passes(keys, "reporting") if keys else None
        self._cookies = Passes(keys, "reporting cookie", COOKIE_LIFE) if keys else None
        self._password = password
        self._secure = secure
        self._now = now
        self.handoff = handoff.rstrip("/")
        # Browsers take a cookie of this prefix from this host only, and with https only.
        self.cookie = "__Host-tahvil-reporting" if secure else "tahvil_reporting"

    async def viewer(self, request: Request) -> Viewer:
        """Whoever asks. Nobody: pages lead to handoff, everything else is 401.

        `request.state.look`: what was stored before anything is read for the answer.
        """
        if request.headers.get("authorization"):
            credentials = await HTTPBasic(auto_error=False)(request)
            if not is_operator(credentials, self._password):
                raise self._stranger(request)
            request.state.look = await self._answers.look()
            request.state.viewer = viewer = Viewer()
            return viewer
        cookie = request.cookies.get(self.cookie)
        bearer = self._cookies.read(cookie, self._now()) if self._cookies and cookie else None
        if bearer is None:
            raise self._stranger(request)
        request.state.look = look = await self._answers.look()
        found = viewer_of(bearer.person_id, look.people, bearer.language)
        if found is None:  # leading elsewhere would lead back here for ever
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, "signed in at handoff, but the directory has nobody so"
            )
        request.state.viewer = found
        return found

    async def operator(self, request: Request) -> None:
        """A dependency that lets in `ops` only: browsers ask for the password."""
        if not is_operator(await HTTPBasic(auto_error=False)(request), self._password):
            raise _unknown()

    def enter(self, text: str, path: str) -> Response:
        """Turn a pass into a cookie, and lead on."""
        bearer = self._passes.read(text, self._now()) if self._passes else None
        if bearer is None:
            raise HTTPException(status.HTTP_410_GONE, "pass: is too old: open the reports again")
        answer = RedirectResponse(local(path), status.HTTP_303_SEE_OTHER)
        self._set(answer, bearer)
        return answer

    def _set(self, response: Response, bearer: Bearer) -> None:
        assert self._cookies  # noqa: S101 - a pass was read with the same keys
        response.set_cookie(
            self.cookie,
            self._cookies.write(bearer, self._now()),
            max_age=int(COOKIE_LIFE.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def _stranger(self, request: Request) -> HTTPException:
        path = request.url.path
        wants_page = path.startswith("/pages") and "text/html" in request.headers.get("accept", "")
        if wants_page and self._passes and "authorization" not in request.headers:
            path += f"?{request.url.query}" if request.url.query else ""
            where = f"{self.handoff}/reports?next={quote(path, safe='/')}"
            return HTTPException(
                status.HTTP_303_SEE_OTHER, "sign in at handoff", {"Location": where}
            )
        return _unknown()


def _unknown() -> HTTPException:
    return HTTPException(
        status.HTTP_401_UNAUTHORIZED,
        "sign in at handoff, or be the user 'ops' with the password TAHVIL_HTTP_PASSWORD",
        {"WWW-Authenticate": "Basic"},
    )
