"""Braze's own fields on attribute objects: errors, leniency, what is stored."""

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import ATTRIBUTES, CLIENTS, OURS, TRACK, Case, rule, table

from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP

TOKEN = {"app_id": DEFAULT_APP, "token": "t1"}
GROUP = {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}
BAD_EMAIL = "The value provided for the 'email' field is not a valid email."

ERRORS = [
    Case("email that is no address", "O", CLIENTS, {"email": "nope"}, BAD_EMAIL),
    Case("email that is no text", "S", OURS, {"email": 7}, BAD_EMAIL),
    Case(
        "email_subscribe outside its words",
        "D+",
        TRACK,
        {"email_subscribe": "yes"},
        "BAD_EMAIL_SUBSCRIPTION_STATE",
    ),
    Case(
        "push_subscribe outside its words",
        "D+",
        TRACK,
        {"push_subscribe": True},
        "BAD_PUSH_SUBSCRIPTION_STATE",
    ),
    Case("current_location no object", "D+", TRACK, {"current_location": [1, 2]}, "BAD_LOCATION_UPDATE"),
    Case(
        "current_location without latitude",
        "D+",
        TRACK,
        {"current_location": {"longitude": 1}},
        "BAD_LOCATION_UPDATE",
    ),
    Case(
        "current_location off the globe",
        "S",
        OURS,
        {"current_location": {"longitude": 1, "latitude": 91}},
        "BAD_LOCATION_UPDATE",
    ),
    Case(
        "subscription_groups no array",
        "D+",
        TRACK,
        {"subscription_groups": GROUP},
        "BAD_SUBSCRIPTION_GROUP_ARRAY",
    ),
    Case(
        "subscription_groups item without its keys",
        "D+",
        TRACK,
        {"subscription_groups": [{"subscription_group_id": DEFAULT_GROUP}]},
        "BAD_SUBSCRIPTION_GROUP_HASH",
    ),
    Case(
        "subscription_groups of an unknown group",
        "D+",
        TRACK,
        {"subscription_groups": [{**GROUP, "subscription_group_id": "x"}]},
        "BAD_SUBSCRIPTION_GROUP_ID",
    ),
    Case(
        "subscription_groups with a bad state",
        "D+",
        TRACK,
        {"subscription_groups": [{**GROUP, "subscription_state": "opted_in"}]},
        "BAD_SUBSCRIPTION_GROUP_STATE",
    ),
    Case("push_tokens no array of objects", "D+", TRACK, {"push_tokens": ["t"]}, "BAD_PUSH_TOKEN_VALUE"),
    Case(
        "push token no text", "D+", TRACK, {"push_tokens": [{**TOKEN, "token": 7}]}, "BAD_PUSH_TOKEN_STRING"
    ),
    Case(
        "push token of no app of ours",
        "D+",
        TRACK,
        {"push_tokens": [{**TOKEN, "app_id": "x"}]},
        "BAD_PUSH_TOKEN_APP_ID",
    ),
    Case(
        "push token with a device_id of 7 bytes",
        "D+",
        TRACK,
        {"push_tokens": [{**TOKEN, "device_id": "seven77"}]},
        "BAD_DEVICE_ID",
    ),
    Case(
        "push token with a device_id of 256 bytes",
        "D+",
        TRACK,
        {"push_tokens": [{**TOKEN, "device_id": "d" * 256}]},
        "BAD_DEVICE_ID",
    ),
    Case(
        "token import with an external_id",
        "D+",
        TRACK,
        {"push_token_import": True, "push_tokens": [TOKEN]},
        "BAD_PUSH_TOKEN_IMPORT",
    ),
    Case(
        "token import with a braze_id",
        "D+",
        TRACK,
        {"external_id": None, "braze_id": "b", "push_token_import": True, "push_tokens": [TOKEN]},
        "BAD_PUSH_TOKEN_IMPORT",
    ),
    Case(
        "token import without tokens",
        "D+",
        TRACK,
        {"external_id": None, "push_token_import": True},
        "BAD_PUSH_TOKEN_IMPORT",
    ),
    Case("push_tokens an object", "D+", TRACK, {"push_tokens": TOKEN}, "BAD_PUSH_TOKEN_VALUE"),
    Case("current_location empty", "D+", TRACK, {"current_location": {}}, "BAD_LOCATION_UPDATE"),
    Case(
        "subscription_groups of texts",
        "D+",
        TRACK,
        {"subscription_groups": [DEFAULT_GROUP]},
        "BAD_SUBSCRIPTION_GROUP_HASH",
    ),
    Case(
        "email_subscription_info is no attribute",
        "D+",
        TRACK,
        {"email_subscription_info": {}},
        "INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO",
    ),
]


