"""People in seeds and by POST /_sandbox/people: as if they had been sent, all or nothing, faults in words."""

from pathlib import Path

import msgspec
import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import OURS, rule

from segue.sandbox import population, samples
from segue.sandbox.currents.connector import Connector
from segue.sandbox.seed import Seed

CROWD = samples.BODIES["POST", "/people"]
SEED = msgspec.convert(samples.BODIES["POST", "/seed"], type=Seed)


def people(**more):
    """A seed of people alone."""
    return msgspec.convert({"people": [{**CROWD, **more}]}, type=Seed)


@rule("a seed brings people, with what they did, catalogs with items and campaigns", "S", OURS)
async def test_a_seed_brings_people():
    """Found by every identifier, counted by segments, seen by the REST API."""
    sandbox = client(seed=SEED)
    sandbox.key = "shop-key"
    person = await sandbox.person("crm:4711")
    assert (person["external_id"], person["custom"]) == ("ann", {"plan": "gold"})
    assert person["fields"] == {"email": "ann@example.com", "country": "NO"}
    assert person["event_summaries"]["Signed Up"]["count"] == 1
    assert person["purchases"][0]["price"] == 49.5
    count = {"filter": {"kind": "text_attribute", "name": "plan", "comparator": "equals", "value": "gold"}}
    assert (await sandbox.post("/_sandbox/segments/count", count)).json["count"] == 1
    assert (await sandbox.totals())["calls"] == 0
    registry = sandbox.app.world.workspaces["shop"].registry
    assert registry.events["Signed Up"].count == 1
    assert registry.attributes == {"plan": "string"}


async def test_the_seed_of_the_page_works():
    """As it stands there."""
    page = Path(__file__).parents[2] / "docs" / "sandbox.md"
    part = page.read_text(encoding="utf-8").partition("## Begin with people")[2]
    sandbox = client(seed=msgspec.json.decode(part.split("```json")[1].split("```")[0], type=Seed))
    person = await sandbox.person("crm:4711")
    assert person["custom"] == {"plan": "gold"}
    assert person["purchases"][0]["currency"] == "EUR"


async def test_people_alone_move_into_the_usual_workspace():
    """With its key; so they do after a reset."""
    sandbox = client(seed=people())
    assert (await sandbox.track(attributes=[{"external_id": "ann", "age": 4}])).status == 201
    assert (await sandbox.person("ann"))["custom"] == {"plan": "gold", "age": 4}
    await sandbox.post("/_sandbox/reset", {"people": [CROWD]})
    assert (await sandbox.person("ann"))["custom"] == {"plan": "gold"}


@rule("seeded people are told nobody: no Currents event, no conversion, no entry in the log", "S", OURS)
async def test_nobody_hears_of_those_who_move_in():
    """What they do afterwards is told."""
    sandbox = client()
    connector = Connector(id="c", url="http://127.0.0.1:1", behaviors=True)
    await sandbox.post("/_sandbox/currents", msgspec.to_builtins(connector))
    await sandbox.post(
        "/_sandbox/campaigns",
        {"id": "w", "name": "W", "conversion_event": "Signed Up", "channels": ["email"]},
    )
    answer = await sandbox.post("/_sandbox/people", CROWD)
    assert (answer.status, answer.json) == (201, {"people": 1, "objects": 4, "undone": []})
    waiting = sandbox.app.world.workspaces["sandbox"].streams["c"].waiting
    assert list(waiting) == []
    await sandbox.track(events=CROWD["events"])
    assert [one.type for one in waiting] == ["users.behaviors.CustomEvent"]


