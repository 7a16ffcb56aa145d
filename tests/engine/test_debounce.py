"""The server's debounce decides as the shared table says, in whatever form JSON comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.debounce import Case, parameters
from tests.engine.sides import destination, workspace

from segue.catalog.contents import catalogue
from segue.engine.debounce import Said, is_repeat, remember, summary
from segue.engine.plan import prepare
from segue.engine.route import is_wanted
from segue.model.event import person_key

NAMES = prepare(workspace(destination("braze")), catalogue()).destinations["braze"].names


@pytest.mark.parametrize("case", parameters("server"))
def test_the_table(case: Case) -> None:
    """A memory for each person; what is switched off is neither sent nor remembered."""
    memory: dict[str, Said | None] = {}
    decided = []
    for offset, event in enumerate(case.events):
        person = person_key(event.get("userId"), event.get("anonymousId"))
        if not is_wanted(event.get("integrations"), NAMES):
            decided.append(False)
            continue
        digest, before = summary(event), memory.get(person)
        decided.append(not is_repeat(digest, offset, before))
        memory[person] = remember(digest, offset, before)
    assert decided == case.sends


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_the_order_of_members_plays_no_part_and_every_value_has_a_summary(traits: dict[str, Any]) -> None:
    """Whatever JSON holds: halves of characters, long numbers."""
    turned = dict(reversed(traits.items()))
    event = {"type": "identify", "userId": "u", "traits": traits}
    assert summary(event) == summary({**event, "traits": turned})
    assert len(summary(event)) == 16
    assert summary(event) != summary({**event, "userId": "v"})


def test_true_is_not_one_and_text_is_not_a_number() -> None:
    """Equal in Python, different in Braze."""
    said = {summary({"type": "identify", "traits": {"x": value}}) for value in (True, 1, "1", None, [1], [])}
    assert len(said) == 6


def test_an_event_read_again_after_a_crash_passes() -> None:
    """The memory may be ahead of the position that was kept; nothing is lost for that."""
    digest = summary({"type": "identify", "userId": "u", "traits": {"a": 1}})
    ahead = remember(digest, 7, None)
    assert not is_repeat(digest, 3, ahead)
    assert not is_repeat(digest, 7, ahead)
    assert is_repeat(digest, 8, ahead)
    assert remember(digest, 3, ahead) is ahead
