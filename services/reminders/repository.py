"""Cases with their timers, reminders and people in MongoDB."""

from collections.abc import Collection as Some
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.reminders import outgoing
from services.reminders.auditing import COUNTED, Overdue
from services.reminders.cases import Case
from services.reminders.documents import (
    OF_PERSON,
    Said,
    case_update,
    from_case,
    of_person,
    person_of,
    to_case,
    to_person,
    to_reminder,
)
from services.reminders.domain import LIVE, Reminder
from services.reminders.people import HIGHEST, Person
from services.reminders.shards import SHARDS
from services.reminders.world import Answers, World
from shared.contracts.directory import Role
from shared.contracts.event import EventData
from shared.contracts.topics import Topic
from shared.mongo import (
    Collection,
    Database,
    DeleteOne,
    Document,
    IndexModel,
    ReplaceOne,
    Session,
    UpdateMany,
    UpdateOne,
    aggregate,
    find,
    find_encoded,
    server_time,
    write,
)

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "deadlines": [
        IndexModel(
            [("owner_id", 1), ("due_at", 1), ("_id", 1)],
            # What is done is read by nobody's page, and there is more of it every year.
            partialFilterExpression={"status": {"$in": list(LIVE)}},
        ),
        IndexModel(
            [("concerned", 1), ("_id", 1)],
            partialFilterExpression={"concerned": {"$exists": True}},
        ),
        # Only what has something to come has a shard.
        IndexModel(
            [("shard", 1), ("next_at", 1)],
            partialFilterExpression={"shard": {"$exists": True}},
        ),
    ],
    "shards": [],
    "replicas": [IndexModel("until", expireAfterSeconds=60)],
    "rechecks": [IndexModel("at")],
    "marks": [],
    **outgoing.INDEXES,
    "people": [
        IndexModel([("roles", 1), ("_id", 1)]),
        IndexModel("reports_to"),
        IndexModel("email"),
    ],
}


EVERYBODY = "*"
"""Recheck of every case that has something to come: a calendar of the company has changed."""


@dataclass(slots=True)
class Book:
    """What one batch needs to know, and what it changed."""

    world: World
    cases: dict[str, Case] = field(default_factory=dict)
    changed: dict[str, Case] = field(default_factory=dict)
    reminders: list[Reminder] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    def keep(self, case: Case) -> None:
        """Take over a case's new state."""
        self.cases[case.deadline.id] = case
        self.changed[case.deadline.id] = case

    def hear(self, said: Said) -> None:
        """Take over what the directory says; the rest of the batch knows it already."""
        self.said.append(said)
        known = self.world.people.get(said.person_id)
        row = {"_id": said.person_id, **of_person(said)}
        if known and "absences" in row:
            heard = replace(known, absences=tuple((since, end) for since, end in row["absences"]))
        elif known and len(row) == 2:
            heard = replace(known, active=False)
        elif person := to_person(row):
            heard = replace(person, absences=known.absences if known else ())
        else:
            return
        people = {**self.world.people, said.person_id: heard}
        self.world = self.world.knowing(people, self.world.head)


