"""Times in parts of whole months, whose sums are stored, and days at their ends."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from services.reporting.periods import Days, pieces

DAY = timedelta(days=1)


def whole(piece: Days) -> bool:
    since, until = piece
    begins = since is None or since.day == 1
    return begins and (until in (None, date.max) or (until + DAY).day == 1)


def test_a_jalali_year_is_days_whole_months_and_days() -> None:
    assert pieces(date(2026, 3, 21), date(2027, 3, 20)) == [
        (date(2026, 3, 21), date(2026, 3, 31)),
        (date(2026, 4, 1), date(2027, 2, 28)),
        (date(2027, 3, 1), date(2027, 3, 20)),
    ]


@given(st.none() | st.dates(), st.none() | st.dates())
@example(date(9999, 12, 2), None)
@example(None, date(1, 1, 3))
@example(date(2026, 6, 1), date(2026, 5, 31))
def test_pieces_are_the_same_time_without_a_gap(since: date | None, until: date | None) -> None:
    found = pieces(since, until)
    assert found[0][0] == since
    assert found[-1][1] == until
    for (_, end), (begin, _) in pairwise(found):
        assert end is not None
        assert end + DAY == begin
    cut = [one for one in found if not whole(one)]
    assert len(found) - len(cut) <= 1
    for begin, end in cut:  # days are looked at in two months at most
        if begin and end and begin <= end:
            assert (end.year * 12 + end.month) - (begin.year * 12 + begin.month) <= 1
