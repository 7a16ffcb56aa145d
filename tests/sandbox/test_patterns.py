"""Regular expressions that would take for ever: cut, given up, and said so."""

import time

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import OURS, rule

from segue.sandbox.audience.patterns import PATIENCE_SECONDS, pattern

RUNAWAY = "^(a|a)+$"


@rule("a regular expression that takes too long on the people there are is refused when counted", "S", OURS)
async def test_a_runaway_expression_never_holds_the_sandbox_up():
    """Counting ends soon with its name; as a segment it finds nobody and the rest goes on."""
    sandbox = client()
    people = [{"external_id": f"u{number}", "plan": "a" * 60 + "!"} for number in range(75)]
    assert (await sandbox.track(attributes=people)).status == 201
    wanted = {"kind": "text_attribute", "name": "plan", "comparator": "matches", "value": RUNAWAY}
    began = time.process_time()
    refused = await sandbox.post("/_sandbox/segments/count", {"filter": {"all": [wanted]}})
    assert time.process_time() - began < PATIENCE_SECONDS * 8
    assert refused.status == 400
    assert "'^(a|a)+$' takes too long on these people; simplify it" in refused.json["error"]
    segment = {"id": "s", "name": "S", "filter": wanted}
    assert (await sandbox.post("/_sandbox/segments", segment)).status == 201
    sent = await sandbox.post("/users/export/segment", {"segment_id": "s", "fields_to_export": ["email"]})
    assert sent.status == 201


@pytest.mark.parametrize(
    ("text", "found", "missed"),
    [("^GO", "gold", "ago"), (r"\d{2,}$", "a12", "12a"), ("a|b", "cab", "c"), ("(?<=x)y", "xy", "zy")],
)
def test_expressions_match_anywhere_and_in_any_case(text, found, missed):
    """As the segment builder's do."""
    assert pattern(text).finds(found)
    assert not pattern(text).finds(missed)


@pytest.mark.parametrize("text", ["(", "[", "*", "(?P<a>x)(?P<a>", "(?:" * 3_000 + "a" + ")" * 3_000])
def test_what_is_no_expression_is_said_to_be_none(text):
    """However it is broken."""
    with pytest.raises(ValueError, match="is no regular expression"):
        pattern(text)
