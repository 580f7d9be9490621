"""HTTP to places that people name: to public addresses only, and never for long.

The address is checked where the connection is made: a name is resolved once, every address it has
must be a public one, and the connection goes to the very address that was checked, while TLS and
the Host header keep the name. So a name that answers otherwise the next time (DNS rebinding) gains
nothing. httpcore itself follows no redirect and reads no proxy from the environment. (httpx-secure
connects before it checks, be it without a byte of HTTP: too late for us.)
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpcore
from typing_extensions import override

from services.reminders.delivery.addresses import forbidden
from services.reminders.sending import Later

DEADLINE = 15.0  # seconds an exchange may take, from the name's resolution to the last byte
LONGEST_ANSWER = 64 * 1024
PORTS = frozenset({443, 8443})
ADDRESSES_TRIED = 3

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Blocked(Exception):
    """Nothing is sent there, now or later. The message says why, and no address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: at most `LONGEST_ANSWER` bytes of it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        with contextlib.suppress(ValueError):
            content = json.loads(self.body)
            if isinstance(content, dict):
                return content
        return {}


class Outward:
    """A client for one kind of channel.

    `allowed`: hosts, as `host` or `host:port`, that the settings name: of the company's own
    network, over plain HTTP if need be.
    """

    def __init__(
        self,
        allowed: Collection[str] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
        deadline: float = DEADLINE,
        ports: Collection[int] = PORTS,
    ) -> None:
        self._allowed = frozenset(name.lower() for name in allowed)
        self._deadline = deadline
        self._ports = ports
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=None,  # each endpoint's lane has its own limit
            max_keepalive_connections=20,
            keepalive_expiry=30,
            network_backend=_Checked(
                self._is_allowed, resolve or _resolve, network or httpcore.AnyIOBackend()
            ),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer | Later:
        """One request, answered or not. Raises `Blocked`."""
        host, port, secure, target = self._target(url)
        sent = {
            "host": _name(host, port, secure=secure),
            "content-length": str(len(body)),
            **headers,
        }
        try:
            async with asyncio.timeout(self._deadline):
                async with self._pool.stream(
                    "POST",
                    httpcore.URL(
                        scheme=b"https" if secure else b"http",
                        host=host.encode(),
                        port=port,
                        target=target,
                    ),
                    headers=list(sent.items()),
                    content=body,
                ) as response:
                    answer = await _at_most(response.aiter_stream(), LONGEST_ANSWER)
                    named = {
                        k.decode("latin-1").lower(): v.decode("latin-1")
                        for k, v in response.headers
                    }
                    return Answer(response.status, named, answer)
        except TimeoutError:
            return Later(f"no whole answer within {self._deadline:g} s")
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Later(f"no connection ({type(error).__name__})")

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()

    def _target(self, url: str) -> tuple[str, int, bool, bytes]:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode(), parts.port
            query = f"?{parts.query}" if parts.query else ""
            target = f"{parts.path or '/'}{query}".encode("ascii")
        except (ValueError, UnicodeError):
            raise Blocked("the address is no URL") from None
        if parts.scheme not in ("https", "http") or not host or parts.username is not None:
            raise Blocked("the address must be a URL such as https://hooks.example.com/tahvil")
        secure = parts.scheme == "https"
        port = port or (443 if secure else 80)
        if not self._is_allowed(host, port):
            if not secure:
                raise Blocked("the address must begin with https://")
            if port not in self._ports:
                raise Blocked(f"port {port} is none that webhooks go to")
        return host, port, secure, target

    def _is_allowed(self, host: str, port: int) -> bool:
        return not self._allowed.isdisjoint({host.lower(), f"{host.lower()}:{port}"})


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(
        self,
        allowed: Callable[[str, int], bool],
        resolve: Resolve,
        network: httpcore.AsyncNetworkBackend,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = network

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not self._allowed(host, port) and any(
            forbidden(address) or _is_this_machine(address) for address in addresses
        ):
            raise Blocked("the address leads to a private network or to this machine")
        error: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                return _Closing(
                    await self._network.connect_tcp(
                        address, port, timeout, local_address, socket_options
                    )
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    @override
    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Blocked("no local socket")

    @override
    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Closing(httpcore.AsyncNetworkStream):
    """A stream that is closed when a handshake is given up: httpcore leaves it open then."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    @override
    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """What the header `Retry-After` asks for: seconds or a date; None: nothing that is one."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdecimal():
        return timedelta(seconds=min(int(text.strip()[:9]), 10**8))
    try:
        return max(timedelta(0), parsedate_to_datetime(text).astimezone(UTC) - now)
    except (ValueError, TypeError, OverflowError):
        return None


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("the name cannot be resolved") from error
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _is_this_machine(address: str) -> bool:
    """Whether it is a public address of our own. Connecting a datagram socket sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
            own: str = probe.getsockname()[0]
        except OSError:
            return False  # no way there at all
        return own == address


async def _at_most(stream: Any, most: int) -> bytes:
    content = b""
    async for part in stream:
        content += part
        if len(content) >= most:
            break
    return content[:most]


def _name(host: str, port: int, *, secure: bool) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port == (443 if secure else 80) else f"{bracketed}:{port}"
