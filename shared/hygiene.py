"""What every answer over HTTP has, and no request may: headers of security, bodies of any size."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 1024 * 1024
"""Bytes of a request's body at most; a package of a customer has some thousands."""
HEADERS: Mapping[str, str] = MappingProxyType({
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
                               "form-action 'self'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it browsers send "Origin: null" with forms, and none is let in.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
})  # fmt: skip
"""A route that knows better sets its own, such as `Cache-Control` of a style sheet."""


class Hygiene:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 to what is too long; add the headers that are not there."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = BODY

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _too_long()
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > BODY:
            error = _too_long()
            refusal = JSONResponse({"detail": error.detail}, error.status_code)
            await refusal(scope, receive, answer)
            return
        await self._app(scope, limited, answer)


async def invalid(_: Request, error: Exception) -> JSONResponse:
    """Which field is wrong and why; not what was sent, which may be personal."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for no other
    faults = [
        {"loc": fault["loc"], "msg": fault["msg"], "type": fault["type"]}
        for fault in error.errors()
    ]
    return JSONResponse({"detail": faults}, status.HTTP_422_UNPROCESSABLE_CONTENT)


def _too_long() -> HTTPException:
    return HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, f"the body is longer than {BODY} bytes")
