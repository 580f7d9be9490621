"""What one transaction needs to know, and what it changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.handoff import lifecycle
from services.handoff.assignment import Pool
from services.handoff.candidates import Manager
from services.handoff.domain import Decision
from services.handoff.lifecycle import Act
from services.handoff.obligations import Obligation, Owed, hand_on, keep_in_touch
from services.handoff.portfolio import Moved
from services.handoff.states import LIVE, Account, Did, Explanation, Handoff, Status
from services.handoff.tiers import Group
from shared.contracts.directory import PersonRemoved, PersonUpserted
from shared.contracts.event import EventData
from shared.contracts.handoffs import Acceptance


@dataclass(slots=True)
class Book:
    """Loaded by the repository, changed by the rules, saved by the repository."""

    accounts: dict[str, Account] = field(default_factory=dict)
    handoffs: dict[str, Handoff] = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)
    latest: dict[str, str] = field(default_factory=dict)
    """Handoff of the latest round of a deal."""
    changed_accounts: set[str] = field(default_factory=set)
    changed_handoffs: set[str] = field(default_factory=set)
    new_handoffs: set[str] = field(default_factory=set)
    """Those changed that are certainly not stored: all rounds of a deal are loaded."""
    changed_managers: set[str] = field(default_factory=set)
    explanations: dict[str, Explanation] = field(default_factory=dict)
    records: dict[str, Acceptance] = field(default_factory=dict)
    """Of salespeople."""
    groups: dict[str, Group] = field(default_factory=dict)
    changed_groups: set[str] = field(default_factory=set)
    obligations: dict[str, dict[str, Obligation]] = field(default_factory=dict)
    """By account and id: what is open."""
    changed_obligations: dict[str, Obligation | None] = field(default_factory=dict)
    """None: it is done."""
    history: list[Did] = field(default_factory=list)
    """What people did now."""
    people: dict[str, PersonUpserted | PersonRemoved] = field(default_factory=dict)
    """What the directory says of whom, the last word of it."""

    stored_accounts: dict[str, Account] = field(default_factory=dict)
    stored_managers: dict[str, Manager] = field(default_factory=dict)
    """As they were loaded: only what differs is written."""

    def know_accounts(self, accounts: Iterable[Account]) -> None:
        """Take in what was loaded."""
        loaded = {account.id: account for account in accounts}
        self.accounts |= loaded
        self.stored_accounts |= loaded

    def of_deal(self, deal_id: str) -> Handoff | None:
        """The latest round of a deal."""
        return self.handoffs.get(self.latest.get(deal_id, ""))

    def live(self, account_id: str) -> list[Handoff]:
        """The handoffs of an account that have not ended."""
        return [
            handoff
            for handoff in self.handoffs.values()
            if handoff.account_id == account_id and handoff.status in LIVE
        ]

    def keep(self, decided: Decision | Moved, at: datetime) -> Sequence[EventData]:
        """Take over the states of a decision; all that is to be told because of it.

        Whoever gets an account owes what its manager before owed; while nobody has it, a head.
        """
        publish = list(decided.publish)
        if account := decided.account:
            known = self.obligations.get(account.id, {})
            owed = hand_on(account, known, at, self.pool.heads)
            publish += self.keep_owed(account.id, owed)
            self.keep_account(account)
        handoffs = decided.handoffs if isinstance(decided, Moved) else (decided.handoff,)
        for handoff in handoffs:
            if handoff:
                self.keep_handoff(handoff)
        self.changed_managers.update(manager.id for manager in decided.managers)
        if decided.explanation:
            self.explanations[decided.explanation.id] = decided.explanation
        return publish

    def keep_act(
        self, moved: lifecycle.Moved, act: Act, name: str, said: tuple[str, ...] = ()
    ) -> Sequence[EventData]:
        """Take over what somebody did with a handoff; all that is to be told because of it.

        `name`: of the command, and the step it is about.
        """
        handoff, account = moved.handoff, act.account
        self.keep_handoff(handoff)
        publish = list(moved.publish)
        if handoff.status == Status.COMPLETED:
            known = self.obligations.get(account.id, {})
            publish += self.keep_owed(account.id, keep_in_touch(account, known, act.at, act.rules))
        if moved.record:
            self.records[moved.record.id] = moved.record
        self.history.append(_did(handoff, name, act, said))
        return publish

    def keep_account(self, account: Account) -> None:
        """Take over the state of an account."""
        self.accounts[account.id] = account
        self.changed_accounts.add(account.id)

    def keep_group(self, group: Group) -> None:
        """Take over the state of a group."""
        if group != self.groups.get(group.id):
            self.groups[group.id] = group
            self.changed_groups.add(group.id)

    def keep_owed(self, account_id: str, owed: Owed) -> Sequence[EventData]:
        """Take over what is owed to a customer now; what is to be told."""
        if owed == Owed():
            return ()
        if owed.account:
            self.keep_account(owed.account)
        known = self.obligations.setdefault(account_id, {})
        for one in owed.closed:
            known.pop(one, None)
            self.changed_obligations[one] = None
        for new in owed.open:
            known[new.id] = new
            self.changed_obligations[new.id] = new
        self.changed_accounts.add(account_id)
        return owed.publish

    def keep_handoff(self, handoff: Handoff) -> None:
        """Take over the state of a handoff."""
        if handoff.kind != "transfer" and handoff.id not in self.handoffs:
            self.new_handoffs.add(handoff.id)
        self.handoffs[handoff.id] = handoff
        self.changed_handoffs.add(handoff.id)
        self.changed_accounts.add(handoff.account_id)
        if handoff.kind != "transfer":
            self.latest[handoff.deal_id] = handoff.id

    def keep_manager(self, manager: Manager) -> None:
        """Take over what the directory says of a manager."""
        self.pool.keep(manager)
        self.changed_managers.add(manager.id)


def _did(handoff: Handoff, name: str, act: Act, said: tuple[str, ...]) -> Did:
    what, _, about = name.partition(" ")
    step = about if what in {"step", "move"} else None
    listed = handoff.checklist.step(step) if handoff.checklist and step else None
    return Did(
        id=f"{handoff.id}:{act.account.revision}:{name}",
        handoff_id=handoff.id,
        at=act.at,
        by=act.by,
        what="package" if what == "add" else what,
        step=step,
        title=listed.title if listed else None,
        said=said,
    )
