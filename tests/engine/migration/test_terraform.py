"""Old Terraform state keeps attributes flat, every value a text; they come out as they went in."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.migration.exported import BRAZE_CLOUD, EVENT_MAPPING

from segue.catalog.contents import catalogue
from segue.engine.migration.export import read_export
from segue.engine.migration.migrate import migrate
from segue.engine.migration.terraform import expand, resources
from segue.engine.plan import prepare
from segue.engine.preview import preview

FIXTURES = Path(__file__).parents[2] / "fixtures"

STATE = FIXTURES / "segment-terraform"


def state(version: int, type_: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """A state file of one resource with flat attributes."""
    if version == 4:
        instance = {"attributes_flat": attributes, "schema_version": 0}
        return {"version": 4, "resources": [{"type": type_, "instances": [instance]}]}
    held = {"type": type_, "primary": {"id": attributes.get("id", ""), "attributes": attributes}}
    return {"version": version, "modules": [{"path": ["root"], "resources": {f"{type_}.x": held}}]}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_flat_attributes_are_read_in_every_version(version: int) -> None:
    """Lists, maps, texts that hold JSON, truth values and shares."""
    flat = {
        "id": "flt_1",
        "enabled": "false",
        "if": "all",
        "destination_id": "dst_1",
        "title": "10",
        "actions.#": "2",
        "actions.0.type": "SAMPLE",
        "actions.0.percent": "0.25",
        "actions.0.path": "",
        "actions.1.type": "DROP_PROPERTIES",
        "actions.1.fields": '{"properties": ["email"]}',
    }
    [(kind, body)] = resources(state(version, "segment_destination_filter", flat))
    assert kind == "filter"
    assert body == {
        "id": "flt_1",
        "enabled": False,
        "if": "all",
        "destinationId": "dst_1",
        "title": "10",
        "actions": [
            {"type": "SAMPLE", "percent": 0.25, "path": None},
            {"type": "DROP_PROPERTIES", "fields": {"properties": ["email"]}},
        ],
    }


@pytest.mark.parametrize(
    ("flat", "whole"),
    [
        ({"a": "x", "b": "5"}, {"a": "x", "b": "5"}),
        ({"a.#": "0", "b.%": "0"}, {"a": [], "b": {}}),
        ({"a.#": "11", **{f"a.{n}": str(n) for n in range(11)}}, {"a": [str(n) for n in range(11)]}),
        ({"a.#": "2", "a.93120": "y", "a.1204": "x"}, {"a": ["x", "y"]}),
        ({"a.#": "1", "a.0.b.#": "1", "a.0.b.0": "x"}, {"a": [{"b": ["x"]}]}),
        ({"a.%": "2", "a.b": "x", "a.c.d": "y"}, {"a": {"b": "x", "c.d": "y"}}),
        ({"a.%": "1", "a.c.%": "1", "a.c.d": "y"}, {"a": {"c": {"d": "y"}}}),
        ({"a.%": "1", "a.c.d": "y", "a.c.e": "z"}, {"a": {"c": {"d": "y", "e": "z"}}}),
        ({"a.%": "2", "a.0": "x", "a.1": "y"}, {"a": {"0": "x", "1": "y"}}),
        ({"a.#": "2", "a.b": "x", "a.c": "y"}, {"a": {"b": "x", "c": "y"}}),
        ({"a.0.b": "x"}, {"a": [{"b": "x"}]}),
        ({"settings.%": "3", "settings.on": "true", "settings.n": "50", "settings.key": "1e5"},
         {"settings": {"on": True, "n": 50, "key": "1e5"}}),
        ({"settings.%": "2", "settings.a": "null", "settings.b": '{"@path": "$.x"}'},
         {"settings": {"a": "null", "b": {"@path": "$.x"}}}),
    ],
)  # fmt: skip
def test_every_form_of_flat_keys_has_one_reading(flat: dict[str, str], whole: dict[str, Any]) -> None:
    """Counted lists, sets by hash, maps whose keys have dots, maps in maps, and maps of before version 3."""
    assert expand(flat) == whole


def flattened(value: Any, name: str, flat: dict[str, str]) -> dict[str, str]:
    """A value as Terraform 0.11 wrote it."""
    if isinstance(value, dict):
        flat[f"{name}.%"] = str(len(value))
        for key, each in value.items():
            flattened(each, f"{name}.{key}", flat)
    elif isinstance(value, list):
        flat[f"{name}.#"] = str(len(value))
        for index, each in enumerate(value):
            flattened(each, f"{name}.{index}", flat)
    else:
        flat[name] = value
    return flat


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.sampled_from("abc0#%"), inner),
        max_leaves=20,
    ).filter(lambda value: not _is_ambiguous(value))
)
def test_what_was_made_flat_comes_back(value: Any) -> None:
    """Texts, lists and maps in one another."""
    assert expand(flattened(value, "a", {})) == {"a": value}


def _is_ambiguous(value: Any) -> bool:
    """A key that looks like a counter cannot be told from one."""
    if isinstance(value, dict):
        return any(key in "#%" or _is_ambiguous(each) for key, each in value.items())
    return isinstance(value, list) and any(map(_is_ambiguous, value))


def test_names_that_never_end_do_not_overflow() -> None:
    """Below the bound a name stays whole."""
    assert expand({"a" + ".b" * 5000: "x"})
    assert read_export([("x", state(3, "segment_source", {"id": "src_1", "a" + ".0" * 5000: "x"}))]).of(
        "source"
    )


EVENT = {
    "type": "track",
    "event": "Tea Bought",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-11-24T10:00:00.000Z",
    "properties": {"email": "a@example.com", "leaves": 3},
}


def sent(*documents: Any) -> list[Any]:
    """What an imported workspace would send for EVENT: the body of each request."""
    made = migrate(read_export([(f"{n}.json", each) for n, each in enumerate(documents)]), catalogue())
    enabled = prepare(made.workspace, catalogue())
    [source] = made.workspace.sources
    return [
        json.loads(request.body)
        for destination in preview(enabled, source.id, EVENT).destinations
        for request in destination.requests
    ]


def test_an_imported_workspace_sends_what_segment_sent() -> None:
    """The same event through the route of what was imported: filter, trigger and mapping act as they did."""
    flat: list[Any] = [
        state(3, "segment_source", {"id": "src_1", "slug": "shop", "enabled": "true", "write_keys.#": "1",
              "write_keys.0": "wk"}),
        state(3, "segment_destination", {"id": "dst_1", "enabled": "true", "name": "Braze",
              "source_id": "src_1", "metadata.#": "1", "metadata.0.id": BRAZE_CLOUD["id"],
              "settings.%": "2", "settings.api_key": "k", "settings.endpoint": "https://rest.iad-01.braze.com"}),
        state(3, "segment_destination_subscription", {"id": "sub_1", "enabled": "true", "name": "Track",
              "destination_id": "dst_1", "action_id": "3pnc4QJvUjWGi2bp6EnDt", "trigger": 'type = "track"',
              "settings": json.dumps({**EVENT_MAPPING, "properties": {"@path": "$.properties"}})}),
        state(3, "segment_destination_filter", {"id": "flt_1", "enabled": "true", "title": "No mail",
              "destination_id": "dst_1", "source_id": "src_1", "if": 'type = "track"', "actions.#": "1",
              "actions.0.type": "DROP_PROPERTIES", "actions.0.fields.%": "1",
              "actions.0.fields.properties.#": "1", "actions.0.fields.properties.0": "email"}),
    ]  # fmt: skip
    [body] = sent(*flat)
    assert body["events"] == [
        {
            "external_id": "u1",
            "name": "Tea Bought",
            "time": "2026-11-24T10:00:00.000Z",
            "properties": {"leaves": 3},
        }
    ]


def test_the_state_of_either_version_sends_the_same() -> None:
    """One workspace, kept by two versions of Terraform; its insert function holds it back in both."""
    bodies = []
    for name in ("terraform.tfstate", "version-3.tfstate"):
        document = json.loads((STATE / name).read_text(encoding="utf-8"))
        made = migrate(read_export([(name, document)]), catalogue())
        bodies.append((made.workspace, [(each.what, each.why) for each in made.remarks], sent(document)))
    assert bodies[0] == bodies[1]
    [body] = bodies[0][2]
    assert body["events"][0]["name"] == "shop: Tea Bought"
