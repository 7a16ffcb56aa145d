"""Catalogs and their items."""

import pytest
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import CLIENTS, LIMITS, OURS, Case, rule, table

CATALOGS = "Create catalog"
BULK = "Create multiple catalog items"
SINGLE = "Create catalog item"
SHIRT = {"id": "shirt", "name": "Shirt", "price": 9.5, "sale": True, "since": "2025-01-01", "tags": ["a"]}
ID_FIELD = {"name": "id", "type": "string"}


def error(answer):
    """The code of a catalog's fault, its form checked."""
    assert answer.json["message"] == "Invalid Request"
    (entry,) = answer.json["errors"]
    assert entry.keys() == {"id", "message", "parameters", "parameter_values"}
    return answer.status, entry["id"]


async def items(sandbox):
    """All items of the shop."""
    return (await sandbox.get("/catalogs/shop/items")).json["items"]


@rule("catalogs are made, listed and removed", "D", CATALOGS)
async def test_a_catalog_lives():
    """The same object comes back; the list counts its items."""
    sandbox = furnished()
    catalog = {
        "name": "books",
        "description": "Ours",
        "fields": [ID_FIELD, {"name": "pages", "type": "number"}],
    }
    answer = await sandbox.post("/catalogs", {"catalogs": [catalog]})
    assert (answer.status, answer.json) == (201, {"catalogs": [catalog], "message": "success"})
    await sandbox.send("PUT", "/catalogs/books/items", {"items": [{"id": "a", "pages": 1}]})
    answer = await sandbox.get("/catalogs")
    shown = {**catalog, "num_items": 1, "updated_at": "2026-01-01T00:00:00.000Z"}
    assert answer.json["catalogs"][1] == shown
    assert (await sandbox.send("DELETE", "/catalogs/books")).status == 200
    assert error(await sandbox.send("DELETE", "/catalogs/books")) == (404, "catalog-not-found")


BAD_CATALOGS = [
    Case("no array", "D", CATALOGS, {"catalogs": {}}, "catalog-array-invalid"),
    Case(
        "two catalogs", "D", CATALOGS, {"catalogs": [{"name": "a"}, {"name": "b"}]}, "too-many-catalog-atoms"
    ),
    Case("a name in use", "D", CATALOGS, {"name": "shop"}, "catalog-name-already-exists"),
    Case("a name with a blank", "D", CATALOGS, {"name": "a b"}, "invalid-catalog-name"),
    Case("a name over 250 characters", "D", CATALOGS, {"name": "a" * 251}, "catalog-name-too-large"),
    Case(
        "a description over 250 characters", "D", CATALOGS, {"description": "a" * 251}, "description-too-long"
    ),
    Case("no fields", "D", CATALOGS, {"fields": []}, "invalid-fields"),
    Case("501 fields", "D", CATALOGS, {"fields": [ID_FIELD] * 501}, "too-many-fields"),
    Case(
        "id not first",
        "D",
        CATALOGS,
        {"fields": [{"name": "a", "type": "string"}, ID_FIELD]},
        "id-not-first-column",
    ),
    Case(
        "id not a string",
        "D",
        CATALOGS,
        {"fields": [{"name": "id", "type": "number"}]},
        "id-not-first-column",
    ),
    Case(
        "a field name with a dot",
        "D",
        CATALOGS,
        {"fields": [ID_FIELD, {"name": "a.b", "type": "string"}]},
        "invalid-field-names",
    ),
    Case(
        "a field name over 250 characters",
        "D",
        CATALOGS,
        {"fields": [ID_FIELD, {"name": "a" * 251, "type": "string"}]},
        "field-names-too-large",
    ),
    Case("a field twice", "D", CATALOGS, {"fields": [ID_FIELD, ID_FIELD]}, "field-names-not-unique"),
    Case(
        "an unknown type",
        "D",
        CATALOGS,
        {"fields": [ID_FIELD, {"name": "a", "type": "text"}]},
        "invalid-field-types",
    ),
]


@table(BAD_CATALOGS)
async def test_a_bad_catalog_is_refused_with_its_code(given, expected):
    """400 in the catalogs' own form."""
    body = given if "catalogs" in given else {"catalogs": [{"name": "books", "fields": [ID_FIELD], **given}]}
    assert error(await furnished().post("/catalogs", body)) == (400, expected)


