"""The switch `strictness`: what Braze lets pass with nothing said is refused, each for its own reason."""

import ast
from pathlib import Path

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import OURS, rule

import segue.sandbox
from segue.sandbox.strictness import NOTED, REFUSED
from segue.sandbox.texts import TEXTS

EVENT = {"external_id": "a", "name": "Seen", "time": "2025-12-01"}
BOUGHT = {"external_id": "a", "product_id": "p", "currency": "EUR", "price": 1, "time": "2025-12-01"}
FURNISHING = {
    "blocklisted_events": ["Blocked"],
    "blocklisted_products": ["blocked"],
    "blocklisted_attributes": ["blocked"],
    "attribute_types": {"forced": "number"},
}
LENIENT = {
    "attribute-blocklisted": ("attributes", {"blocked": 1}, "'blocked' is not allowed"),
    "attribute-coerced": ("attributes", {"known": "7"}, "'known' is not valid"),
    "attribute-left-out": ("attributes", {"forced": "seven"}, "'forced' is not valid"),
    "attribute-name-too-long": ("attributes", {"n" * 256: 1}, f"'{'n' * 80}' is not valid"),
    "attribute-type": ("attributes", {"known": "seven"}, "'known' is not valid"),
    "country-unmapped": ("attributes", {"country": "Atlantis"}, "'country' is not valid"),
    "event-blocklisted": ("events", {**EVENT, "name": "Blocked"}, "'Blocked' is not allowed"),
    "field-cleared": ("attributes", {"gender": "male"}, "'gender' is not valid"),
    "field-not-set": ("attributes", {"time_zone": "Mars"}, "'time_zone' is not valid"),
    "field-part-left-out": ("attributes", {"facebook": {"likes": 3}}, "'facebook' is not valid"),
    "product-blocklisted": ("purchases", {**BOUGHT, "product_id": "blocked"}, "'blocked' is not allowed"),
    "properties-dropped": ("events", {**EVENT, "properties": [1]}, "'properties' is not valid"),
    "property-left-out": ("events", {**EVENT, "properties": {"$x": 1}}, "Invalid 'properties' field"),
    "reserved-property": ("events", {**EVENT, "properties": {"time": 1}}, "Invalid 'properties' field"),
    "string-truncated": ("attributes", {"first_name": "n" * 256}, "'first_name' is not valid"),
    "too-many-properties": (
        "events",
        {**EVENT, "properties": {f"p{number}": 1 for number in range(257)}},
        "'properties' is too large",
    ),
}


@rule("strictness strict: what is let pass with a warning is an error of its object instead", "S", OURS)
@pytest.mark.parametrize("name", LENIENT)
async def test_leniency_is_refused_when_asked_for(name):
    """A warning by default; strict, the object fails alone, with its text, and nothing of it is applied."""
    array, item, says = LENIENT[name]
    sandbox = client(switches={"long_string": "truncate", "unfit_field": "clear", "bad_properties": "drop"})
    await sandbox.send("PATCH", "/_sandbox/workspaces/sandbox", FURNISHING)
    await sandbox.track(attributes=[{"external_id": "a", "known": 3}])
    sent = {"external_id": "a", "fresh": 1, **item} if array == "attributes" else item
    await sandbox.track(**{array: [sent]})
    assert await sandbox.warnings() == [name]
    before = await sandbox.person("a")

    await sandbox.send("PATCH", "/_sandbox/switches", {"strictness": "strict"})
    answer = await sandbox.track(**{array: [{**EVENT, **BOUGHT, "external_id": "b"}, sent]})
    assert answer.status == 201
    assert answer.json["errors"] == [{"type": says, "input_array": array, "index": 1}]
    assert answer.json[f"{array}_processed"] == 1
    assert await sandbox.warnings() == []
    assert await sandbox.person("a") == before


async def test_an_array_that_is_none_is_refused_as_a_whole():
    """400 with the array's name; by default it is passed over with a warning."""
    sandbox = client(switches={"strictness": "strict"})
    answer = await sandbox.post("/users/track", {"events": [EVENT], "attributes": {"external_id": "a"}})
    assert (answer.status, answer.json["message"]) == (400, "'attributes' must be an array of objects")
    assert await sandbox.person("a") is None


async def test_what_braze_promises_stays_a_warning():
    """Success with nothing done is what Braze's pages say, not leniency; device SDKs are not held either."""
    sandbox = client(switches={"strictness": "strict"})
    update = {"external_id": "a", "_update_existing_only": True, "x": 1}
    assert (await sandbox.track(attributes=[update])).status == 201
    assert await sandbox.warnings() == ["nobody"]
    body = {"api_key": "sandbox-app", "device_id": "d", "attributes": [{"gender": "?", "custom": {}}]}
    assert (await sandbox.post("/api/v3/data/", body)).status == 200


def test_every_warning_is_refused_or_said_to_stay():
    """Whatever the sources warn of stands in one of the tables, and nothing else does."""
    found = set()
    for path in Path(segue.sandbox.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if called in ("warn", "note") and isinstance(node.args[0], ast.Constant):
                    found.add(node.args[0].value)
    found |= {"reserved-property", "property-left-out"}  # chosen from two by name
    assert {name for name in found if not name.startswith("sdk-")} == REFUSED.keys() | NOTED.keys()
    assert not REFUSED.keys() & NOTED.keys()
    assert set(REFUSED.values()) <= TEXTS.keys()
    assert LENIENT.keys() | {"array-expected"} == REFUSED.keys()
