"""/users/merge, /users/alias/update and the renaming of external ids."""

from tests.sandbox.client import client
from tests.sandbox.rules import ERRORS, OURS, Case, rule, table

MERGE = "Merge users"
RENAME = "Rename external ID"
REMOVE = "Remove external ID"
U, V = {"external_id": "u"}, {"external_id": "v"}
PAIR = {"identifier_to_merge": U, "identifier_to_keep": V}
SHAPES = (
    "identifiers must be objects with an 'external_id' property that is a string, 'user_alias' property that "
    "is an object, 'email' property that is a string, or 'phone' property that is a string"
)


async def couple():
    """A sandbox with u and v."""
    sandbox = client()
    await sandbox.track(
        attributes=[
            {
                **U,
                "first_name": "Ann",
                "home_city": "Paris",
                "plan": "free",
                "color": "red",
                "email": "u@b.co",
            },
            {**V, "first_name": "Bea", "plan": "gold"},
        ],
        events=[{**U, "name": "Hi", "time": "2025-12-01"}, {**V, "name": "Hi", "time": "2025-12-02"}],
    )
    return sandbox


@rule("merge: 202; the kept profile takes what it lacks, the other disappears", "D", MERGE)
async def test_merging_keeps_one_of_two_profiles():
    """Fields of the kept one win, counts are summed, the old email leads to the kept one."""
    sandbox = await couple()
    answer = await sandbox.post("/users/merge", {"merge_updates": [PAIR]})
    assert (answer.status, answer.json) == (202, {"message": "success"})
    person = await sandbox.person("u@b.co")
    assert person["external_id"] == "v"
    assert person["fields"] == {"first_name": "Bea", "home_city": "Paris", "email": "u@b.co"}
    assert person["custom"] == {"plan": "gold", "color": "red"}
    assert person["event_summaries"]["Hi"]["count"] == 2
    assert await sandbox.person("u") is None


@rule("merge by alias, email and phone", "D", MERGE)
async def test_profiles_are_merged_by_any_identifier():
    """Email with its prioritization."""
    sandbox = await couple()
    alias = {"alias_name": "a", "alias_label": "anon"}
    await sandbox.post("/users/alias/new", {"user_aliases": [alias]})
    updates = [
        {"identifier_to_merge": {"user_alias": alias}, "identifier_to_keep": U},
        {
            "identifier_to_merge": {"email": "u@b.co", "prioritization": ["identified"]},
            "identifier_to_keep": V,
        },
    ]
    assert (await sandbox.post("/users/merge", {"merge_updates": updates})).status == 202
    assert (await sandbox.person("anon:a"))["external_id"] == "v"
    assert (await sandbox.totals())["people"] == 1


@rule("merging with nobody, or with oneself, changes nothing", "S", OURS)
async def test_merging_with_nobody_changes_nothing():
    """Still 202."""
    sandbox = await couple()
    for other in ({"external_id": "x"}, V):
        pair = {"identifier_to_merge": other, "identifier_to_keep": V}
        assert (await sandbox.post("/users/merge", {"merge_updates": [pair]})).status == 202
    assert (await sandbox.totals())["people"] == 2


