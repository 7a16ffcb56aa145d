"""The order of checks and the answer of each, before an endpoint sees the request."""

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, ERRORS, LIMITS, OURS, Case, rule, table

from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import App, Furnishing

EVENT = {"events": [{"external_id": "u", "name": "Hi", "time": "2025-12-01T00:00:00Z"}]}
OVERVIEW = "API overview"

BAD_HEADERS = [
    Case("no Authorization: 401", "O", CLIENTS, {"authorization": ""}, 401),
    Case("an unknown key: 401", "O", CLIENTS, {"authorization": "Bearer other"}, 401),
    Case("another scheme than Bearer: 401", "D", OVERVIEW, {"authorization": "Basic sandbox"}, 401),
    Case("quotes round the key: 401", "D", OVERVIEW, {"authorization": 'Bearer "sandbox"'}, 401),
    Case("two spaces before the key: 401", "D", OVERVIEW, {"authorization": "Bearer  sandbox"}, 401),
    Case("no Content-Type: 415", "D+", ERRORS, {"content-type": ""}, 415),
    Case(
        "a form Content-Type: 415", "D+", ERRORS, {"content-type": "application/x-www-form-urlencoded"}, 415
    ),
]


@table(BAD_HEADERS)
async def test_a_wrong_header_is_refused(given, expected):
    """Authorization and Content-Type are checked with the documented statuses."""
    answer = await client().post("/users/track", EVENT, headers=given)
    assert answer.status == expected
    assert answer.json["message"] == {401: "Invalid API Key", 415: "Unsupported Media Type"}[expected]


BAD_BODIES = [
    Case("a trailing comma: 400 with `error`", "D+", ERRORS, b'{"events":[],}', 400),
    Case("single quotes: 400 with `error`", "D+", ERRORS, b"{'events':[]}", 400),
    Case("a comment: 400 with `error`", "D+", ERRORS, b'{"events":[]} // now', 400),
    Case("a doubled brace: 400 with `error`", "D+", ERRORS, b'{{"events":[]}', 400),
    Case("an empty body: 400 with `error`", "D+", ERRORS, b"", 400),
    Case("no UTF-8: 400 with `error`", "D", ERRORS, b'{"events":["\xff"]}', 400),
    Case("nesting no parser follows: 400 with `error`", "S", OURS, b"[" * 100_000, 400),
    Case("an array at the top: 400 with `error`", "A", OURS, b"[]", 400, switch="non_object_body"),
    Case("a scalar at the top: 400 with `error`", "A", OURS, b"7", 400, switch="non_object_body"),
]


@table(BAD_BODIES)
async def test_a_body_that_is_no_json_object_is_refused(given, expected):
    """Syntax faults answer with the field `error`, not `message`."""
    answer = await client().send("POST", "/users/track", raw=given)
    assert answer.status == expected
    assert answer.json == {"error": "Error while parsing request body. Please check your syntax."}


@rule("an unknown path or method: 404", "D", ERRORS)
@pytest.mark.parametrize(("method", "path"), [("POST", "/users/trak"), ("GET", "/users/track"), ("GET", "/")])
async def test_an_unknown_path_is_not_found(method, path):
    """The key is not even looked at."""
    answer = await client().send(method, path, headers={"authorization": ""})
    assert (answer.status, answer.json) == (404, {"message": "Not Found"})


@rule("a slash at the end of the path is refused", "D", ERRORS)
async def test_a_slash_too_many_is_refused_unless_switched():
    """Documented as a cause of refusals; the status is a switch, and so is leniency."""
    assert (await client().post("/users/track/", EVENT)).status == 404
    assert (await client(switches={"trailing_slash_status": 403}).post("/users/track/", EVENT)).status == 403
    assert (await client(switches={"trailing_slash": "accept"}).post("/users/track/", EVENT)).status == 201


@rule("a key without the endpoint's permission: 403", "D", OVERVIEW)
async def test_a_key_needs_the_permission_of_the_endpoint():
    """The other endpoints of the same key go on working."""
    sandbox = client()
    sandbox.app.world.add_key(Key(key="k", permissions=["users.track"]))
    sandbox.key = "k"
    assert (await sandbox.post("/users/track", EVENT)).status == 201
    answer = await sandbox.post("/users/delete", {"external_ids": ["u"]})
    assert (answer.status, answer.json) == (403, {"message": "Access Denied"})


@rule("an address outside the key's allow-list: 403", "D", OVERVIEW)
async def test_a_key_with_an_allow_list_works_only_from_there():
    """Single addresses and networks; an empty list allows any."""
    sandbox = client()
    sandbox.app.world.add_key(Key(key="k", ip_allowlist=["10.1.0.0/16", "192.0.2.7"]))
    sandbox.key = "k"
    peers = {"10.1.2.3": 201, "192.0.2.7": 201, "10.2.0.1": 403, "somewhere": 403}
    found = {peer: (await sandbox.post("/users/track", EVENT, peer=peer)).status for peer in peers}
    assert found == peers


