"""No request to a private address, a redirect or a name that changes its mind.

The receiver listens on every address of this machine, so that a connection to any of them counts.
"""

import asyncio
import ipaddress
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from services.reminders.delivery.addresses import forbidden
from services.reminders.delivery.outward import (
    LONGEST_ANSWER,
    Answer,
    Blocked,
    Outward,
    retry_after,
)
from services.reminders.sending import Later
from tahvil.servers.process import free_port
from tests.support.builders import NOON
from tests.support.receivers import Receiver, Request, says

PUBLIC = "93.184.216.34"
NAME = "hooks.example.com"


class Wire(httpcore.AnyIOBackend):
    """The network, but every address leads to the receiver. Remembers where it was to go."""

    def __init__(self) -> None:
        self.went: list[str] = []

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.went.append(host)
        return await super().connect_tcp("127.0.0.1", port, timeout)


class Names:
    """A name server that gives one answer after the other, and the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(port=free_port()).listening(("0.0.0.0", "::")) as listening:
        yield listening


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
            "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((PUBLIC, 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


async def post(outward: Outward, url: str) -> Answer | Later:
    try:
        return await outward.post(url, b"{}", {"content-type": "application/json"})
    finally:
        await outward.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0.0.0.0", "localhost",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "169.254.169.254", "10.0.0.1", "100.64.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_no_spelling_of_a_private_address_is_connected_to(
    host: str, scheme: str, receiver: Receiver
) -> None:
    with pytest.raises(Blocked):
        await post(Outward(ports=[receiver.port]), f"{scheme}://{host}:{receiver.port}/")
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],  # 127.0.0.1.nip.io
        ["169.254.169.254"],  # metadata.google.internal
        [PUBLIC, "127.0.0.1"],  # one good one among them
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
        ["64:ff9b::a9fe:a9fe"],
    ],
)
async def test_no_name_of_a_private_address_is_connected_to(
    answers: list[str], receiver: Receiver
) -> None:
    wire = Wire()
    outward = Outward(resolve=Names(answers), network=wire, ports=[receiver.port])
    with pytest.raises(Blocked):
        await post(outward, f"https://{NAME}:{receiver.port}/")
    assert (receiver.connections, wire.went) == (0, [])


async def test_this_machines_own_address_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_address()
    module = "services.reminders.delivery.outward.forbidden"
    monkeypatch.setattr(module, lambda _address: False)  # as if it were a public one
    with pytest.raises(Blocked, match="this machine"):
        await post(Outward(ports=[receiver.port]), f"https://{own}:{receiver.port}/")
    assert receiver.connections == 0


async def test_a_name_that_changes_its_mind_gains_nothing(
    receiver: Receiver,
) -> None:
    """Public when it is checked, private when it is connected to: it is resolved only once."""
    names, wire = Names([PUBLIC], ["127.0.0.1"]), Wire()
    outward = Outward(resolve=names, network=wire, ports=[receiver.port], deadline=0.3)
    given_up = await outward.post(f"https://{NAME}:{receiver.port}/", b"{}", {})
    assert isinstance(given_up, Later)  # the receiver speaks no TLS
    assert (names.asked, wire.went) == (1, [PUBLIC])
    connections = receiver.connections
    with pytest.raises(Blocked):
        await post(outward, f"https://{NAME}:{receiver.port}/")
    assert (names.asked, wire.went) == (2, [PUBLIC])
    assert receiver.connections == connections


async def test_a_host_of_the_settings_may_be_private_and_no_other(receiver: Receiver) -> None:
    """That the others count no connection is the check's doing, not the network's."""
    outward = Outward([f"localhost:{receiver.port}"], ports=[receiver.port])
    answer = await outward.post(f"http://localhost:{receiver.port}/hook?a=1", b"{}", {})
    assert isinstance(answer, Answer)
    assert answer.status == 204
    assert (receiver.connections, receiver.requests[0].path) == (1, "/hook?a=1")
    with pytest.raises(Blocked):
        await outward.post(f"https://127.0.0.1:{receiver.port}/", b"{}", {})
    await outward.close()
    assert receiver.connections == 1


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks", "ftp://hooks.example.com/", "https://", "https:///path",
        "https://user:password@hooks.example.com/", "https://hooks.example.com:99999/",
        "http://hooks.example.com/", "https://hooks.example.com:22/", "https://[::1/",
        "file:///etc/passwd", "https://hooks.example.com/\u0661", "https://" + "a" * 70 + ".com/",
    ],
)  # fmt: skip
async def test_what_is_no_https_address_is_refused(url: str) -> None:
    wire = Wire()
    with pytest.raises(Blocked):
        await post(Outward(resolve=Names([PUBLIC]), network=wire), url)
    assert wire.went == []


async def test_the_connection_goes_to_the_checked_address_under_the_hosts_name(
    certificate: Path,
) -> None:
    seen: list[str] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server.sni_callback = lambda _socket, name, _context: seen.append(name)
    client = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    async with Receiver().listening(tls=server) as receiver:
        url = f"https://{NAME}:{receiver.port}/hook"
        wire = Wire()
        outward = Outward(resolve=Names([PUBLIC]), network=wire, tls=client, ports=[receiver.port])
        answer = await post(outward, url)
        assert isinstance(answer, Answer)
        assert answer.status == 204
        assert (wire.went, seen) == ([PUBLIC], [NAME])
        assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"

        # A certificate that nobody vouches for, and one of another name
        for tls, name in ((None, NAME), (client, "other.example.com")):
            outward = Outward(
                resolve=Names([PUBLIC]), network=Wire(), tls=tls, ports=[receiver.port]
            )
            refused = await post(outward, f"https://{name}:{receiver.port}/hook")
            assert refused == Later("no connection (ConnectError)")
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int, receiver: Receiver) -> None:
    receiver.answer = says(status, location=f"http://127.0.0.1:{receiver.port}/elsewhere")
    answer = await post(Outward(["localhost"]), f"http://localhost:{receiver.port}/")
    assert isinstance(answer, Answer)
    assert answer.status == status
    assert [request.path for request in receiver.requests] == ["/"]


async def test_an_answer_that_never_ends_is_given_up(receiver: Receiver) -> None:
    async def drip(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    receiver.answer = drip
    outward = Outward(["localhost"], deadline=0.3)
    assert await post(outward, f"http://localhost:{receiver.port}/") == Later(
        "no whole answer within 0.3 s"
    )


async def test_of_an_endless_body_only_the_beginning_is_read(receiver: Receiver) -> None:
    sent = 0

    async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while sent < 10**9:
            writer.write(b"." * 65536)
            sent += 65536
            await writer.drain()

    receiver.answer = endless
    answer = await post(Outward(["localhost"]), f"http://localhost:{receiver.port}/")
    assert isinstance(answer, Answer)
    assert len(answer.body) == LONGEST_ANSWER
    assert sent < 100_000_000


async def test_no_answer_no_listener_and_nonsense_are_for_later(receiver: Receiver) -> None:
    async def nonsense(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 nonsense\r\n\r\n")
        writer.close()

    receiver.answer = nonsense
    answer = await post(Outward(["localhost"]), f"http://localhost:{receiver.port}/")
    assert answer == Later("no connection (RemoteProtocolError)")
    nobody = await post(Outward(["localhost"]), "http://localhost:1/")
    assert nobody == Later("no connection (ConnectError)")
    unknown = await post(Outward(), "https://name.invalid/")
    assert isinstance(unknown, Later)


@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
        st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
        st.integers(0x2001 << 112, (0x2003 << 112) - 1).map(ipaddress.IPv6Address),
    ).map(str)
)
@example("::ffff:8.8.8.8")
@example("64:ff9b::808:808")
@example("2001:0:808:808::")
@example("255.255.255.255")
@example("::7f00:1")
def test_what_is_not_global_is_forbidden(address: str) -> None:
    known = ipaddress.ip_address(address)
    if not known.is_global or known.is_multicast:
        assert forbidden(address)


@pytest.mark.parametrize(
    ("address", "blocked"),
    [
        ("8.8.8.8", False), ("2606:4700:4700::1111", False), ("::ffff:8.8.8.8", False),
        ("64:ff9b::808:808", True), ("2002:808:808::", True), ("2001:0:808:808::", True),
        ("::8.8.8.8", True), ("192.88.99.1", True), ("fc00::1", True), ("fe80::1%eth0", True),
        ("3fff::1", True), ("5f00::1", True), ("100::1", True), ("ff02::1", True),
    ],
)  # fmt: skip
def test_addresses_that_carry_another_within_are_forbidden(address: str, *, blocked: bool) -> None:
    assert forbidden(address) == blocked


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 7 ", timedelta(seconds=7)),
        ("0", timedelta(0)),
        ("9" * 30, timedelta(seconds=10**8)),
        (format_datetime(NOON + timedelta(minutes=5)), timedelta(minutes=5)),
        (format_datetime(NOON - timedelta(minutes=5)), timedelta(0)),
        ("-1", None), ("soon", None), ("", None), ("١٢", None), (None, None),
        ("Wed, 99 Nov 2026 99:99:99 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: str | None, wait: timedelta | None) -> None:
    assert retry_after(text, NOON) == wait


def test_a_date_of_the_year_9999_is_far_away() -> None:
    far = retry_after("Fri, 31 Dec 9999 23:59:59 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    assert far is not None
    assert far > timedelta(days=365)
