"""The control API: furnish, look, wind the clock, and bad requests to it."""

import msgspec
import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import MARKS

from segue.sandbox import samples
from segue.sandbox.seed import DEFAULT_APP
from segue.sandbox.switches import Switches, describe

EVENT = {"external_id": "u", "name": "Hi", "time": "2025-12-01", "properties": {"a": [1, {"b": None}]}}


async def test_a_snapshot_restores_the_whole_world():
    """People, indexes, registry, keys and switches, but not the log of calls."""
    sandbox = client(switches={"array_max_length": 3})
    await sandbox.track(
        attributes=[{"external_id": "u", "email": "a@b.co", "tags": ["x"], "_merge_objects": True}],
        events=[EVENT],
        purchases=[
            {"external_id": "u", "product_id": "p", "currency": "EUR", "price": 1, "time": "2025-12-01"}
        ],
    )
    await sandbox.post("/users/alias/new", {"user_aliases": [{"alias_name": "a", "alias_label": "anon"}]})
    before = (await sandbox.person("u"), await sandbox.person("anon:a"))
    document = (await sandbox.get("/_sandbox/snapshot")).json

    other = client()
    answer = await other.post("/_sandbox/restore", document)
    assert (answer.status, answer.json) == (200, {"restored": True, "people": 2})
    assert (await other.person("a@b.co"), await other.person("anon:a")) == before
    await other.track(attributes=[{"external_id": "u", "tags": {"add": list("abc")}}, {"external_id": "new"}])
    assert (await other.person("u"))["custom"]["tags"] == ["a", "b", "c"]
    ids = {person["braze_id"] for person in (await other.get("/_sandbox/people")).json["people"]}
    assert len(ids) == 3


async def test_reset_empties_the_world_and_keeps_the_key():
    """People, faults, log and switches go back to the beginning."""
    sandbox = client()
    await sandbox.track(events=[EVENT])
    await sandbox.post("/_sandbox/faults", {"status": 500})
    await sandbox.send("PATCH", "/_sandbox/switches", {"profile": "legacy"})
    await sandbox.post("/_sandbox/reset", {})
    totals = await sandbox.totals()
    assert (totals["people"], totals["calls"], totals["data_points"]["events"]) == (0, 0, 0)
    assert (await sandbox.get("/_sandbox/switches")).json["switches"]["profile"] == "standard"
    assert (await sandbox.track(events=[EVENT])).status == 201


@pytest.mark.parametrize("operation", ["reset", "seed", "restore"])
async def test_a_world_with_a_bad_key_changes_nothing(operation):
    """The world stays as it was."""
    sandbox = client()
    await sandbox.track(events=[EVENT])
    document = (await sandbox.get("/_sandbox/snapshot")).json
    body = {"workspaces": [{"id": "eu"}], "keys": [{"key": "k", "workspace": "asia"}]}
    answer = await sandbox.post(
        f"/_sandbox/{operation}", {**document, "keys": body["keys"]} if operation == "restore" else body
    )
    assert (answer.status, "asia" in answer.json["error"]) == (400, True)
    assert (await sandbox.get("/_sandbox/snapshot")).json == document


async def test_a_world_without_workspaces_has_nobody():
    """A seed may be that empty; asking for people is then a 404."""
    sandbox = client()
    document = (await sandbox.get("/_sandbox/snapshot")).json
    await sandbox.post("/_sandbox/restore", {**document, "keys": [], "workspaces": []})
    assert (await sandbox.get("/_sandbox/people")).status == 404


async def test_a_seed_furnishes_another_workspace():
    """Keys decide which workspace a call reaches."""
    sandbox = client()
    seed = {"workspaces": [{"id": "eu", "name": "Europe"}], "keys": [{"key": "k2", "workspace": "eu"}]}
    assert (await sandbox.post("/_sandbox/seed", seed)).json == {"workspaces": ["eu", "sandbox"], "keys": 2}
    sandbox.key = "k2"
    await sandbox.track(events=[EVENT])
    assert await sandbox.person("u") is None
    assert (await sandbox.get("/_sandbox/people/u?workspace=eu")).status == 200
    assert (await sandbox.get("/_sandbox/people/u?workspace=asia")).status == 404


