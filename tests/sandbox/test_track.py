"""/users/track as a whole: caps, counters, errors by array and index, the fatal form."""

from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, ERRORS, OURS, TRACK, Case, rule, table

NOTHING = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
NO_ID = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"


def attributes(count):
    """So many valid attribute objects."""
    return [{"external_id": f"u{number}", "n": number} for number in range(count)]


def events(count):
    """So many valid events."""
    return [{"external_id": "u", "name": "Hi", "time": "2025-12-01T00:00:00Z"} for _ in range(count)]


def purchases(count):
    """So many valid purchases."""
    one = {"external_id": "u", "product_id": "p", "currency": "USD", "price": 1, "time": "2025-12-01"}
    return [dict(one) for _ in range(count)]


CAPS = [
    Case("75 objects pass", "D", ERRORS, ("standard", 75, 0, 0), 201),
    Case("76 in one array are too many", "D", ERRORS, ("standard", 76, 0, 0), 400),
    Case("75 over three arrays pass", "D+", TRACK, ("standard", 25, 25, 25), 201),
    Case("76 over three arrays are too many", "D+", TRACK, ("standard", 25, 25, 26), 400),
    Case("75 in each array pass a legacy contract", "D", TRACK, ("legacy", 75, 75, 75), 201),
    Case("76 in one array do not pass a legacy contract", "D", TRACK, ("legacy", 75, 76, 75), 400),
    Case("76 over three arrays are too many for a mau contract", "D+", TRACK, ("mau", 25, 25, 26), 400),
]


@table(CAPS)
async def test_the_number_of_objects_is_capped_by_contract(given, expected):
    """Nothing of a request over the cap is applied."""
    profile, some, more, most = given
    sandbox = client(switches={"profile": profile})
    answer = await sandbox.track(attributes=attributes(some), events=events(more), purchases=purchases(most))
    assert answer.status == expected
    if expected == 400:
        assert answer.json == {"message": "Max Input Length Exceeded"}
        assert (await sandbox.totals())["people"] == 0


@rule("a counter for each array sent, valid objects only; errors by array and index", "O", CLIENTS)
async def test_bad_objects_among_good_ones_are_reported_by_array_and_index():
    """The good ones are applied."""
    sandbox = client()
    bad = {**purchases(1)[0], "quantity": 101}
    answer = await sandbox.track(events=[*events(1), {"name": "Hi", "time": "2025-12-01"}], purchases=[bad])
    assert answer.status == 201
    assert answer.json == {
        "message": "success",
        "events_processed": 1,
        "purchases_processed": 0,
        "errors": [
            {"type": NO_ID, "input_array": "events", "index": 1},
            {"type": "'quantity' is not valid", "input_array": "purchases", "index": 0},
        ],
    }
    totals = await sandbox.totals()
    assert (totals["events"], totals["purchases"], totals["objects"]) == (
        1,
        0,
        {"accepted": 1, "rejected": 2},
    )


@rule("nothing valid: 400, the fatal text, the same errors", "O", CLIENTS)
async def test_nothing_valid_fails_the_whole_call():
    """With one array or with several."""
    answer = await client().track(events=[{"name": "Hi"}], attributes=[{"plan": "gold"}])
    assert answer.status == 400
    assert answer.json == {
        "message": NOTHING,
        "errors": [
            {"type": NO_ID, "input_array": "attributes", "index": 0},
            {"type": NO_ID, "input_array": "events", "index": 0},
        ],
    }


@rule("nothing valid in one array: the message may name that array only", "O", CLIENTS)
async def test_the_fatal_text_can_name_the_array():
    """An older form, by switch."""
    sandbox = client(switches={"fatal_names_sent_array": True})
    answer = await sandbox.track(attributes=[{"plan": "gold"}])
    assert answer.json["message"] == "Valid data must be provided in the 'attributes' field."


EMPTY = [
    Case("nothing sent", "O", CLIENTS, {}, 0),
    Case("empty arrays", "S", OURS, {"events": [], "attributes": []}, 0),
    Case("null for an array", "S", OURS, {"events": None}, 0),
    Case("an object for an array", "A", OURS, {"events": {"external_id": "u"}}, 0, switch="array_expected"),
    Case("text for an array", "A", OURS, {"purchases": "all"}, 0, switch="array_expected"),
    Case("entries that are no objects", "S", OURS, {"events": [None, 7, "x", []]}, 4),
    Case("an empty object", "O", CLIENTS, {"attributes": [{}]}, 1),
]


