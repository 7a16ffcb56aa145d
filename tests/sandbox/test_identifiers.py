"""Who an object is about, and whether an unknown person is made."""

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, OURS, TRACK, Case, rule, table

NO_ID = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
TWO = "Only one of 'external_id', 'braze_id', 'user_alias' may be provided"
LONG = "'external_id' must be fewer than 988 bytes"
ALIAS = {"alias_name": "a1", "alias_label": "anon"}

REFUSED = [
    Case("no identifier at all", "O", CLIENTS, {"plan": "gold"}, NO_ID),
    Case("an empty external_id is none", "A", OURS, {"external_id": ""}, NO_ID, switch="odd_identifiers"),
    Case("a null external_id is none", "S", OURS, {"external_id": None}, NO_ID),
    Case("a boolean external_id is none", "S", OURS, {"external_id": True}, NO_ID),
    Case(
        "half an alias is none",
        "A",
        OURS,
        {"user_alias": {"alias_name": "a"}},
        NO_ID,
        switch="odd_identifiers",
    ),
    Case("an alias that is no object is none", "S", OURS, {"user_alias": "a"}, NO_ID),
    Case("an empty braze_id is none", "S", OURS, {"braze_id": ""}, NO_ID),
    Case("external_id and alias", "D+", TRACK, {"external_id": "u", "user_alias": ALIAS}, TWO),
    Case("external_id and braze_id", "D+", TRACK, {"external_id": "u", "braze_id": "b"}, TWO),
    Case("alias and braze_id", "D+", TRACK, {"user_alias": ALIAS, "braze_id": "b"}, TWO),
    Case("external_id of 988 bytes", "O", CLIENTS, {"external_id": "x" * 988}, LONG),
    Case("external_id of 988 bytes, not characters", "D+", TRACK, {"external_id": "é" * 494}, LONG),
    Case(
        "a blocked external_id",
        "D",
        TRACK,
        {"external_id": "blocked-dummy-user"},
        "provided external_id is blacklisted and disallowed",
    ),
    Case(
        "an email that is no address",
        "O",
        CLIENTS,
        {"email": "anna"},
        "The value provided for the 'email' field is not a valid email.",
    ),
    Case(
        "a phone that is no number", "A", OURS, {"phone": "call me"}, "'phone' is not valid", switch="texts"
    ),
]


@table(REFUSED)
async def test_a_bad_identifier_is_an_error_of_its_object(given, expected):
    """The same in all three arrays, at its own index."""
    sandbox = client()
    good = {"external_id": "good", "x": 1}
    event = {"name": "Hi", "time": "2025-12-01"}
    purchase = {"product_id": "p", "currency": "EUR", "price": 1, "time": "2025-12-01"}
    answer = await sandbox.track(
        attributes=[good, given], events=[{**event, **given}], purchases=[{**purchase, **given}]
    )
    assert answer.status == 201
    assert answer.json["errors"] == [
        {"type": expected, "input_array": "attributes", "index": 1},
        {"type": expected, "input_array": "events", "index": 0},
        {"type": expected, "input_array": "purchases", "index": 0},
    ]
    assert (await sandbox.totals())["people"] == 1


@rule("newer documents name enums for object errors", "D+", TRACK)
async def test_errors_can_be_said_as_enums():
    """By switch; texts without an enum stay."""
    sandbox = client(switches={"error_style": "enum"})
    answer = await sandbox.track(
        attributes=[
            {"external_id": "x" * 988},
            {"external_id": "blocked-dummy-user"},
            {"external_id": "u", "email": "nope"},
            {},
        ]
    )
    assert [error["type"] for error in answer.json["errors"]] == [
        "EXTERNAL_USER_ID_TOO_LARGE",
        "BLACKLISTED_EXTERNAL_USER_ID",
        "EMAIL_BAD_FORMAT",
        NO_ID,
    ]


@rule("an assumed wording can be replaced", "S", OURS)
async def test_wordings_can_be_replaced():
    """Whoever knows the live text puts it in."""
    sandbox = client(switches={"texts": {"two-identifiers": "too many ids"}})
    answer = await sandbox.track(attributes=[{"external_id": "u", "user_alias": ALIAS}])
    assert answer.json["errors"][0]["type"] == "too many ids"