@rule("the longest names and descriptions and 500 fields of all types pass", "D", CATALOGS)
async def test_the_largest_catalog_passes():
    """Letters, digits, hyphen and underscore; nothing else."""
    sandbox = furnished()
    types = ("string", "number", "boolean", "time", "object", "array")
    fields = [{"name": f"{'f' * 246}-{n:03}", "type": types[n % 6]} for n in range(499)]
    catalog = {"name": "A-z_09" + "a" * 244, "description": "é" * 250, "fields": [ID_FIELD, *fields]}
    answer = await sandbox.post("/catalogs", {"catalogs": [catalog]})
    assert (answer.status, answer.json) == (201, {"catalogs": [catalog], "message": "success"})
    for name in ("a.b", "a/b", "ä", "a$", ""):
        body = {"catalogs": [{**catalog, "name": name, "fields": [ID_FIELD]}]}
        assert error(await sandbox.post("/catalogs", body)) == (400, "invalid-catalog-name")


@rule("GET /catalogs as clients were given it: selections, sizes, source, tokens of fields", "O", CLIENTS)
async def test_catalogs_can_be_listed_as_seen_live():
    """By switch, beside what is documented."""
    sandbox = furnished(switches={"catalog_shape": "live"})
    await sandbox.send("PUT", "/catalogs/shop/items", {"items": [{"id": "a"}]})
    (shop,) = (await sandbox.get("/catalogs")).json["catalogs"]
    assert shop["fields"][0] == {"name": "id", "type": "string", "token": "id"}
    more = ("selections", "selections_size", "source", "storage_size", "num_items")
    assert [shop[name] for name in more] == [[], 0, 0, len(b'{"id":"a"}'), 1]


@rule("bulk: POST adds, PUT replaces, PATCH changes, DELETE removes, each 202", "D", BULK)
async def test_many_items_are_changed_at_once():
    """What exists is not added again, what does not is not changed."""
    sandbox = furnished()

    async def send(method, *entries):
        answer = await sandbox.send(method, "/catalogs/shop/items", {"items": list(entries)})
        assert (answer.status, answer.json) == (202, {"message": "success"})
        return await items(sandbox)

    assert await send("POST", SHIRT) == [SHIRT]
    assert await send("POST", {"id": "shirt", "name": "Other"}) == [SHIRT]
    assert await send(
        "PATCH", {"id": "shirt", "tags": {"$add": ["b"], "$remove": ["a"]}, "price": 1}, {"id": "x"}
    ) == [{**SHIRT, "tags": ["b"], "price": 1}]
    assert await send("PUT", {"id": "shirt"}, {"id": "shoe"}) == [{"id": "shirt"}, {"id": "shoe"}]
    assert await send("DELETE", {"id": "shirt"}, {"id": "x"}) == [{"id": "shoe"}]


@rule("bulk items take effect after the processing delay", "D", BULK)
async def test_many_items_are_changed_asynchronously():
    """202 means queued."""
    sandbox = furnished(switches={"processing_delay_ms": [50, 50]})
    await sandbox.send("PUT", "/catalogs/shop/items", {"items": [SHIRT]})
    assert await items(sandbox) == []
    sandbox.time.ms += 50
    assert await items(sandbox) == [SHIRT]


@rule("a slash after /items is accepted", "O", CLIENTS)
async def test_a_slash_after_items_is_accepted():
    """Segment's integration sends one."""
    sandbox = furnished()
    assert (await sandbox.send("PUT", "/catalogs/shop/items/", {"items": [SHIRT]})).status == 202


DEEP: dict = {}
for _ in range(60):
    DEEP = {"a": DEEP}

DEEPEST: list = [1]
for _ in range(49):
    DEEPEST = [DEEPEST]

