"""Bad records on a real topic: one dead letter each, their batch mates applied."""

import asyncio
import json
from typing import Any

from shared.contracts.cloudevents import encode
from shared.outbox import Message
from tests.support.builders import deal, event, manager
from tests.support.system import System

KEY = b"acme"
HEADERS = encode(event(deal()))[1]


def structured(**changes: Any) -> bytes:
    """A deal as kcat would send it, spoilt by `changes` (of the envelope, or `data_…`)."""
    data: dict[str, Any] = {
        "deal_id": "bad",
        "outcome": "won",
        "closed_at": "2026-11-24T12:00:00Z",
        "account": {"id": "acme", "name": "Acme"},
        "salesperson": {"id": "sam"},
    }
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": "bad",
        "source": "/test",
        "type": "deal.closed.v1",
        "time": "2026-11-24T12:00:00Z",
    }
    for name, value in changes.items():
        if name.startswith("data_"):
            data[name.removeprefix("data_")] = value
        else:
            envelope[name] = value
    data = {name: value for name, value in data.items() if value is not None}
    return json.dumps({**envelope, "data": data}).encode()


BAD: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"won!", "the value is not JSON"),
    "wrong type": (structured(data_deal_id=7), "data.deal_id: must be a valid string"),
    "missing field": (structured(data_closed_at=None), "data.closed_at: missing"),
    "unknown major version": (structured(type="deal.closed.v2"), "major version"),
    "2 MB": (structured(data_title="x" * 2_000_000), "at most 1048576 are accepted"),
    "wrong encoding": ("{'نام'}".encode("cp1256"), "it is not UTF-8"),
    "account id of 10,000 characters": (
        structured(data_account={"id": "a" * 10_000, "name": "Acme"}),
        "data.account.id: must be 1 to 128 printable characters",
    ),
    "negative amount": (
        structured(data_amount={"value": "-5", "currency": "EUR"}),
        'data.amount.value: must be a decimal string such as "1054.00", not negative',
    ),
    "amount that is no decimal": (
        structured(data_amount={"value": 5.1, "currency": "EUR"}),
        "data.amount.value: must be a decimal string",
    ),
    "date without offset": (
        structured(data_closed_at="2026-11-24T12:00:00"),
        "data.closed_at: must be RFC 3339 with an offset",
    ),
    "unknown outcome": (structured(data_outcome="maybe"), 'data.outcome: must be "won" or "lost"'),
    "no value": (None, "the value is missing"),
    "operator as an id": (structured(data_deal_id={"$gt": ""}), "data.deal_id: must be a valid"),
}


async def test_each_bad_record_is_one_dead_letter_and_its_batch_mates_are_applied(
    system: System,
) -> None:
    records: list[Message] = []
    for number, (value, _) in enumerate(BAD.values()):
        good, headers = encode(event(deal(f"good-{number}")))
        records.append(Message("deals", KEY, good, headers))
        records.append(Message("deals", KEY, value, []))
    unknown = structured(type="deal.sniffed.v1")
    records.append(Message("deals", KEY, unknown, []))
    await system.publish([event(manager())])
    await system.publish_raw(records)  # before the services start: all in one batch
    await system.start()
    await system.settled()

    for service in ("handoff", "reporting"):
        letters = await system.dead_letters(service)
        assert len(letters) == len(BAD), [letter.about for letter in letters]
        for letter, (case, (value, reason)) in zip(letters, BAD.items(), strict=True):
            assert reason in letter.about["reason"], case
            assert letter.value == value, case
            assert letter.key == KEY
            assert letter.about["topic"] == "deals"
            assert letter.about["cause"] == "unreadable"
            assert int(letter.about["partition"]) >= 0
        offsets = [int(letter.about["offset"]) for letter in letters]
        assert offsets == [2 * number + 1 for number in range(len(BAD))]
        totals = await system.accounts_add_up(service)
        assert totals["dead_lettered"] == len(BAD)
        own = 4 * len(BAD) if service == "handoff" else 0  # the deadlines it has set
        assert totals["skipped"] == 1 + own
        stored = await system.mongo[service]["dead_letters"].count_documents({})
        assert stored == len(BAD)
    figures = await system.figure_table("deals?by=outcome")
    assert figures[("won",)][0] == len(BAD)
    assert all(process.child.ended is None for process in system.processes)


async def test_headers_that_are_no_text_and_a_reused_id(system: System) -> None:
    value, headers = encode(event(deal("one")))
    other, _ = encode(event(deal("two")))
    await system.publish([event(manager())])
    await system.publish_raw(
        [
            Message("deals", KEY, value, headers),
            Message("deals", KEY, value, [*headers, ("ce_subject", b"\xff\xfe")]),
            Message("deals", KEY, value, headers),
            Message("deals", KEY, other, headers),
        ]
    )
    await system.start("handoff")
    await system.settled()

    letters = await system.dead_letters("handoff")
    assert [letter.about["cause"] for letter in letters] == ["unreadable", "conflicting-id"]
    assert "must be UTF-8" in letters[0].about["reason"]
    assert "was used before for another content" in letters[1].about["reason"]
    totals = await system.accounts_add_up("handoff")
    assert (totals["applied"], totals["duplicate"]) == (2, 1)
    assert await system.mongo["handoff"]["handoffs"].count_documents({}) == 1


async def test_a_replayed_dead_letter_is_read_by_its_service_only(system: System) -> None:
    await system.publish([event(manager())])
    await system.publish_raw([Message("deals", KEY, structured(data_outcome="maybe"), [])])
    await system.start("handoff", "reporting")
    await system.settled()
    (letter,) = await system.dead_letters("handoff")

    await system.publish_raw([letter.replay()])
    await system.settled()

    assert len(await system.dead_letters("handoff")) == 2  # still unreadable: set aside again
    assert len(await system.dead_letters("reporting")) == 1
    totals = await system.accounts_add_up("reporting")
    assert totals["skipped"] == 1


async def test_a_stream_of_garbage_stops_the_partition_and_no_other(system: System) -> None:
    system.extra["TAHVIL_DEAD_LETTERS_IN_A_ROW"] = "20"
    await system.publish([event(manager())])
    await system.publish_raw([Message("deals", KEY, b"garbage", [])] * 50)
    await system.publish([event(deal("x", f"account-{n}"), id=f"id-{n}") for n in range(40)])
    (process,) = await system.start("handoff")
    await system.publish([event(deal(f"y-{n}", f"account-{n}")) for n in range(40)])
    for _ in range(100):
        stopped = not await process._answers()
        done = await system.mongo["handoff"]["inbox"].count_documents({}) > 40
        if stopped and done:
            break
        await asyncio.sleep(0.1)
    letters = await system.dead_letters("handoff")
    assert len(letters) == 20
    assert stopped, "a stopped partition must show in readiness"
    (row,) = [r async for r in system.mongo["handoff"]["offsets"].find({"dead_lettered": 20})]
    assert row["next"] == 20, "what was not read is still to be read"