@table(ERRORS)
async def test_a_bad_field_is_an_error_and_nothing_of_the_object_is_applied(given, expected):
    """The error stands at the object's index; the good neighbour goes through."""
    sandbox = client()
    answer = await sandbox.track(
        attributes=[{"external_id": "good"}, {"external_id": "bad", "first_name": "Ann", **given}]
    )
    assert answer.json == {
        "message": "success",
        "attributes_processed": 1,
        "errors": [{"type": expected, "input_array": "attributes", "index": 1}],
    }
    assert await sandbox.person("bad") is None


LENIENT = [
    Case("country unknown: null", "D", ATTRIBUTES, {"country": "Atlantis"}, None),
    Case("language unknown: not set", "D", ATTRIBUTES, {"language": "klingon"}, "fr"),
    Case("time_zone unknown: not set", "D", ATTRIBUTES, {"time_zone": "Mars/Base"}, "Europe/Paris"),
    Case("gender outside M F O N P: not set", "A", OURS, {"gender": "female"}, "F", switch="unfit_field"),
    Case("dob no YYYY-MM-DD: not set", "A", OURS, {"dob": "31/12/1990"}, "1990-12-31", switch="unfit_field"),
    Case(
        "dob an impossible day: not set", "A", OURS, {"dob": "1990-02-30"}, "1990-12-31", switch="unfit_field"
    ),
    Case("first_name over 255 characters: not updated", "D", TRACK, {"first_name": "x" * 256}, "Ann"),
    Case("first_name an object: not set", "S", OURS, {"first_name": {"a": 1}}, "Ann"),
    Case(
        "date_of_first_session no date: not set", "S", OURS, {"date_of_first_session": "soon"}, "2025-01-01"
    ),
    Case("open tracking no boolean: not set", "S", OURS, {"email_open_tracking_disabled": "no"}, True),
    Case("facebook no object: not set", "S", OURS, {"facebook": "me"}, {"id": "7"}),
    Case("phone no number as a field: not set", "S", OURS, {"phone": "n/a"}, "+15551234567"),
]
BEFORE = {
    "country": "FR",
    "language": "fr",
    "time_zone": "Europe/Paris",
    "gender": "F",
    "dob": "1990-12-31",
    "first_name": "Ann",
    "date_of_first_session": "2025-01-01",
    "email_open_tracking_disabled": True,
    "facebook": {"id": "7"},
    "phone": "+15551234567",
}