BAD_ITEMS = [
    Case(
        "an item of 5,001 characters",
        "D",
        BULK,
        {"items": [{"id": "a", "name": "x" * (5_001 - len('{"id":"a","name":""}'))}]},
        "items-too-large",
    ),
    Case(
        "nesting of 51",
        "D",
        BULK,
        {"items": [{"id": "a", "tags": [DEEPEST]}]},
        "too-deep-nesting-in-value-object",
    ),
    Case(
        "a nested key with a dollar",
        "D",
        BULK,
        {"items": [{"id": "a", "tags": [{"$a": 1}]}]},
        "invalid-keys-in-value-object",
    ),
    Case("items no array", "D", BULK, {"items": SHIRT}, "item-array-invalid"),
    Case(
        "51 items",
        "D",
        BULK,
        {"items": [{"id": str(n)} for n in range(51)]},
        "request-includes-too-many-items",
    ),
    Case("items without ids", "D", BULK, {"items": [{"name": "a"}, SHIRT, {}]}, "items-missing-ids"),
    Case("an id that is a number", "D", BULK, {"items": [{"id": 7}]}, "ids-not-strings"),
    Case("an id with a blank", "D", BULK, {"items": [{"id": "a b"}]}, "invalid-ids"),
    Case("an id over 250 characters", "D", BULK, {"items": [{"id": "a" * 251}]}, "ids-too-large"),
    Case("an id twice", "D", BULK, {"items": [SHIRT, SHIRT]}, "ids-not-unique"),
    Case("an unknown field", "D", BULK, {"items": [{"id": "a", "color": 1}]}, "invalid-fields"),
    Case(
        "a value that does not fit",
        "D",
        BULK,
        {"items": [{"id": "a", "price": "dear"}]},
        "unable-to-coerce-value",
    ),
    Case(
        "an item over 5,000 characters",
        "D",
        BULK,
        {"items": [{"id": "a", "name": "x" * 5_000}]},
        "items-too-large",
    ),
    Case(
        "a nested key with a dot",
        "D",
        BULK,
        {"items": [{"id": "a", "tags": [{"a.b": 1}]}]},
        "invalid-keys-in-value-object",
    ),
    Case(
        "nesting over 50",
        "D",
        BULK,
        {"items": [{"id": "a", "tags": [DEEP]}]},
        "too-deep-nesting-in-value-object",
    ),
]


LARGEST = [
    Case("50 items", "D", BULK, [{"id": str(number)} for number in range(50)], 50),
    Case("an id of 250 characters", "D", BULK, [{"id": "Az-_09" + "a" * 244}], 1),
    Case(
        "an item of 5,000 characters",
        "D",
        BULK,
        [{"id": "a", "name": "x" * (5_000 - len('{"id":"a","name":""}'))}],
        1,
    ),
    Case("nesting of 50", "D", BULK, [{"id": "a", "tags": DEEPEST}], 1),
    Case("a key with a blank", "D", BULK, [{"id": "a", "tags": [{"a b": 1}]}], 1),
]


@table(LARGEST)
async def test_the_largest_items_pass(given, expected):
    """Exactly at each limit."""
    sandbox = furnished()
    answer = await sandbox.send("PUT", "/catalogs/shop/items", {"items": given})
    assert (answer.status, answer.json) == (202, {"message": "success"})
    assert len(await items(sandbox)) == expected


@table(BAD_ITEMS)
async def test_one_bad_item_fails_the_whole_call(given, expected):
    """All or nothing."""
    sandbox = furnished()
    body = {"items": [*given["items"], {"id": "good"}]} if isinstance(given["items"], list) else given
    assert error(await sandbox.send("PUT", "/catalogs/shop/items", body)) == (400, expected)
    assert await items(sandbox) == []


@rule("the faulty items are named in parameter_values", "O", CLIENTS)
async def test_the_faulty_items_are_named():
    """By id; as whole items where more than one parameter is named; and the number of those without an id."""
    sandbox = furnished()
    answer = await sandbox.send("PUT", "/catalogs/shop/items", {"items": [{"id": "a b"}, SHIRT]})
    assert answer.json["errors"][0]["parameter_values"] == ["a b"]
    for item, named in (({"id": "b", "price": "dear"}, "price"), ({"id": "b", "color": 1}, "color")):
        answer = await sandbox.send("PUT", "/catalogs/shop/items", {"items": [SHIRT, item]})
        (said,) = answer.json["errors"]
        assert (said["parameters"], said["parameter_values"]) == (["id", named], [item])
    answer = await sandbox.send("PUT", "/catalogs/shop/items", {"items": [{}, {}]})
    assert answer.json["errors"][0]["message"] == "There are 2 item(s) that do not have ids"


