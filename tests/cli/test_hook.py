"""`segue hook` chooses or creates what an action needs, and the mapping uses what it stored."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from tests.cli.house import segue, workspace

from segue.sandbox.app import create_app, running

WORKSPACE = """\
sources:
  web: {write_key: wk}
destinations:
  braze:
    type: braze
    source: web
    settings: {endpoint: "%s", api_key: sandbox}
    subscriptions:
      - id: items
        action: upsert-catalog-item
        trigger: event = "Item Changed"
        mapping:
          item_id: {"@path": $.properties.id}
          item: {price: {"@path": $.properties.price}}
          __segment_internal_sync_mode: upsert
"""
COLUMNS = json.dumps([{"name": "price", "type": "number"}])
EVENT = {
    "type": "track",
    "userId": "u1",
    "messageId": "m1",
    "event": "Item Changed",
    "properties": {"id": "tea", "price": 3},
}


def test_a_mapping_without_a_catalog_is_refused_and_told_the_command(tmp_path: Path) -> None:
    """Every event would fail; the remedy is to be copied."""
    folder = workspace(tmp_path, WORKSPACE % "https://rest.iad-01.braze.com")
    refused = segue("validate", folder=folder)
    assert refused.code == 2
    assert "segue hook braze upsert-catalog-item" in refused.err


def test_the_inputs_of_a_hook_are_listed(tmp_path: Path) -> None:
    """With what each is for, and when it is needed; though the workspace cannot run yet."""
    folder = workspace(tmp_path, WORKSPACE % "https://rest.iad-01.braze.com")
    listed = segue("hook", "braze", "upsert-catalog-item", "--json", folder=folder)
    assert listed.code == 0
    assert [each["input"] for each in listed.json["inputs"]][:2] == ["operation", "selected_catalog_name"]
    assert listed.json["inputs"][1]["required"] == 'when "operation" is "select"'


async def test_a_catalog_is_created_stored_and_written_to(tmp_path: Path) -> None:
    """Hook, mapping, item at Braze: the whole way."""
    async with running(create_app()) as address:
        folder = workspace(tmp_path, WORKSPACE % address)
        create = ("operation=create", "created_catalog_name=tea_shop", f"columns={COLUMNS}")
        options = [word for one in create for word in ("--with", one)]
        arguments = ("hook", "braze", "upsert-catalog-item", *options)
        made = await asyncio.to_thread(segue, *arguments, folder=folder)
        assert made.code == 0, made.err
        stored = yaml.safe_load(made.out)["mapping"]
        assert stored["onMappingSave"]["outputs"] == {"catalog_name": "tea_shop"}
        again = await asyncio.to_thread(segue, *arguments, folder=folder)
        assert again.code == 2
        assert "did not create the catalog" in again.err
        written = yaml.safe_load((folder / "segue.yaml").read_text(encoding="utf-8"))
        written["destinations"]["braze"]["subscriptions"][0]["mapping"] |= stored
        (folder / "segue.yaml").write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
        (folder / "event.json").write_text(json.dumps(EVENT), encoding="utf-8")
        tried = await asyncio.to_thread(segue, "try", "event.json", "--send", "--json", folder=folder)
    assert tried.code == 0, tried.err
    [request] = tried.json["destinations"][0]["requests"]
    assert request["url"].endswith("/catalogs/tea_shop/items/tea")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nope", "upsert-catalog-item"), 'no enabled destination "nope"'),
        (("braze", "track-event"), "it has for: upsert-catalog-item"),
        (("braze", "upsert-catalog-item", "--name", "x"), "it has: onMappingSave"),
        (("braze", "upsert-catalog-item", "--with", "operation"), "expected NAME=VALUE"),
        (
            ("braze", "upsert-catalog-item", "--with", "operation=select"),
            '"selected_catalog_name" is required',
        ),
        (("braze", "upsert-catalog-item", "--with", "colour=red"), "its inputs are operation"),
        (("braze", "upsert-catalog-item", "--with", "columns=x"), "expected JSON"),
        (("braze", "upsert-catalog-item", "--with", "operation=destroy"), 'one of "create", "select"'),
    ],
)
def test_a_wrong_call_is_answered_with_the_right_one(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """Names, values and their forms."""
    folder = workspace(tmp_path, WORKSPACE % "https://rest.iad-01.braze.com")
    refused = segue("hook", *arguments, folder=folder)
    assert refused.code == 2
    assert says in refused.err