async def test_keys_come_and_go():
    """A withdrawn key is unknown at once; last_seen tells who still uses one."""
    sandbox = client()
    answer = await sandbox.post("/_sandbox/keys", {"key": "k", "permissions": ["users.track"]})
    assert answer.status == 201
    sandbox.key = "k"
    assert (await sandbox.track(events=[EVENT])).status == 201
    assert (await sandbox.get("/_sandbox/keys")).json["keys"][1]["last_seen_ms"] == sandbox.time.ms
    assert (await sandbox.send("DELETE", "/_sandbox/keys/k")).status == 200
    assert (await sandbox.track(events=[EVENT])).status == 401
    assert (await sandbox.send("DELETE", "/_sandbox/keys/k")).status == 404


async def test_the_clock_is_set_frozen_advanced_and_freed():
    """Frozen it stands while the source runs on."""
    sandbox = client()

    async def now():
        return (await sandbox.get("/_sandbox/clock")).json["now"]

    await sandbox.post("/_sandbox/clock", {"now": "2030-06-01T00:00:00Z", "frozen": True})
    sandbox.time.ms += 5_000
    assert await now() == "2030-06-01T00:00:00.000Z"
    await sandbox.post("/_sandbox/clock/advance", {"seconds": 90.5})
    assert await now() == "2030-06-01T00:01:30.500Z"
    await sandbox.post("/_sandbox/clock", {})
    sandbox.time.ms += 1_000
    assert await now() == "2030-06-01T00:01:31.500Z"
    await sandbox.post("/_sandbox/clock", {"machine": True})
    assert await now() == "2026-01-01T00:00:06.000Z"


async def test_advancing_the_clock_applies_what_waits():
    """Nothing has to be asked in between."""
    sandbox = client(switches={"processing_delay_ms": [1_000, 1_000]})
    await sandbox.track(events=[EVENT])
    assert (await sandbox.totals())["waiting"] == 1
    await sandbox.post("/_sandbox/clock/advance", {"seconds": 1})
    totals = await sandbox.totals()
    assert (totals["waiting"], totals["events"]) == (0, 1)


async def test_every_call_is_in_the_log_with_what_was_wrong():
    """Errors and warnings; the key's name, never the key."""
    sandbox = client()
    await sandbox.track(events=[EVENT])
    await sandbox.track(events=[EVENT, {}], attributes=[{"external_id": "u", "gender": "x"}])
    await sandbox.post("/users/nothing", {})
    listed = (await sandbox.get("/_sandbox/requests")).json
    assert [entry["status"] for entry in listed["requests"]] == [201, 201, 404]
    assert [entry["id"] for entry in (await sandbox.get("/_sandbox/requests?bad=true")).json["requests"]] == [
        2,
        3,
    ]
    assert [
        entry["id"] for entry in (await sandbox.get("/_sandbox/requests?warned=true")).json["requests"]
    ] == [2]
    path = "/_sandbox/requests?path=/users/track&after=1&limit=1"
    assert [entry["id"] for entry in (await sandbox.get(path)).json["requests"]] == [2]
    whole = (await sandbox.get("/_sandbox/requests/2")).json
    assert whole["problems"][0]["index"] == 1
    assert whole["warnings"][0][:2] == ["field-not-set", "attributes[0]"]
    assert '"name":"Hi"' in whole["request_body"]
    assert "success" in whole["reply_body"]
    assert "Bearer" not in str(whole)
    assert (await sandbox.get("/_sandbox/requests/99")).status == 404


async def test_every_warning_is_counted_and_the_first_hundred_are_kept():
    """Those of late effects too."""
    sandbox = client(switches={"processing_delay_ms": [10, 10]})
    many = {f"k{number}": [None] for number in range(150)}
    await sandbox.track(attributes=[{"external_id": "u", "_update_existing_only": True, **many}])
    sandbox.time.ms += 10
    assert (await sandbox.totals())["warnings"] == {"attribute-left-out": 150, "nobody": 1}
    assert len(await sandbox.warnings()) == 100


async def test_the_log_keeps_the_latest_calls_and_counts_all():
    """Bounded by number."""
    sandbox = client(journal_size=2)
    for _ in range(5):
        await sandbox.track(events=[EVENT])
    listed = (await sandbox.get("/_sandbox/requests")).json
    assert ([entry["id"] for entry in listed["requests"]], listed["total"]) == ([4, 5], 5)
    assert (await sandbox.totals())["calls_by_endpoint"] == {"POST /users/track 201": 5}


