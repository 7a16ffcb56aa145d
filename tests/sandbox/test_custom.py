"""Custom attributes: types, operations, limits, what they cost."""

import orjson
import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import ATTRIBUTES, NESTED, OURS, POINTS, TYPES, Case, rule, table

from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import App, Furnishing, SubscriptionGroup

CARS = [{"id": 1, "make": "Saab"}, {"id": 2, "make": "Volvo"}]


async def after(sandbox, *steps):
    """The custom attributes of somebody after these attribute objects, one request each."""
    for step in steps:
        answer = await sandbox.track(attributes=[{"external_id": "u", **step}])
        assert answer.status == 201, answer.json
    return (await sandbox.person("u"))["custom"]


OPERATIONS = [
    Case("set and set again", "D", TYPES, [{"k": 1}, {"k": 2}], {"k": 2}),
    Case("null removes", "D", TYPES, [{"k": 1}, {"k": None}], {}),
    Case("inc adds, downward too", "D", TYPES, [{"k": 1}, {"k": {"inc": 5}}, {"k": {"inc": -2}}], {"k": 4}),
    Case("inc on nothing starts at 0", "S", OURS, [{"k": {"inc": 3}}], {"k": 3}),
    Case("inc on text is left out", "S", OURS, [{"k": "x"}, {"k": {"inc": 3}}], {"k": "x"}),
    Case("inc takes whole numbers only", "D", TYPES, [{"k": 1}, {"k": {"inc": 1.5}}], {"k": 1}),
    Case("inc beyond 64 bits is left out", "S", OURS, [{"k": 2**62}, {"k": {"inc": 2**62}}], {"k": 2**62}),
    Case("array set", "D", TYPES, [{"k": ["a", "b"]}], {"k": ["a", "b"]}),
    Case(
        "array duplicates collapse to the last place", "D", TYPES, [{"k": ["a", "b", "a"]}], {"k": ["b", "a"]}
    ),
    Case("array add", "D", TYPES, [{"k": ["a"]}, {"k": {"add": ["b"]}}], {"k": ["a", "b"]}),
    Case(
        "array add moves a known value to the end",
        "D",
        TYPES,
        [{"k": ["a", "b"]}, {"k": {"add": ["a"]}}],
        {"k": ["b", "a"]},
    ),
    Case("array remove", "D", TYPES, [{"k": ["a", "b"]}, {"k": {"remove": ["a"]}}], {"k": ["b"]}),
    Case(
        "array add and remove together",
        "D",
        TYPES,
        [{"k": ["a"]}, {"k": {"add": ["b"], "remove": ["a"]}}],
        {"k": ["b"]},
    ),
    Case("array add on nothing", "S", OURS, [{"k": {"add": ["a"]}}], {"k": ["a"]}),
    Case("array add on a number is left out", "S", OURS, [{"k": 1}, {"k": {"add": ["a"]}}], {"k": 1}),
    Case("true and 1 are different values", "S", OURS, [{"k": [True, 1]}], {"k": [True, 1]}),
    Case(
        "update is no array operation",
        "O",
        "public client code and fixtures",
        [{"k": {"update": ["a"]}}],
        {"k": {"update": ["a"]}},
    ),
    Case("object replaced", "D", NESTED, [{"k": {"a": 1}}, {"k": {"b": 2}}], {"k": {"b": 2}}),
    Case(
        "object merged deeply",
        "D",
        NESTED,
        [{"k": {"a": {"x": 1}, "b": 1}}, {"k": {"a": {"y": 2}}, "_merge_objects": True}],
        {"k": {"a": {"x": 1, "y": 2}, "b": 1}},
    ),
    Case("merging on nothing sets", "D", NESTED, [{"k": {"a": 1}, "_merge_objects": True}], {"k": {"a": 1}}),
    Case("nested $time", "D", NESTED, [{"k": {"at": {"$time": "2020-05-28"}}}], {"k": {"at": "2020-05-28"}}),
    Case(
        "null inside an object drops its update",
        "D",
        NESTED,
        [{"k": {"a": 1}}, {"k": {"a": 2, "b": None}}],
        {"k": {"a": 1}},
    ),
    Case(
        "a bad $time drops the update",
        "D",
        NESTED,
        [{"k": {"a": 1}}, {"k": {"a": {"$time": None}}}],
        {"k": {"a": 1}},
    ),
    Case("a dot in a nested key drops the update", "D", NESTED, [{"k": {"a.b": 1}}], {}),
    Case("a dollar in a nested key drops the update", "D", NESTED, [{"k": {"a$": 1}}], {}),
    Case("a space in a nested key drops the update", "D", NESTED, [{"k": {"a b": 1}}], {}),
    Case("a nested key over 255 characters drops the update", "D", NESTED, [{"k": {"a" * 256: 1}}], {}),
    Case("a name over 255 characters is left out", "D", TYPES, [{"k" * 256: 1}], {}),
    Case(
        "a text over 255 characters is not updated",
        "D",
        "Track users (synchronous)",
        [{"k": "a"}, {"k": "x" * 256}],
        {"k": "a"},
    ),
    Case("a name of 255 characters is taken", "D", TYPES, [{"é" * 255: 1}], {"é" * 255: 1}),
    Case("a text of 255 characters is taken", "D", TYPES, [{"k": "é" * 255}], {"k": "é" * 255}),
    Case(
        "a nested key of 255 characters is taken", "D", NESTED, [{"k": {"a" * 255: 1}}], {"k": {"a" * 255: 1}}
    ),
    Case("boolean", "D", TYPES, [{"k": False}], {"k": False}),
    Case("integer", "D", TYPES, [{"k": -7}], {"k": -7}),
    Case("float", "D", TYPES, [{"k": 0.5}], {"k": 0.5}),
    Case("string, any alphabet", "D", TYPES, [{"k": "Zoë 愛 😀"}], {"k": "Zoë 愛 😀"}),
    Case("time", "D", TYPES, [{"k": "2025-05-28T10:00:00Z"}], {"k": "2025-05-28T10:00:00Z"}),
    Case("array of scalars", "D", TYPES, [{"k": ["a", 1, True]}], {"k": ["a", 1, True]}),
    Case("object", "D", TYPES, [{"k": {"a": {"b": [1]}}}], {"k": {"a": {"b": [1]}}}),
    Case("an emptied array stays, empty", "D", TYPES, [{"k": ["a"]}, {"k": {"remove": ["a"]}}], {"k": []}),
    Case("null removes an object whole", "D", NESTED, [{"k": {"a": 1}}, {"k": None}], {}),
    Case(
        "a null nested at any depth drops the update",
        "D",
        NESTED,
        [{"k": {"a": 1}}, {"k": {"a": {"b": {"c": [{"d": None}]}}}}],
        {"k": {"a": 1}},
    ),
    Case(
        "a nested null drops a merge too",
        "D",
        NESTED,
        [{"k": {"a": 1}}, {"k": {"a": None, "b": 2}, "_merge_objects": True}],
        {"k": {"a": 1}},
    ),
    Case(
        "a faulty attribute leaves its neighbours alone",
        "D",
        NESTED,
        [{"k": {"a": None}, "l": {"a": 1}, "m": 2}],
        {"l": {"a": 1}, "m": 2},
    ),
    Case("a nested year over 3000 is not stored", "D", TYPES, [{"k": {"a": {"$time": "3001-01-01"}}}], {}),
    Case("a year over 3000 is stored as text", "D", TYPES, [{"k": "3001-01-01"}], {"k": "3001-01-01"}),
    Case(
        "_merge_objects false overwrites",
        "D",
        NESTED,
        [{"k": {"a": 1}}, {"k": {"b": 2}, "_merge_objects": False}],
        {"k": {"b": 2}},
    ),
    Case(
        "remove and add of one object is no upsert",
        "D",
        NESTED,
        [
            {"k": CARS},
            {
                "k": {
                    "$add": [{"id": 1, "make": "Fiat"}],
                    "$remove": [{"$identifier_key": "id", "$identifier_value": 1}],
                }
            },
        ],
        {"k": CARS[1:]},
    ),
    Case(
        "inc, add and $add count again when sent again",
        "D",
        "Track users",
        [{"n": {"inc": 1}, "l": {"add": ["a"]}, "k": {"$add": CARS[:1]}}] * 2,
        {"n": 2, "l": ["a"], "k": CARS[:1] * 2},
    ),
    Case("an array of arrays is left out", "S", OURS, [{"k": [["a"]]}], {}),
    Case("an array with null is left out", "S", OURS, [{"k": ["a", None]}], {}),
    Case("array of objects set", "D", NESTED, [{"k": CARS}], {"k": CARS}),
    Case("$add", "D", NESTED, [{"k": CARS[:1]}, {"k": {"$add": CARS[1:]}}], {"k": CARS}),
    Case(
        "$remove",
        "D",
        NESTED,
        [{"k": CARS}, {"k": {"$remove": [{"$identifier_key": "id", "$identifier_value": 1}]}}],
        {"k": CARS[1:]},
    ),
    Case(
        "$update overwrites",
        "D",
        NESTED,
        [
            {"k": CARS},
            {
                "k": {
                    "$update": [{"$identifier_key": "id", "$identifier_value": 2, "$new_object": {"year": 1}}]
                }
            },
        ],
        {"k": [CARS[0], {"year": 1}]},
    ),
    Case(
        "$update merges with _merge_objects",
        "D",
        NESTED,
        [
            {"k": CARS},
            {
                "_merge_objects": True,
                "k": {
                    "$update": [{"$identifier_key": "id", "$identifier_value": 2, "$new_object": {"year": 1}}]
                },
            },
        ],
        {"k": [CARS[0], {**CARS[1], "year": 1}]},
    ),
    Case(
        "$add, then $remove, then $update, however they are written",
        "D",
        NESTED,
        [
            {"k": CARS[:1]},
            {
                "k": {
                    "$update": [{"$identifier_key": "id", "$identifier_value": 2, "$new_object": {"id": 3}}],
                    "$remove": [{"$identifier_key": "id", "$identifier_value": 1}],
                    "$add": [{"id": 1}, {"id": 2}],
                }
            },
        ],
        {"k": [{"id": 3}]},
    ),
    Case(
        "$remove without its keys is left out",
        "S",
        OURS,
        [{"k": CARS}, {"k": {"$remove": [{"id": 1}]}}],
        {"k": CARS},
    ),
    Case("$add on text is left out", "S", OURS, [{"k": "x"}, {"k": {"$add": CARS}}], {"k": "x"}),
]


