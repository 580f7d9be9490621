"""Ids that follow from their cause."""

import itertools

from shared.contracts.ids import derived


def test_an_id_stays_the_same_for_ever() -> None:
    """Another one would be another event: what was published before an upgrade comes twice."""
    assert derived("/crm", "e1", "handoff.created.v1") == "3b36197d4d39fdd7809c2afb085f3552"


def test_other_causes_and_other_parts_make_other_ids() -> None:
    causes = [("a", "b", "c"), ("a", "c", "b"), ("ab", "c"), ("a", "bc"), ("abc",), ("a", "b")]
    ids = [derived(*parts) for parts in causes]
    assert all(one != other for one, other in itertools.combinations(ids, 2))
    assert all(0 < len(one) <= 128 and one.isprintable() for one in ids)
