"""Counters as MongoDB keeps them."""

from decimal import Decimal
from typing import Any

from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.documents import Change, amount, changes_of
from services.reporting.domain import DIGITS, Shares

values = st.builds(
    lambda digits, exponent: Decimal(f"{digits}E{exponent}"),
    st.integers(-(10**DIGITS) + 1, 10**DIGITS - 1),
    st.integers(-12, 6),
)


def written(change: Change) -> tuple[Any, Any]:
    """What inserts, and what updates."""
    return change.insert()._doc, change.update()._doc


@given(values)
def test_money_is_kept_as_the_driver_itself_keeps_it(value: Decimal) -> None:
    change = Change("id", {"figure": "deals"}, {"amount": value}, {"07": {"amount": value}})
    inserted, updated = written(change)
    for kept in (inserted["amount"], inserted["days"]["07"]["amount"], *updated["$inc"].values()):
        assert kept == Decimal128(value)
        assert str(kept.to_decimal()) == str(value)  # as many zeros behind the point


@given(st.binary(min_size=16, max_size=16) | values.map(lambda value: Decimal128(value).bid))
def test_money_is_read_as_the_driver_itself_reads_it(bits: bytes) -> None:
    kept = Decimal128.from_bid(bits)
    assert repr(amount(kept)) == repr(kept.to_decimal())


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["2026-11-01", "2026-11-28", "2026-12-01"]), st.text(max_size=2)),
        st.tuples(st.integers(-2, 2), st.integers(-300, 300).map(lambda n: Decimal(n) / 100)),
    )
)
def test_what_inserts_is_what_updating_nothing_makes(found: dict[Any, Any]) -> None:
    shares: Shares = {
        ("deals", 0, day, ("won", currency)): measures
        for (day, currency), measures in found.items()
    }
    for change in changes_of(shares):
        inserted, updated = written(change)
        made: dict[str, Any] = {"_id": change.id, **updated["$setOnInsert"], "days": {}}
        for path, value in updated["$inc"].items():
            at = made
            *folders, name = path.split(".")
            for folder in folders:
                at = at.setdefault(folder, {})
            at[name] = value
        days = {day: measures for day, measures in inserted["days"].items() if measures}
        assert {**inserted, "days": days} == made
