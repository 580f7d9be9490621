"""What every channel can do: take messages, and say what became of each."""

from collections.abc import Sequence
from typing import Protocol

from services.reminders.delivery.writing import Letter
from services.reminders.sending import Outcome


class Sender(Protocol):
    """A channel. It raises nothing that has to do with the world; what it raises is a bug."""

    together: int
    """Messages it takes at once, over one connection."""
    side_by_side: int
    """Calls to one endpoint under way at a time."""

    def endpoint(self, letter: Letter) -> str:
        """What a message shares its fate with: a server, a provider, a receiver."""
        ...

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send; one outcome for each message, in their order."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
