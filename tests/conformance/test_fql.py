"""Recorded triggers through our parser, and through our model of the original's.

Listed differences (docs/explain/differences.md, "Trigger and mapping languages") are told from the text,
never by case: a text outside the grammar, ``and`` mixed with ``or``, a function call inside a group that
goes on. There our trigger must say so: it is refused, or carries both readings, or means the same.
"""

from typing import Any

import pytest
from tests.conformance.cases import cases
from tests.conformance.equality import same
from tests.conformance.fql_grammar import traits

from segue.language import trigger
from segue.language.condition import TESTS
from segue.language.published import Loose, Reading
from segue.model.errors import InvalidTrigger


@pytest.mark.parametrize(("case", "expected"), cases("fql"))
def test_the_published_reading_is_known_for_every_trigger(case: dict[str, Any], expected: Any) -> None:
    """Our model of the original's parser gives the recorded conditions and result, quirks included."""
    reading = trigger.published_reading(case["fql"])
    assert (reading is None) == bool(expected.get("error"))
    if reading is not None:
        assert same(as_json(reading), expected["ast"])
        assert verdict(reading, case["payload"]) == expected.get("result")


@pytest.mark.parametrize(("case", "expected"), cases("fql"))
def test_a_recorded_trigger_means_the_same_or_says_that_it_does_not(
    case: dict[str, Any], expected: Any
) -> None:
    """Grammatical triggers mean exactly what was recorded; others do, or are refused, or warn."""
    text = case["fql"]
    differing = traits(text)
    try:
        parsed = trigger.parse(text)
    except InvalidTrigger:
        assert differing is None
        return
    equal = not expected.get("error") and same(trigger.to_json(parsed.root), expected["ast"])
    if equal:
        assert trigger.matches(parsed, case["payload"]) == expected["result"]
    if differing == set():
        assert equal
    assert equal != any(warning.kind == "reading" for warning in parsed.warnings)


def as_json(reading: Reading) -> Any:
    if isinstance(reading, Loose):
        children = [as_json(child) for child in reading.children]
        return {"type": "group", "operator": reading.operator, "children": children}
    return None if reading is None else trigger.to_json(reading)


def verdict(reading: Reading, event: dict[str, Any]) -> bool | None:
    """Evaluate as the original does; None when it would reach a condition without meaning and fail."""
    if reading is None:
        return None
    if not isinstance(reading, Loose):
        return reading.operator in TESTS and trigger.matches(reading, event)
    stop = reading.operator == "or"
    for child in reading.children:
        result = verdict(child, event)
        if result is None or result is stop:
            return result
    return not stop
