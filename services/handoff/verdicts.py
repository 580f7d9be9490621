"""What became of the candidates for an account, and the words for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Reason(StrEnum):
    """Why a candidate was chosen or not. The values are stored; `WORDS` says them."""

    CHOSEN = "chosen"
    INACTIVE = "inactive"
    TIER = "tier"
    TERRITORY = "territory"
    LANGUAGE = "language"
    INDUSTRY = "industry"
    ABSENT = "absent"
    FULL = "full"
    MORE_SENIOR = "more_senior"
    LESS_SPECIFIC = "less_specific"
    MORE_LOADED = "more_loaded"
    MORE_RECENT = "more_recent"
    LATER_ID = "later_id"


WORDS: Mapping[Reason, str] = MappingProxyType({
    Reason.CHOSEN: "the best of those who can take the account",
    Reason.INACTIVE: "is no account manager now",
    Reason.TIER: "does not serve accounts of this tier",
    Reason.TERRITORY: "has another territory",
    Reason.LANGUAGE: "does not speak the customer's language",
    Reason.INDUSTRY: "does not serve the customer's industry",
    Reason.ABSENT: "is absent",
    Reason.FULL: "has no capacity left for the weight of the account",
    Reason.MORE_SENIOR: "is more senior than the account needs",
    Reason.LESS_SPECIFIC: "has a less specific territory than the one chosen",
    Reason.MORE_LOADED: "has more load, relative to capacity, than the one chosen",
    Reason.MORE_RECENT: "is as loaded, and was given an account more recently",
    Reason.LATER_ID: "is equal in everything; the ids decide",
})  # fmt: skip


class Verdict(NamedTuple):
    """What became of one candidate."""

    manager_id: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Everybody's verdict, kept by reason: five hundred candidates have but a few reasons."""

    by_reason: Mapping[Reason, Sequence[str]]

    def __iter__(self) -> Iterator[Verdict]:
        """One after the other."""
        return (Verdict(name, reason) for reason, names in self.by_reason.items() for name in names)
