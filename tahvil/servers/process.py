"""One child process: started, waited for, stopped, and gone when its parent is gone."""

import asyncio
import ctypes
import fcntl
import os
import random
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from shared.errors import Misconfigured

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


_CLAIMS = 64
"""More than the servers of one test or one `tahvil up` want."""
_claims: deque[int] = deque()
"""File descriptors of sockets; the system closes them with the process."""


def free_port() -> int:
    """Port of 127.0.0.1 that nobody listens on now, and that no other call here finds free.

    Below those that the system gives to outgoing connections: one of these could take it before
    the server that it is for has started. It stays bound, without listening, until 64 others were
    asked for: a server, which binds with SO_REUSEADDR, may listen on it all the same, now and when
    it comes back after a kill; a call of this function in another process may not have it. (Two
    test runs beside each other have taken each other's ports.)
    """
    while True:
        port = random.randint(15_000, 32_000)  # noqa: S311 - no secret
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # from now on others may
        _claims.append(claim.detach())
        if len(_claims) > _CLAIMS:
            os.close(_claims.popleft())
        return port


def kept_port(folder: Path) -> int:
    """Port that a server of this folder used before, if it is free; else another, remembered."""
    note = folder / "port"
    if note.exists():
        port = int(note.read_text())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    port = free_port()
    note.write_text(str(port))
    return port


def hold(folder: Path) -> IO[str]:
    """Claim a data folder until the file is closed or the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    held = (folder / ".held").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise Misconfigured(
            f"the data folder {folder} is in use by another `tahvil up`: stop that one, "
            "or name another folder with --data"
        ) from None
    return held


class Child:
    """A server process. Not in the terminal's process group, so Ctrl-C reaches only its parent."""

    def __init__(
        self, name: str, command: Sequence[str], *, output: Path, stop_seconds: float = 20
    ):
        self._name = name
        self._command = list(command)
        self._output = output
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; an error when not started."""
        if self._process is None:
            raise RuntimeError(f"{self._name} is not started")
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Exit code, or None while it runs."""
        return self._process.poll() if self._process else None

    async def start(
        self, answers: Callable[[], Awaitable[bool]], environment: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> None:  # fmt: skip
        """Start, and wait until it answers."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks
                env={**os.environ, **environment} if environment else None,
            )
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            # Looked at before it is asked: what ends well after the question has not failed.
            ended = self.ended is not None
            if await answers():
                return
            if ended:
                raise Misconfigured(
                    f"{self._name} ended while it started (exit code {self.ended}):\n"
                    f"{self.last_lines()}"
                )
            if asyncio.get_running_loop().time() > deadline:
                await self.kill()
                raise Misconfigured(
                    f"{self._name} does not answer after {seconds:.0f} s:\n{self.last_lines()}"
                )
            await asyncio.sleep(0.05)

    def last_lines(self, count: int = 8) -> str:
        """Last lines it printed."""
        lines = self._output.read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])

    async def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, self._stop_seconds)
            except subprocess.TimeoutExpired:
                await self.kill()

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def listens(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