@rule("external_id of 987 bytes is accepted", "O", CLIENTS)
async def test_the_longest_external_id_is_accepted():
    """One byte less than refused."""
    assert (await client().track(attributes=[{"external_id": "x" * 987}])).status == 201


@rule("a number as external_id is taken as text", "A", OURS, switch="odd_identifiers")
async def test_a_number_is_an_external_id():
    """12 and "12" are one person."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": 12, "a": 1}, {"external_id": "12", "b": 2}])
    assert (await sandbox.person("12"))["custom"] == {"a": 1, "b": 2}


CREATION = [
    Case("external_id, flag omitted: created", "D", TRACK, ({"external_id": "u"}, None), True),
    Case("external_id, true: not created", "D", TRACK, ({"external_id": "u"}, True), False),
    Case("external_id, false: created", "D", TRACK, ({"external_id": "u"}, False), True),
    Case("email, omitted: email-only profile", "D", TRACK, ({"email": "a@b.co"}, None), True),
    Case("email, true: not created", "D", TRACK, ({"email": "a@b.co"}, True), False),
    Case("email, false: email-only profile", "D", TRACK, ({"email": "a@b.co"}, False), True),
    Case("phone, omitted: phone-only profile", "D", TRACK, ({"phone": "+15551234567"}, None), True),
    Case("phone, true: not created", "D", TRACK, ({"phone": "+15551234567"}, True), False),
    Case("phone, false: phone-only profile", "D", TRACK, ({"phone": "+15551234567"}, False), True),
    Case("alias, omitted: not created", "D", TRACK, ({"user_alias": ALIAS}, None), False),
    Case("alias, true: not created", "D", TRACK, ({"user_alias": ALIAS}, True), False),
    Case("alias, false: alias-only profile", "D", TRACK, ({"user_alias": ALIAS}, False), True),
    Case("an unknown braze_id is never created", "S", OURS, ({"braze_id": "a" * 24}, False), False),
]


@table(CREATION)
@pytest.mark.parametrize("array", ["attributes", "events", "purchases"])
async def test_update_existing_only_decides_whether_somebody_is_made(given, expected, array):
    """Skipped objects are no errors and still count as processed."""
    identifier, flag = given
    rest = {
        "attributes": {"plan": "gold"},
        "events": {"name": "Hi", "time": "2025-12-01"},
        "purchases": {"product_id": "p", "currency": "EUR", "price": 1, "time": "2025-12-01"},
    }[array]
    item = {**identifier, **rest, **({} if flag is None else {"_update_existing_only": flag})}
    sandbox = client()
    answer = await sandbox.track(**{array: [item]})
    assert answer.json == {"message": "success", f"{array}_processed": 1}
    assert (await sandbox.totals())["people"] == int(expected)
    assert (await sandbox.warnings()) == ([] if expected else ["nobody"])


@rule(
    "whether events may make alias-only profiles is contradictory, and a switch",
    "A",
    TRACK,
    switch="alias_events_can_create",
)
async def test_events_for_unknown_aliases_can_be_forbidden_to_create():
    """One page says they never do."""
    sandbox = client(switches={"alias_events_can_create": False})
    await sandbox.track(
        events=[{"user_alias": ALIAS, "name": "Hi", "time": "2025-12-01", "_update_existing_only": False}]
    )
    assert (await sandbox.totals())["people"] == 0


@rule("with a primary identifier, email and phone are ordinary fields", "D+", TRACK)
async def test_a_primary_identifier_wins_over_email():
    """A new external_id makes a new profile even when the email is known."""
    sandbox = client()
    await sandbox.track(attributes=[{"email": "a@b.co", "n": 1}])
    await sandbox.track(attributes=[{"external_id": "u", "email": "a@b.co", "n": 2}])
    assert (await sandbox.totals())["people"] == 2
    assert (await sandbox.person("u"))["fields"] == {"email": "a@b.co"}


@rule("email and phone without a primary: email wins", "D+", TRACK)
async def test_email_wins_over_phone():
    """The phone is then a field like others."""
    sandbox = client()
    await sandbox.track(attributes=[{"phone": "+15551234567", "who": "phone"}])
    await sandbox.track(attributes=[{"email": "a@b.co", "phone": "+15551234567", "who": "email"}])
    assert (await sandbox.person("a@b.co"))["custom"] == {"who": "email"}
    assert (await sandbox.totals())["people"] == 2


@rule(
    "several with that email: the latest updated who has an external_id, else the latest updated", "D", TRACK
)
async def test_among_several_with_an_email_the_identified_and_latest_is_taken():
    """Made one second apart."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "old", "email": "a@b.co"}])
    sandbox.time.ms += 1_000
    await sandbox.track(attributes=[{"external_id": "new", "email": "a@b.co"}])
    sandbox.time.ms += 1_000
    await sandbox.track(attributes=[{"user_alias": ALIAS, "_update_existing_only": False, "email": "a@b.co"}])
    await sandbox.track(attributes=[{"email": "a@b.co", "hit": True}])
    assert (await sandbox.person("new"))["custom"] == {"hit": True}