@table(OPERATIONS)
async def test_an_operation_leaves_the_documented_value(given, expected):
    """Each step is a request of its own; none is an error."""
    assert await after(client(), *given) == expected


@rule("arrays keep their newest values: 500 by newer pages, 25 by older", "D", TYPES)
async def test_the_oldest_values_leave_an_array_that_is_full():
    """Older and newer pages disagree on the length, so it is a switch."""
    assert len((await after(client(), {"k": list(range(600))}))["k"]) == 500
    kept = await after(
        client(switches={"array_max_length": 25}), {"k": list(range(20))}, {"k": {"add": [*range(20, 30)]}}
    )
    assert kept == {"k": [*range(5, 30)]}


@rule("arrays and objects over 100 KB are left out", "D", TYPES)
@pytest.mark.parametrize("value", [{"a": ["x" * 200] * 600}, [f"{n:0200}" for n in range(600)]])
async def test_oversized_values_are_left_out(value):
    """With a warning, not an error."""
    sandbox = client()
    assert await after(sandbox, {"k": value, "other": 1}) == {"other": 1}
    assert await sandbox.warnings() == ["attribute-left-out"]


@pytest.mark.parametrize("more", [0, 1])
@rule("an object of exactly 100 KB is taken", "D", TYPES)
async def test_the_largest_object_is_taken(more):
    """102,400 bytes of JSON; one more is too many."""
    value = {f"p{number:03}": "x" * 240 for number in range(409)}
    value["rest"] = "x" * (102_400 - len(orjson.dumps(value | {"rest": ""})) + more)
    assert len(orjson.dumps(value)) == 102_400 + more
    assert len(value["rest"]) <= 255
    assert await after(client(), {"k": value}) == ({} if more else {"k": value})


