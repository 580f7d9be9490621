"""One endpoint's trouble stays its own: counted, not timed."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reminders.delivery.breaker import FAILURES, LONGEST, SHORTEST, Breaker
from services.reminders.delivery.lanes import BACKLOG, Lane, Lanes
from services.reminders.delivery.writing import Letter
from services.reminders.sending import Delivered, Held, Later, Outcome, Refused
from tests.support.letters import letter

START = datetime(2026, 1, 1, tzinfo=UTC)
LETTER = letter("due", "en")
BUSY, OWN = Later("busy"), Later("greylisted", endpoint=False)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, span: timedelta) -> None:
        self.now += span


class Answering:
    """A channel that answers as it is told."""

    side_by_side = 4

    def __init__(self, answer: Callable[[], Outcome], together: int = 1) -> None:
        self.answer = answer
        self.together = together
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()

    def endpoint(self, letter: Letter) -> str:
        return letter.address

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        self.calls += 1
        await self.open.wait()
        return [self.answer() for _ in letters]

    async def close(self) -> None: ...


def lane(sender: Answering, clock: Clock) -> Lane:
    return Lane("x", sender, clock, random.Random(1))


async def carry(lane: Lane, clock: Clock, count: int = 1) -> list[Outcome]:
    return await lane.carry([LETTER] * count, clock.now + timedelta(seconds=25))


async def test_one_endpoint_that_never_answers_holds_no_other_up() -> None:
    clock = Clock()
    lanes = Lanes(clock, random.Random(1))
    slow, quick = Answering(Delivered), Answering(Delivered)
    slow.open.clear()
    stuck = asyncio.create_task(carry(lanes.to("slow", slow), clock, 50))
    others = await asyncio.gather(
        *(carry(lanes.to(f"quick-{n}", quick), clock, 10) for n in range(99))
    )
    assert sum(isinstance(one, Delivered) for part in others for one in part) == 990
    assert not stuck.done()
    assert slow.calls == slow.side_by_side
    slow.open.set()
    assert len(await stuck) == 50


async def test_what_waits_too_long_for_a_slow_endpoint_is_handed_back() -> None:
    clock = Clock()
    slow = Answering(Delivered)
    slow.open.clear()
    one = lane(slow, clock)
    stuck = asyncio.create_task(carry(one, clock, BACKLOG))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    more = await asyncio.wait_for(carry(one, clock, 7), 10)  # not once the others are through
    assert all(isinstance(outcome, Held) for outcome in more)
    clock.pass_(timedelta(seconds=30))
    slow.open.set()
    outcomes = await stuck
    assert sum(isinstance(outcome, Delivered) for outcome in outcomes) == slow.side_by_side
    assert slow.calls == slow.side_by_side
    assert one.waiting == 0


async def test_after_five_failures_in_a_row_it_is_left_alone_then_probed_once() -> None:
    clock = Clock()
    sender = Answering(lambda: BUSY)
    one = lane(sender, clock)
    for _ in range(FAILURES):
        await carry(one, clock)
    assert all(isinstance(outcome, Held) for outcome in await carry(one, clock, 10))
    assert sender.calls == FAILURES

    clock.pass_(SHORTEST)
    await carry(one, clock, 10)
    assert sender.calls == FAILURES + 1
    await carry(one, clock, 10)
    assert sender.calls == FAILURES + 1, "left alone for longer now"

    clock.pass_(SHORTEST * 2)
    sender.answer = Delivered
    outcomes = await carry(one, clock, 10)
    assert isinstance(outcomes[0], Delivered)
    assert [type(outcome) for outcome in outcomes].count(Delivered) >= 1
    assert all(isinstance(outcome, Delivered) for outcome in await carry(one, clock, 10))


async def test_one_attempt_at_a_time_shows_whether_it_works_again() -> None:
    clock = Clock()
    sender = Answering(lambda: BUSY)
    one = lane(sender, clock)
    for _ in range(FAILURES):
        await carry(one, clock)
    clock.pass_(SHORTEST)
    sender.open.clear()
    probes = [asyncio.create_task(carry(one, clock, 3)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert sender.calls == FAILURES + 1
    sender.open.set()
    await asyncio.gather(*probes)


async def test_retry_after_holds_every_message_to_the_endpoint() -> None:
    clock = Clock()
    sender = Answering(lambda: Later("429", timedelta(seconds=40)))
    one = lane(sender, clock)
    await carry(one, clock)
    clock.pass_(timedelta(seconds=39))
    (held,) = await carry(one, clock)
    assert isinstance(held, Held)
    assert sender.calls == 1
    clock.pass_(timedelta(seconds=2))
    await carry(one, clock)
    assert sender.calls == 2


async def test_refusals_and_faults_of_one_message_say_nothing_of_the_endpoint() -> None:
    clock = Clock()
    for outcome in (Refused("no such chat"), OWN):
        sender = Answering(lambda outcome=outcome: outcome)  # type: ignore[misc]
        one = lane(sender, clock)
        for _ in range(FAILURES * 2):
            await carry(one, clock)
        assert sender.calls == FAILURES * 2


async def test_a_batch_over_one_connection_is_one_failure() -> None:
    clock = Clock()
    sender = Answering(lambda: BUSY, together=50)
    one = lane(sender, clock)
    await carry(one, clock, 50)
    assert one.breaker.failures == 1
    assert all(isinstance(outcome, Later) for outcome in await carry(one, clock, 200))


async def test_a_bug_with_one_message_ends_nothing_and_shows_no_address(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()

    def raising() -> Outcome:
        raise ValueError("mia@example.com")

    one = lane(Answering(raising), clock)
    (outcome,) = await carry(one, clock)
    assert outcome == Later("a bug of ours (ValueError)", endpoint=False)
    shown = capsys.readouterr()
    assert "delivery.bug" in shown.out + shown.err
    assert "mia@example.com" not in shown.out + shown.err


async def test_endpoints_that_are_as_good_as_new_are_forgotten() -> None:
    clock = Clock()
    lanes = Lanes(clock, random.Random(1))
    failing = Answering(lambda: BUSY)
    await carry(lanes.to("failing", failing), clock)
    for n in range(3000):
        lanes.to(f"e{n}", failing)
    assert len(lanes._lanes) < 1200
    assert lanes.to("failing", failing).breaker.failures == 1


@given(st.lists(st.tuples(st.sampled_from("sft"), st.integers(0, 1200))))
def test_a_breaker_is_closed_by_success_and_never_open_for_longer_than_the_longest(
    steps: list[tuple[str, int]],
) -> None:
    breaker, now = Breaker(), START
    for step, seconds in steps:
        now += timedelta(seconds=seconds)
        if step == "s":
            breaker = breaker.succeeded()
            assert breaker.wait(now) is None
        elif step == "f":
            breaker = breaker.failed(now)
        else:
            breaker = breaker.throttled(now, timedelta(seconds=60))
            assert (breaker.wait(now) or timedelta(0)) >= timedelta(seconds=60)
        assert (breaker.wait(now) or timedelta(0)) <= LONGEST
        assert breaker.failures < FAILURES or breaker.until
