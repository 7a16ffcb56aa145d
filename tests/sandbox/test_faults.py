"""Faults: what callers meet, and whether the data was touched."""

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import ERRORS, OURS, rule

from segue.sandbox.app import ConnectionDroppedError

EVENT = {"external_id": "u", "name": "Hi", "time": "2025-12-01"}


async def with_fault(**fault):
    """A sandbox with one fault in force."""
    sandbox = client()
    answer = await sandbox.post("/_sandbox/faults", fault)
    assert answer.status == 201, answer.json
    return sandbox


async def statuses(sandbox, times):
    """The statuses of so many identical events."""
    return [(await sandbox.track(events=[EVENT])).status for _ in range(times)]


@rule("a retried 503 doubles events, not attributes", "D", "Track users")
async def test_a_503_after_applying_doubles_events_on_retry():
    """The classic lost answer; before applying nothing doubles."""
    for when, expected in (("after", 2), ("before", 1)):
        sandbox = await with_fault(status=503, when=when, count=1)
        body = {"events": [EVENT], "attributes": [{"external_id": "u", "n": 1}]}
        assert [(await sandbox.track(**body)).status for _ in range(2)] == [503, 201]
        person = await sandbox.person("u")
        assert (person["event_summaries"]["Hi"]["count"], person["custom"]) == (expected, {"n": 1})


@rule("maintenance: 202 queued, applied all the same", "D", ERRORS)
async def test_maintenance_answers_queued_and_applies():
    """Older documents only."""
    sandbox = await with_fault(maintenance=True, count=1)
    answer = await sandbox.track(events=[EVENT])
    assert (answer.status, answer.json) == (202, {"message": "queued"})
    assert (await sandbox.totals())["events"] == 1


@rule("maintenance does not hide what is wrong with a request", "S", OURS)
async def test_maintenance_still_refuses_a_bad_key():
    """A queue is no excuse."""
    sandbox = await with_fault(maintenance=True)
    sandbox.key = "other"
    assert await statuses(sandbox, 1) == [401]


@rule("a dropped connection, before or after applying", "S", OURS)
@pytest.mark.parametrize(("drop", "expected"), [("before", 0), ("after", 1)])
async def test_a_dropped_connection_is_an_exception_in_process(drop, expected):
    """Over a socket it is a reset, see test_server."""
    sandbox = await with_fault(drop=drop, count=1)
    with pytest.raises(ConnectionDroppedError):
        await sandbox.track(events=[EVENT])
    assert (await sandbox.totals())["events"] == expected
    last = (await sandbox.get("/_sandbox/requests?bad=true")).json["requests"][-1]
    assert (last["status"], last["fault"]) == (0, 1)


@rule("count, skip, path and method choose the requests", "S", OURS)
async def test_a_fault_chooses_its_requests():
    """Others pass."""
    sandbox = await with_fault(status=500, path="/users/t*", method="POST", skip=1, count=2)
    assert (await sandbox.post("/users/delete", {"external_ids": ["u"]})).status == 201
    assert await statuses(sandbox, 5) == [201, 500, 500, 201, 201]
    assert (await sandbox.get("/_sandbox/faults")).json == {"faults": []}


@rule("probability is repeatable by seed", "S", OURS)
async def test_chance_is_repeatable():
    """The same seed, the same run."""
    runs = []
    for _ in range(2):
        sandbox = client(random_seed=7)
        await sandbox.post("/_sandbox/faults", {"status": 502, "probability": 0.5})
        runs.append(await statuses(sandbox, 40))
    assert runs[0] == runs[1]
    assert 8 < runs[0].count(502) < 32


@rule("a hidden limit refuses what the headers promise", "S", OURS)
async def test_a_hidden_limit_is_not_told():
    """Lower than the documented one, in windows of its own."""
    sandbox = await with_fault(status=429, allow=2, window_seconds=1)
    assert await statuses(sandbox, 4) == [201, 201, 429, 429]
    sandbox.time.ms += 1_000
    assert await statuses(sandbox, 3) == [201, 201, 429]


STYLES = {
    "epoch": {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225607"},
    "seconds": {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"},
    "retry-after": {"x-ratelimit-retry-after": "7"},
    "none": {},
}


@rule("a 429 may carry any of the header styles", "S", OURS)
@pytest.mark.parametrize("style", STYLES)
async def test_a_fault_speaks_any_header_style(style):
    """And headers of one's own."""
    sandbox = await with_fault(status=429, header_style=style, wait_seconds=7, headers={"Retry-After": "9"})
    answer = await sandbox.track(events=[EVENT])
    assert answer.json == {"message": "Rate Limited"}
    assert answer.headers.pop("retry-after") == "9"
    told = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")}
    assert told == STYLES[style]


@rule(
    "a 2xx whose message is not success: an application-level failure", "O", "public client code and fixtures"
)
async def test_a_fault_answers_any_body():
    """Partners' fixtures have a 201 with a fatal message."""
    body = {"message": "fatal error message", "errors": [{"type": "x", "input_array": "events", "index": 0}]}
    sandbox = await with_fault(status=201, body=body)
    answer = await sandbox.track(events=[EVENT])
    assert (answer.status, answer.json) == (201, body)


@rule("latency delays the answer on the sandbox's clock", "S", OURS)
async def test_latency_passes_on_the_clock():
    """No real time is spent with a hand-wound one."""
    sandbox = await with_fault(latency_ms=1_500)
    before = sandbox.time.ms
    assert await statuses(sandbox, 1) == [201]
    assert sandbox.time.ms == before + 1_500


@rule("faults can be lifted", "S", OURS)
async def test_faults_can_be_lifted():
    """One by one, or all."""
    sandbox = await with_fault(status=500)
    await sandbox.post("/_sandbox/faults", {"status": 501})
    assert (await sandbox.send("DELETE", "/_sandbox/faults/1")).status == 200
    assert await statuses(sandbox, 1) == [501]
    await sandbox.send("DELETE", "/_sandbox/faults")
    assert await statuses(sandbox, 1) == [201]
    assert (await sandbox.send("DELETE", "/_sandbox/faults/9")).status == 404