@rule("the length of a single array attribute can be raised", "D", ATTRIBUTES)
async def test_a_single_array_can_be_longer():
    """In the dashboard, attribute by attribute."""
    sandbox = furnished(switches={"array_max_length": 25}, array_lengths={"long": 100})
    kept = await after(sandbox, {"long": list(range(101)), "short": list(range(26))})
    assert kept == {"long": [*range(1, 101)], "short": [*range(1, 26)]}


@rule("merging cannot grow an object over 100 KB", "S", OURS)
async def test_merging_cannot_grow_an_object_without_end():
    """The last merge that would is left out."""
    sandbox = client()
    parts = [{"k": {f"p{number}": ["x" * 250] * 300}, "_merge_objects": True} for number in range(3)]
    assert list((await after(sandbox, *parts))["k"]) == ["p0"]
    assert await sandbox.warnings() == ["object-too-large"]


def furnished(switches=None, **furnishing):
    """A sandbox whose workspace is set up like this."""
    workspace = Furnishing(apps=[App(app_id="app")], **furnishing)
    return client(switches=switches or {}, seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))


FORCED = [
    Case("text for a forced number is dropped", "A", OURS, ("number", "7"), {}, switch="forced_type"),
    Case("a number for a forced text is dropped", "A", OURS, ("string", 7), {}, switch="forced_type"),
    Case("the forced type passes", "D", TYPES, ("number", 7), {"k": 7}),
    Case("a date for a forced time passes", "D", TYPES, ("time", "2025-01-01"), {"k": "2025-01-01"}),
    Case("inc on a forced text is dropped", "A", OURS, ("string", {"inc": 1}), {}, switch="forced_type"),
]