FINDS = {
    "u1": ["u1", "u12"],
    "a@b.co": ["u1"],
    "A@B": ["u1"],
    "+1 555 123 4567": ["u12"],
    "anon:x:y": ["v"],
    "nobody": [],
    "": ["u1", "u12", "v"],
}


@pytest.mark.parametrize("query", FINDS)
async def test_people_are_searched_by_any_identifier(query):
    """External id and email also by their beginning."""
    sandbox = client()
    await sandbox.track(
        attributes=[
            {"external_id": "u1", "email": "a@b.co"},
            {"external_id": "u12", "phone": "+15551234567"},
            {"external_id": "v"},
        ]
    )
    alias = {"external_id": "v", "alias_label": "anon", "alias_name": "x:y"}
    await sandbox.post("/users/alias/new", {"user_aliases": [alias]})
    answer = await sandbox.get(f"/_sandbox/people?query={query.replace('+', '%2B')}")
    assert [person["external_id"] for person in answer.json["people"]] == FINDS[query]


async def test_a_person_shows_the_whole_log():
    """Properties as they were sent."""
    sandbox = client()
    await sandbox.track(events=[EVENT, {**EVENT, "time": "2025-11-01", "app_id": "x"}])
    person = await sandbox.person("u")
    assert person["events"] == [
        {
            "name": "Hi",
            "time": "2025-12-01T00:00:00.000Z",
            "received_at": "2026-01-01T00:00:00.000Z",
            "app_id": None,
            "properties": {"a": [1, {"b": None}]},
        },
        {
            "name": "Hi",
            "time": "2025-11-01T00:00:00.000Z",
            "received_at": "2026-01-01T00:00:00.000Z",
            "app_id": "x",
            "properties": {"a": [1, {"b": None}]},
        },
    ]