@table(LENIENT)
async def test_a_lenient_field_is_left_out_with_a_warning(given, expected):
    """No error; the rest of the object is applied."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u", **BEFORE}])
    answer = await sandbox.track(attributes=[{"external_id": "u", **given, "plan": "gold"}])
    assert answer.json == {"message": "success", "attributes_processed": 1}
    assert len(await sandbox.warnings()) == 1
    person = await sandbox.person("u")
    assert person["fields"].get(next(iter(given))) == expected
    assert person["custom"] == {"plan": "gold"}


TWITTER = {"id": 7, "screen_name": "a", "followers_count": 1, "friends_count": 2, "statuses_count": 3}
STORED = [
    Case("country by code", "D", ATTRIBUTES, {"country": "us"}, "US"),
    Case("country by name", "D", ATTRIBUTES, {"country": "France"}, "FR"),
    Case("language in two letters", "D", ATTRIBUTES, {"language": "EN"}, "en"),
    Case("time zone of the IANA", "D", ATTRIBUTES, {"time_zone": "America/New_York"}, "America/New_York"),
    Case(
        "time zone as Rails says it",
        "D",
        ATTRIBUTES,
        {"time_zone": "Eastern Time (US & Canada)"},
        "Eastern Time (US & Canada)",
    ),
    *(Case(f"gender {letter}", "D", ATTRIBUTES, {"gender": letter}, letter) for letter in "MFONP"),
    *(
        Case(f"{name} {state}", "D", ATTRIBUTES, {name: state}, state)
        for name in ("email_subscribe", "push_subscribe")
        for state in ("opted_in", "unsubscribed", "subscribed")
    ),
    *(
        Case(f"{name}, 255 characters", "D", ATTRIBUTES, {name: "é" * 255}, "é" * 255)
        for name in ("first_name", "last_name", "home_city")
    ),
    Case("email", "D", ATTRIBUTES, {"email": "a@b.co"}, "a@b.co"),
    Case("phone", "D", ATTRIBUTES, {"phone": "+15551234567"}, "+15551234567"),
    Case("dob", "D", ATTRIBUTES, {"dob": "1990-12-31"}, "1990-12-31"),
    *(
        Case(name, "D", ATTRIBUTES, {name: "2025-12-01T10:00:00Z"}, "2025-12-01T10:00:00Z")
        for name in ("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at")
    ),
    *(
        Case(name, "D", ATTRIBUTES, {name: True}, True)
        for name in ("email_open_tracking_disabled", "email_click_tracking_disabled")
    ),
    Case(
        "facebook",
        "D",
        ATTRIBUTES,
        {"facebook": {"id": "7", "likes": ["a"], "num_friends": 3}},
        {"id": "7", "likes": ["a"], "num_friends": 3},
    ),
    Case("image_url", "O", CLIENTS, {"image_url": "https://x.example/a.png"}, "https://x.example/a.png"),
    Case(
        "current_location",
        "D",
        ATTRIBUTES,
        {"current_location": {"longitude": 2.35, "latitude": 48.85}},
        {"longitude": 2.35, "latitude": 48.85},
    ),
    Case(
        "twitter",
        "D",
        ATTRIBUTES,
        {"twitter": TWITTER},
        TWITTER,
    ),
]


@table(STORED)
async def test_a_good_field_is_stored_and_null_clears_it(given, expected):
    """Braze's own fields never land among the custom attributes."""
    sandbox = client()
    name = next(iter(given))
    await sandbox.track(attributes=[{"external_id": "u", **given}])
    person = await sandbox.person("u")
    assert (person["fields"], person["custom"]) == ({name: expected}, {})
    await sandbox.track(attributes=[{"external_id": "u", name: None}])
    assert (await sandbox.person("u"))["fields"] == {}


@rule("reserved names are lower case: in other letters they are custom attributes", "D", ATTRIBUTES)
async def test_reserved_names_are_case_sensitive():
    """`Email` is nobody's address; alias_name and alias_label are reserved too."""
    sandbox = client()
    odd = {"Email": "x", "FIRST_NAME": "y", "alias_name": "a", "alias_label": "b"}
    await sandbox.track(attributes=[{"external_id": "u", **odd}])
    person = await sandbox.person("u")
    assert (person["fields"], person["custom"]) == ({}, {"Email": "x", "FIRST_NAME": "y"})


