"""Timers of several replicas on a real mongod: who fires what, and whose clock decides."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
import pytest_asyncio

from services.reminders import escalation, timers
from services.reminders.cases import Case
from services.reminders.handlers import RemindersWork
from services.reminders.shards import SHARDS
from shared import clock, mongo
from shared.contracts.deadlines import DeadlineSet
from shared.errors import Fenced
from shared.mongo import Session, transaction
from shared.outbox import Message, key_hash
from tahvil.servers.mongo import EmbeddedMongo
from tests.support.builders import event
from tests.support.firing import WORLD, Firing, Replica

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = timedelta(seconds=1)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="module")
async def firing(mongod: EmbeddedMongo, request: pytest.FixtureRequest) -> AsyncIterator[Firing]:
    made = Firing(mongod.uri, f"t{abs(hash(request.node.name)) % 10**9}")
    async with made.opened():
        yield made


def held(*replicas: Replica) -> list[int]:
    return sorted(len(replica.leases.held) for replica in replicas)


async def test_replicas_share_the_shards_whoever_comes_and_goes(firing: Firing) -> None:
    one, two, three = firing.first, firing.replica(), firing.replica()
    one.start()
    await firing.until(lambda: held(one) == [SHARDS])
    two.start()
    await firing.until(lambda: held(one, two) == [6, 6])
    three.start()
    await firing.until(lambda: held(one, two, three) == [4, 4, 4])
    await firing.deadlines([await firing.now() - SECOND] * 300)
    await firing.until(lambda: one.fired + two.fired + three.fired == 300)
    assert min(one.fired, two.fired, three.fired) > 50
    await two.stop()
    await firing.until(lambda: held(one, three) == [6, 6])
    await three.die()
    await firing.until(lambda: held(one) == [SHARDS])
    rows = await mongo.find(firing.first.database["shards"], {})
    assert {row["owner"] for row in rows} == {one.leases.me}
    assert min(row["epoch"] for row in rows) >= 1
    await firing.all_told_once(300)


async def test_cases_of_a_release_with_more_shards_are_fired(firing: Firing) -> None:
    await firing.deadlines([await firing.now() - SECOND] * 20)
    shards = {"$set": {"shard": {"$add": ["$shard", 2 * SHARDS]}}}
    deadlines, leases = (firing.first.database[name] for name in ("deadlines", "shards"))
    await mongo.write(deadlines, [mongo.UpdateMany({}, [shards])])
    old = mongo.InsertOne({"_id": SHARDS, "owner": "gone", "epoch": 1, "until": LATER})
    await mongo.write(leases, [old])
    firing.first.start()
    await firing.until(lambda: held(firing.first) == [SHARDS])
    await firing.until(lambda: firing.first.fired == 20)
    await firing.all_told_once(20)


async def test_two_replicas_at_work_write_no_lane_both(firing: Firing) -> None:
    one, two = firing.first, firing.replica()
    one.start()
    two.start()
    await firing.until(lambda: held(one, two) == [6, 6])
    await firing.deadlines([await firing.now() - SECOND] * 400)
    published = (one.published.events, two.published.events)
    await firing.until(lambda: sum(map(len, published)) == 400)
    lanes = [{key_hash(data.key.encode()) % 12 for data in events} for events in published]
    assert not lanes[0] & lanes[1]
    assert len(lanes[0] | lanes[1]) > 6


async def test_what_another_claims_at_the_same_time_stays_the_others(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = firing.first, firing.replica()
    living = one.leases._living

    async def meanwhile() -> list[str]:
        found = await living()
        await two.leases.renew()  # it sees the same free shards
        return found

    monkeypatch.setattr(one.leases, "_living", meanwhile)
    await one.leases.renew()
    assert held(one, two) == [6, 6]
    assert not set(one.leases.held) & set(two.leases.held)


async def test_an_owner_of_before_is_fenced_and_the_new_one_fires_once(firing: Firing) -> None:
    old, new = firing.first, firing.replica()
    await old.leases.renew()
    await firing.deadlines([await firing.now() - SECOND] * 50)
    await new.leases.renew()
    assert held(old, new) == [0, SHARDS], "nothing is claimed while a lease lasts"
    await asyncio.sleep(1.2)  # the old one is paused for longer than its lease
    await new.leases.renew()
    assert held(old, new) == [SHARDS, SHARDS], "the old one does not know yet"
    now = await firing.now()
    with pytest.raises(Fenced):
        await old.timers.fire_due(now)
    assert not await mongo.find(firing.first.database["reminders"], {})
    assert await new.timers.fire_due(now) == 50
    await firing.all_told_once(50)


async def test_what_is_claimed_while_a_batch_is_fired_is_not_fired_twice(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old owner has read what is due, and its snapshot still shows its leases."""
    old, new = firing.first, firing.replica()
    await old.leases.renew()
    await firing.deadlines([await firing.now() - SECOND] * 20)
    read = old.repository.due

    async def slow(*args: Any) -> list[bytes]:
        cases = await read(*args)
        await asyncio.sleep(1.2)
        await new.leases.renew()
        assert new.leases.held
        return cases

    monkeypatch.setattr(old.repository, "due", slow)
    with pytest.raises(Fenced):
        await old.timers.fire_due(await firing.now())
    assert not await mongo.find(firing.first.database["reminders"], {})
    old.leases.forget()
    for replica in (old, new):
        monkeypatch.undo()
        replica.start()
    await firing.until(lambda: old.fired + new.fired == 20)
    await firing.all_told_once(20)


