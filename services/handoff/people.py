"""People as handoff knows them: who may sign in, what they are, whom they report to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from shared.contracts.directory import Role

Language = Literal["fa", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the directory. Who has been removed stays known by name, and is not active."""

    id: str
    name: str
    email: str | None = None
    roles: frozenset[Role] = field(default_factory=frozenset)
    reports_to: str | None = None
    language: Language = "en"
    time_zone: str = "UTC"
    active: bool = True
    out_since: datetime | None = None
    """When the person was last removed: a session begun before ended then, for good."""
