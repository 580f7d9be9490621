"""Links of messages: signed, for one purpose, for a time, with keys that overlap."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reminders.tokens import Act, Links, Personal
from tests.support.builders import NOON

OLD, NEW = "o" * 32, "n" * 32
LIFE = timedelta(days=30)
LINKS = Links("https://tahvil.example/", [NEW], LIFE)
IDS = st.text(min_size=1, max_size=128)


def token(link: str) -> str:
    return link.rpartition("/")[2].removesuffix(".ics")


@given(IDS, st.integers(0, 10**6))
def test_a_link_says_what_it_was_made_of_whatever_that_is(name: str, number: int) -> None:
    link = LINKS.act(name, number, NOON)
    assert link.startswith("https://tahvil.example/act/")
    assert LINKS.act_of(token(link), NOON) == Act(name, number, expired=False)
    for made, read in (
        (LINKS.page, LINKS.page_of),
        (LINKS.calendar, LINKS.calendar_of),
    ):
        link = made(name, number)
        assert read(token(link)) == Personal(name, number)
        assert link == made(name, number), "a message sent again is the same message"
        assert all(c.isalnum() or c in "-_.:/" for c in link), "fit for a mail as it is"


def test_a_link_to_act_expires_and_not_before() -> None:
    made = token(LINKS.act("r", 0, NOON))
    for after, expired in ((LIFE - timedelta(seconds=1), False), (LIFE, True), (LIFE * 9, True)):
        assert LINKS.act_of(made, NOON + after) == Act("r", 0, expired=expired)


def test_a_link_is_for_one_purpose() -> None:
    page, calendar = token(LINKS.page("mia", 0)), token(LINKS.calendar("mia", 0))
    act = token(LINKS.act("mia", 0, NOON))
    assert LINKS.page_of(calendar) is LINKS.page_of(act) is None
    assert LINKS.calendar_of(page) is LINKS.calendar_of(act) is None
    assert LINKS.act_of(page, NOON) is LINKS.act_of(calendar, NOON) is None


def test_keys_overlap_while_they_are_changed() -> None:
    old, both = Links("https://x", [OLD], LIFE), Links("https://x", [NEW, OLD], LIFE)
    before = token(old.page("mia", 0))
    assert both.page_of(before) == Personal("mia", 0)
    after = token(both.page("mia", 0))
    assert after != before
    assert LINKS.page_of(after) == Personal("mia", 0), "signed with the new one"
    assert old.page_of(after) is None
    assert LINKS.page_of(before) is None, "the old key is gone"


@given(st.text(max_size=200))
def test_what_nobody_signed_is_no_link(text: str) -> None:
    assert LINKS.act_of(text, NOON) is LINKS.page_of(text) is LINKS.calendar_of(text) is None


@pytest.mark.parametrize("cut", range(1, 80))
def test_a_link_that_lost_a_letter_is_none(cut: int) -> None:
    whole = token(LINKS.act("0" * 32, 0, NOON))
    assert LINKS.act_of(whole[:-cut], NOON) is None
    assert LINKS.act_of(whole[cut:], NOON) is None
    assert LINKS.act_of(f"{whole[:cut]}{whole[cut + 1 :]}", NOON) is None
