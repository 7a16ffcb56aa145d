"""What Segment's API and Terraform tell is read from whatever shape it was saved in."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.engine.migration.exported import destination, filter_, source, subscription

from segue.engine.migration.export import read_export

TERRAFORM = Path(__file__).parents[2] / "fixtures" / "segment-terraform"

SHAPES = {
    "a list in its envelope": {"data": {"sources": [source()], "pagination": {"current": "MA=="}}},
    "one in its envelope": {"data": {"source": source()}},
    "a list without the envelope": {"sources": [source()]},
    "a bare list": [source()],
    "a bare object": source(),
    "a list of pages": [{"data": {"sources": [source()]}}, {"data": {"sources": []}}],
    "an envelope around a bare list": {"data": [source()]},
}


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES)
def test_a_source_is_found_in_every_shape(document: Any) -> None:
    """How somebody saved an answer makes no difference."""
    export = read_export([("a.json", document)])
    assert [item.body for item in export.of("source")] == [source()]
    assert export.remarks == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [("destination", destination()), ("subscription", subscription()), ("filter", filter_())],
)
def test_a_thing_that_stands_alone_is_known_by_what_it_has(kind: str, body: dict[str, Any]) -> None:
    """An object cut out of its answer needs no label."""
    assert [item.id for item in read_export([("x", body)]).of(kind)] == [body["id"]]


@pytest.mark.parametrize("file", ["terraform.tfstate", "version-3.tfstate", "show.json"])
def test_terraform_tells_the_same_as_the_api(file: str) -> None:
    """State of either form and `terraform show -json` have the Public API's names, and mappings verbatim."""
    export = read_export([(file, json.loads((TERRAFORM / file).read_text(encoding="utf-8")))])
    assert [item.body["writeKeys"] for item in export.of("source")] == [["tf_key_1"]]
    assert export.of("destination")[0].body["sourceId"] == "src_tf_1"
    assert export.of("destination")[0].body["settings"]["api_key"] == "tf-secret"
    mapping = export.of("subscription")[0].body["settings"]
    assert mapping["__segment_internal_sync_mode"] == "update"
    assert export.of("filter")[0].body["actions"][0]["fields"] == {"properties": ["email"]}
    assert [item.id for item in export.of("function")] == ["fn_tf_1"]
    assert export.remarks == []


def test_a_thing_met_twice_is_one_thing() -> None:
    """A list and a single answer of the same destination give one, and differences are named."""
    newer = destination(name="Braze EU")
    export = read_export([("a", {"destinations": [destination()]}), ("b", {"destination": newer})])
    assert [item.name for item in export.of("destination")] == ["Braze EU"]
    assert ["name" in remark.why and remark.what for remark in export.remarks] == ["changed"]


def test_a_page_that_is_missing_is_named() -> None:
    """Half a list must not look like the whole."""
    first = {"data": {"sources": [source()], "pagination": {"current": "MA==", "next": "Mg=="}}}
    second = {"data": {"sources": [source("src_2")], "pagination": {"current": "Mg=="}}}
    assert read_export([("1", first), ("2", second)]).remarks == []
    (remark,) = read_export([("1", first)]).remarks
    assert remark.what == "unreadable"
    assert "pagination[cursor]=Mg==" in remark.remedy


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (5, "neither an object nor a list"),
        ({"errors": [{"type": "unauthorized", "message": "Token is invalid"}]}, "Token is invalid"),
        ({"version": 3, "resources": [{}]}, "version 3 without its modules"),
        ({"version": 4, "modules": []}, "version 4 without its resources"),
        ({"version": 5, "resources": []}, "version 5; versions 1 to 4"),
        ({"version": "4", "resources": []}, "versions 1 to 4"),
        ({"data": {"sources": ["src_1"]}}, "not an object"),
        ({"data": {"subscriptions": [{"name": "x"}]}}, "no id"),
    ],
)
def test_what_cannot_be_read_is_named(document: Any, said: str) -> None:
    """The file, and what is wrong with it."""
    (remark,) = read_export([("odd.json", document)]).remarks
    assert (remark.what, remark.file) == ("unreadable", "odd.json")
    assert said in remark.why


def test_a_file_of_something_else_is_only_noted() -> None:
    """A package.json in the folder is no damage."""
    (remark,) = read_export([("package.json", {"name": "tools", "scripts": {}})]).remarks
    assert remark.what == "noted"
