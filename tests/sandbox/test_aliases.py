"""Aliases, identify and the merging of profiles."""

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, ERRORS, OURS, Case, rule, table

NEW = "Create new user alias"
IDENTIFY = "Identify users"
ANON = {"alias_name": "a1", "alias_label": "anon"}
EVENT = {"name": "Hi", "time": "2025-12-01"}


async def visitor(sandbox, alias=None, **attributes):
    """An alias-only profile."""
    await sandbox.post("/users/alias/new", {"user_aliases": [alias or ANON]})
    if attributes:
        await sandbox.track(attributes=[{"user_alias": alias or ANON, **attributes}])


async def identify(sandbox, external_id="u", alias=None, **more):
    """POST /users/identify with one alias."""
    entry = {"external_id": external_id, "user_alias": alias or ANON}
    return await sandbox.post("/users/identify", {"aliases_to_identify": [entry], **more})


# -- alias/new


@rule("without external_id an alias-only profile is made", "D", NEW)
async def test_an_alias_without_external_id_makes_a_profile():
    """Asked again, nothing more is made."""
    sandbox = client()
    for _ in range(2):
        answer = await sandbox.post("/users/alias/new", {"user_aliases": [ANON]})
        assert (answer.status, answer.json) == (201, {"aliases_processed": 1, "message": "success"})
    person = await sandbox.person("anon:a1")
    assert (person["external_id"], person["aliases"]) == (None, {"anon": "a1"})
    assert (await sandbox.totals())["people"] == 1


@rule("with a known external_id the profile gets the alias", "D", NEW)
async def test_a_known_person_gets_the_alias():
    """And is found by it."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u"}])
    await sandbox.post("/users/alias/new", {"user_aliases": [{"external_id": "u", **ANON}]})
    assert (await sandbox.person("anon:a1"))["external_id"] == "u"


@rule("with an unknown external_id: success, nothing done", "D", NEW)
async def test_an_unknown_external_id_is_no_error():
    """Nobody is made."""
    sandbox = client()
    answer = await sandbox.post("/users/alias/new", {"user_aliases": [{"external_id": "u", **ANON}]})
    assert answer.json == {"aliases_processed": 1, "message": "success"}
    assert (await sandbox.totals())["people"] == 0


@rule("an alias somebody else has: success, nothing done", "A", OURS, switch="alias_taken")
async def test_an_alias_stays_with_whoever_has_it():
    """And a label a person already uses is not overwritten."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u"}, {"external_id": "v"}])
    aliases = [
        {"external_id": "u", **ANON},
        {"external_id": "v", **ANON},
        {"external_id": "u", "alias_name": "a2", "alias_label": "anon"},
    ]
    answer = await sandbox.post("/users/alias/new", {"user_aliases": aliases})
    assert answer.json == {"aliases_processed": 3, "message": "success"}
    found = [(await sandbox.person(name))["aliases"] for name in "uv"]
    assert found == [{"anon": "a1"}, {}]


BAD_ALIASES = [
    Case("no user_aliases", "A", OURS, {}, "'user_aliases' must be an array of objects", switch="texts"),
    Case(
        "user_aliases no array",
        "A",
        OURS,
        {"user_aliases": ANON},
        "'user_aliases' must be an array of objects",
        switch="texts",
    ),
    Case(
        "user_aliases empty",
        "A",
        OURS,
        {"user_aliases": []},
        "'user_aliases' must be an array of objects",
        switch="texts",
    ),
    Case(
        "51 aliases",
        "D",
        ERRORS,
        {"user_aliases": [ANON] * 51},
        "The max number of ids per request was exceeded",
    ),
]


@table(BAD_ALIASES)
async def test_a_bad_alias_request_is_refused(given, expected):
    """As a whole."""
    answer = await client().post("/users/alias/new", given)
    assert (answer.status, answer.json) == (400, {"message": expected})


@rule("an alias without name or label is an error at its index", "A", OURS, switch="bad_entries")
async def test_half_an_alias_is_an_error_of_its_entry():
    """The others are done."""
    sandbox = client()
    entries = [{"alias_label": "anon"}, ANON, {"alias_name": "a"}, "x"]
    answer = await sandbox.post("/users/alias/new", {"user_aliases": entries})
    assert (answer.status, answer.json["aliases_processed"]) == (201, 1)
    assert answer.json["errors"] == [
        {"type": "'alias_name' is required", "input_array": "user_aliases", "index": 0},
        {"type": "'alias_label' is required", "input_array": "user_aliases", "index": 2},
        {"type": "'alias_name' is required", "input_array": "user_aliases", "index": 3},
    ]
    assert (await sandbox.totals())["people"] == 1


# -- identify


