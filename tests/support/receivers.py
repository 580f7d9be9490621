"""An HTTP server of the tests' own: answers as badly as it is told, and counts connections."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    async def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


@dataclass
class Receiver:
    answer: Answer = field(default_factory=lambda: says(204))
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @contextlib.asynccontextmanager
    async def listening(
        self, hosts: tuple[str, ...] = ("127.0.0.1",), tls: ssl.SSLContext | None = None
    ) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, hosts, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self.tasks: set[asyncio.Task[None]] = set()
        try:
            yield self
        finally:
            server.close()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        self.connections += 1
        try:
            while line := (await reader.readline()).decode("latin-1").strip():
                headers = {}
                while header := (await reader.readline()).decode("latin-1").strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Request(line, headers, body)
                self.requests.append(request)
                await self.answer(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()