BAD = {
    "no identifier": ({"attributes": [{"plan": "gold"}]}, "people.attributes[0]: 'external_id', 'braze_id'"),
    "an event without time": (
        {"events": [{"external_id": "a", "name": "x"}]},
        "people.events[0]: 'time' is required",
    ),
    "what Braze would ignore": (
        {"attributes": [{"external_id": "a"}, {"external_id": "b", "country": "Atlantis"}]},
        "people.attributes[1]: 'country' is not valid",
    ),
    "an unknown group": (
        {"attributes": [{"external_id": "a", "subscription_groups": [
            {"subscription_group_id": "x", "subscription_state": "subscribed"}]}]},
        "BAD_SUBSCRIPTION_GROUP_ID",
    ),
    "half an alias": (
        {"user_aliases": [{"alias_label": "crm"}]},
        "people.user_aliases[0]: 'alias_name' is required",
    ),
    "no list": ({"events": {}}, "Expected `array`, got `object` - at `$.events`"),
    "an unknown array": ({"sessions": []}, "unknown field `sessions`"),
    "more faults than are said": (
        {"events": [{}] * 12},
        "'email' or 'phone' is required; and 2 more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_people_that_are_no_good_stay_outside(name):
    """400 with where and what; nobody is let in, nothing is learned."""
    crowd, says = BAD[name]
    sandbox = client()
    before = (await sandbox.get("/_sandbox/snapshot")).json
    good = {"external_id": "good", "age": 3}
    answer = await sandbox.post(
        "/_sandbox/people", {**crowd, "attributes": [*crowd.get("attributes", []), good]}
    )
    assert answer.status == 400
    assert says in answer.json["error"]
    assert (await sandbox.get("/_sandbox/snapshot")).json == before


async def test_a_seed_with_bad_people_changes_nothing():
    """Neither its workspaces nor its switches are taken."""
    sandbox = client()
    before = (await sandbox.get("/_sandbox/snapshot")).json
    bad = {"workspaces": [{"id": "eu"}], "switches": {"currency_any_case": True}}
    for people_, says in (
        ([{"workspace": "us"}], "people[0]: workspace 'us' is unknown; there are: eu, sandbox"),
        ([{}, {"events": [{"name": "x"}]}], "people[1].events[0]:"),
    ):
        answer = await sandbox.post("/_sandbox/seed", {**bad, "people": people_})
        assert (answer.status, says in answer.json["error"]) == (400, True), answer.json
    assert (await sandbox.get("/_sandbox/snapshot")).json == before


async def test_the_switches_of_a_seed_hold_for_its_people():
    """They are read as everything after them."""
    sandbox = client()
    bought = {"product_id": "p", "currency": "eur", "price": 1, "time": "2026-01-01", "external_id": "a"}
    seed = {"people": [{"purchases": [bought]}], "switches": {"currency_any_case": True}}
    assert (await sandbox.post("/_sandbox/seed", seed)).status == 200
    assert (await sandbox.person("a"))["purchases"][0]["currency"] == "EUR"


async def test_what_cannot_be_done_is_said():
    """An event of an alias nobody has, an alias somebody has."""
    sandbox = client(seed=people())
    nobody = {"user_alias": {"alias_label": "x", "alias_name": "y"}, "name": "Hi", "time": "2026-01-01"}
    answer = await sandbox.post(
        "/_sandbox/people",
        {"events": [nobody], "user_aliases": [{"alias_label": "crm", "alias_name": "4711"}]},
    )
    assert answer.status == 201
    assert answer.json["undone"] == [
        "events[0]: no profile for this user_alias, and none was made",
        "user_aliases: alias crm:4711 exists; nothing was done",
    ]


async def test_people_are_bounded(monkeypatch):
    """In one document, over all workspaces."""
    monkeypatch.setattr(population, "OBJECTS", 5)
    sandbox = client()
    answer = await sandbox.post("/_sandbox/seed", {"people": [CROWD, CROWD]})
    assert answer.status == 400
    assert "8 objects, at most 5 at once; send the rest with POST /_sandbox/people" in answer.json["error"]


async def test_a_sandbox_that_keeps_nothing_takes_nobody_in():
    """It says so instead of forgetting them."""
    answer = await client(keep=False).post("/_sandbox/people", CROWD)
    assert (answer.status, "only counts (--no-keep)" in answer.json["error"]) == (400, True)