@rule("nobody has that external_id: the alias-only profile gets it", "D", IDENTIFY)
async def test_an_unknown_external_id_is_put_on_the_visitor():
    """Same profile, now identified; its history stays."""
    sandbox = client()
    await visitor(sandbox, plan="gold")
    before = (await sandbox.person("anon:a1"))["braze_id"]
    answer = await identify(sandbox)
    assert (answer.status, answer.json) == (201, {"aliases_processed": 1, "message": "success"})
    person = await sandbox.person("u")
    assert (person["braze_id"], person["custom"], person["aliases"]) == (
        before,
        {"plan": "gold"},
        {"anon": "a1"},
    )


@rule("somebody has it: the profiles are combined, the alias-only one disappears", "D", IDENTIFY)
async def test_a_known_person_takes_over_the_visitor():
    """What the known person lacks is taken, what they have stays, counts are summed."""
    sandbox = client()
    await visitor(sandbox, first_name="Visitor", home_city="Paris", plan="free", color="red")
    purchase = {"product_id": "p", "currency": "USD", "price": 2.5, "time": "2025-12-01"}
    await sandbox.track(
        attributes=[{"external_id": "u", "first_name": "Ann", "plan": "gold"}],
        events=[{"user_alias": ANON, **EVENT}, {"external_id": "u", **EVENT, "time": "2025-12-03"}],
        purchases=[{"user_alias": ANON, **purchase}, {"external_id": "u", **purchase, "quantity": 2}],
    )
    await identify(sandbox)
    assert (await sandbox.totals())["people"] == 1
    person = await sandbox.person("u")
    assert person["fields"] == {"first_name": "Ann", "home_city": "Paris"}
    assert person["custom"] == {"plan": "gold", "color": "red"}
    assert person["event_summaries"]["Hi"]["count"] == 2
    assert [event["time"][:10] for event in person["events"]] == ["2025-12-01", "2025-12-03"]
    assert (person["purchase_summaries"]["p"]["count"], person["total_revenue"]) == (3, 7.5)
    assert (await sandbox.person("anon:a1"))["external_id"] == "u"


@rule("merge_behavior none carries nothing over", "D", IDENTIFY)
async def test_merge_behavior_none_carries_nothing_over():
    """The alias moves, the history does not."""
    sandbox = client()
    await visitor(sandbox, color="red")
    await sandbox.track(attributes=[{"external_id": "u", "plan": "gold"}])
    await identify(sandbox, merge_behavior="none")
    person = await sandbox.person("anon:a1")
    assert (person["external_id"], person["custom"]) == ("u", {"plan": "gold"})


@rule("the known person has an alias of that label: nothing is combined", "D", IDENTIFY)
async def test_profiles_with_the_same_label_are_not_combined():
    """Still a success."""
    sandbox = client()
    other = {"alias_name": "a2", "alias_label": "anon"}
    await visitor(sandbox)
    await visitor(sandbox, other)
    await identify(sandbox)
    answer = await identify(sandbox, alias=other)
    assert answer.json == {"aliases_processed": 1, "message": "success"}
    assert (await sandbox.person("anon:a2"))["external_id"] is None
    assert (await sandbox.totals())["people"] == 2


@rule("an unknown alias: success, nothing done", "D+", IDENTIFY)
async def test_an_unknown_alias_is_no_error():
    """Nobody is made."""
    sandbox = client()
    assert (await identify(sandbox)).json == {"aliases_processed": 1, "message": "success"}
    assert (await sandbox.totals())["people"] == 0


BAD_ENTRIES = [
    Case(
        "an alias entry without external_id",
        "O",
        CLIENTS,
        ("aliases_to_identify", {"user_alias": ANON}),
        "'external_id' is required",
    ),
    Case(
        "an alias entry without alias",
        "A",
        OURS,
        ("aliases_to_identify", {"external_id": "u"}),
        "'user_alias' is required",
        switch="texts",
    ),
    Case(
        "an email entry without prioritization",
        "A",
        OURS,
        ("emails_to_identify", {"external_id": "u", "email": "a@b.co"}),
        "'prioritization' is not valid",
        switch="bad_entries",
    ),
    Case(
        "a prioritization with identified and unidentified",
        "D",
        IDENTIFY,
        (
            "emails_to_identify",
            {"external_id": "u", "email": "a@b.co", "prioritization": ["identified", "unidentified"]},
        ),
        "'prioritization' is not valid",
    ),
    Case(
        "a phone entry with an unknown prioritization",
        "A",
        OURS,
        (
            "phone_numbers_to_identify",
            {"external_id": "u", "phone": "+15551234567", "prioritization": ["newest"]},
        ),
        "'prioritization' is not valid",
        switch="bad_entries",
    ),
]


