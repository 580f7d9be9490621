"""Said to be done in an answer to a reminder, done in the handoff: two services, real servers."""

from typing import Any

from services.reminders.acts import Refused
from shared.contracts.deadlines import DeadlineMet
from shared.contracts.topics import Topic
from tahvil.reading import events
from tests.integration.test_reminders import commanding, commands_published
from tests.support.builders import deal, event, manager, soon
from tests.support.system import System


async def test_done_in_an_answer_is_done_in_the_handoff(system: System) -> None:
    await system.start("handoff", "reminders", "reporting")
    for data in (manager("mia"), deal(account="acme", closed_at=soon())):
        await system.publish([event(data)])
        await system.settled()
    begun = await found(system)
    commands, close = commanding(system)
    try:
        for step in ("accept", "welcome-call", "first-review"):
            outcome = await commands.done(f"{begun['_id']}:{step}", "mia")
            assert not isinstance(outcome, Refused), outcome
    finally:
        await close()
    await commands_published(system)

    now = await found(system)
    assert now["status"] == "accepted"
    assert now["done"] == ["welcome-call", "first-review"]
    assert [one["step"] for one in now["deadlines"]] == ["kick-off"]
    history = system.mongo["handoff"]["history"].find().sort("at", 1)
    assert [(one["what"], one["step"]) async for one in history] == [
        ("accept", None),
        ("step", "welcome-call"),
        ("step", "first-review"),
    ]
    said = [one.type for one in await events(system.kafka, Topic.HANDOFFS)]
    assert said[2:] == ["handoff.accepted.v1", *["handoff.step_done.v1"] * 2]
    met = [
        one.data.deadline_id
        for one in await events(system.kafka, Topic.DEADLINES)
        if isinstance(one.data, DeadlineMet)
    ]
    assert len(met) == len(set(met)) == 3, "each is told of once"


async def test_handed_on_in_a_message_is_handed_on_in_the_handoff(system: System) -> None:
    await system.start("handoff", "reminders")
    for data in (manager("mia"), manager("noah"), deal(account="acme", closed_at=soon())):
        await system.publish([event(data)])
        await system.settled()
    begun = await found(system)
    (owner,) = {one["owner_id"] for one in begun["deadlines"]}
    other = "noah" if owner == "mia" else "mia"
    commands, close = commanding(system)
    try:
        outcome = await commands.hand_on(f"{begun['_id']}:kick-off", owner, other)
        assert not isinstance(outcome, Refused), outcome
    finally:
        await close()
    await commands_published(system)
    now = {one["step"]: one["owner_id"] for one in (await found(system))["deadlines"]}
    assert now.pop("kick-off") == other
    assert set(now.values()) == {owner}
    said = [
        one for one in await events(system.kafka, Topic.DEADLINES) if one.type.endswith("moved.v1")
    ]
    assert [one.source.rpartition("/")[2] for one in said] == ["reminders"], "no word answers it"


async def found(system: System) -> Any:
    (row,) = [one async for one in system.mongo["handoff"]["handoffs"].find()]
    return row
