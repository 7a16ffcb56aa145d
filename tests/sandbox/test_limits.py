"""Rate limits: fixed windows, shared buckets, three styles of headers."""

from tests.sandbox.client import client
from tests.sandbox.rules import LIMITS, OURS, TRACK, Case, rule, table

from segue.sandbox.seed import DEFAULT_GROUP

EVENT = {"events": [{"external_id": "u", "name": "Hi", "time": "2025-12-01T00:00:00Z"}]}
THREE = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def told(answer):
    """The rate-limit headers of an answer, as numbers."""
    return {
        name.removeprefix("x-ratelimit-"): int(value)
        for name, value in answer.headers.items()
        if name.startswith("x-ratelimit-")
    }


@rule("every answer carries limit, remaining and reset in epoch seconds", "D", LIMITS)
async def test_every_answer_tells_the_limit():
    """Refused ones too, once the key is known."""
    sandbox = client()
    start = sandbox.time.ms // 1000
    good = await sandbox.post("/users/track", EVENT)
    bad = await sandbox.post("/users/track", {})
    assert told(good) == {"limit": 3000, "remaining": 2999, "reset": start + 3}
    assert (bad.status, told(bad)["remaining"]) == (400, 2998)
    unknown = await sandbox.post("/users/track", EVENT, headers={"authorization": ""})
    assert told(unknown) == {}