@table(EMPTY)
async def test_without_any_usable_object_the_call_fails(given, expected):
    """The fatal text, and an error for each object there was."""
    answer = await client().track(**given)
    assert (answer.status, answer.json["message"]) == (400, NOTHING)
    assert len(answer.json.get("errors", [])) == expected


@rule("applied in the order attributes, events, purchases", "D", TRACK)
async def test_attributes_are_applied_before_events():
    """An email-only profile made by the attributes is found by the event of the same request."""
    sandbox = client()
    await sandbox.track(
        events=[{"email": "a@b.co", "name": "Hi", "time": "2025-12-01", "_update_existing_only": True}],
        attributes=[{"email": "a@b.co", "plan": "gold"}],
    )
    person = await sandbox.person("a@b.co")
    assert (person["custom"], len(person["events"])) == ({"plan": "gold"}, 1)


@rule("nothing is de-duplicated: an event sent twice counts twice", "D", TRACK)
async def test_an_event_sent_twice_is_two_events():
    """Attributes sent twice stay what they are."""
    sandbox = client()
    for _ in range(2):
        await sandbox.track(events=events(1), attributes=[{"external_id": "u", "plan": "gold"}])
    person = await sandbox.person("u")
    assert (person["event_summaries"]["Hi"]["count"], person["custom"]) == (2, {"plan": "gold"})


@rule("a 2xx means queued: effects may come 10 to 100 ms later", "D", TRACK)
async def test_effects_come_after_the_delay():
    """Nothing is seen until the clock has passed it."""
    sandbox = client(switches={"processing_delay_ms": [50, 50]})
    assert (await sandbox.track(events=events(1))).status == 201
    assert (await sandbox.totals())["waiting"] == 1
    assert await sandbox.person("u") is None
    sandbox.time.ms += 50
    assert (await sandbox.person("u"))["event_summaries"]["Hi"]["count"] == 1


@rule("separate requests are not ordered with each other", "D+", TRACK)
async def test_separate_requests_may_overtake_each_other():
    """The last value sent is not always the last applied."""
    ends = set()
    for seed in range(8):
        sandbox = client(switches={"processing_delay_ms": [10, 100]}, random_seed=seed)
        for value in ("first", "second"):
            await sandbox.track(attributes=[{"external_id": "u", "plan": value}])
        sandbox.time.ms += 100
        ends.add((await sandbox.person("u"))["custom"]["plan"])
    assert ends == {"first", "second"}


@rule("dependent calls need a gap: what a call builds on may not be there yet", "D", TRACK)
async def test_a_dependent_call_may_come_too_early():
    """An alias made and used at once; five minutes later it is always there."""
    alias = {"alias_name": "a", "alias_label": "anon"}
    found = set()
    for gap_ms in (0, 300_000):
        for seed in range(8):
            sandbox = client(switches={"processing_delay_ms": [10, 100]}, random_seed=seed)
            await sandbox.post("/users/alias/new", {"user_aliases": [alias]})
            sandbox.time.ms += gap_ms
            await sandbox.track(attributes=[{"user_alias": alias, "plan": "gold"}])
            sandbox.time.ms += 100
            found.add((gap_ms, bool((await sandbox.person("anon:a"))["custom"])))
    assert found == {(0, True), (0, False), (300_000, True)}


@rule("a null sent first may land after the value sent later", "D+", TRACK)
async def test_a_null_may_land_last():
    """In one request it cannot: its objects keep their order."""
    for together, expected in ((False, {None, "gold"}), (True, {"gold"})):
        ends = set()
        for seed in range(8):
            sandbox = client(switches={"processing_delay_ms": [10, 100]}, random_seed=seed)
            steps = [{"external_id": "u", "plan": None}, {"external_id": "u", "plan": "gold"}]
            for sent in [steps] if together else [[step] for step in steps]:
                await sandbox.track(attributes=sent)
            sandbox.time.ms += 100
            ends.add((await sandbox.person("u"))["custom"].get("plan"))
        assert ends == expected


@rule("events are applied before purchases", "D", TRACK)
async def test_events_are_applied_before_purchases():
    """A phone-only profile made by the event is found by the purchase of the same request."""
    sandbox = client()
    who = {"phone": "+15551234567"}
    await sandbox.track(
        purchases=[{**purchases(1)[0], "external_id": None, **who, "_update_existing_only": True}],
        events=[{**who, "name": "Hi", "time": "2025-12-01"}],
    )
    person = await sandbox.person("+15551234567")
    assert (len(person["events"]), len(person["purchases"])) == (1, 1)
