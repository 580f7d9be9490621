"""Everything one person has to do, as a page shows it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.reminders.cases import Case
from services.reminders.pages.deadline import Reader, Row, row
from services.reminders.pages.words import STANDING, Standing


@dataclass(frozen=True, slots=True)
class Group:
    """Deadlines that stand alike, the first one due first."""

    id: str
    words: Markup
    rows: tuple[Row, ...]


def groups(cases: Sequence[Case], names: Mapping[str, str], reader: Reader) -> tuple[Group, ...]:
    """What is late, due, put off, and what stands still; none that is empty."""
    rows = [row(case, names, reader) for case in cases]
    order = (Standing.LATE, Standing.OPEN, Standing.QUIET, Standing.PAUSED)
    found = (
        Group(
            one.value,
            reader.writer.say(STANDING[one]),
            tuple(each for each in rows if each.standing == one),
        )
        for one in order
    )
    return tuple(group for group in found if group.rows)
