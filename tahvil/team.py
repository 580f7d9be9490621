"""`team.yaml` as directory events."""

from datetime import datetime
from pathlib import Path

import yaml
from pydantic import ConfigDict, Field, ValidationError

from shared.contracts.directory import Absence, AbsenceSet, PersonUpserted
from shared.contracts.event import Event, EventData
from shared.contracts.values import Value
from shared.errors import Misconfigured


class _Person(PersonUpserted):
    """As in the contract, with the short names people write."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    person_id: str = Field(alias="id")
    absences: tuple[Absence, ...] = ()


class _Team(Value):
    model_config = ConfigDict(extra="forbid")
    people: tuple[_Person, ...]


def read(file: Path, at: datetime) -> list[Event]:
    """Everybody in the file, as events published at this time."""
    try:
        team = _Team.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Misconfigured(f"{file} is missing") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} is not YAML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:5]
        )
        raise Misconfigured(f"{file}: {faults}") from None
    ids = [person.person_id for person in team.people]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise Misconfigured(f"{file}: people.id: {', '.join(sorted(twice))} stands there twice")
    if unknown := {p.reports_to for p in team.people if p.reports_to} - set(ids):
        raise Misconfigured(
            f"{file}: people.reports_to: nobody has the id {', '.join(sorted(map(str, unknown)))}"
        )
    return [event for person in team.people for event in _events(person, at)]


def _events(person: _Person, at: datetime) -> list[Event]:
    # What the file does not say is not said: who names no time zone has the calendar's.
    fields = person.model_dump(exclude={"absences"}, exclude_unset=True)
    datas: list[EventData] = [PersonUpserted.model_validate(fields)]
    if person.absences:
        datas.append(AbsenceSet(person_id=person.person_id, absences=person.absences))
    return [
        Event(
            # The time is part of the id: going back to what was said before is news, too.
            id=f"{data.type}:{person.person_id}:{at.isoformat()}"[-128:],
            source="/tahvil/team",
            time=at,
            data=data,
            correlation_id=f"team:{at.isoformat()}",
        )
        for data in datas
    ]
