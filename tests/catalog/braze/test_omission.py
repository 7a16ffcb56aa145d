"""Leaving out by a list that was read once is leaving out path by path."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from segue.catalog.braze import omission

NAMES = st.sampled_from(["plan", "address", "city", "country"])
VALUES = st.one_of(st.integers(0, 3), st.dictionaries(NAMES, st.integers(0, 3), max_size=3))
PATHS = st.one_of(NAMES, st.tuples(NAMES, NAMES).map(".".join), st.sampled_from(["", "address.", "a.b.c"]))


@settings(max_examples=300, deadline=None)
@given(custom=st.dictionaries(NAMES, VALUES), omitted=st.lists(PATHS, max_size=4))
def test_what_is_read_once_leaves_out_the_same(custom: dict[str, Any], omitted: list[str]) -> None:
    """Whole attributes, members, and objects left empty."""
    taken, inner = omission.read(frozenset(), tuple(omitted))
    kept = {name: value for name, value in custom.items() if name not in taken}
    for name, members in inner:
        if type(kept.get(name)) is dict:
            omission.leave_out(kept, name, members)
    assert kept == omission.without(custom, omitted)