class Repository:
    """The only module of the service that knows a document."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._deadlines: Collection = database["deadlines"]
        self._reminders: Collection = database["reminders"]
        self._people: Collection = database["people"]
        self._rechecks: Collection = database["rechecks"]

    async def load(self, events: Sequence[EventData], world: World, session: Session) -> Book:
        """The cases these events are about, and everybody whom they can concern."""
        about = [event for event in events if event.topic == Topic.DEADLINES]
        if not about:
            return Book(world)
        cases = await self.cases([event.subject for event in about], session)
        owners = {owner for event in about if (owner := getattr(event, "owner_id", None))}
        others = {one for event in about if (one := getattr(event, "salesperson_id", None))}
        policies = (*world.policies.policies, world.otherwise)
        named = {person for policy in policies for person in policy.named}
        known = await self.knowing(world, cases.values(), session, owners | others | named)
        return Book(known, cases)

    async def save(self, book: Book, session: Session) -> None:
        """Write what changed."""
        await self.keep(list(book.changed.values()), session)
        if book.reminders or book.said:
            now = await server_time(self.database)
            await self._add(book.reminders, now, session)
            await self.recheck([said.person_id for said in book.said], now, session)
        people: dict[str, Document] = {}
        for said in book.said:
            people.setdefault(said.person_id, {}).update(of_person(said))
        await write(
            self._people,
            [UpdateOne({"_id": i}, {"$set": row}, upsert=True) for i, row in people.items()],
            session=session,
        )

    async def cases(self, ids: Iterable[str], session: Session) -> dict[str, Case]:
        """Cases by the ids of their deadlines."""
        rows = await find(self._deadlines, {"_id": {"$in": sorted(set(ids))}}, session=session)
        return {row["_id"]: to_case(row) for row in rows}

    async def keep(self, cases: Sequence[Case], session: Session) -> None:
        """Write cases."""
        await write(
            self._deadlines,
            [ReplaceOne({"_id": c.deadline.id}, from_case(c), upsert=True) for c in cases],
            session=session,
        )

    async def knowing(
        self, world: World, cases: Iterable[Case], session: Session, ids: Iterable[str] = ()
    ) -> World:
        """The world with everybody in it whom these cases, and these ids, can concern."""
        answers = await self.answers(cases, session, ids)
        return world.knowing(answers.people, answers.head)

    async def answers(
        self, cases: Iterable[Case], session: Session, ids: Iterable[str] = ()
    ) -> Answers:
        """What the directory says of everybody whom these cases, and these ids, can concern."""
        wanted = set(ids)
        for case in cases:
            deadline = case.deadline
            wanted.add(deadline.owner_id)
            if deadline.salesperson_id:
                wanted.add(deadline.salesperson_id)
            wanted.update(quiet.by for quiet in case.quiet)
            wanted.update(case.policy.named)
        people: dict[str, Person] = {}
        asked: set[str] = set()
        missing = await self._climb(wanted, people, asked, session)
        head = None
        if missing:
            rows = await find(
                self._people,
                {"roles": Role.HEAD, "active": True},
                projection={"_id": 1},
                sort=[("_id", 1)],
                limit=1,
                session=session,
            )
            if head := (rows[0]["_id"] if rows else None):
                await self._climb({head}, people, asked, session)
        return Answers(people, head, frozenset(asked))

    async def _climb(
        self, ids: set[str], people: dict[str, Person], asked: set[str], session: Session
    ) -> bool:
        """Add people and all above them; whether some of the first are in no directory."""
        missing = False
        for level in range(HIGHEST + 1):
            ids = ids - asked
            if not ids:
                break
            query = {"_id": {"$in": sorted(ids)}}
            stored = await find_encoded(self._people, query, projection=OF_PERSON, session=session)
            found = {name: person for name, person in map(person_of, stored) if person}
            missing = missing or (level == 0 and len(found) < len(ids))
            people.update(found)
            asked |= ids
            ids = {person.reports_to for person in found.values() if person.reports_to}
        return missing

    async def reminder(
        self, reminder_id: str | None, session: Session | None = None
    ) -> Reminder | None:
        """A message by id."""
        rows = await find(self._reminders, {"_id": reminder_id}, session=session)
        return to_reminder(rows[0]) if rows else None

    async def into_shards(self) -> None:
        """Give cases of releases that had more shards to one that there is."""
        shard = {"$set": {"shard": {"$mod": ["$shard", SHARDS]}}}
        await write(self._deadlines, [UpdateMany({"shard": {"$gte": SHARDS}}, [shard])])

    async def next_timer(self, shards: Some[int]) -> datetime | None:
        """When the next timer of these shards is due; of none, never."""
        rows = await find(
            self._deadlines,
            {"shard": {"$in": list(shards)}},
            projection={"_id": 0, "next_at": 1},
            sort=[("next_at", 1)],
            limit=1,
        )
        return rows[0]["next_at"] if rows else None

    async def due(
        self, shards: Some[int], now: datetime, limit: int, session: Session
    ) -> list[bytes]:
        """Cases of these shards whose timer is due, as they are stored; the oldest first."""
        return await find_encoded(
            self._deadlines,
            {"shard": {"$in": list(shards)}, "next_at": {"$lte": now}},
            sort=[("next_at", 1)],
            limit=limit,
            session=session,
        )

    async def overdue(self, before: datetime) -> Overdue | None:
        """How many cases should have been looked at before then, and the oldest of them."""
        query: Document = {"shard": {"$in": list(range(SHARDS))}, "next_at": {"$lt": before}}
        oldest = await find(
            self._deadlines, query, projection={"next_at": 1}, sort=[("next_at", 1)], limit=1
        )
        if not oldest:
            return None
        counts = await aggregate(
            self._deadlines, [{"$match": query}, {"$limit": COUNTED}, {"$count": "count"}]
        )
        count = counts[0]["count"] if counts else 1
        return Overdue(count, oldest[0]["_id"], oldest[0]["next_at"])

    async def fired(
        self,
        cases: Sequence[tuple[Case, Case]],
        reminders: Sequence[Reminder],
        now: datetime,
        session: Session,
        *,
        new: bool = False,
    ) -> None:
        """Write what timers, commands and changes brought about: cases before and after.

        `new`: none of the reminders is there yet, or it fails by a duplicate key.
        """
        updates = [
            UpdateOne({"_id": after.deadline.id}, case_update(before, after))
            for before, after in cases
        ]
        await write(self._deadlines, updates, session=session)
        await self._add(reminders, now, session, new=new)

    async def recheck(self, ids: Iterable[str], now: datetime, session: Session | None) -> None:
        """Note that the cases these people concern are to be reckoned anew."""
        await write(
            self._rechecks,
            [UpdateOne({"_id": i}, {"$set": {"at": now}}, upsert=True) for i in sorted(set(ids))],
            session=session,
        )

    async def rechecks(self, before: datetime, limit: int) -> dict[str, datetime]:
        """What is to be rechecked, and since when."""
        rows = await find(
            self._rechecks, {"at": {"$lte": before}}, sort=[("at", 1), ("_id", 1)], limit=limit
        )
        return {row["_id"]: row["at"] for row in rows}

    async def rechecked(self, done: Mapping[str, datetime]) -> None:
        """Forget rechecks, unless they were asked for again meanwhile."""
        await write(self._rechecks, [DeleteOne({"_id": i, "at": at}) for i, at in done.items()])

    async def concerned(self, people: Some[str], after: str, limit: int) -> list[str]:
        """Ids of cases that these people concern, from an id on."""
        whose: Any = {"$in": sorted(people)} if EVERYBODY not in people else {"$gt": ""}
        rows = await find(
            self._deadlines,
            {"concerned": whose, "_id": {"$gt": after}},
            projection={"_id": 1},
            sort=[("_id", 1)],
            limit=limit,
        )
        return [row["_id"] for row in rows]

    async def new_calendars(self, digest: str) -> bool:
        """Whether these are other calendars than those of the last start; from now on not."""
        query = {"_id": "calendars", "digest": digest}
        if await find(self.database["marks"], query):
            return False
        mark = ReplaceOne({"_id": "calendars"}, query, upsert=True)
        return await write(self.database["marks"], [mark]) > 0

    async def _add(
        self, reminders: Iterable[Reminder], now: datetime, session: Session, *, new: bool = False
    ) -> None:
        await outgoing.add(self._reminders, reminders, now, session, new=new)
