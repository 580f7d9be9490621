"""What people do with deadlines: one transaction a command, answered when it is committed."""

from collections.abc import Callable
from datetime import datetime

from services.reminders import acts
from services.reminders.acts import Outcome, Refused
from services.reminders.cases import Case
from services.reminders.domain import Reminder
from services.reminders.repository import Repository
from services.reminders.world import World
from shared.caused import Said
from shared.contracts.ids import derived
from shared.contracts.reminders import ReminderAcknowledged
from shared.mongo import Session, server_time
from shared.outbox import Outbox
from shared.relay import Relay
from shared.telling import Teller

Decide = Callable[[Case, datetime, World], Outcome]


class Unknown(Exception):
    """There is no such deadline."""


class Commands:
    """Raises `Unknown`; what is not possible gives `Refused`. Doing a thing twice does it once.

    `by` is a person's id in the directory. Whoever calls has made sure who that is.
    """

    def __init__(
        self, *, repository: Repository, outbox: Outbox, relay: Relay, world: World
    ) -> None:
        self._repository = repository
        self._teller = Teller("reminders", repository.database, outbox, relay)
        self._world = world

    async def acknowledge(
        self, deadline_id: str, by: str, *, channel: str, reminder_id: str | None = None
    ) -> Outcome:
        """Somebody has read it and takes it in hand. `channel`: where, such as email or page."""

        def said(case: Case, now: datetime, reminder: Reminder | None) -> ReminderAcknowledged:
            deadline = case.deadline
            return ReminderAcknowledged(
                reminder_id=reminder.id
                if reminder
                else derived("acknowledged", deadline.id, by, now.isoformat()),
                recipient_id=by,
                channel=channel,
                kind=reminder.kind if reminder else "deadline",
                deadline_id=deadline.id,
                account_id=deadline.account_id,
                acknowledged_at=now,
            )

        return await self._do(
            deadline_id,
            by,
            lambda case, now, world: acts.acknowledge(case, by, now, world),
            said=said,
            reminder_id=reminder_id,
        )

    async def snooze(self, deadline_id: str, by: str, until: datetime) -> Outcome:
        """Somebody puts it off."""
        return await self._do(
            deadline_id, by, lambda case, now, world: acts.snooze(case, by, until, now, world)
        )

    async def hand_on(self, deadline_id: str, by: str, to: str) -> Outcome:
        """Somebody makes it another's."""
        return await self._do(
            deadline_id, to, lambda case, now, world: acts.hand_on(case, by, to, now, world)
        )

    async def done(self, deadline_id: str, by: str) -> Outcome:
        """Somebody has done it."""
        return await self._do(
            deadline_id, by, lambda case, now, world: acts.done(case, by, now, world)
        )

    async def _do(
        self,
        deadline_id: str,
        person: str,
        decide: Decide,
        *,
        said: Callable[[Case, datetime, Reminder | None], ReminderAcknowledged] | None = None,
        reminder_id: str | None = None,
    ) -> Outcome:
        now = await server_time(self._repository.database)

        async def do(session: Session) -> tuple[Outcome, list[Said]]:
            case = (await self._repository.cases([deadline_id], session)).get(deadline_id)
            if case is None:
                raise Unknown(deadline_id)
            world = await self._repository.knowing(self._world, [case], session, [person])
            outcome = decide(case, now, world)
            if isinstance(outcome, Refused) or outcome.case == case:
                return outcome, []
            await self._repository.fired([(case, outcome.case)], outcome.reminders, now, session)
            told = list(outcome.said)
            if said:
                reminder = await self._repository.reminder(reminder_id, session)
                identity = f"{deadline_id}:acknowledged:{now.isoformat()}"
                told.append((identity, said(outcome.case, now, reminder)))
            return outcome, told

        return await self._teller.tell(do, now)
