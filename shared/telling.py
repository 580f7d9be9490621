"""What a service does by itself, with no event as its cause, and what it says of it."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TypeVar

from shared.caused import Said, by_itself
from shared.mongo import Database, Session, transaction
from shared.outbox import Outbox, Row
from shared.processor import to_message
from shared.relay import Relay

T = TypeVar("T")


class Teller:
    """One transaction a deed. What is said of it is stored with it, and goes out once it is."""

    def __init__(self, service: str, database: Database, outbox: Outbox, relay: Relay) -> None:
        self._service = service
        self._database = database
        self._outbox = outbox
        self._relay = relay

    async def tell(
        self, deed: Callable[[Session], Awaitable[tuple[T, Iterable[Said]]]], at: datetime
    ) -> T:
        """Do it, and say it. `deed` may be called again; `at`: now, by the server's clock."""

        async def do(session: Session) -> tuple[T, list[Row]]:
            answer, said = await deed(session)
            messages = [
                to_message(event)
                for identity, data in said
                for event in by_itself(identity, self._service, [data], at)
            ]
            return answer, await self._outbox.add(messages, at, session=session)

        answer, rows = await transaction(self._database, do)
        await self._relay.submit(rows)
        return answer
