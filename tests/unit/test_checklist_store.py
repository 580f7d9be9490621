"""A handoff reads its checklist back as it wrote it."""

import bson
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from services.handoff import checklist_store
from services.handoff.checklists import ACCEPTED, CLOSED, Anchor, Checklist, Moment, Owner, Step

STEPS = st.builds(
    Step,
    id=st.sampled_from(["a", "kick-off"]),
    title=st.just("A"),
    titles=st.sampled_from([{}, {"en": "A", "fa": "آ"}, {"fa": "A"}]),
    owner=st.sampled_from(Owner),
    person_id=st.sampled_from([None, "tara"]),
    amount=st.integers(-2000, 2000),
    unit=st.sampled_from(["days", "hours"]),
    anchor=st.sampled_from(
        [CLOSED, ACCEPTED, Anchor(Moment.DUE, "kick-off"), Anchor(Moment.DONE, "a")]
    ),
    needs=st.sampled_from([(), ("a",), ("a", "b")]),
)


@given(st.lists(STEPS, max_size=3))
def test_a_checklist_survives_the_database(steps: list[Step]) -> None:
    kept = Checklist(name="n", version=3, digest="d", steps=tuple(steps))
    stored = bson.encode(checklist_store.document(kept))
    assert checklist_store.checklist(bson.decode(stored, CodecOptions(tz_aware=True))) == kept
