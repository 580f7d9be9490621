"""Cases, people and reminders as MongoDB documents, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from services.reminders.cases import Case, Entry, Held, Quiet
from services.reminders.domain import Deadline, Reminder, Status
from services.reminders.people import Person
from services.reminders.policies import kept, restored
from services.reminders.shards import shard_of
from shared.contracts.directory import AbsenceSet, PersonRemoved, PersonUpserted
from shared.mongo import Document, decoded

Said = PersonUpserted | PersonRemoved | AbsenceSet
"""What the directory says of a person."""

_OF_DEADLINE = tuple(field.name for field in fields(Deadline) if field.name != "id")
_OF_CASE = ("since", "returns", "silent", "next_at")
_STATUS = {status.value: status for status in Status}
_SAID = ("recipient_id", "kind", "title")
"""What every message has."""
_LISTS = ("made", "told", "concerned", "quiet", "held", "log")


def from_case(case: Case) -> Document:
    """One document holds the deadline, its case and its timer: when, and of which shard."""
    deadline = case.deadline
    row: Document = {
        "_id": deadline.id,
        **{name: getattr(deadline, name) for name in _OF_DEADLINE},
        **{name: getattr(case, name) for name in _OF_CASE},
        "pauses": [list(one) for one in deadline.pauses],
        "policy": kept(case.policy),
        "policy_name": f"{case.policy.name}, version {case.policy.version}",
        **{name: _listed(getattr(case, name)) for name in _LISTS},
    }
    if case.next_at:
        row["shard"] = shard_of(deadline.key)
    if not case.concerned:  # it would stand in the index
        del row["concerned"]
    return row


def case_update(before: Case, now: Case) -> Document:
    """The update that makes one case's document the other's: what differs, no more."""
    fields = _differing(_OF_DEADLINE, before.deadline, now.deadline)
    if "pauses" in fields:
        fields["pauses"] = [list(one) for one in fields["pauses"]]
    fields |= _differing(_OF_CASE, before, now)
    fields |= {name: _listed(value) for name, value in _differing(_LISTS, before, now).items()}
    gone: Document = {}
    if now.next_at is None:
        gone["shard"] = ""
    elif before.next_at is None:
        fields["shard"] = shard_of(now.deadline.key)
    if fields.get("concerned") == []:
        gone["concerned"] = fields.pop("concerned")
    return {"$set": fields, "$unset": gone} if gone else {"$set": fields}


def _differing(names: Iterable[str], before: object, now: object) -> Document:
    was, values = vars(before), vars(now)
    # Most are the same object still, which is told sooner than that two are equal.
    return {
        name: value
        for name in names
        if (value := values[name]) is not was[name] and value != was[name]
    }


def _listed(values: Sequence[Any]) -> list[Any]:
    """What a field holds several of; `asdict` would copy every time in depth."""
    return [
        {name: getattr(one, name) for name in one.__slots__}
        if isinstance(one, Quiet | Held | Entry)
        else one
        for one in values
    ]


def to_case(row: Mapping[str, Any]) -> Case:
    """As it was kept; a field that is newer than the row has its default."""
    deadline: Document = {name: row[name] for name in _OF_DEADLINE if name in row}
    deadline["status"] = _STATUS[row["status"]]
    deadline["pauses"] = tuple((begin, end) for begin, end in row["pauses"])
    return Case(
        deadline=Deadline(id=row["_id"], **deadline),
        policy=restored(row["policy"]),
        since=row["since"],
        returns=row["returns"],
        silent=row["silent"],
        next_at=row["next_at"],
        made=tuple(row["made"]),
        told=tuple(row["told"]),
        concerned=tuple(row.get("concerned", ())),
        quiet=tuple([Quiet(**one) for one in row["quiet"]]),
        held=tuple([Held(**one) for one in row["held"]]),
        log=tuple([Entry(**one) for one in row["log"]]),
    )


def case_of(stored: bytes) -> Case:
    """The case of a stored document."""
    return to_case(decoded(stored))


def from_reminder(reminder: Reminder) -> Document:
    """A message's part that never changes; what it does not have is left out."""
    row = {name: value for name, value in vars(reminder).items() if value or name in _SAID}
    if reminder.late_by:
        row["late_by"] = reminder.late_by.total_seconds()
    return {"_id": row.pop("id"), **row}


def to_reminder(row: Mapping[str, Any]) -> Reminder:
    """As it was kept; a field that is newer than the row has its default."""
    names = Reminder.__dataclass_fields__.keys() - {"id", "late_by", "unreached"}
    late = row.get("late_by")
    return Reminder(
        id=row["_id"],
        late_by=timedelta(seconds=late) if late else None,
        unreached=tuple(row.get("unreached", ())),
        **{name: row[name] for name in names if name in row},
    )


def of_person(said: Said) -> Document:
    """The fields that an event of the directory sets."""
    if isinstance(said, PersonRemoved):
        return {"active": False}
    if isinstance(said, AbsenceSet):
        return {"absences": [[one.since, one.until] for one in said.absences]}
    return {
        "name": said.name,
        "email": said.email,
        "language": said.language,
        "time_zone": said.time_zone,
        "own_time_zone": "time_zone" in said.model_fields_set,
        "roles": [role.value for role in said.roles],
        "reports_to": said.reports_to,
        "team": said.team,
        "calendar": said.calendar,
        "hours": {day: list(ranges) for day, ranges in said.hours.items()} if said.hours else None,
        "channels": [channel.model_dump() for channel in said.channels],
        "quiet_hours": [hours.model_dump() for hours in said.quiet_hours],
        # As pairs: a kind may hold characters that the names of fields may not.
        "digest": [[kind, every] for kind, every in said.digest.items()],
        "digest_at": said.digest_at,
        "active": True,
    }


OF_PERSON = dict.fromkeys(
    ("name", "roles", "reports_to", "time_zone", "own_time_zone", "team", "calendar", "hours",
     "absences", "active"), 1,
)  # fmt: skip
"""What the rules need to know of somebody: no addresses."""


@lru_cache(maxsize=16_384)
def person_of(stored: bytes) -> tuple[str, Person | None]:
    """Id and person of what is stored. The same few hundred are read again and again."""
    row = decoded(stored)
    return row["_id"], to_person(row)


def to_person(row: Mapping[str, Any]) -> Person | None:
    """Somebody as the rules see it; None: the directory has told only of an absence so far."""
    if "name" not in row:
        return None
    hours = row.get("hours")
    return Person(
        id=row["_id"],
        name=row["name"],
        roles=tuple(row.get("roles", ())),
        reports_to=row.get("reports_to"),
        time_zone=row["time_zone"] if row.get("own_time_zone") else None,
        team=row.get("team"),
        calendar=row.get("calendar"),
        hours={day: tuple(ranges) for day, ranges in hours.items()} if hours else None,
        absences=tuple((since, until) for since, until in row.get("absences", ())),
        active=row.get("active", True),
    )