@table(BAD_ENTRIES)
async def test_a_bad_identify_entry_is_an_error(given, expected):
    """Reported under user_identifiers with message success."""
    array, entry = given
    answer = await client().post("/users/identify", {array: [entry]})
    assert (answer.status, answer.json["message"]) == (201, "success")
    assert answer.json["errors"] == [{"type": expected, "input_array": "user_identifiers", "index": 0}]


@rule("identify needs one of its three arrays", "D", IDENTIFY)
async def test_identify_needs_an_array():
    """And at most 50 entries."""
    sandbox = client()
    assert (await sandbox.post("/users/identify", {})).status == 400
    many = [{"external_id": "u", "user_alias": ANON}] * 51
    answer = await sandbox.post("/users/identify", {"aliases_to_identify": many})
    assert (answer.status, answer.json) == (
        400,
        {"message": "The max number of ids per request was exceeded"},
    )


@rule("emails and phones are identified by their prioritization", "D", IDENTIFY)
async def test_an_email_only_profile_is_identified():
    """The unidentified one with that address gets the external id."""
    sandbox = client()
    await sandbox.track(attributes=[{"email": "a@b.co", "x": 1}, {"phone": "+15551234567", "y": 1}])
    answer = await sandbox.post(
        "/users/identify",
        {
            "emails_to_identify": [
                {
                    "external_id": "u",
                    "email": "a@b.co",
                    "prioritization": ["unidentified", "most_recently_updated"],
                }
            ],
            "phone_numbers_to_identify": [
                {"external_id": "u", "phone": "+15551234567", "prioritization": ["unidentified"]}
            ],
        },
    )
    assert answer.json == {"emails_processed": 1, "phone_numbers_processed": 1, "message": "success"}
    person = await sandbox.person("u")
    assert (person["custom"], person["fields"]["phone"]) == ({"x": 1, "y": 1}, "+15551234567")


PRIORITIES = [
    Case("identified", "D", IDENTIFY, ["identified"], None),
    Case(
        "unidentified, most recently updated", "D", IDENTIFY, ["unidentified", "most_recently_updated"], "n"
    ),
    Case(
        "unidentified, least recently updated", "D", IDENTIFY, ["unidentified", "least_recently_updated"], "o"
    ),
    Case("most recently updated", "D", IDENTIFY, ["most_recently_updated"], "n"),
    Case("least recently updated", "D", IDENTIFY, ["least_recently_updated"], "o"),
    Case(
        "most recently updated, unidentified", "D", IDENTIFY, ["most_recently_updated", "unidentified"], "n"
    ),
]


@table(PRIORITIES)
@pytest.mark.parametrize(
    "contact", [("emails", "email", "a@b.co"), ("phone_numbers", "phone", "+15551234567")]
)
async def test_prioritization_chooses_among_several(given, expected, contact):
    """An old and a new visitor share the contact; identified ones cannot be identified again."""
    array, kind, value = contact
    sandbox = client()
    for name in ("o", "n"):
        await visitor(sandbox, {"alias_name": name, "alias_label": "anon"}, **{kind: value})
        sandbox.time.ms += 1_000
    entry = {"external_id": "u", kind: value, "prioritization": given}
    answer = await sandbox.post("/users/identify", {f"{array}_to_identify": [entry]})
    assert (answer.status, answer.json) == (201, {f"{array}_processed": 1, "message": "success"})
    found = await sandbox.person("u")
    assert (found and found["aliases"]) == (expected and {"anon": expected})


@rule("several left after prioritization: nothing is merged", "D", IDENTIFY)
async def test_an_ambiguous_email_identifies_nobody():
    """Two visitors share an address."""
    sandbox = client()
    for name in ("a1", "a2"):
        alias = {"alias_name": name, "alias_label": "anon"}
        await visitor(sandbox, alias, email="a@b.co")
    body = {
        "emails_to_identify": [{"external_id": "u", "email": "a@b.co", "prioritization": ["unidentified"]}]
    }
    assert (await sandbox.post("/users/identify", body)).status == 201
    assert await sandbox.person("u") is None


@rule("life of an alias: alias-only by track, events, identify, merged", "D", IDENTIFY)
async def test_an_alias_lives_from_first_visit_to_merge():
    """As the anonymous flow of partners does it."""
    sandbox = client()
    await sandbox.track(
        attributes=[{"user_alias": ANON, "_update_existing_only": False, "seen": True}],
        events=[{"user_alias": ANON, "_update_existing_only": False, **EVENT}],
    )
    await sandbox.track(attributes=[{"external_id": "u", "plan": "gold"}])
    await identify(sandbox)
    await sandbox.track(events=[{"user_alias": ANON, **EVENT}])
    person = await sandbox.person("u")
    assert (person["custom"], person["event_summaries"]["Hi"]["count"]) == ({"seen": True, "plan": "gold"}, 2)
    assert (await sandbox.totals())["people"] == 1