@rule("the parts of facebook and twitter have their types; what does not fit is not set", "D", ATTRIBUTES)
async def test_social_parts_have_types():
    """With a warning each."""
    sandbox = client()
    odd = {"id": "x", "screen_name": 7, "followers_count": "many", "friends_count": 2, "city": "Rome"}
    await sandbox.track(
        attributes=[
            {"external_id": "u", "twitter": odd, "facebook": {"id": 7, "likes": [1], "num_friends": 3}}
        ]
    )
    fields = (await sandbox.person("u"))["fields"]
    assert fields == {"twitter": {"friends_count": 2}, "facebook": {"num_friends": 3}}
    assert await sandbox.warnings() == ["field-part-left-out"] * 2


@pytest.mark.parametrize("length", [8, 255])
@rule("a device_id of 8 to 255 bytes is accepted", "D+", TRACK)
async def test_the_shortest_and_the_longest_device_id_are_accepted(length):
    """As sent."""
    sandbox = client()
    token = {**TOKEN, "device_id": "d" * length}
    assert (await sandbox.track(attributes=[{"external_id": "u", "push_tokens": [token]}])).status == 201
    assert (await sandbox.person("u"))["push_tokens"] == [token]


@rule("identifiers cannot be removed with null", "D", ATTRIBUTES)
async def test_identifiers_survive_null():
    """A null alias beside an external_id says nothing."""
    sandbox = client()
    alias = {"alias_name": "a", "alias_label": "anon"}
    await sandbox.post("/users/alias/new", {"user_aliases": [alias]})
    await sandbox.track(attributes=[{"user_alias": alias, "external_id": None, "braze_id": None, "x": 1}])
    assert (await sandbox.person("anon:a"))["aliases"] == {"anon": "a"}


@rule("a long string may be cut instead of skipped", "A", OURS, switch="long_string")
async def test_long_text_can_be_truncated():
    """By switch, for fields and custom attributes."""
    sandbox = client(switches={"long_string": "truncate"})
    await sandbox.track(attributes=[{"external_id": "u", "first_name": "x" * 300, "note": "y" * 300}])
    person = await sandbox.person("u")
    assert (len(person["fields"]["first_name"]), len(person["custom"]["note"])) == (255, 255)


@rule("a subscription state follows the email: everybody sharing it changes", "D", ATTRIBUTES)
async def test_a_group_state_is_shared_by_everyone_with_that_email():
    """Another address is not touched."""
    sandbox = client()
    people = [
        {"external_id": "a", "email": "x@y.co"},
        {"external_id": "b", "email": "x@y.co"},
        {"external_id": "c"},
    ]
    await sandbox.track(attributes=people)
    await sandbox.track(attributes=[{"external_id": "a", "subscription_groups": [GROUP]}])
    groups = [(await sandbox.person(name))["groups"] for name in "abc"]
    assert [group.get(DEFAULT_GROUP, {}).get("state") for group in groups] == [
        "subscribed",
        "subscribed",
        None,
    ]


@rule("a token without device_id gets one", "D", ATTRIBUTES)
async def test_push_tokens_are_kept_once():
    """The same token again replaces itself."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u", "push_tokens": [TOKEN]}])
    await sandbox.track(
        attributes=[{"external_id": "u", "push_tokens": [{**TOKEN, "device_id": "device-88"}]}]
    )
    assert (await sandbox.person("u"))["push_tokens"] == [{**TOKEN, "device_id": "device-88"}]


@rule("push_token_import makes a temporary profile; a known token is ignored", "D", ATTRIBUTES)
async def test_a_token_import_makes_one_anonymous_profile():
    """No identifier is needed."""
    sandbox = client()
    for _ in range(2):
        answer = await sandbox.track(attributes=[{"push_token_import": True, "push_tokens": [TOKEN]}])
        assert answer.status == 201
    assert (await sandbox.totals())["people"] == 1


@pytest.mark.parametrize("flag", ["_update_existing_only", "_merge_objects", "push_token_import"])
@rule("control flags are never stored", "D", ATTRIBUTES)
async def test_control_flags_are_never_stored(flag):
    """They steer, nothing else."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u", flag: False, "x": 1}])
    assert (await sandbox.person("u"))["custom"] == {"x": 1}
