"""Reporting's fold, with no server: any order, any repetition, any batches."""

import random
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.documents import from_fact, to_fact
from services.reporting.domain import Counter, shares
from services.reporting.figures.catalogue import FIGURES
from services.reporting.figures.declaration import World
from services.reporting.handlers import TooMuch
from services.reporting.questions import Question, Row, Unanswerable
from services.reporting.questions import summed as summed_up
from services.reporting.reading import Reading
from services.reporting.standing import standing
from services.reporting.told import SAYS, Refused
from shared.contracts.accounts import TargetSet
from shared.contracts.deals import DealAmended, DealReopened
from shared.contracts.event import Event
from shared.contracts.handoffs import AccountTransferred, HandoffAssigned
from shared.contracts.registry import EVENTS
from shared.contracts.values import Money
from tests.support.builders import NOON, deal, event
from tests.support.telling import WORLD, Stored, applied, events, say

Rows = dict[tuple[str, ...], tuple[Any, ...]]
EUR = Money.model_validate({"value": "0.01", "currency": "EUR"})


def rows(stored: Stored, figure: str, *by: str) -> Rows:
    """Sums of a figure by dimensions of one of its cubes, without those that are nothing."""
    declared = FIGURES[figure]
    cube = next(
        n for n, names in enumerate(declared.cubes) if {*by} <= {*declared.always, *names, "day"}
    )
    names = (*declared.always, *declared.cubes[cube])
    found: Rows = {}
    for (name, number, day, values_), measures in stored.counters.items():
        if name == figure and number == cube:
            values = dict(zip(names, values_, strict=True)) | {"day": day}
            key = tuple(values[name] for name in by)
            now = found.get(key, (0,) * len(measures))
            found[key] = tuple(a + b for a, b in zip(now, measures, strict=True))
    return {key: sums for key, sums in found.items() if any(sums)}


def at(hours: int, **envelope: Any) -> dict[str, Any]:
    """An envelope some hours after noon, with an id of its own."""
    return {"time": NOON.replace(hour=12 + hours), "id": f"at-{hours}"} | envelope


def closed(hours: int = 0, *, told: str = "", **changes: Any) -> Event:
    return event(deal("d1", **changes), **at(hours, id=f"closed-{hours}{told}"))


AMENDED = event(
    DealAmended(deal_id="d1", account_id="acme", amended_at=NOON, amount=EUR, products=("GTX",)),
    **at(1),
)
REOPENED = event(DealReopened(deal_id="d1", account_id="acme", reopened_at=NOON), **at(2))


async def deals(*history: Event) -> Rows:
    return rows(await applied([history]), "deals", "outcome", "currency")


async def test_a_deal_counts_with_its_amount_and_without_one_in_no_currency() -> None:
    assert await deals(closed()) == {("won", "USD"): (1, Decimal("100.50"))}
    assert await deals(closed(amount=None)) == {("won", "-"): (1, Decimal(0))}


@pytest.mark.parametrize("turned", [False, True])
async def test_a_correction_counts_whether_it_comes_after_or_before(turned: bool) -> None:
    def order(*history: Event) -> Sequence[Event]:
        return history[::-1] if turned else history

    assert await deals(*order(closed(), AMENDED)) == {("won", "EUR"): (1, Decimal("0.01"))}
    assert await deals(*order(closed(), REOPENED)) == {}
    again = closed(3, outcome="lost")
    assert await deals(*order(closed(), AMENDED, REOPENED, again)) == {
        ("lost", "USD"): (1, Decimal("100.50"))
    }


async def test_the_same_closing_told_again_loses_no_amendment() -> None:
    told_again = closed(told=" by another id")
    for history in ([closed(), AMENDED, told_again], [told_again, AMENDED, closed()]):
        assert await deals(*history) == {("won", "EUR"): (1, Decimal("0.01"))}


async def test_a_correction_of_an_unknown_deal_counts_nowhere() -> None:
    assert (await applied([[AMENDED, REOPENED]])).counters == {}


async def test_a_deal_of_two_products_counts_with_both() -> None:
    stored = await applied([[closed(products=["GTX", "MG", "GTX"])]])
    assert rows(stored, "deals", "product") == {
        ("GTX",): (1, Decimal("100.50")),
        ("MG",): (1, Decimal("100.50")),
    }


async def test_the_day_is_the_companys_day() -> None:
    late = closed(closed_at=NOON.replace(day=30, hour=21))
    for zone, day in (("UTC", "2026-11-30"), ("Asia/Tehran", "2026-12-01")):
        stored = await applied([[late]], World(ZoneInfo(zone), WORLD.calendar))
        assert {day for _, _, day, _ in stored.counters} == {day}


def assigned(manager: str, hours: int) -> Event:
    data = HandoffAssigned(
        handoff_id="h1", account_id="acme", manager_id=manager, reason="r",
        assigned_at=NOON.replace(hour=12 + hours),
    )  # fmt: skip
    return event(data, **at(hours, id=f"assigned-{manager}"))


def transferred(manager: str, day: int) -> Event:
    moment = NOON.replace(day=day)
    data = AccountTransferred(account_id="acme", to_manager_id=manager, reason="r", at=moment)
    return event(data, id=f"to-{manager}", time=moment)