@rule("over the limit: 429 with the three headers, remaining 0", "D", LIMITS)
async def test_over_the_limit_is_refused_until_the_window_ends():
    """A new window begins at the next multiple of its length, not some time after the first request."""
    sandbox = client(switches={"limits": {"track": [2, 3]}})
    sandbox.time.ms += 2_900
    statuses = [(await sandbox.post("/users/track", EVENT)).status for _ in range(3)]
    assert statuses == [201, 201, 429]
    refused = await sandbox.post("/users/track", EVENT)
    assert refused.json == {"message": "Rate Limited"}
    assert told(refused) == {"limit": 2, "remaining": 0, "reset": sandbox.time.ms // 1000 + 1}
    assert "retry-after" not in refused.headers
    sandbox.time.ms += 100
    assert (await sandbox.post("/users/track", EVENT)).status == 201


@rule("windows are fixed to the clock: an hourly one resets on the hour", "D+", LIMITS)
async def test_an_hourly_window_resets_on_the_hour():
    """Half past two resets at three."""
    sandbox = client(switches={"profile": "mau"})
    sandbox.time.ms += 30 * 60_000
    assert told(await sandbox.post("/users/track", EVENT))["reset"] == 30 * 60


@rule("delete, alias, identify and merge share 20,000 a minute", "D", LIMITS)
async def test_identity_endpoints_share_a_bucket():
    """A call to one lowers what is left for the others, and leaves /users/track alone."""
    sandbox = client()
    await sandbox.post("/users/delete", {"external_ids": ["a"]})
    answer = await sandbox.post("/users/identify", {"aliases_to_identify": []})
    assert told(answer) | {"reset": 0} == {"limit": 20_000, "remaining": 19_998, "reset": 0}
    assert told(await sandbox.post("/users/track", EVENT))["remaining"] == 2_999


@rule("/users/export/ids: 250 a minute, or 2,500 for customers before 2024-08-22", "D", LIMITS)
async def test_exports_are_limited_by_the_date_of_onboarding():
    """Older customers have ten times as much."""
    body = {"external_ids": ["u"], "fields_to_export": ["email"]}
    new = await client().post("/users/export/ids", body)
    old = await client(switches={"onboarded_after_2024_08_22": False}).post("/users/export/ids", body)
    assert (told(new)["limit"], told(old)["limit"]) == (250, 2_500)


@rule("mau contracts: reset in seconds left; on 429 only x-ratelimit-retry-after", "D+", TRACK)
async def test_mau_contracts_have_their_own_headers():
    """The hourly window is told, the burst is not; a refused call says only how long to wait."""
    sandbox = client(switches={"profile": "mau", "mau_track_hourly": 3, "limits": {"track": [2, 3]}})
    sandbox.time.ms += 1_000
    good = [await sandbox.post("/users/track", EVENT) for _ in range(2)]
    assert told(good[1]) == {"limit": 3, "remaining": 1, "reset": 3_599}
    burst = await sandbox.post("/users/track", EVENT)
    assert (burst.status, told(burst)) == (429, {"retry-after": 2})
    sandbox.time.ms += 2_000
    hour = await sandbox.post("/users/track", EVENT)
    assert (hour.status, told(hour)) == (429, {"retry-after": 3_597})


@rule("mau contracts: everywhere else the three headers, epoch seconds, on 429 too", "D+", TRACK)
async def test_mau_contracts_tell_as_usual_elsewhere():
    """The exception is /users/track alone."""
    sandbox = client(switches={"profile": "mau", "limits": {"identity": [1, 60]}})
    start = sandbox.time.ms // 1_000
    for status in (201, 429):
        answer = await sandbox.post("/users/delete", {"external_ids": ["u"]})
        assert (answer.status, told(answer)) == (status, {"limit": 1, "remaining": 0, "reset": start + 60})


@rule("legacy contracts tell as standard ones do", "D", LIMITS)
async def test_legacy_contracts_tell_the_three_headers():
    """3,000 in three seconds, and on 429 remaining 0."""
    sandbox = client(switches={"profile": "legacy"})
    start = sandbox.time.ms // 1_000
    assert told(await sandbox.post("/users/track", EVENT)) == {
        "limit": 3_000,
        "remaining": 2_999,
        "reset": start + 3,
    }
    await sandbox.send("PATCH", "/_sandbox/switches", {"limits": {"track": [0, 3]}})
    refused = await sandbox.post("/users/track", EVENT)
    assert (refused.status, told(refused)) == (429, {"limit": 0, "remaining": 0, "reset": start + 3})


@rule("/users/export/ids: by one revision 40 a second", "D", LIMITS)
async def test_exports_can_be_limited_by_the_second():
    """By the switch of limits."""
    sandbox = client(switches={"limits": {"export-ids": [40, 1]}})
    body = {"external_ids": ["u"], "fields_to_export": ["email"]}
    assert told(await sandbox.post("/users/export/ids", body))["limit"] == 40


@rule("a plain retry-after may be switched on", "A", OURS, switch="plain_retry_after")
async def test_a_plain_retry_after_can_be_switched_on():
    """Documented nowhere, so off by default."""
    for profile in ("standard", "mau"):
        sandbox = client(
            switches={"plain_retry_after": True, "limits": {"track": [0, 3]}, "profile": profile}
        )
        assert (await sandbox.post("/users/track", EVENT)).headers["retry-after"] == "3"


@rule("limits may be told without being enforced", "S", OURS)
async def test_limits_need_not_be_enforced():
    """For load tests."""
    sandbox = client(switches={"enforce_limits": False, "limits": {"track": [1, 3]}})
    statuses = [(await sandbox.post("/users/track", EVENT)).status for _ in range(3)]
    assert statuses == [201, 201, 201]


@rule("limits belong to a workspace; with a mau contract to the company", "D+", LIMITS)
async def test_a_mau_contract_limits_the_whole_company():
    """Two workspaces, one key each; what is left of a bucket tells who shares it."""
    for profile, expected in (("standard", [19_999, 19_999]), ("mau", [19_999, 19_998])):
        sandbox = client(switches={"profile": profile})
        seed = {"workspaces": [{"id": "eu"}], "keys": [{"key": "k2", "workspace": "eu"}]}
        await sandbox.post("/_sandbox/seed", seed)
        left = []
        for key in ("sandbox", "k2"):
            sandbox.key = key
            left.append(told(await sandbox.post("/users/delete", {"external_ids": ["u"]}))["remaining"])
        assert left == expected


def published(method, path, limit, seconds, mark="D"):
    """A line of the table of limits."""
    per = {1: "second", 3: "three seconds", 60: "minute", 3_600: "hour", 86_400: "day"}[seconds]
    return Case(f"{path}: {limit:,} a {per}", mark, LIMITS, (method, path), (limit, seconds))


@table(
    [
        published("POST", "/users/track", 3_000, 3),
        published("POST", "/users/track/bulk", 50, 1, "D+"),
        published("POST", "/users/track/sync", 500, 60),
        published("POST", "/users/delete", 20_000, 60),
        published("POST", "/users/alias/new", 20_000, 60),
        published("POST", "/users/alias/update", 20_000, 60),
        published("POST", "/users/identify", 20_000, 60),
        published("POST", "/users/merge", 20_000, 60),
        published("POST", "/users/external_ids/rename", 1_000, 60),
        published("POST", "/users/external_ids/remove", 1_000, 60),
        published("POST", "/users/export/ids", 250, 60),
        published("POST", "/users/export/segment", 250_000, 3_600),
        published("POST", "/subscription/status/set", 5_000, 60),
        published("POST", "/v2/subscription/status/set", 5_000, 60),
        published("POST", "/campaigns/trigger/send", 250_000, 3_600),
        published("POST", "/canvas/trigger/send", 250_000, 3_600),
        published("POST", "/messages/send", 250_000, 3_600),
        published("POST", "/sends/id/create", 100, 86_400),
        published("GET", "/events/list", 1_000, 3_600),
        published("GET", "/purchases/product_list", 1_000, 3_600),
        published("GET", "/purchases/revenue_series", 1_000, 3_600),
        published("GET", "/campaigns/data_series", 50_000, 60),
        published("GET", "/campaigns/list", 250_000, 3_600),
        published("GET", "/segments/list", 250_000, 3_600),
        published("GET", "/kpi/dau/data_series", 250_000, 3_600),
        published("GET", "/subscription/status/get", 250_000, 3_600),
        published("GET", "/catalogs", 50, 60),
        published("DELETE", "/catalogs/c", 50, 60),
        published("POST", "/catalogs/c/items", 16_000, 60),
        published("GET", "/catalogs/c/items", 50, 60),
        published("PUT", "/catalogs/c/items/i", 50, 60),
    ]
)
async def test_every_endpoint_has_its_published_limit(given, expected):
    """Told on the first answer, whatever is wrong with the call; the window is that of the clock."""
    sandbox = client()
    answer = await sandbox.send(*given, {})
    limit, seconds = expected
    now_s = sandbox.time.ms // 1_000
    wanted = {"limit": limit, "remaining": limit - 1, "reset": (now_s // seconds + 1) * seconds}
    assert told(answer) == wanted


@rule("a hundred segment exports run at once in a company, no more", "D", LIMITS)
async def test_segment_exports_are_limited_over_the_company():
    """The one too many is 429 until one ends."""
    sandbox = client(switches={"segment_export_ms": 1_000})
    for number in range(101):
        await sandbox.post("/_sandbox/segments", {"id": f"s{number}", "name": "S"})
    body = {"fields_to_export": ["email"]}
    statuses = [
        (await sandbox.post("/users/export/segment", {"segment_id": f"s{number}", **body})).status
        for number in range(101)
    ]
    assert statuses == [201] * 100 + [429]
    sandbox.time.ms += 1_000
    assert (await sandbox.post("/users/export/segment", {"segment_id": "s100", **body})).status == 201


@rule("double opt-in is taken note of; nobody is asked to confirm", "S", OURS)
async def test_double_opt_in_is_a_warning():
    """As attribute and by both subscription endpoints."""
    sandbox = client()
    group = {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}
    asked = {**group, "use_double_opt_in_logic": True}
    await sandbox.track(attributes=[{"external_id": "u", "subscription_groups": [asked]}])
    entry = {**asked, "external_ids": ["u"]}
    await sandbox.post("/v2/subscription/status/set", {"subscription_groups": [entry]})
    await sandbox.post("/subscription/status/set", {**group, "external_id": "u"})
    assert (await sandbox.totals())["warnings"] == {"double-opt-in": 2}
