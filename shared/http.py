"""The HTTP door of every service: liveness, readiness, metrics; figures of its own beside them."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from typing_extensions import override

from shared.errors import Misconfigured
from shared.hygiene import Hygiene, invalid
from shared.metrics import Metrics

USER = "ops"
STRANGER: Mapping[int | str, dict[str, Any]] = MappingProxyType(
    {401: {"description": "Wrong user or password."}}
)
"""What every door for `ops` may answer, as its documentation says it."""


def is_operator(credentials: HTTPBasicCredentials | None, password: str) -> bool:
    """Whether somebody knows the user and the password."""
    if credentials is None:
        return False
    user = secrets.compare_digest(credentials.username.encode(), USER.encode())
    return secrets.compare_digest(credentials.password.encode(), password.encode()) and user


def guard(password: SecretStr) -> Callable[..., None]:
    """A dependency that lets in who knows the password (HTTP Basic, so that browsers ask)."""

    def knows(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
        if not is_operator(credentials, password.get_secret_value()):
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED,
                f"wrong user or password: the user is {USER!r}, the password TAHVIL_HTTP_PASSWORD",
                {"WWW-Authenticate": "Basic"},
            )

    return knows


def build_http(
    service: str, *, password: SecretStr, metrics: Metrics, not_ready: Callable[[], list[str]]
) -> FastAPI:
    """`/live` and `/ready` are open and tell nothing of the data; all else asks who knocks."""
    app = FastAPI(title=f"Tahvil {service}", docs_url=None, redoc_url=None)
    app.state.stopping = asyncio.Event()
    app.add_middleware(Hygiene)
    app.add_exception_handler(RequestValidationError, invalid)

    @app.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/ready", responses={503: {"description": "Not ready."}})
    async def ready(response: Response) -> dict[str, object]:
        """Events are applied as they come; else 503, and why not."""
        reasons = not_ready()
        if reasons:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return {"ready": not reasons, "reasons": reasons}

    @app.get(
        "/metrics",
        dependencies=[Depends(guard(password))],
        response_class=PlainTextResponse,
        responses={**STRANGER},
    )
    async def metrics_text() -> Response:
        metrics.ready.set(not not_ready())
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else is started, so that a busy port is said at once."""
    # With its protocol named, or asyncio leaves Nagle's algorithm on, and the second packet of each
    # answer waits for the acknowledgement of the first: 40 ms.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise Misconfigured(
            f"cannot listen on {host}:{port} ({error.strerror}): stop what uses the port, "
            "or set TAHVIL_HTTP_PORT and TAHVIL_HTTP_HOST to others"
        ) from None
    return door


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the runtime stops the parts in order.

    Nor does it believe `X-Forwarded-For`: who connects is who connects, and which proxies may
    speak for others is a setting of the services that ask.
    """

    def __init__(self, app: FastAPI) -> None:
        self._stopping: asyncio.Event = app.state.stopping
        super().__init__(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", proxy_headers=False
            )
        )

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers that go on for ever, such as events, end now; the others are waited for."""
        self._stopping.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Generator[None, None, None]:
        yield