@rule("a key works in its own workspace only, whose people it sees", "D", OVERVIEW)
async def test_a_key_belongs_to_one_workspace():
    """Somebody of the same id elsewhere is somebody else; when it was last used is told."""
    sandbox = client()
    seed = {"workspaces": [{"id": "eu"}], "keys": [{"key": "k2", "name": "EU", "workspace": "eu"}]}
    await sandbox.post("/_sandbox/seed", seed)
    await sandbox.track(attributes=[{"external_id": "u", "where": "here"}])
    sandbox.key = "k2"
    body = {"external_ids": ["u"], "fields_to_export": ["external_id"]}
    assert (await sandbox.post("/users/export/ids", body)).json["invalid_user_ids"] == ["u"]
    listed = (await sandbox.get("/_sandbox/keys")).json["keys"]
    shown = {"name", "key", "created_ms", "last_seen_ms", "permissions", "ip_allowlist"}
    assert [shown <= key.keys() and key["last_seen_ms"] for key in listed] == [sandbox.time.ms] * 2


INSTANCES = [
    *((f"US-0{number}", f"iad-0{number}.braze.com") for number in range(1, 9)),
    ("US-10", "us-10.braze.com"),
    ("EU-01", "fra-01.braze.eu"),
    ("EU-02", "fra-02.braze.eu"),
    ("AU-01", "au-01.braze.com"),
    ("ID-01", "id-01.braze.com"),
    ("JP-01", "jp-01.braze.com"),
]
SEEN = [("US-09", "us-09.braze.com"), ("EU-03", "fra-03.braze.eu")]


@table(
    [
        Case(f"{name} is rest.{host} and sdk.{host}", mark, source, host, name)
        for listed, mark, source in ((INSTANCES, "D", OVERVIEW), (SEEN, "O", CLIENTS))
        for name, host in listed
    ]
)
async def test_an_instance_is_known_by_its_hosts(given, expected):
    """A workspace of that instance answers there, and at no other instance: 401, as for an unknown key."""
    own = given.partition(".")[0]
    workspace = Furnishing(instance=own, apps=[App(app_id="app")])
    sandbox = client(seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))
    others = [host for _, host in (*INSTANCES, *SEEN) if host != given]
    for host in (given, *others):
        answer = await sandbox.post("/users/track", EVENT, headers={"host": f"rest.{host}"})
        assert answer.status == (201 if host == given else 401), (expected, host)
        if host != given:
            assert answer.json == {"message": "Invalid API Key"}
    body = {"api_key": "app", "device_id": "d"}
    for host, says in ((given, {"message": "success"}), (others[0], {"error": "invalid_api_key"})):
        assert (await sandbox.post("/api/v3/data/", body, headers={"host": f"sdk.{host}"})).json == says


@rule("a deactivated company: 403 Forbidden", "D", ERRORS)
async def test_a_deactivated_company_is_forbidden():
    """All its workspaces."""
    sandbox = client()
    sandbox.app.world.company_active = False
    answer = await sandbox.post("/users/track", EVENT)
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


@rule("a deactivated workspace: 403 Forbidden", "D", ERRORS)
async def test_a_deactivated_workspace_is_forbidden():
    """The account's state is checked before the key's permissions."""
    sandbox = client()
    sandbox.app.world.workspaces["sandbox"].furnishing.active = False
    answer = await sandbox.post("/users/track", EVENT)
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


@rule("a body over 4 MB: 413", "D+", LIMITS)
async def test_a_body_over_four_megabytes_is_too_large():
    """Exactly 4 MB passes, in however many pieces it arrives."""
    sandbox = client()
    ends = b'","events":[]}'
    fits = b'{"partner":"'.ljust(4 * 1_048_576 - len(ends), b"x") + ends
    assert len(fits) == 4 * 1_048_576
    assert (await sandbox.send("POST", "/users/track", raw=fits, pieces=5)).status == 400
    answer = await sandbox.send("POST", "/users/track", raw=fits + b" ", pieces=5)
    assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})


@rule(
    "order: key, then permission, then rate limit, then content type, then size, then syntax",
    "A",
    OURS,
    switch="check_order",
)
async def test_the_checks_come_in_order():
    """A request with every fault meets them one by one as they are mended."""
    sandbox = client(switches={"limits": {"track": [0, 3]}})
    sandbox.app.world.add_key(Key(key="poor", permissions=[]))
    everything = {"raw": b"{" + b" " * 4 * 1_048_576, "headers": {"content-type": "text/plain"}}
    statuses = []
    for key in ("unknown", "poor", "sandbox"):
        sandbox.key = key
        statuses.append((await sandbox.send("POST", "/users/track", **everything)).status)
    lenient = client()
    statuses.append((await lenient.send("POST", "/users/track", **everything)).status)
    everything["headers"] = {}
    statuses.append((await lenient.send("POST", "/users/track", **everything)).status)
    statuses.append((await lenient.send("POST", "/users/track", raw=b"{")).status)
    assert statuses == [401, 403, 429, 415, 413, 400]


@rule("unknown top-level keys such as `partner` are ignored", "O", CLIENTS)
async def test_unknown_top_level_keys_are_ignored():
    """Partners send their name along."""
    answer = await client().post(
        "/users/track", {**EVENT, "partner": "Segue", "api_key": "x", "app_group_id": 1}
    )
    assert (answer.status, answer.json) == (201, {"message": "success", "events_processed": 1})


@rule("the request header X-Braze-Batch is harmless", "O", CLIENTS)
async def test_the_batch_header_is_ignored():
    """Segment's integration sends it with every batch."""
    assert (await client().post("/users/track", EVENT, headers={"x-braze-batch": "true"})).status == 201