BAD_MERGES = [
    Case("no merge_updates", "D", MERGE, {}, "'merge_updates' must be an array of objects"),
    Case(
        "merge_updates of texts",
        "D",
        MERGE,
        {"merge_updates": ["u"]},
        "'merge_updates' must be an array of objects",
    ),
    Case(
        "51 updates",
        "D",
        MERGE,
        {"merge_updates": [PAIR] * 51},
        "a single request may not contain more than 50 merge updates",
    ),
    Case(
        "another key",
        "D",
        MERGE,
        {"merge_updates": [{**PAIR, "merge_behavior": "none"}]},
        "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'",
    ),
    Case(
        "an identifier that is text",
        "D",
        MERGE,
        {"merge_updates": [{**PAIR, "identifier_to_keep": "v"}]},
        SHAPES,
    ),
    *(
        Case(
            f"an identifier that is {says}",
            "D",
            MERGE,
            {"merge_updates": [{**PAIR, "identifier_to_merge": one}]},
            SHAPES,
        )
        for says, one in {
            "empty": {},
            "of two kinds": {**U, "email": "a@b.co"},
            "an alias as text": {"user_alias": "a"},
            "an email that is a number": {"email": 7},
            "a phone that is a number": {"phone": 15551234567},
            "a braze_id": {"braze_id": "b"},
        }.items()
    ),
    Case(
        "only one of the two",
        "D",
        MERGE,
        {"merge_updates": [{"identifier_to_merge": U}]},
        "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'",
    ),
    Case(
        "merge_updates empty",
        "D",
        MERGE,
        {"merge_updates": []},
        "'merge_updates' must be an array of objects",
    ),
    Case(
        "an email without prioritization",
        "A",
        MERGE,
        {"merge_updates": [{**PAIR, "identifier_to_keep": {"email": "u@b.co"}}]},
        "'prioritization' is not valid",
        switch="texts",
    ),
    Case(
        "an external_id that is a number",
        "D",
        MERGE,
        {"merge_updates": [{**PAIR, "identifier_to_keep": {"external_id": 7}}]},
        SHAPES,
    ),
]


@table(BAD_MERGES)
async def test_a_bad_merge_is_refused_with_the_documented_text(given, expected):
    """Nothing of the request is done."""
    sandbox = await couple()
    answer = await sandbox.post("/users/merge", given)
    assert (answer.status, answer.json) == (400, {"message": expected})
    assert (await sandbox.totals())["people"] == 2


@rule("alias/update renames an alias; what is unknown or taken stays", "D", "Update user alias")
async def test_aliases_are_updated():
    """No error for those."""
    sandbox = client()
    aliases = [{"alias_label": "anon", "alias_name": name} for name in ("a", "b")]
    await sandbox.post("/users/alias/new", {"user_aliases": aliases})

    async def update(old, new):
        entry = {"alias_label": "anon", "old_alias_name": old, "new_alias_name": new}
        return (await sandbox.post("/users/alias/update", {"alias_updates": [entry]})).json

    done = {"aliases_processed": 1, "message": "success"}
    assert [await update("a", "c"), await update("x", "y"), await update("b", "c")] == [done] * 3
    found = [bool(await sandbox.person(f"anon:{name}")) for name in "abcxy"]
    assert found == [False, True, True, False, False]
    half = await sandbox.post("/users/alias/update", {"alias_updates": [{"alias_label": "anon"}]})
    assert half.json["errors"][0]["type"] == "'old_alias_name' is required"


@rule("a renamed external id stays valid, deprecated", "D", RENAME)
async def test_a_renamed_person_is_found_by_both_ids():
    """Until the old one is removed; a primary id cannot be."""
    sandbox = await couple()
    renames = [{"current_external_id": "u", "new_external_id": "w"}]
    answer = await sandbox.post("/users/external_ids/rename", {"external_id_renames": renames})
    assert (answer.status, answer.json) == (201, {"message": "success", "external_ids": ["w"]})
    await sandbox.track(attributes=[{"external_id": "u", "old": 1}, {"external_id": "w", "new": 2}])
    person = await sandbox.person("w")
    assert (person["deprecated_external_ids"], person["custom"]["old"], person["custom"]["new"]) == (
        ["u"],
        1,
        2,
    )
    answer = await sandbox.post("/users/external_ids/remove", {"external_ids": ["u", "w", "x"]})
    assert answer.json["removed_ids"] == ["u"]
    assert [index for index, _ in answer.json["removal_errors"]] == [1, 2]
    assert await sandbox.person("u") is None


@rule("a deprecated external id deletes the whole profile", "D", "Delete users")
async def test_deleting_by_a_deprecated_id_deletes_the_person():
    """Nothing is left of either id."""
    sandbox = await couple()
    renames = [{"current_external_id": "u", "new_external_id": "w"}]
    await sandbox.post("/users/external_ids/rename", {"external_id_renames": renames})
    assert (await sandbox.post("/users/delete", {"external_ids": ["u"]})).json["deleted"] == 1
    assert await sandbox.person("w") is None