@pytest.mark.parametrize("shared", [{"email": "a@b.co"}, {"phone": "+15551234567"}])
@rule("by phone as by email: the identified and latest; nobody identified: the latest updated", "D", TRACK)
async def test_among_several_who_share_a_contact_the_latest_is_taken(shared):
    """Updated one second apart, the older one last made."""
    sandbox = client()
    visitors = [{"alias_name": name, "alias_label": "anon"} for name in "ab"]
    for alias in visitors:
        await sandbox.track(attributes=[{"user_alias": alias, "_update_existing_only": False, **shared}])
        sandbox.time.ms += 1_000
    await sandbox.track(attributes=[{"user_alias": visitors[0], "n": 0}])
    await sandbox.track(attributes=[{**shared, "hit": 1}])
    assert (await sandbox.person("anon:a"))["custom"] == {"n": 0, "hit": 1}
    await sandbox.track(attributes=[{"external_id": "u", **shared}])
    sandbox.time.ms += 1_000
    await sandbox.track(attributes=[{"user_alias": visitors[0], "n": 1}])
    await sandbox.track(attributes=[{**shared, "hit": 2}])
    assert (await sandbox.person("u"))["custom"] == {"hit": 2}
    assert (await sandbox.totals())["people"] == 3


@rule("a contact nobody has makes a profile with it and without an alias", "D", TRACK)
async def test_a_contact_nobody_has_makes_a_profile_with_it():
    """Neither external id nor alias."""
    sandbox = client()
    await sandbox.track(attributes=[{"email": "a@b.co"}, {"phone": "+15551234567"}])
    people = (await sandbox.get("/_sandbox/snapshot")).json["workspaces"][0]["people"]
    assert [person["fields"] for person in people] == [{"email": "a@b.co"}, {"phone": "+15551234567"}]
    assert not any(person["external_id"] or person["aliases"] for person in people)


@rule("a person has many aliases, one name a label; a pair belongs to one person", "D", "User alias object")
async def test_a_person_has_one_name_a_label():
    """The same name under another label is another alias."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u"}, {"external_id": "v"}])
    wanted = [("u", "x", "a"), ("u", "x", "b"), ("u", "y", "a"), ("v", "x", "a"), ("v", "z", "b")]
    aliases = [{"external_id": who, "alias_name": name, "alias_label": label} for who, name, label in wanted]
    await sandbox.post("/users/alias/new", {"user_aliases": aliases})
    found = [(await sandbox.person(name))["aliases"] for name in "uv"]
    assert found == [{"a": "x", "b": "x"}, {"b": "z"}]


@rule("emails are compared without regard to case, phones by their digits", "S", OURS)
async def test_emails_and_phones_are_found_in_other_spellings():
    """`A@B.co` is `a@b.co`."""
    sandbox = client()
    await sandbox.track(attributes=[{"email": "Ann@B.co"}, {"phone": "+1 (555) 123-4567"}])
    await sandbox.track(attributes=[{"email": "ann@b.CO", "x": 1}, {"phone": "+15551234567", "y": 1}])
    assert (await sandbox.totals())["people"] == 2
