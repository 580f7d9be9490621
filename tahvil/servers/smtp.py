"""A mail catcher: a real SMTP server that keeps every mail as a file of a Maildir."""

from mailbox import Maildir, MaildirMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from typing_extensions import override

from tahvil.servers.process import kept_port


class EmbeddedSmtp:
    """Catches mail on a free loopback port; nothing leaves the machine."""

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.maildir = folder / "mail"
        self.port = 0
        self._folder = folder
        self._controller: Controller | None = None

    async def start(self) -> None:
        """Listen, in a thread of its own."""
        self.port = self.port or kept_port(self._folder)
        self._controller = Controller(_Keep(self.maildir), hostname=self.host, port=self.port)
        self._controller.start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._controller:
            self._controller.stop()
            self._controller = None


class _Keep(MessageHandler):
    def __init__(self, maildir: Path) -> None:
        super().__init__()
        self._box = Maildir(maildir)

    @override
    def handle_message(self, message: Any) -> None:
        self._box.add(MaildirMessage(message))
