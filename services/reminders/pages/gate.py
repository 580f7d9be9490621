"""How often a client may open links: in all, and such as are none of ours."""

from dataclasses import dataclass

from fastapi import Request

from shared.clients import Limit, Network, client


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Counts by the address of whoever asks. Each answers the seconds to wait, or None."""

    any_link: Limit
    wrong_link: Limit
    proxies: tuple[Network, ...] = ()

    def opened(self, request: Request) -> int | None:
        """A link is opened, whatever it is."""
        return self.any_link.hit(client(request, self.proxies))

    def guessed(self, request: Request) -> int | None:
        """It was none of ours."""
        return self.wrong_link.hit(client(request, self.proxies))
