"""The handover inbox: what waits for its reader, what waits for others, what is under way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.handoff.pages.summary import Reader, Summary, most_urgent, summary
from services.handoff.states import Status
from services.handoff.views import HandoffView


@dataclass(frozen=True, slots=True)
class Card:
    """A handoff that waits for its reader."""

    short: Summary
    asked: tuple[str, ...]
    """What the account manager asked, or what is to be mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Each the most urgent first."""

    mine: tuple[Card, ...]
    """The reader is to act."""
    unassigned: tuple[Summary, ...]
    """A head is to find somebody."""
    others: tuple[Summary, ...]
    """Somebody else is to act."""
    under_way: tuple[Summary, ...]
    """Accepted, with open steps."""

    @property
    def waiting(self) -> int:
        """How many wait for the reader."""
        return len(self.mine) + len(self.unassigned)


def inbox(
    handoffs: Iterable[HandoffView], asked: Mapping[str, tuple[str, ...]], reader: Reader
) -> Inbox:
    """Sort what is live. `asked`: of a handoff, the last questions or reasons."""
    mine: list[Card] = []
    unassigned: list[Summary] = []
    others: list[Summary] = []
    under_way: list[Summary] = []
    for handoff in most_urgent(handoffs):
        short = summary(handoff, reader)
        if short.may & {"accept", "resubmit"}:
            mine.append(Card(short, asked.get(handoff.id, ())))
        elif handoff.status == Status.UNASSIGNED and reader.leads:
            unassigned.append(short)
        elif handoff.status == Status.ACCEPTED:
            under_way.append(short)
        elif handoff.status not in (Status.COMPLETED, Status.CANCELLED):
            others.append(short)
    return Inbox(
        mine=tuple(mine),
        unassigned=tuple(unassigned),
        others=tuple(others),
        under_way=tuple(under_way),
    )
