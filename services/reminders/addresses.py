"""Closes the address of somebody's page, and sends the new one."""

from services.reminders import outgoing
from services.reminders.domain import Reminder
from services.reminders.sending import ADDRESS
from services.reminders.tokens import Personal
from shared.contracts.ids import derived
from shared.mongo import Database, Session, UpdateOne, server_time, transaction, write


class Addresses:
    """What is closed stays closed; every message from then on holds the new address."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def close(self, address: Personal) -> bool:
        """Close it and write to whom it belongs; false: it was closed already."""
        now = await server_time(self._database)
        number = address.number
        query = {"_id": address.person_id, "addresses": number or {"$in": [0, None]}}
        letter = Reminder(
            id=derived("address", address.person_id, str(number + 1)),
            recipient_id=address.person_id,
            kind=ADDRESS,
            title="-",
            important=True,
        )

        async def do(session: Session) -> bool:
            closed = UpdateOne(query, {"$set": {"addresses": number + 1}})
            if not await write(self._database["people"], [closed], session=session):
                return False
            await outgoing.add(self._database["reminders"], [letter], now, session)
            return True

        return await transaction(self._database, do)