@table(FORCED)
async def test_a_forced_type_drops_what_does_not_fit(given, expected):
    """The dashboard's own setting, not what was detected."""
    forced, value = given
    assert await after(furnished(attribute_types={"k": forced}), {"k": value}) == expected


@rule("a value unlike a forced type may be coerced instead of dropped", "A", OURS, switch="forced_type")
async def test_a_forced_type_can_coerce():
    """By switch; what has no sensible reading is still dropped."""
    sandbox = furnished(switches={"forced_type": "coerce"}, attribute_types={"k": "number", "s": "string"})
    assert await after(sandbox, {"k": "7", "s": 8}, {"k": "many"}) == {"k": 7, "s": "8"}


DETECTED = [
    Case("a number for a detected text becomes text", "A", TYPES, ["gold", 7], "7", switch="auto_type"),
    Case(
        "a boolean for a detected text becomes text", "A", TYPES, ["gold", True], "true", switch="auto_type"
    ),
    Case("digits for a detected number become a number", "A", TYPES, [7, "8"], 8, switch="auto_type"),
    Case("text for a detected number is kept as sent", "A", OURS, [7, "many"], "many", switch="auto_type"),
    Case(
        "the word for a detected boolean becomes one", "A", TYPES, [True, "false"], False, switch="auto_type"
    ),
    Case("a decimal for a detected whole number is a number too", "D", TYPES, [7, 7.5], 7.5),
    Case(
        "an array for a detected text is kept as sent", "A", OURS, ["gold", ["x"]], ["x"], switch="auto_type"
    ),
]


@table(DETECTED)
async def test_a_detected_type_coerces_what_follows(given, expected):
    """The first value decides the type; by switch everything is kept as sent."""
    steps = [{"k": value} for value in given]
    assert await after(client(), *steps) == {"k": expected}
    assert await after(client(switches={"auto_type": "as_sent"}), *steps) == {"k": given[-1]}


@rule("strings in a date form are of type time", "D", TYPES)
async def test_date_strings_are_detected_as_time():
    """Years before 1 or after 3000 stay text."""
    sandbox = client()
    values = {
        "a": "2025-05-28",
        "b": "2025-05-28T10:00:00Z",
        "c": "05/28/2025",
        "d": "2025-05-28 10:00:00",
        "e": "2025-05-28T10:00:00:123Z",
        "f": "20250528",
        "g": "3001-01-01",
        "h": "gold",
        "i": "2025-05-28T10:00:00",
        "j": "Wed 05 28 10:00:00.UTC 2025",
        "k": "2025-05-28T10:00:00:123+0200",
        "l": "-001-01-01",
    }
    await after(sandbox, values)
    registry = (await sandbox.get("/_sandbox/workspaces")).json["workspaces"][0]["registry"]
    assert registry["attributes"] == {**dict.fromkeys("abcdeijk", "time"), **dict.fromkeys("fghl", "string")}


