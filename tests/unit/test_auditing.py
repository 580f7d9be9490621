"""From audits to alarms: how often somebody is told, whatever the audits find."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.reminders.auditing import AGAIN, CALM, COUNTED, Kind, Overdue, Watch, judge, told
from tests.support.builders import NOON

SECONDS = timedelta(seconds=1)
OVERDUE = Overdue(3, "d1", NOON - timedelta(hours=1))


def heard(*audits: tuple[float, Overdue | None, bool]) -> list[tuple[float, Kind]]:
    """What is told of audits after so many seconds: what was overdue, and whether it is calm."""
    watch, found = Watch(), []
    for after, overdue, calm in audits:
        now = NOON + after * SECONDS
        watch = judge(watch, overdue, calm, now)
        if watch.notice:
            found.append((after, watch.notice.kind))
            watch = told(watch, now)
    return found


def test_one_alarm_reminders_of_it_and_one_all_clear() -> None:
    hour, calm = AGAIN / SECONDS, CALM / SECONDS
    assert heard(
        (0, None, True),
        (30, OVERDUE, False),
        (60, OVERDUE, False),
        (29 + hour, OVERDUE, False),
        (30 + hour, OVERDUE, False),
        (60 + hour, OVERDUE, False),
        (90 + hour, None, True),
        (89 + hour + calm, None, True),
        (90 + hour + calm, None, True),
        (120 + hour + calm, None, True),
    ) == [(30, Kind.RAISED), (30 + hour, Kind.LASTS), (90 + hour + calm, Kind.CLEAR)]


def test_what_is_a_little_late_neither_raises_an_alarm_nor_ends_one() -> None:
    assert heard(*((n * 30.0, None, False) for n in range(100))) == []
    assert heard((0, OVERDUE, False), *((n * 30.0, None, False) for n in range(1, 100))) == [
        (0, Kind.RAISED)
    ]


def test_a_slow_patch_is_one_alarm() -> None:
    audits = [(n * 30.0, OVERDUE if n % 3 == 0 else None, n % 3 != 0) for n in range(100)]
    assert heard(*audits) == [(0, Kind.RAISED)]


def test_what_was_not_told_stays_to_be_told_and_nothing_else_is_judged() -> None:
    first = judge(Watch(), OVERDUE, False, NOON)
    assert judge(first, None, True, NOON + 10 * AGAIN) is first
    assert told(first, NOON).notice is None


def test_a_notice_says_how_much_waits_and_since_when() -> None:
    raised = judge(Watch(), OVERDUE, False, NOON).notice
    assert raised
    assert "3 open deadlines" in raised.text
    assert "2026-11-24 11:00:00 UTC, deadline d1" in raised.text
    many = judge(Watch(), Overdue(COUNTED, "d1", NOON), False, NOON).notice
    assert many
    assert "10000 or more" in many.text


@given(st.lists(st.tuples(st.integers(1, 4000), st.sampled_from(["late", "slow", "calm"]))))
def test_alarms_and_all_clears_take_turns_and_no_alarm_is_told_often(
    audits: list[tuple[int, str]],
) -> None:
    after, made = 0, []
    for seconds, state in audits:
        after += seconds
        made.append((float(after), OVERDUE if state == "late" else None, state == "calm"))
    told_of = heard(*made)
    kinds = [kind for _, kind in told_of if kind != Kind.LASTS]
    assert kinds == [Kind.RAISED, Kind.CLEAR] * (len(kinds) // 2) + kinds[len(kinds) // 2 * 2 :]
    assert all(kind == Kind.RAISED for kind in kinds[::2])
    for (earlier, _), (later, kind) in pairwise(told_of):
        if kind == Kind.LASTS:
            assert later - earlier >= AGAIN / SECONDS
        if kind == Kind.CLEAR:
            assert later - earlier >= CALM / SECONDS