BAD_RENAMES = [
    Case(
        "an unknown current id",
        "D",
        RENAME,
        ("x", "w"),
        "'current_external_id' is not the primary external id of a user",
    ),
    Case("the same id", "D", RENAME, ("u", "u"), "'new_external_id' must differ from 'current_external_id'"),
    Case("an id in use", "D", RENAME, ("u", "v"), "'new_external_id' is already in use"),
    Case(
        "a new id over 987 bytes", "S", OURS, ("u", "x" * 988), "'external_id' must be fewer than 988 bytes"
    ),
]


@table(BAD_RENAMES)
async def test_a_bad_rename_is_an_error_of_its_entry(given, expected):
    """As [index, text] beside those that were done."""
    sandbox = await couple()
    current, new = given
    renames = [
        {"current_external_id": "v", "new_external_id": "vv"},
        {"current_external_id": current, "new_external_id": new},
    ]
    answer = await sandbox.post("/users/external_ids/rename", {"external_id_renames": renames})
    assert answer.json == {"message": "success", "external_ids": ["vv"], "rename_errors": [[1, expected]]}


@rule("a deprecated id cannot be renamed, nor be given to somebody else", "D", RENAME)
async def test_a_deprecated_id_is_not_free():
    """Until it is removed; renaming costs no data points."""
    sandbox = await couple()
    points = (await sandbox.totals())["data_points"]

    async def rename(current, new):
        entry = {"current_external_id": current, "new_external_id": new}
        answer = await sandbox.post("/users/external_ids/rename", {"external_id_renames": [entry]})
        assert answer.status == 201
        return answer.json.get("rename_errors") or answer.json["external_ids"]

    assert await rename("u", "w") == ["w"]
    assert await rename("u", "x") == [[0, "'current_external_id' is not the primary external id of a user"]]
    assert await rename("v", "u") == [[0, "'new_external_id' is already in use"]]
    assert await rename("w", "u") == [[0, "'new_external_id' is already in use"]]
    removed = await sandbox.post("/users/external_ids/remove", {"external_ids": ["u"]})
    assert (removed.status, removed.json) == (201, {"message": "success", "removed_ids": ["u"]})
    assert await rename("v", "u") == ["u"]
    assert (await sandbox.totals())["data_points"] == points


@rule("for a bad key and over the limit `message` is the error too", "D", RENAME)
async def test_refused_renames_say_why():
    """Of both endpoints."""
    sandbox = client(switches={"limits": {"external-id-rename": [0, 60], "external-id-remove": [0, 60]}})
    for path, body in (("rename", {"external_id_renames": [{}]}), ("remove", {"external_ids": ["u"]})):
        limited = await sandbox.post(f"/users/external_ids/{path}", body)
        assert (limited.status, limited.json) == (429, {"message": "Rate Limited"})
        unknown = await sandbox.post(
            f"/users/external_ids/{path}", body, headers={"authorization": "Bearer x"}
        )
        assert (unknown.status, unknown.json) == (401, {"message": "Invalid API Key"})


EMPTY = [
    Case("no renames", "D", RENAME, ("rename", {"external_id_renames": []}), 400),
    Case("51 renames", "D", RENAME, ("rename", {"external_id_renames": [{}] * 51}), 400),
    Case("no ids to remove", "D", REMOVE, ("remove", {}), 400),
    Case("51 ids to remove", "D", REMOVE, ("remove", {"external_ids": ["u"] * 51}), 400),
]


@table(EMPTY)
async def test_empty_and_overlong_lists_are_refused(given, expected):
    """`message` is then the error."""
    path, body = given
    answer = await client().post(f"/users/external_ids/{path}", body)
    assert answer.status == expected
    assert answer.json["message"] != "success"


@rule("51 alias updates: 400", "D", ERRORS)
async def test_at_most_50_alias_updates():
    """Like every list of ids."""
    answer = await client().post("/users/alias/update", {"alias_updates": [{}] * 51})
    assert answer.json == {"message": "The max number of ids per request was exceeded"}
