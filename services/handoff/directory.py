"""The people of the directory in MongoDB."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.handoff.people import Person
from shared.contracts.directory import PersonRemoved, PersonUpserted, Role
from shared.mongo import Collection, Database, Document, IndexModel, UpdateOne, aggregate, find

INDEXES: Mapping[str, list[IndexModel]] = {
    "people": [
        IndexModel("address", partialFilterExpression={"address": {"$type": "string"}}),
        IndexModel("reports_to", partialFilterExpression={"reports_to": {"$type": "string"}}),
    ]
}


class Directory:
    """Reads people; `writes` says how what the directory tells of them is kept."""

    def __init__(self, database: Database) -> None:
        self._people: Collection = database["people"]

    async def person(self, person_id: str) -> Person | None:
        """Somebody, active or not."""
        return (await self.named([person_id])).get(person_id)

    async def named(self, ids: Iterable[str | None]) -> dict[str, Person]:
        """All of these who are known, by id."""
        wanted = sorted({one for one in ids if one})
        if not wanted:
            return {}
        return {row["_id"]: _person(row) for row in await find(self._people, _in(wanted))}

    async def at(self, address: str) -> list[Person]:
        """Who is active and has this mail address, in whatever letters it is written."""
        query = {"address": address.casefold(), "active": True}
        return [_person(row) for row in await find(self._people, query, sort=[("_id", 1)])]

    async def team(self, head: str) -> frozenset[str]:
        """Everybody who reports to somebody, and to those, and so on; not the person itself."""
        rows = await aggregate(
            self._people,
            [
                {"$match": {"_id": head}},
                {
                    "$graphLookup": {
                        "from": "people",
                        "startWith": "$_id",
                        "connectFromField": "_id",
                        "connectToField": "reports_to",
                        "as": "team",
                        "restrictSearchWithMatch": {"reports_to": {"$type": "string"}},
                    }
                },
                {"$project": {"team": "$team._id"}},
            ],
        )
        return frozenset(rows[0]["team"]) - {head} if rows else frozenset()


def writes(people: Iterable[PersonUpserted | PersonRemoved]) -> list[UpdateOne]:
    """How a batch of what the directory tells is kept: one write a person, the last word holds."""
    return [
        _removed(person) if isinstance(person, PersonRemoved) else _upserted(person)
        for person in {person.person_id: person for person in people}.values()
    ]


def _upserted(person: PersonUpserted) -> UpdateOne:
    known = {
        "name": person.name,
        "email": person.email,
        "address": person.email and person.email.casefold(),
        "roles": [role.value for role in person.roles],
        "reports_to": person.reports_to,
        "language": person.language,
        "time_zone": person.time_zone,
        "active": True,
    }
    return UpdateOne({"_id": person.person_id}, {"$set": known}, upsert=True)


def _removed(person: PersonRemoved) -> UpdateOne:
    """Of who has left only the name is kept: it stands in what the person did."""
    gone = dict.fromkeys(("email", "address", "roles", "reports_to"), "")
    change = {"$set": {"active": False}, "$unset": gone, "$currentDate": {"out_since": True}}
    return UpdateOne({"_id": person.person_id}, change, upsert=True)


def _in(ids: list[str]) -> Document:
    return {"_id": {"$in": ids}}


def _person(row: Mapping[str, Any]) -> Person:
    return Person(
        id=row["_id"],
        name=row.get("name", row["_id"]),
        email=row.get("email"),
        roles=frozenset(Role(role) for role in row.get("roles", ())),
        reports_to=row.get("reports_to"),
        language=row.get("language", "en"),
        time_zone=row.get("time_zone", "UTC"),
        active=row["active"],
        out_since=row.get("out_since"),
    )
