"""Who may see which figures. Pure.

A person sees what is the person's own: figures of accounts managed, of deals sold. A head sees
what is the team's, too; the company's manager and `ops` see everything.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from services.reporting.figures.declaration import Figure
from services.reporting.questions import (
    JOINED,
    People,
    Person,
    Question,
    Row,
    Unanswerable,
    cube_for,
    team,
)
from shared.contracts.directory import Role

PERSONS = ("manager_now", "manager", "salesperson", "by")
"""Dimensions whose values are people: what is theirs is their own. The first that fits is used."""
ACCOUNT = "account"
LEADERS = frozenset({Role.ACCOUNT_MANAGER, Role.HEAD, Role.COMPANY_MANAGER})
"""Whose accounts can be, their own or a team's: they get digests."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks."""

    person_id: str | None = None
    """None: `ops`, a machine that knows the password."""
    name: str = "ops"
    language: str | None = None
    whose: frozenset[str] | None = None
    """The people whose figures this viewer sees; None: everybody's."""

    def sees(self, manager_id: str) -> bool:
        """Whether somebody sees what is this manager's."""
        return self.whose is None or manager_id in self.whose

    @property
    def leads(self) -> bool:
        """Whether there is anybody else to be seen."""
        return self.whose is None or len(self.whose) > 1


class Hidden(Exception):
    """A question that this viewer gets no answer to; says what may be asked."""


def viewer_of(person_id: str, people: People, language: str | None = None) -> Viewer | None:
    """Somebody of the directory as a viewer; None: not, or no longer, of the company."""
    person = people.get(person_id)
    if person is None or not person.active:
        return None
    whose: frozenset[str] | None = frozenset({person_id})
    if Role.COMPANY_MANAGER in person.roles:
        whose = None
    elif Role.HEAD in person.roles:
        whose = frozenset(team(person_id, people))
    return Viewer(person_id, person.name, language, whose)


def only_sells(person: Person | None) -> bool:
    """Whether somebody's own are deals sold and handed over, and nothing else."""
    roles = frozenset(person.roles if person else ())
    return Role.SALESPERSON in roles and LEADERS.isdisjoint(roles)


def bounded_by(figure: Figure, question: Question, viewer: Viewer) -> str | None:
    """The dimension by which the answer is cut down to what the viewer sees; None: it is whole."""
    if viewer.whose is None:
        return None
    asked = {JOINED.get(name, name) for name in (*question.by, *question.where)}
    candidates = [name for name in (*PERSONS, ACCOUNT) if name in figure.dimensions]
    for name in sorted(candidates, key=lambda one: one not in asked):
        if _fits(figure, replace(question, where={**question.where, name: ()})):
            return name
    raise Hidden(
        f"{figure.name} by {' and '.join(question.by) or 'nothing'} is for who sees the whole "
        f"company: ask for it with {' or '.join(candidates) or 'nothing'}"
    )


def bounded(question: Question, name: str, own: Collection[str]) -> Question:
    """The question about one's own only."""
    asked = question.where.get(name)
    values = set(own) if asked is None else set(own) & set(asked)
    where: Mapping[str, Collection[str]] = {**question.where, name: values}  # type: ignore[dict-item]
    return replace(question, where=where)


def seen(row: Row, viewer: Viewer) -> bool:
    """Whether a row of an answer that was rolled up is about who may be seen."""
    return "manager" not in row.by or viewer.sees(row.by["manager"])


def _fits(figure: Figure, question: Question) -> bool:
    try:
        cube_for(figure, question)
    except Unanswerable:
        return False
    return True