COSTS = [
    Case("a scalar: 1", "D", POINTS, {"k": 1}, 1),
    Case("null: 1", "D", POINTS, {"k": None}, 1),
    Case("an increment: 1", "A", POINTS, {"k": {"inc": 1}}, 1, switch="metered_increment"),
    Case("a whole array: 1", "D", POINTS, {"k": ["a", "b", "c"]}, 1),
    Case("an array operation: 1", "D", POINTS, {"k": {"add": ["a", "b"]}}, 1),
    Case(
        "an object: 1 a leaf key",
        "A",
        POINTS,
        {"k": {"a": 1, "b": {"c": 1, "d": 2}}},
        3,
        switch="metered_nesting",
    ),
    Case("an array of objects: objects times attributes", "D", POINTS, {"k": CARS}, 4),
    Case("$add: the added objects' attributes", "D", POINTS, {"k": {"$add": CARS[:1]}}, 2),
    Case(
        "$update: 1 a property",
        "D",
        POINTS,
        {
            "k": {
                "$update": [
                    {"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"a": 1, "b": 2}}
                ]
            }
        },
        2,
    ),
    Case(
        "$remove: 1 a criterion",
        "D",
        POINTS,
        {"k": {"$remove": [{"$identifier_key": "id", "$identifier_value": 1}]}},
        1,
    ),
    Case(
        "first_name, email, country: 1 each",
        "D",
        POINTS,
        {"first_name": "A", "email": "a@b.co", "country": "FR"},
        3,
    ),
    *(
        Case(f"{name}: 1", "D", POINTS, {name: value}, 1)
        for name, value in {
            "last_name": "B",
            "phone": "+15551234567",
            "gender": "F",
            "dob": "1990-12-31",
            "home_city": "Rome",
            "time_zone": "Europe/Rome",
            "language": "it",
            "bio": "Hello",
            "current_location": {"longitude": 1, "latitude": 2},
            "twitter": {"id": 7, "screen_name": "a", "followers_count": 3},
        }.items()
    ),
    *(
        Case(f"{name}: 0", "D", POINTS, {name: value}, 0)
        for name, value in {
            "email_subscribe": "opted_in",
            "push_subscribe": "opted_in",
            "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}],
            "push_tokens": [{"app_id": "app", "token": "t"}],
            "facebook": {"id": "7", "likes": ["a"], "num_friends": 3},
        }.items()
    ),
    Case("merging counts the keys sent only", "D", POINTS, {"k": {"a": 1}, "_merge_objects": True}, 1),
    Case("identifiers and flags: 0", "D", POINTS, {"_merge_objects": True}, 0),
]


@table(COSTS)
async def test_an_attribute_costs_the_documented_data_points(given, expected):
    """Sent again unchanged it costs again."""
    sandbox = furnished(subscription_groups=[SubscriptionGroup(id="g")])
    for times in (1, 2):
        await after(sandbox, given)
        assert (await sandbox.totals())["data_points"]["attributes"] == expected * times


@rule("blocklisted attributes are ignored and cost nothing", "D", POINTS)
async def test_blocklisted_attributes_are_ignored():
    """The rest of the object is applied."""
    sandbox = furnished(blocklisted_attributes=["secret"])
    assert await after(sandbox, {"secret": 1, "open": 2}) == {"open": 2}
    assert (await sandbox.totals())["data_points"]["attributes"] == 1


@rule("whether an increment costs is contradictory, and a switch", "A", POINTS, switch="metered_increment")
async def test_increments_can_be_free():
    """One page says they do not count."""
    sandbox = client(switches={"metered_increment": False})
    await after(sandbox, {"k": {"inc": 1}})
    assert (await sandbox.totals())["data_points"]["attributes"] == 0
