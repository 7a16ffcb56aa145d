"""The published behaviour, row by row: what the original makes of 137 triggers and 209 mappings.

`published_triggers.json` rows are [text, conditions as the original reads them or null, result or null
when it fails]; `published_mappings.json` rows are [mapping, outcome].
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.equality import same
from tests.conformance.fql_grammar import traits
from tests.conformance.test_fql import verdict
from tests.conformance.test_mapping import is_refused_early, outcome

from segue.language import mapping, trigger
from segue.language.published import Loose, Reading
from segue.model.errors import InvalidTrigger

FOLDER = Path(__file__).parent
TRIGGERS = json.loads((FOLDER / "published_triggers.json").read_text(encoding="utf-8"))
MAPPINGS = json.loads((FOLDER / "published_mappings.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "conditions", "result"), TRIGGERS["rows"])
def test_a_published_trigger_is_read_as_published_or_says_otherwise(
    text: str, conditions: str | None, result: bool | None
) -> None:
    """The model of the original agrees with every row; our reading agrees, refuses or warns."""
    reading = trigger.published_reading(text)
    assert (None if reading is None else shown(reading)) == conditions
    assert (verdict(reading, TRIGGERS["event"]) if reading else False) == result
    try:
        ours = trigger.parse(text)
    except InvalidTrigger:
        assert traits(text) is None
        return
    if not any(warning.kind == "reading" for warning in ours.warnings):
        assert trigger.matches(ours, TRIGGERS["event"]) == result


@pytest.mark.parametrize(("source", "expected"), MAPPINGS["rows"])
def test_a_published_mapping_gives_the_published_outcome(source: Any, expected: Any) -> None:
    """Every row holds, but for mappings we refuse earlier than the original does."""
    if is_refused_early(source):
        with pytest.raises(mapping.InvalidMapping):
            mapping.prepare(source)
    else:
        assert same(outcome({"mapping": source, "payload": MAPPINGS["payload"]}), expected)


def shown(reading: Reading) -> str:
    if isinstance(reading, Loose):
        return f"({f' {reading.operator.upper()} '.join(map(shown, reading.children))})"
    if reading is None:
        return "undefined"
    name = f"{reading.type}[{reading.name}]" if reading.name else reading.type
    if reading.value is None:
        return f"{name} {reading.operator}"
    value = "null" if reading.value != reading.value else json.dumps(reading.value)
    return f"{name} {reading.operator} {value}"
