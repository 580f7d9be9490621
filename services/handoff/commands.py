"""What people do with handoffs: one transaction a command, answered when it is committed."""

from collections.abc import Callable
from datetime import datetime

from services.handoff import lifecycle, reassignment
from services.handoff.lifecycle import Act, Moved, Outcome, Refused
from services.handoff.portfolio import Change
from services.handoff.repository import Repository
from services.handoff.rules import Rules
from services.handoff.states import Did, Handoff, Status
from shared.caused import Said
from shared.contracts.deals import Package
from shared.mongo import Session, server_time
from shared.outbox import Outbox
from shared.relay import Relay
from shared.telling import Teller


class Unknown(Exception):
    """There is no such handoff."""


class Commands:
    """Raises `Unknown`; a move that is not allowed gives `Refused`."""

    def __init__(
        self, *, repository: Repository, outbox: Outbox, relay: Relay, rules: Rules
    ) -> None:
        self._repository = repository
        self._teller = Teller("handoff", repository.database, outbox, relay)
        self._rules = rules

    async def accept(self, handoff_id: str, by: str) -> Outcome:
        """The account manager takes the customer over."""
        return await self._do(handoff_id, "accept", by, lifecycle.accept)

    async def ask(self, handoff_id: str, by: str, questions: tuple[str, ...]) -> Outcome:
        """The account manager asks the salesperson."""
        return await self._do(
            handoff_id,
            "ask",
            by,
            lambda handoff, act: lifecycle.ask(handoff, questions, act),
            said=questions,
        )

    async def give_back(self, handoff_id: str, by: str, reasons: tuple[str, ...]) -> Outcome:
        """The account manager returns the handoff."""
        return await self._do(
            handoff_id,
            "return",
            by,
            lambda handoff, act: lifecycle.give_back(handoff, reasons, act),
            said=reasons,
        )

    async def resubmit(
        self, handoff_id: str, by: str, answers: tuple[str, ...], package: Package | None
    ) -> Outcome:
        """The salesperson answers or mends."""
        return await self._do(
            handoff_id,
            "resubmit",
            by,
            lambda handoff, act: lifecycle.resubmit(handoff, answers, package, act),
            said=answers,
        )

    async def add(self, handoff_id: str, by: str, package: Package) -> Outcome:
        """The salesperson tells more, unasked."""
        return await self._do(
            handoff_id, "add", by, lambda handoff, act: lifecycle.add(handoff, package, act)
        )

    async def do_step(self, handoff_id: str, by: str, step: str) -> Outcome:
        """Somebody has done a step."""
        return await self._do(
            handoff_id,
            f"step {step}",
            by,
            lambda handoff, act: lifecycle.do_step(handoff, step, act),
        )

    async def move_step(self, handoff_id: str, by: str, step: str, due_at: datetime) -> Outcome:
        """The manager, or the head, sets the due date of a step."""
        return await self._do(
            handoff_id,
            f"move {step}",
            by,
            lambda handoff, act: lifecycle.move_step(handoff, step, due_at, act),
        )

    async def reassign(self, handoff_id: str, by: str, to: str, why: str) -> Outcome:
        """A head gives the account of a handoff to another manager.

        The outcome is the handoff that carries it: one between the managers, or the one that
        waited.
        """
        now = await server_time(self._repository.database)
        why = " ".join(why.split()).removesuffix(".")

        async def do(session: Session) -> tuple[Outcome, list[Said]]:
            found = await self._repository.handoffs_where({"_id": handoff_id}, 1, session)
            if not found:
                raise Unknown(handoff_id)
            book = await self._repository.portfolio(found[0].account_id, session)
            (account,) = book.accounts.values()
            change = Change(
                at=now, pool=book.pool, rules=self._rules, reason=f"reassigned by {by}: {why}"
            )
            live = book.live(account.id)
            decided = reassignment.reassign(account, live, to, by=by, why=why, change=change)
            if isinstance(decided, Refused):
                return decided, []
            assert decided.explanation  # noqa: S101 - there always is one
            publish = book.keep(decided, now)
            carrying = book.handoffs[decided.explanation.id]
            identity = f"{carrying.id}:{account.revision}:reassign"
            book.history.append(
                Did(
                    id=identity,
                    handoff_id=carrying.id,
                    at=now,
                    by=by,
                    what="reassign",
                    said=(why,),
                )
            )
            await self._repository.save(book, session)
            return Moved(carrying, tuple(publish)), [(identity, data) for data in publish]

        return await self._teller.tell(do, now)

    async def _do(
        self,
        handoff_id: str,
        name: str,
        by: str,
        decide: Callable[[Handoff, Act], Outcome],
        *,
        said: tuple[str, ...] = (),
    ) -> Outcome:
        now = await server_time(self._repository.database)

        async def do(session: Session) -> tuple[Outcome, list[Said]]:
            book = await self._repository.of_accounts([], [{"_id": handoff_id}], session)
            handoff = book.handoffs.get(handoff_id)
            if handoff is None:
                raise Unknown(handoff_id)
            act = Act(
                by=by,
                at=now,
                account=book.accounts[handoff.account_id],
                rules=self._rules,
                record=await self._repository.record(handoff.salesperson_id, session),
                pool=await self._repository.heads(session),
            )
            outcome = decide(handoff, act)
            if isinstance(outcome, Refused):
                return outcome, []
            if outcome.handoff.status == Status.COMPLETED:
                await self._repository.add_obligations(book, [act.account.id], session)
            publish = book.keep_act(outcome, act, name, said)
            await self._repository.save(book, session)
            identity = f"{handoff.id}:{act.account.revision}:{name}"
            return outcome, [(identity, data) for data in publish]

        return await self._teller.tell(do, now)
