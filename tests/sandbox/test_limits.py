"""Rate limits: fixed windows, shared buckets, three styles of headers."""

from tests.sandbox.client import client
from tests.sandbox.rules import LIMITS, OURS, TRACK, rule

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


@rule("a plain retry-after may be switched on", "A", OURS)
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