COERCED = [
    Case("text for a number", "S", OURS, {"price": "9.5"}, {"price": 9.5}),
    Case("a number for text", "S", OURS, {"name": 7}, {"name": "7"}),
    Case("the word for a boolean", "S", OURS, {"sale": "TRUE"}, {"sale": True}),
    Case("null", "S", OURS, {"price": None}, {"price": None}),
]


@table(COERCED)
async def test_values_are_coerced_to_the_type_of_their_field(given, expected):
    """Where there is a sensible reading."""
    sandbox = furnished()
    await sandbox.send("PUT", "/catalogs/shop/items", {"items": [{"id": "a", **given}]})
    assert await items(sandbox) == [{"id": "a", **expected}]


@rule("single items: POST 201, PATCH, PUT, GET and DELETE 200", "D", SINGLE)
async def test_one_item_lives():
    """At once; the id stands in the path only."""
    sandbox = furnished()
    body = {"items": [{"name": "Shirt", "tags": ["a"]}]}
    path = "/catalogs/shop/items/shirt"
    steps = [
        ("POST", body, (201, None)),
        ("POST", body, (400, "item-already-exists")),
        ("PATCH", {"items": [{"tags": {"$add": ["b"]}}]}, (200, None)),
        ("PUT", {"items": [{"id": "shirt"}]}, (400, "id-in-body")),
        ("PATCH", {"items": [{"color": 1}]}, (400, "invalid-fields")),
        ("PUT", {"items": [{}, {}]}, (400, "request-includes-too-many-items")),
        ("GET", None, (200, None)),
        ("DELETE", None, (200, None)),
        ("DELETE", None, (404, "item-not-found")),
        ("GET", None, (404, "item-not-found")),
        ("PATCH", body, (404, "item-not-found")),
        ("PUT", body, (200, None)),
    ]
    for method, sent, (status, code) in steps:
        answer = await sandbox.send(method, path, sent)
        assert answer.status == status, (method, answer.json)
        if code:
            assert error(answer) == (status, code)
        elif method == "GET":
            assert answer.json["items"] == [{"id": "shirt", "name": "Shirt", "tags": ["a", "b"]}]


@rule("items are listed in pages of 50 by the Link header", "D", "List multiple catalog item details")
async def test_items_are_listed_in_pages():
    """Until there is no next."""
    sandbox = furnished()
    for start in (0, 40, 80):
        entries = [{"id": str(number)} for number in range(start, start + 40)]
        await sandbox.send("PUT", "/catalogs/shop/items", {"items": entries})
    found, path = [], "/catalogs/shop/items"
    while path:
        answer = await sandbox.get(path)
        found.append(len(answer.json["items"]))
        link = answer.headers.get("link")
        path = link.partition(">")[0].partition("localhost")[2] if link else None
    assert found == [50, 50, 20]
    assert (await sandbox.get("/catalogs/shop/items?cursor=x")).status == 400


@rule("catalog calls share three buckets: 50 and 50 a minute, bulk items 16,000", "D", LIMITS)
@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("GET", "/catalogs", "50"),
        ("PUT", "/catalogs/shop/items", "16000"),
        ("PUT", "/catalogs/shop/items/a", "50"),
    ],
)
async def test_catalog_calls_are_limited(method, path, limit):
    """By bucket."""
    answer = await furnished().send(method, path, {"items": [{"name": "a"}]})
    assert answer.headers["x-ratelimit-limit"] == limit


@rule("an unknown catalog: 404 catalog-not-found", "D", BULK)
async def test_an_unknown_catalog_is_not_found():
    """For every operation on it."""
    sandbox = furnished()
    assert error(await sandbox.get("/catalogs/x/items")) == (404, "catalog-not-found")
    assert error(await sandbox.send("PUT", "/catalogs/x/items/a", {"items": [{}]})) == (
        404,
        "catalog-not-found",
    )
    assert (await sandbox.get("/catalogs/shop/things")).status == 404
