"""A mail catcher: a real SMTP server that keeps every mail as a file of a Maildir."""

from mailbox import Maildir, MaildirMessage
from pathlib import Path
from typing import Any

from shared.errors import Misconfigured
from tahvil.servers.process import kept_port


class EmbeddedSmtp:
    """Catches mail on a free loopback port; nothing leaves the machine."""

    host = "127.0.0.1"

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
        self._controller = Controller(_Keep(self.maildir), hostname=self.host, port=self.port)
        self._controller.start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._controller:
            self._controller.stop()
            self._controller = None


class _Keep:
    """aiosmtpd handler: the whole mail as it came, then 250."""

    def __init__(self, maildir: Path) -> None:
        self._box = Maildir(maildir)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self._box.add(MaildirMessage(envelope.content))
        return "250 kept"
