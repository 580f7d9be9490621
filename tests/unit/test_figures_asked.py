"""Questions as they are written, cursors, and whose figures somebody sees."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting import rights
from services.reporting.asking import Asked, Wrong, after, cursor, understood
from services.reporting.figures.catalogue import FIGURES
from services.reporting.questions import Person, Question
from services.reporting.rights import Hidden, Viewer, bounded, bounded_by, viewer_of
from shared.contracts.directory import Role

DEALS = FIGURES["deals"]
PEOPLE = {
    "carla": Person("Carla", None, (Role.COMPANY_MANAGER,)),
    "hana": Person("Hana", "carla", (Role.HEAD,)),
    "lena": Person("Lena", "hana", ()),
    "mia": Person("Mia", "lena", (Role.ACCOUNT_MANAGER,)),
    "noah": Person("Noah", "otto", (Role.ACCOUNT_MANAGER,)),
    "gone": Person("Gone", "hana", (Role.ACCOUNT_MANAGER,), active=False),
}


def test_a_question_says_when_in_either_calendar() -> None:
    def span(since: str, until: str) -> tuple[date | None, date | None]:
        question = understood(DEALS, Asked(by=["day"], since=since, until=until))
        return question.since, question.until

    assert span("2026-01-15", "2026-02") == (date(2026, 1, 15), date(2026, 2, 28))
    assert span("1405-01-01", "1405-Q1") == (date(2026, 3, 21), date(2026, 6, 21))
    assert span(" ۱۴۰۵-۰۱ ", "") == (date(2026, 3, 21), None)
    for wrong in ("2026-13-01", "1405-12-31", "soon", "2026-1-1-1", "26-01-01"):
        with pytest.raises(Wrong, match="from: "):
            span(wrong, "")


def test_a_question_has_the_months_of_its_calendar() -> None:
    question = understood(DEALS, Asked(by=["month"], calendar="jalali"))
    assert question.by == ("jalali_month",)
    assert understood(DEALS, Asked()).by == ("outcome",)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_a_cursor_is_the_row_that_it_was_made_of(values: list[str]) -> None:
    names = [f"d{n}" for n in range(len(values))]
    text = cursor(names, dict(zip(names, values, strict=True)))
    assert after(text, names) == tuple(values)
    with pytest.raises(Wrong):
        after(text, [*names, "one more"])


@given(st.text(max_size=50))
def test_no_cursor_is_anything_but_refused(text: str) -> None:
    with contextlib.suppress(Wrong):
        after(text, ["day"])


def test_who_sees_whose_figures() -> None:
    def whose(name: str) -> frozenset[str] | None:
        viewer = viewer_of(name, PEOPLE)
        assert viewer
        return viewer.whose

    assert whose("carla") is None
    assert whose("hana") == {"hana", "lena", "mia", "gone"}
    assert whose("lena") == {"lena"}, "who is no head sees no team"
    assert whose("mia") == {"mia"}
    assert viewer_of("gone", PEOPLE) is None
    assert viewer_of("nobody", PEOPLE) is None


def test_an_answer_is_cut_down_by_a_dimension_that_fits() -> None:
    mia = Viewer("mia", "Mia", whose=frozenset({"mia"}))
    assert bounded_by(DEALS, Question(by=("month",)), Viewer()) is None
    assert bounded_by(DEALS, Question(by=("month",)), mia) == "manager_now"
    assert bounded_by(DEALS, Question(by=("manager",)), mia) == "manager"
    assert bounded_by(DEALS, Question(by=("head",)), mia) == "manager"
    assert bounded_by(DEALS, Question(by=("salesperson",)), mia) == "salesperson"
    assert bounded_by(FIGURES["budgets"], Question(by=("period",)), mia) == rights.ACCOUNT
    with pytest.raises(Hidden, match="ask for it with manager_now or manager or salesperson"):
        bounded_by(DEALS, Question(by=("city",)), mia)


def test_conditions_never_widen_what_is_seen() -> None:
    question = Question(by=("manager",), where={"manager": ["mia", "noah"]})
    assert bounded(question, "manager", {"mia"}).where == {"manager": {"mia"}}
    assert bounded(Question(), "manager", {"mia"}).where == {"manager": {"mia"}}
    only_noah = Question(where={"manager": ["noah"]})
    assert bounded(only_noah, "manager", {"mia"}).where == {"manager": set()}
