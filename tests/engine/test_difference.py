"""A difference, carried out by Braze, gives the wanted value."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.attribute_history import Braze, entries, trees

from segue.catalog.braze.attributes import EDITS
from segue.engine.difference import edited, news, patch, same

properties = settings(max_examples=300, deadline=None)
lists = st.lists(entries, min_size=1, max_size=4, unique_by=lambda entry: entry["id"])


def after(*steps: dict[str, Any]) -> dict[str, Any]:
    """The custom attributes of somebody after these objects."""
    braze = Braze()
    assert all(braze.send({"external_id": "u", **step} for step in steps))
    profile = braze.profile("u")
    assert profile is not None
    custom: dict[str, Any] = profile["custom"]
    return custom


@properties
@given(trees, trees)
def test_a_patch_merged_into_the_old_value_gives_the_new_one(
    held: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """And there is one unless a key has to go."""
    change = patch(held, wanted)
    if change is not None:
        assert after({"k": held}, {"k": change, "_merge_objects": True}) == {"k": wanted}
        assert (change == {}) == same(held, wanted)


@properties
@given(trees, trees)
def test_the_news_of_a_merge_do_what_the_merge_does(held: dict[str, Any], sent: dict[str, Any]) -> None:
    """Leaving out what is there already changes nothing."""
    merge = {"_merge_objects": True}
    assert after({"k": held}, {"k": news(held, sent), **merge}) == after({"k": held}, {"k": sent, **merge})


@properties
@given(lists, lists, st.booleans())
def test_an_edit_of_the_old_list_gives_the_new_one(
    held: list[dict[str, Any]], wanted: list[dict[str, Any]], merging: bool
) -> None:
    """Objects added, removed and updated in place."""
    edit = edited(held, wanted, EDITS, merging=merging)
    if edit:
        assert after({"k": held}, {"k": edit, "_merge_objects": merging}) == {"k": wanted}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        ([1, {"a": 0}], [1, {"a": False}], False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        ({"a": 1, "b": 1}, {"b": True, "a": 1}, False),
        (None, None, True),
    ],
)
def test_values_are_the_same_type_for_type(one: Any, other: Any, is_same: bool) -> None:
    """JSON tells true from 1 and 1 from 1.0, and keys have no order."""
    assert same(one, other) is is_same
