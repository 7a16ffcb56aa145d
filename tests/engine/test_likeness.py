"""A likeness says of objects that look alike what a look at each attribute says; a key is read the same."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.catalog.braze.attributes import SHAPE
from segue.engine.fold import Wish, single
from segue.engine.likeness import MOST_INNER, Likenesses
from segue.engine.person import Identity
from segue.engine.points import Meter
from segue.engine.reduction import unreduced

METER = Meter(SHAPE)
IDENTITY = Identity(SHAPE)
KNOWN = Likenesses(SHAPE, METER)
"""Kept over all examples, so that what one object left behind serves another."""

people = st.sampled_from(
    [{"external_id": "u"}, {"user_alias": {"alias_name": "x", "alias_label": "y"}}, {"email": "a@b.c"}]
)
values = st.one_of(
    st.sampled_from([1, True, None, 1.5, "a", "x" * 255, "x" * 256, [], [1], [{"a": 1}, {"b": 2, "c": 3}]]),
    st.sampled_from([{}, {"a": 1}, {"a": {"b": 1, "c": 2}}, {"inc": 1}, {"add": ["a"]}, {"inc": "a"}]),
    st.sampled_from([{"$add": [{"id": 1, "n": 2}]}, {"a b": 1}, {"$time": "2026-01-01"}, {"$time": "soon"}]),
    st.dictionaries(st.sampled_from(["a", "b", "inc"]), st.sampled_from([1, "x", "x" * 256, None, [1]])),
)
names = st.sampled_from(
    [
        *("p", "q", "r", "first_name", "email", "facebook", "email_subscribe", "push_tokens", "dob"),
        *("subscription_groups", "_merge_objects", "_update_existing_only"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(people, st.dictionaries(names, values, max_size=6), st.integers(0, 9))
def test_a_likeness_finds_what_a_whole_look_finds(
    who: dict[str, Any], said: dict[str, Any], when: int
) -> None:
    """Costs always; what its arrival means, where nothing is merged into what is there."""
    found = {**said, **who}
    control = IDENTITY.control(IDENTITY.key(found))
    likeness = KNOWN.of(found, control)
    whole = unreduced(single(Wish(0, "", b"", found, when, control)), SHAPE, METER)
    assert likeness.costs(found) == whole.costs
    if likeness.is_plain:
        assert list(likeness.touched(found, when).items()) == list(whole.touched.items())
    else:
        assert found.keys() & {"_merge_objects", "subscription_groups"}


def test_flat_objects_without_end_share_a_likeness() -> None:
    """Whoever names members after what they count must not fill the memory."""
    known = Likenesses(SHAPE, METER)
    objects = [{"external_id": "u", "scores": {f"game{number}": number}} for number in range(200)]
    control = IDENTITY.control("external_id:u")
    apart = [known.of(each, control) for each in objects]
    assert len({id(each) for each in apart}) == MOST_INNER + 1
    assert len({id(known.of(each, control)) for each in objects}) == 1
    for each in objects:
        assert known.of(each, control).costs(each) == METER.by_attribute(each) == {"scores": 1}


@given(
    st.one_of(st.text(max_size=8), st.integers(), st.none(), st.sampled_from(['a"b', "\\", "ü", "\x1f"])),
    st.sampled_from([{}, {"email": "a@b.c"}, {"user_alias": {"alias_name": "x", "alias_label": "y"}}]),
    st.sampled_from(
        [{}, {"_update_existing_only": False}, {"_merge_objects": True}, {"p": {"external_id": "v"}}]
    ),
    st.booleans(),
)
def test_the_key_of_an_object_is_the_same_read_from_its_text(
    name: str | int | None, others: dict[str, Any], before: dict[str, Any], is_first: bool
) -> None:
    """Whatever comes first in it."""
    found = {**before, "external_id": name, **others} if is_first else {**others, "external_id": name}
    try:
        item = orjson.dumps(found)
    except TypeError:  # half of a character, an integer of more than 64 bits
        return
    assert IDENTITY.read(item) == IDENTITY.key(found)
