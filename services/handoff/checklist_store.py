"""Checklists in MongoDB: with each handoff the one it began with, and which versions there were."""

from services.handoff.checklists import Anchor, Checklist, Checklists, Moment, Owner, Step
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
    """As a handoff keeps it."""
    return {
        "name": checklist.name,
        "version": checklist.version,
        "digest": checklist.digest,
        "steps": [
            {
                "id": step.id,
                "title": step.title,
                "titles": dict(step.titles),
                "owner": step.owner.value,
                "person_id": step.person_id,
                "amount": step.amount,
                "unit": step.unit,
                "anchor": [step.anchor.moment.value, step.anchor.step],
                "needs": step.needs,
            }
            for step in checklist.steps
        ],
    }


def checklist(row: Document) -> Checklist:
    """As a handoff kept it."""
    steps = []
    for one in row["steps"]:
        moment, step = one["anchor"]
        one["owner"], one["needs"] = Owner(one["owner"]), tuple(one["needs"])
        one["anchor"] = Anchor(Moment(moment), step)
        steps.append(Step(**one))
    return Checklist(**row | {"steps": tuple(steps)})
