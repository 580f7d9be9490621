"""A mail catcher: a real SMTP server that keeps every mail as a file of a Maildir."""

from collections.abc import Awaitable, Callable
from mailbox import Maildir, MaildirMessage
from pathlib import Path
from typing import Any

from shared.errors import Misconfigured
from tahvil.servers.process import kept_port

Answer = Callable[[str], Awaitable[str | None]]
"""Asked with the recipient's address; the reply to give instead of keeping or accepting."""


class EmbeddedSmtp:
    """Catches mail on a free loopback port; nothing leaves the machine.

    As real servers do, it can refuse recipients, say no to mails, or keep a mail and not say so:
    `to_recipient`, `to_mail` and `after_keeping`, called in the server's own thread.
    """

    host = "127.0.0.1"
    to_recipient: Answer | None = None
    to_mail: Answer | None = None
    after_keeping: Answer | None = None

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.maildir = folder / "mail"
        self.port = 0
        self._folder = folder
        self._controller: Any = None

    async def start(self) -> None:
        """Listen, in a thread of its own."""
        try:
            from aiosmtpd.controller import Controller  # noqa: PLC0415 - not in the image
        except ImportError:
            raise Misconfigured("the package aiosmtpd is missing: run `make install`") from None
        self.port = self.port or kept_port(self._folder)
        self._controller = Controller(_Keep(self), hostname=self.host, port=self.port)
        self._controller.start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._controller:
            self._controller.stop()
            self._controller = None


class _Keep:
    """aiosmtpd handler: the whole mail as it came, then 250."""

    def __init__(self, server: EmbeddedSmtp) -> None:
        self._server = server
        self._box = Maildir(server.maildir)

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if no := await _ask(self._server.to_recipient, address):
            return no
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if no := await _ask(self._server.to_mail, envelope.rcpt_tos[0]):
            return no
        self._box.add(MaildirMessage(envelope.content))
        return await _ask(self._server.after_keeping, envelope.rcpt_tos[0]) or "250 kept"


async def _ask(answer: Answer | None, address: str) -> str | None:
    return await answer(address) if answer else None