async def test_ids_with_slashes_and_percent_signs_are_found():
    """Any external id can stand in the path, quoted."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "a/b c%d"}])
    assert (await sandbox.get("/_sandbox/people/a%2Fb%20c%25d")).json["external_id"] == "a/b c%d"


BAD = {
    "no JSON": ("POST", "/_sandbox/faults", b"{"),
    "unknown field": ("POST", "/_sandbox/faults", b'{"statsu": 500}'),
    "a fault that does nothing": ("POST", "/_sandbox/faults", b"{}"),
    "probability over 1": ("POST", "/_sandbox/faults", b'{"status": 500, "probability": 2}'),
    "a status that is none": ("POST", "/_sandbox/faults", b'{"status": 99}'),
    "a key of an unknown workspace": ("POST", "/_sandbox/keys", b'{"key": "k", "workspace": "x"}'),
    "a key with a bad network": ("POST", "/_sandbox/keys", b'{"key": "k", "ip_allowlist": ["home"]}'),
    "a clock set to nonsense": ("POST", "/_sandbox/clock", b'{"now": "soon"}'),
    "a clock that runs back": ("POST", "/_sandbox/clock/advance", b'{"seconds": -1}'),
    "a clock beyond its end": ("POST", "/_sandbox/clock/advance", b'{"seconds": 31e8}'),
    "an unknown switch": ("PATCH", "/_sandbox/switches", b'{"strict": true}'),
    "a switch of the wrong kind": ("PATCH", "/_sandbox/switches", b'{"profile": "huge"}'),
    "a limit that is no number": ("GET", "/_sandbox/requests?limit=many", b""),
    "a snapshot of something else": ("POST", "/_sandbox/restore", b'{"people": []}'),
    "a seed of something else": ("POST", "/_sandbox/seed", b"[]"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_control_request_says_what_to_mend(name):
    """400 with a sentence."""
    method, path, body = BAD[name]
    sandbox = client()
    if "beyond" in name:
        await sandbox.post("/_sandbox/clock", {"now": "2990-01-01"})
    answer = await sandbox.send(method, path, raw=body)
    assert answer.status == 400, answer.body
    assert len(answer.json["error"]) > 10


async def test_an_unknown_operation_points_to_the_description():
    """404 with the address of the OpenAPI document."""
    answer = await client().get("/_sandbox/nothing/at/all")
    assert answer.status == 404
    assert "openapi.json" in answer.json["error"]


async def test_the_openapi_document_describes_every_operation():
    """References resolve, operations are named once."""
    document = (await client().get("/_sandbox/openapi.json")).json
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"].endswith(".") for operation in operations)
    parameters = [one for operation in operations for one in operation.get("parameters", [])]
    assert all(one["description"].endswith(".") for one in parameters)
    schemas = document["components"]["schemas"]
    references = set(str(document).split("#/components/schemas/")[1:])
    assert {reference.split("'")[0] for reference in references} <= schemas.keys()
    index = (await client().get("/_sandbox")).json
    assert len(index["operations"]) == len(operations)


async def test_every_sample_of_the_openapi_document_works():
    """In the order they stand in; each operation with a body has one."""
    sandbox = client()
    document = (await sandbox.get("/_sandbox/openapi.json")).json
    asked = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert {(method, f"/_sandbox{path}") for method, path in samples.BODIES} == asked.keys()
    for (method, path), body in samples.BODIES.items():
        shown = asked[method, f"/_sandbox{path}"]
        assert shown["requestBody"]["content"]["application/json"]["example"] == body
        answer = await sandbox.send(method, f"/_sandbox{path.replace('{id}', 'sandbox')}", body)
        assert str(answer.status) in shown["responses"], (path, answer.json)
        assert answer.status < 300, (path, answer.json)


def test_every_switch_names_its_mark():
    """So that an assumption can be told from a document."""
    for name, sentence in describe().items():
        mark = sentence.partition("]")[0].removeprefix("[")
        assert mark in MARKS, f"switch {name}: {sentence!r}"
    assert describe().keys() == msgspec.to_builtins(Switches()).keys()


async def test_an_application_agrees_to_live_and_ends():
    """The lifespan protocol of ASGI servers."""
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    said = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        said.append(message["type"])

    await client().app({"type": "lifespan"}, receive, send)
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_workspace_is_changed_with_its_people_kept():
    """By parts, or an app or group at a time; what cannot be changed is named, and nothing is."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u", "secret": 1}])
    patched = await sandbox.send(
        "PATCH", "/_sandbox/workspaces/sandbox", {"blocklisted_attributes": ["secret"]}
    )
    assert (patched.status, patched.json["blocklisted_attributes"]) == (200, ["secret"])
    for path, body in (("apps", {"app_id": "two"}), ("subscription_groups", {"id": "g", "channel": "sms"})):
        assert (await sandbox.post(f"/_sandbox/{path}", body)).status == 201
    await sandbox.track(
        attributes=[{"external_id": "u", "secret": 2, "push_tokens": [{"app_id": "two", "token": "t"}]}]
    )
    person = await sandbox.person("u")
    assert (person["custom"], person["push_tokens"][0]["app_id"]) == ({"secret": 1}, "two")
    for path, body, status, says in (
        ("nowhere", {}, 404, "workspace 'nowhere' is unknown; there are: sandbox"),
        ("sandbox", {"id": "other"}, 400, "'id' cannot be changed"),
        ("sandbox", {"color": "red"}, 400, "'color' cannot be changed"),
        ("sandbox", {"apps": 3}, 400, "Expected `array`"),
        ("sandbox", {"segments": [{"id": "s", "name": "S", "filter": {"kind": "x"}}]}, 400, "kind 'x'"),
    ):
        answer = await sandbox.send("PATCH", f"/_sandbox/workspaces/{path}", body)
        assert answer.status == status, answer.json
        assert says in answer.json["error"]


async def test_a_snapshot_with_half_a_push_token_is_restored_without_it():
    """Whole ones are kept, and found when they move."""
    sandbox = client()
    token = {"app_id": DEFAULT_APP, "token": "t1", "device_id": "device-1"}
    await sandbox.track(attributes=[{"external_id": "u", "push_tokens": [token]}])
    snapshot = (await sandbox.get("/_sandbox/snapshot")).json
    snapshot["workspaces"][0]["people"][0]["push_tokens"] += [{}, {"token": 1}]
    assert (await sandbox.post("/_sandbox/restore", snapshot)).status == 200
    await sandbox.track(attributes=[{"external_id": "v", "push_tokens": [token]}])
    assert (await sandbox.person("u"))["push_tokens"] == []
    assert (await sandbox.person("v"))["push_tokens"] == [token]
