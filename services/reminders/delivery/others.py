"""SMS and everything else, by Apprise: whichever service has a URL there is a channel here.

Apprise waits for answers in the thread that calls it and says only whether it worked. So each
channel has a few threads of its own, and gives up on its requests before we give up on it: a call
that was given up and then succeeds would be a message twice.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import apprise
from pydantic import SecretStr

from services.reminders.delivery.writing import Letter, Writer
from services.reminders.sending import Delivered, Later, Outcome, Refused
from shared.errors import Misconfigured

PLACE = "{address}"
DEADLINE = 25.0  # seconds, more than what follows can take
_PATIENCE = "cto=5&rto=10"  # Apprise's own: seconds to connect and to answer


class Other:
    """A channel that is an Apprise URL with a place for the address."""

    together = 1
    side_by_side = 4

    def __init__(self, kind: str, url: SecretStr, writer: Writer) -> None:
        self._kind = kind
        self._url = url.get_secret_value()
        self._writer = writer
        if PLACE not in self._url or _service(self._url, "989120000000") is None:
            raise Misconfigured(
                f"TAHVIL_APPRISE: {kind}: must be a URL that Apprise knows, with {PLACE} in it, "
                f"such as kavenegar://KEY/{PLACE}"
            )
        self._threads = ThreadPoolExecutor(self.side_by_side, thread_name_prefix=f"send-{kind}")

    def endpoint(self, _letter: Letter) -> str:
        """One provider for all."""
        return self._kind

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send one after the other."""
        return [await self._send(letter) for letter in letters]

    async def close(self) -> None:
        """Let the threads end when their calls do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(self, letter: Letter) -> Outcome:
        service = _service(self._url, letter.address)
        if service is None or len(service) == 0:
            return Refused("the address is none of this service")
        text = self._writer.write(letter, "chat.txt").text.strip()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                taken = await loop.run_in_executor(
                    self._threads, lambda: bool(service.notify(body=text))
                )
        except TimeoutError:
            return Later(f"no answer within {DEADLINE:g} s")
        return Delivered() if taken else Later("the service did not take it")


def _service(url: str, address: str) -> apprise.NotifyBase | None:
    """The service with an address in its place, which can add nothing but itself to the URL."""
    whole = url.replace(PLACE, quote(address, safe=""))
    whole += ("&" if "?" in whole else "?") + _PATIENCE
    made: apprise.NotifyBase | None = apprise.Apprise.instantiate(whole, suppress_exceptions=True)
    return made
