"""What the rules must know besides the deadline: people, calendars, policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.reminders.domain import Deadline
from services.reminders.people import Person, above, first_with
from services.reminders.policies import Named, Policies, Policy, Target, standard
from shared.contracts.directory import Role
from shared.working_time import Calendars

_UP = {"head": Role.HEAD, "company_manager": Role.COMPANY_MANAGER}


class Failure(StrEnum):
    """Why a step reached nobody. The chain goes on."""

    NO_RECIPIENT = "no_recipient"
    """Nobody has the role, or the deadline does not name one."""
    UNKNOWN_PERSON = "unknown_person"
    LEFT = "left"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the directory was asked, and what it said."""

    people: Mapping[str, Person] = field(default_factory=dict)
    head: str | None = None
    asked: frozenset[str] = frozenset()

    def agree(self, others: "Answers") -> bool:
        """Whether who was asked for here and there is the same here and there."""
        return self.head == others.head and all(
            self.people.get(one) == others.people.get(one) for one in self.asked & others.asked
        )


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom a step means, and what is in the way. Absence is asked for a moment: `failure`."""

    person: Person | None
    missing: Failure | None = None

    def failure(self, at: datetime) -> Failure | None:
        """Why the person cannot be told then."""
        if self.missing or self.person is None:
            return self.missing or Failure.NO_RECIPIENT
        return Failure.ABSENT if self.person.away(at) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Handed to every decision, so that none depends on anything else."""

    calendars: Calendars = field(default_factory=Calendars)
    policies: Policies = field(default_factory=Policies)
    otherwise: Policy = field(default_factory=lambda: standard(timedelta(hours=24)))
    """For deadlines that no policy is for."""
    stale_after: timedelta = timedelta(days=7)
    people: Mapping[str, Person] = field(default_factory=dict)
    """Everybody the deadlines at hand can reach, all levels up."""
    head: str | None = None
    """Who is told of deadlines whose owner is in no directory; the first head by id."""

    def knowing(self, people: Mapping[str, Person], head: str | None) -> "World":
        """The same world with these people in it."""
        return replace(self, people=people, head=head)

    def policy(self, deadline: Deadline) -> Policy:
        """The policy for a deadline."""
        return self.policies.of(deadline.known, self.otherwise)

    def reach(self, deadline: Deadline, target: Target) -> Reached:
        """Whom a step means."""
        if isinstance(target, Named):
            return self.person(target.person)
        if target == "owner":
            return self.person(deadline.owner_id)
        if target == "salesperson":
            wanted = deadline.salesperson_id
            return self.person(wanted) if wanted else Reached(None, Failure.NO_RECIPIENT)
        owner = self.people.get(deadline.owner_id)
        if owner is None and target == "head" and self.head:
            return self.person(self.head)
        person = first_with(above(self.people, owner), _UP[target])
        return Reached(person, None if person else Failure.NO_RECIPIENT)

    def concerned(self, deadline: Deadline, policy: Policy) -> tuple[str, ...]:
        """Whose change in the directory can change when and to whom the policy speaks."""
        line = above(self.people, self.people.get(deadline.owner_id))
        others = {deadline.owner_id, deadline.salesperson_id, self.head}
        if deadline.owner_id in self.people:
            others.discard(self.head)
        ids = {person.id for person in line} | policy.named | {one for one in others if one}
        # The last of the line may report to somebody who is not in the directory yet.
        top = line[-1] if line else self.people.get(deadline.owner_id)
        if top and top.reports_to:
            ids.add(top.reports_to)
        return tuple(sorted(ids))

    def person(self, person_id: str) -> Reached:
        """Somebody by id."""
        person = self.people.get(person_id)
        if person is None:
            return Reached(None, Failure.UNKNOWN_PERSON)
        return Reached(person, None if person.active else Failure.LEFT)