async def test_a_transfer_keeps_what_was_and_moves_what_is() -> None:
    later = event(deal("d2", closed_at=NOON.replace(day=28)), id="later", time=NOON)
    for history in (
        [[closed()], [assigned("ann", 1)], [transferred("bob", 26)], [later]],
        [[transferred("bob", 26)], [later, closed()], [assigned("ann", 1)]],
    ):
        stored = await applied(history)
        assert rows(stored, "deals", "manager") == {
            ("ann",): (1, Decimal("100.50")),  # whose it was: it led to the first manager
            ("bob",): (1, Decimal("100.50")),
        }
        assert rows(stored, "deals", "manager_now") == {("bob",): (2, Decimal("201.00"))}
        assert rows(stored, "portfolio", "manager", "day") == {
            ("ann", "2026-11-24"): (1,),
            ("ann", "2026-11-26"): (-1,),
            ("bob", "2026-11-26"): (1,),
        }


async def test_what_cannot_be_counted_is_refused_with_field_and_reason() -> None:
    target = TargetSet(manager_id="ann", period="soonish", amount=EUR, set_at=NOON)
    with pytest.raises(Refused, match=r"data\.period: 'soonish' is no period: write a year"):
        await applied([[event(target)]])


async def test_sums_beyond_what_decimals_hold_are_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr("services.reporting.domain.DIGITS", 4)
    with pytest.raises(Refused, match=r"data\.amount\.value: the sum of deals"):
        await applied([[closed()]])


async def test_sums_are_exact_where_pythons_own_context_would_round() -> None:
    most = {"value": "9" * 18 + ".9999", "currency": "USD"}
    many = [event(deal(f"d{n}", amount=most), id=f"{n}") for n in range(20)]
    with localcontext(prec=10):
        stored = await applied([many[:10], many[10:]])
    assert rows(stored, "deals", "outcome") == {
        ("won",): (20, Decimal(int("9" * 22) * 20).scaleb(-4))
    }


async def test_only_the_first_assignment_to_a_manager_says_whose_it_was() -> None:
    history = [
        [assigned("ann", 1)],
        [transferred("bob", 26)],
        [transferred("ann", 27)],
        [event(assigned("ann", 1).data.model_copy(update={"assigned_at": NOON.replace(day=28)}),
               id="again", time=NOON.replace(day=28))],
    ]  # fmt: skip
    for order in (history, history[::-1]):
        found = rows(await applied(order), "portfolio", "manager", "day")
        assert found == {
            ("ann", "2026-11-24"): (1,), ("ann", "2026-11-26"): (-1,),
            ("bob", "2026-11-26"): (1,), ("bob", "2026-11-27"): (-1,), ("ann", "2026-11-27"): (1,),
        }  # fmt: skip


async def test_a_batch_that_moves_too_much_is_halved_and_one_event_never_is(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("services.reporting.handlers.MOST", 10)
    deals = [event(deal(f"{account}{n}", account)) for n in range(10)
             for account in ("acme", "birch")]  # fmt: skip
    moves = [transferred("bob", 26), say("account.transferred", NOON, account_id="birch",
                                         to_manager_id="cyd")]  # fmt: skip
    with pytest.raises(TooMuch, match="22 facts count otherwise because of 2 events"):
        await applied([deals[:8], deals[8:], moves])
    stored = await applied([deals[:8], deals[8:], moves[:1], moves[1:]])
    assert rows(stored, "deals", "manager_now") == {
        ("bob",): (10, Decimal("1005.00")), ("cyd",): (10, Decimal("1005.00"))
    }  # fmt: skip


def summed(stored: Stored) -> dict[Counter, tuple[Any, ...]]:
    """Counters anew, from the facts alone."""
    standings = {
        fact.key.id: standing(fact)
        for fact in stored.facts_kept.values()
        if fact.key.kind == "account"
    }
    world = World(WORLD.zone, WORLD.calendar, standings)
    sums: dict[Counter, tuple[Any, ...]] = {}
    for fact in stored.facts_kept.values():
        for counter, measures in shares(fact, world):
            now = sums.get(counter, (0,) * len(measures))
            sums[counter] = tuple(a + b for a, b in zip(now, measures, strict=True))
    return {counter: values for counter, values in sums.items() if any(values)}


@settings(max_examples=300)
@given(events(), st.randoms(use_true_random=False))
async def test_any_order_any_repetition_and_any_batches_give_the_same(
    history: list[Event], chance: random.Random
) -> None:
    in_order = await applied([sorted(history, key=lambda e: (e.time, e.id))])
    shuffled = history + chance.choices(history, k=len(history) // 2) if history else []
    chance.shuffle(shuffled)
    batches = []
    while shuffled:
        size = chance.randint(1, 6)
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    found = await applied(batches)
    assert found.facts_kept == in_order.facts_kept
    assert found.counters == in_order.counters == summed(in_order)


@given(events())
async def test_a_fact_is_stored_as_it_is(history: list[Event]) -> None:
    for fact in (await applied([history])).facts_kept.values():
        assert to_fact(bson.decode(bson.encode(from_fact(fact)))) == fact


@settings(max_examples=30)
@given(events([*EVENTS, *["deal.closed.v1"] * 20]))  # with several products
async def test_however_a_figure_is_broken_down_its_rows_add_up(history: list[Event]) -> None:
    reading = Reading(await applied([history]), WORLD, lambda: NOON)  # type: ignore[arg-type]
    for name, figure in FIGURES.items():
        whole = await reading.figure(name)
        asked = [*((dimension,) for dimension in figure.dimensions), *figure.cubes]
        for dimensions in asked:
            question = Question(by=[name for name in dimensions if name not in figure.several])
            with suppress(Unanswerable):
                parts = await reading.figure(name, question)
                assert summed_up((Row({}, row.measures) for row in parts), ()) == whole


def test_every_event_says_something_but_three() -> None:
    silent = {type_ for type_, data in EVENTS.items() if data not in SAYS}
    assert silent == {"absence.set.v1", "contact.erased.v1", "notification.requested.v1"}
