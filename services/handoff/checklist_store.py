"""Checklists in MongoDB: with each handoff the one it began with, and which versions there were."""

from services.handoff.checklists import (
    Anchor,
    Checklist,
    Checklists,
    Moment,
    Owner,
    Step,
    main_title,
)
from shared.mongo import Database, Document, UpdateOne, find, write


async def note(database: Database, checklists: Checklists) -> str | None:
    """Note the templates a service begins with. Words when one was edited in its version."""
    known = database["checklists"]
    for template in checklists.templates:
        one = template.checklist
        name = f"{one.name}:{one.version}"
        # Two replicas may begin at once: the first word holds, and both read it.
        first = {"$setOnInsert": {"digest": one.digest}}
        await write(known, [UpdateOne({"_id": name}, first, upsert=True)])
        (row,) = await find(known, {"_id": name})
        if row["digest"] != one.digest:
            return (
                f"template {one.name} was edited and still is version {one.version}, "
                f"with which handoffs may have begun: write version: {one.version + 1}"
            )
    return None


def document(checklist: Checklist) -> Document:
    """As a handoff keeps it: every handoff has one, so what goes without saying is left out."""
    return {
        "name": checklist.name,
        "version": checklist.version,
        "digest": checklist.digest,
        "steps": [_step_document(step) for step in checklist.steps],
    }


def checklist(row: Document) -> Checklist:
    """As a handoff kept it."""
    return Checklist(**row | {"steps": tuple([_step(one) for one in row["steps"]])})


def _step_document(step: Step) -> Document:
    document: Document = {
        "id": step.id,
        "title": dict(step.titles) or step.title,
        step.unit: step.amount,
        "anchor": str(step.anchor),
    }
    if step.owner != Owner.MANAGER:
        document["owner"] = step.owner.value
    if step.person_id:
        document["person_id"] = step.person_id
    if step.needs:
        document["needs"] = step.needs
    return document


def _step(row: Document) -> Step:
    title, (name, _, moment) = row["title"], row["anchor"].rpartition(".")
    return Step(
        id=row["id"],
        title=title if isinstance(title, str) else main_title(title),
        titles={} if isinstance(title, str) else title,
        owner=Owner(row.get("owner", Owner.MANAGER)),
        person_id=row.get("person_id"),
        amount=row["days"] if "days" in row else row["hours"],
        unit="days" if "days" in row else "hours",
        anchor=Anchor(Moment(moment), name or None),
        needs=tuple(row.get("needs", ())),
    )
