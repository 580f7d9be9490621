"""The door of every service."""

import asyncio
import socket

from shared.http import listen


async def test_no_packet_of_an_answer_waits_for_another() -> None:
    """Nagle's algorithm is off on what the door lets in."""
    off: asyncio.Queue[int] = asyncio.Queue()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        off.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    door = listen("127.0.0.1", 0)
    async with await asyncio.start_server(answer, sock=door):
        _, writer = await asyncio.open_connection(*door.getsockname())
        assert await asyncio.wait_for(off.get(), 5)
        writer.close()
        await writer.wait_closed()