async def test_after_an_outage_timers_fire_in_due_order_and_say_how_late_they_are(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "BATCH", 70)
    now = await firing.now()
    due = [
        now - timedelta(minutes=10) - 7 * SECOND * (number * 7919 % 500) for number in range(500)
    ]
    await firing.deadlines(due)
    seen: list[datetime] = []
    fire = escalation.fire

    def noting(case: Case, *rest: Any) -> escalation.Turn:
        seen.append(case.deadline.due_at)
        return fire(case, *rest)

    monkeypatch.setattr(escalation, "fire", noting)
    firing.first.start()
    await firing.until(lambda: firing.first.fired == 500)
    # What was decided ahead is decided again where a lease was lost meanwhile.
    first = list(dict.fromkeys(seen))
    assert len(first) == 500
    # Their first timers: a day before they were due.
    assert first == sorted(first)
    await firing.all_told_once(500)
    reminders = await mongo.find(firing.first.database["reminders"], {})
    assert all(row["late_by"] >= 600 for row in reminders)


@pytest.mark.parametrize("hours", [1, -1])
async def test_the_hosts_clock_decides_nothing(
    firing: Firing, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(hours=hours)

    one, two = firing.first, firing.replica()
    one.start()
    two.start()
    await firing.until(lambda: held(one, two) == [6, 6])
    now = await firing.now()
    near = [now + 2 * SECOND] * 20
    await firing.deadlines([*near, *[now + timedelta(minutes=50)] * 20])
    await firing.until(lambda: one.fired + two.fired == 40)  # that the time is near: a day before
    monkeypatch.setattr(clock, "datetime", Shifted)
    epochs = await mongo.find(firing.first.database["shards"], {}, projection={"epoch": 1})
    await firing.until(lambda: one.fired + two.fired == 60)
    assert await firing.now() >= now + 2 * SECOND
    await asyncio.sleep(1.5)  # longer than a lease
    assert one.fired + two.fired == 60, "none before its time"
    assert epochs == await mongo.find(
        firing.first.database["shards"], {}, projection={"epoch": 1}
    ), "no lease was lost"

    async def leave(session: Session) -> None:
        message = Message("deadlines", b"k", None, [])
        await firing.first.outbox.add([message], await firing.now(), session=session)

    monkeypatch.setattr(one.published, "publish", noting := Noting())
    monkeypatch.setattr(two.published, "publish", noting)
    await transaction(firing.first.database, leave)  # by a replica that dies here
    await firing.until(lambda: b"k" in noting.keys, seconds=10)


class Noting:
    def __init__(self) -> None:
        self.keys: set[bytes] = set()

    async def __call__(self, messages: Any) -> None:
        self.keys |= {message.key for message in messages}


async def test_a_timer_that_is_set_earlier_than_those_known_wakes_its_owner(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "LONGEST_SLEEP", 60.0)
    one = firing.replica(lasting=timedelta(minutes=5))
    one.start()
    await firing.until(lambda: held(one) == [SHARDS])
    await asyncio.sleep(0.2)  # it sleeps now, for a minute
    data = DeadlineSet(
        deadline_id="soon",
        subject_id="handoff-1",
        account_id="acme",
        title="Step",
        owner_id="mia",
        due_at=await firing.now() - SECOND,
        set_at=await firing.now(),
    )

    async def apply(session: Session) -> RemindersWork:
        work = RemindersWork(one.repository, WORLD, one.timers.heard)
        await work.load([event(data)], session)
        work.apply(event(data))
        await work.save(session)
        return work

    (await transaction(one.database, apply)).committed()
    await firing.until(lambda: one.fired == 1)


async def test_a_case_that_a_bug_keeps_from_being_decided_holds_up_no_other(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire = escalation.fire

    def buggy(case: Case, *rest: Any) -> escalation.Turn:
        if case.deadline.id == "d3":
            raise ZeroDivisionError
        return fire(case, *rest)

    monkeypatch.setattr(escalation, "fire", buggy)
    await firing.deadlines([await firing.now() - SECOND] * 10)
    firing.first.start()
    await firing.until(lambda: firing.first.fired == 10)
    rows = await firing.rows()
    assert [row["_id"] for row in rows if not row["log"]] == ["d3"]
    assert all(row["next_at"] is None for row in rows if row["_id"] != "d3")
    (again,) = [row["next_at"] for row in rows if row["_id"] == "d3"]
    assert again > await firing.now() + timedelta(minutes=50)
    monkeypatch.undo()


async def test_what_was_decided_ahead_holds_only_for_what_is_there_still(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch is decided while the first is written; then one of its cases changes."""
    monkeypatch.setattr(timers, "BATCH", 10)
    decided = counted(monkeypatch)
    one = firing.first
    now = await firing.now()
    await firing.deadlines([now - (60 - number) * SECOND for number in range(30)])
    await one.leases.renew()
    assert await one.timers.fire_due(now) == 10
    assert len(decided) == 20
    await one.database["deadlines"].update_one({"_id": "d15"}, {"$set": {"title": "Another"}})
    await one.database["deadlines"].update_one({"_id": "d16"}, {"$set": {"next_at": now + SECOND}})
    await one.timers.look()
    assert decided[20:] == ["d15", "d20", *(f"d{number}" for number in range(21, 30))]
    assert one.fired == 20
    rows = await mongo.find(one.database["reminders"], {"deadline_id": {"$in": ["d15", "d16"]}})
    assert [(row["deadline_id"], row["title"]) for row in rows] == [("d15", "Another")]


async def test_what_was_decided_ahead_holds_only_while_people_are_the_same(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "BATCH", 10)
    one = firing.first
    await firing.deadlines([await firing.now() - SECOND] * 20)
    await one.leases.renew()
    assert await one.timers.fire_due(await firing.now()) == 10
    await one.database["people"].update_one({"_id": "mia"}, {"$set": {"active": False}})
    await one.timers.look()
    codes = sorted(row["log"][-1]["code"] for row in await firing.rows())
    assert codes == ["left"] * 10 + ["told"] * 10
    assert len(await mongo.find(one.database["reminders"], {})) == 10


async def test_what_was_decided_ahead_is_forgotten_when_its_time_has_passed(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped meanwhile says how late it is, as of now."""
    monkeypatch.setattr(timers, "BATCH", 10)
    one = firing.first
    await firing.deadlines([await firing.now() - SECOND] * 20)
    await one.leases.renew()
    assert await one.timers.fire_due(await firing.now()) == 10
    monkeypatch.setattr(timers, "FORESEEN_FOR", 0.0)
    await asyncio.sleep(0.1)
    awake = await firing.now()
    await one.timers.look()
    assert one.fired == 20
    late = [row["log"][-1]["at"] for row in await firing.rows()]
    assert sum(at >= awake for at in late) == 10


async def test_a_batch_that_collides_is_written_again_and_not_decided_again(
    firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = counted(monkeypatch)
    one = firing.first
    await firing.deadlines([await firing.now() - SECOND] * 20)
    await one.leases.renew()
    read = one.repository.due
    tries: list[int] = []

    async def meanwhile(*args: Any) -> list[bytes]:
        stored = await read(*args)
        tries.append(len(decided))
        if len(tries) < 3:  # the snapshot is taken: whoever writes now makes it collide
            await one.database["deadlines"].update_one(
                {"_id": "d7"}, {"$set": {"title": f"Try {len(tries)}"}}
            )
        return stored

    monkeypatch.setattr(one.repository, "due", meanwhile)
    assert await one.timers.fire_due(await firing.now()) == 20
    assert tries == [0, 20, 21]
    assert decided[20:] == ["d7", "d7"]
    await firing.all_told_once(20)


async def test_a_message_that_was_made_before_stays_as_it_is(firing: Firing) -> None:
    """A deadline that is put off and back again: its ids come again, too."""
    one = firing.first
    await firing.deadlines([await firing.now() - SECOND] * 5)
    before = await firing.rows()
    await one.leases.renew()
    assert await one.timers.fire_due(await firing.now()) == 5
    made = await mongo.find(one.database["reminders"], {})
    await one.database["reminders"].update_one({"_id": made[0]["_id"]}, {"$set": {"state": "sent"}})
    await one.database["reminders"].delete_one({"_id": made[1]["_id"]})
    for row in before:
        await one.database["deadlines"].replace_one({"_id": row["_id"]}, row)
    assert await one.timers.fire_due(await firing.now()) == 5
    again = await mongo.find(one.database["reminders"], {})
    assert {row["_id"] for row in again} == {row["_id"] for row in made}
    assert [row["state"] for row in again].count("sent") == 1
    assert (await firing.rows())[0]["next_at"] is None


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the cases that are decided, in their order."""
    decided: list[str] = []
    fire = escalation.fire

    def noting(case: Case, *rest: Any) -> escalation.Turn:
        decided.append(case.deadline.id)
        return fire(case, *rest)

    monkeypatch.setattr(escalation, "fire", noting)
    return decided


@pytest.mark.parametrize(
    ("collection", "query", "index"),
    [
        ("reminders", {"state": "pending", "claim": "c"}, "claim_1"),
        ("reminders", {"state": "pending", "next_at": {"$lte": LATER}}, "next_at_1"),
        ("deadlines", {"concerned": {"$in": ["a", "b"]}, "_id": {"$gt": ""}}, "concerned_1__id_1"),
        ("deadlines", {"concerned": {"$gt": ""}, "_id": {"$gt": ""}}, "concerned_1__id_1"),
    ],
)
async def test_partial_indexes_serve_their_queries(
    firing: Firing, collection: str, query: dict[str, Any], index: str
) -> None:
    found = await firing.first.database.command(
        "explain", {"find": collection, "filter": query}, verbosity="queryPlanner"
    )
    # Of several that serve it, MongoDB chooses by what there is; here is nothing.
    assert f"'indexName': '{index}'" in str(found["queryPlanner"])


async def test_only_the_index_is_read_to_find_what_is_due(firing: Firing) -> None:
    now = await firing.now()
    await firing.deadlines([now + timedelta(days=number) for number in range(2000)])
    found = await firing.first.database.command(
        "explain",
        {
            "find": "deadlines",
            "filter": {"shard": {"$in": list(range(SHARDS))}, "next_at": {"$lte": now}},
            "sort": {"next_at": 1},
            "limit": 500,
        },
        verbosity="executionStats",
    )
    stages = str(found["queryPlanner"]["winningPlan"])
    assert "SORT_MERGE" in stages
    assert "COLLSCAN" not in stages
    assert found["executionStats"]["totalDocsExamined"] == 2
