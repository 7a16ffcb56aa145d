"""Every assumption is a switch, and every switch is tried both ways."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.sandbox.client import Client
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import CLIENTS, OURS, POINTS, TRACK, Case, rule, table

from segue.sandbox.dashboard import reports
from segue.sandbox.seed import DEFAULT_GROUP
from segue.sandbox.switches import Switches, describe

Act = Callable[[Client], Awaitable[Any]]
U = {"external_id": "u"}
ALIAS = {"alias_name": "a", "alias_label": "anon"}
EVENT = {**U, "name": "Hi", "time": "2025-12-01"}
PURCHASE = {**U, "product_id": "p", "currency": "USD", "price": 1, "time": "2025-12-01"}
NO_ID = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
ADDRESSED = {"email": "a@b.co"}


def errors(**arrays: Any) -> Act:
    """The texts of the errors /users/track answers with."""

    async def act(sandbox: Client) -> Any:
        return [error["type"] for error in (await sandbox.track(**arrays)).json.get("errors", [])]

    return act


def answered(path: str, body: Any = None, *before: tuple[str, Any]) -> Act:
    """Status and document of the answer of a call, after some others."""

    async def act(sandbox: Client) -> Any:
        for where, sent in before:
            await sandbox.post(where, sent)
        answer = await (sandbox.get(path) if body is None else sandbox.post(path, body))
        return answer.status, answer.json

    return act


def held(**steps: Any) -> Act:
    """The fields and custom attributes of u after some attribute objects, each a request."""

    async def act(sandbox: Client) -> Any:
        for step in steps.values():
            await sandbox.track(attributes=[{**U, **step}])
        person = await sandbox.person("u")
        return {**person["fields"], **person["custom"]}

    return act


def points(**arrays: Any) -> Act:
    """What /users/track costs."""

    async def act(sandbox: Client) -> Any:
        await sandbox.track(**arrays)
        return sum((await sandbox.totals())["data_points"].values())

    return act


async def kept_name(sandbox: Client) -> Any:
    """The name of a long event, or why it was refused."""
    answer = await sandbox.track(events=[{**EVENT, "name": "x" * 300}])
    person = await sandbox.person("u")
    return [event["name"] for event in person["events"]] if person else answer.json["errors"][0]["type"]


async def raw_list(sandbox: Client) -> Any:
    """What a body that is a list is answered with."""
    answer = await sandbox.send("POST", "/users/track", raw=b"[1]")
    return answer.status, next(iter(answer.json))


async def faulty(sandbox: Client) -> Any:
    """The status of a call that is too large and of the wrong type, beyond the limit."""
    await sandbox.send("PATCH", "/_sandbox/switches", {"limits": {"track": [0, 3]}})
    large = {"raw": b"{" + b" " * 4 * 1_048_576}
    return (
        await sandbox.send("POST", "/users/track", headers={"content-type": "text/plain"}, **large)
    ).status


async def monthly(sandbox: Client) -> Any:
    """MAU and DAU of somebody whose sessions were told by REST, MAU of one app, MAU of the dashboard."""
    dates = {"date_of_last_session": "2025-12-20", "date_of_first_session": "2025-01-01"}
    await sandbox.track(
        attributes=[{**U, **dates}, {"external_id": "v", "date_of_last_session": "2025-11-01"}]
    )
    shown = [
        (await sandbox.get(f"/kpi/{path}")).json["data"][0]
        for path in (
            "mau/data_series?length=1",
            "dau/data_series?length=1",
            "mau/data_series?length=1&app_id=x",
        )
    ]
    world = sandbox.app.world
    home = await reports.home(world, world.workspaces["sandbox"], {})
    tiles = [tile["text"] for tile in home["tiles"] if tile["title"] == "MAU"]
    return [point.get("mau", point.get("dau")) for point in shown] + tiles


async def people(sandbox: Client) -> Any:
    """How many an event for an unknown alias makes."""
    visitor = {"user_alias": ALIAS, "_update_existing_only": False}
    await sandbox.track(events=[{"name": "Hi", "time": "2025-12-01", **visitor}])
    return (await sandbox.totals())["people"]


async def cart(sandbox: Client) -> Any:
    """What is in a cart that was added to after 20 days."""
    product = {"product_id": "p", "product_name": "P", "variant_id": "v", "quantity": 1, "price": 1}
    properties = {"cart_id": "c", "currency": "EUR", "products": [product], "source": "web", "action": "add"}
    for day in ("2025-12-01", "2025-12-21"):
        update = {**U, "name": "ecommerce.cart_updated", "time": day, "properties": properties}
        await sandbox.track(events=[update])
    return (await sandbox.person("u"))["commerce"]["carts"]["c"]["items"]


async def slash(sandbox: Client) -> Any:
    """The status of a path with a slash too many."""
    return (await sandbox.post("/users/track/", {"events": [EVENT]})).status


async def retry_after(sandbox: Client) -> Any:
    """Whether a refused call is told a plain retry-after."""
    await sandbox.send("PATCH", "/_sandbox/switches", {"limits": {"track": [0, 3]}})
    return "retry-after" in (await sandbox.track(events=[EVENT])).headers


async def hourly(sandbox: Client) -> Any:
    """The hourly limit a mau contract tells."""
    await sandbox.send("PATCH", "/_sandbox/switches", {"profile": "mau"})
    return (await sandbox.track(events=[EVENT])).headers["x-ratelimit-limit"]


async def two_exports(sandbox: Client) -> Any:
    """The status of a second export of a segment right after the first."""
    body = {"segment_id": "s1", "fields_to_export": ["email"]}
    return [(await sandbox.post("/users/export/segment", body)).status for _ in range(2)]


async def revenue(sandbox: Client) -> Any:
    """What a purchase in euros comes to."""
    await sandbox.track(purchases=[{**PURCHASE, "currency": "EUR"}])
    return (await sandbox.person("u"))["total_revenue"]


async def forced(sandbox: Client) -> Any:
    """Text for an attribute that is forced to be a number."""
    await sandbox.send("PATCH", "/_sandbox/workspaces/sandbox", {"attribute_types": {"k": "number"}})
    await sandbox.track(attributes=[{**U, "k": "7"}])
    return (await sandbox.person("u"))["custom"]


RENAME = ("/users/external_ids/rename", {"external_id_renames": [{"current_external_id": "x"}]})
UNKNOWN = "'current_external_id' is not the primary external id of a user"
HALF = {"user_aliases": [{"alias_label": "l"}, ALIAS]}
NO_NAME = "'alias_name' is required"
UPDATE = {"alias_updates": [{"alias_label": "l", "old_alias_name": "o", "new_alias_name": "n"}]}
TAKEN = ("/users/alias/new", {"user_aliases": [ALIAS]})
SKIPPED = {"events": [{**EVENT, "_update_existing_only": True}, {**EVENT, "external_id": "v"}]}
MEANT = {"attributes": [U], **SKIPPED}
NEST = {"attributes": [{**U, "k": {"a": 1, "b": {"c": 1, "d": 2}}, "l": [{"e": {"f": 1, "g": 2}}]}]}
BAD_NEW = {"type": NO_NAME, "input_array": "user_aliases", "index": 0}
PARTIAL = {"aliases_processed": 1, "message": "success"}
UNNAMED = {"emails_to_identify": [{**U, **ADDRESSED}, {**U, **ADDRESSED, "prioritization": ["identified"]}]}
BAD_PRIORITY = "'prioritization' is not valid"
ODD = [
    {**ADDRESSED, "external_id": 7},
    {**ADDRESSED, "external_id": ""},
    {**ADDRESSED, "user_alias": {"alias_name": "a"}},
]
NO_OBJECT = {"events": {"external_id": "u"}, "attributes": [{**U, "n": 1}]}
GROUP_OF = {"subscription_group_id": DEFAULT_GROUP, "subscription_status": "Subscribed"}
NESTED_GROUP = {"id": DEFAULT_GROUP, "name": "Newsletter", "channel": "email", "status": "Subscribed"}
NESTED = {"email": None, "phone": None, "external_id": "u", "subscription_groups": [NESTED_GROUP]}
SUBSCRIBED = (
    "/subscription/status/set",
    {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed", "external_id": "u"},
)


def assumed(
    claim: str, switch: str, other: Any, act: Act, usual: Any, otherwise: Any, source: str = OURS
) -> Case:
    """A line of the sheet: what is assumed, and what comes of it by default and with another choice."""
    return Case(claim, "A", source, (switch, other, act), (usual, otherwise), switch)


ASSUMED = [
    assumed(
        "the order of the checks after the key's",
        "check_order",
        ["size", "media_type", "permission", "limit"],
        faulty,
        429,
        413,
    ),
    assumed(
        "JSON that is no object is a syntax error",
        "non_object_body",
        "empty",
        raw_list,
        (400, "error"),
        (400, "message"),
    ),
    assumed(
        "what is no array counts as not sent",
        "array_expected",
        "refuse",
        answered("/users/track", NO_OBJECT),
        (201, {"message": "success", "attributes_processed": 1}),
        (400, {"message": "'events' must be an array of objects"}),
    ),
    assumed(
        "a bad entry of alias/new is an error at its index",
        "bad_entries",
        "request",
        answered("/users/alias/new", HALF),
        (201, {**PARTIAL, "errors": [BAD_NEW]}),
        (400, {"message": NO_NAME}),
    ),
    assumed(
        "an email to identify without prioritization is an error at its index",
        "bad_entries",
        "request",
        answered("/users/identify", UNNAMED),
        (
            201,
            {
                "emails_processed": 1,
                "message": "success",
                "errors": [{"type": BAD_PRIORITY, "input_array": "user_identifiers", "index": 0}],
            },
        ),
        (400, {"message": BAD_PRIORITY}),
    ),
    assumed(
        "errors of alias/new name user_aliases",
        "alias_error_array",
        "user_identifiers",
        answered("/users/alias/new", HALF),
        (201, {**PARTIAL, "errors": [BAD_NEW]}),
        (201, {**PARTIAL, "errors": [{**BAD_NEW, "input_array": "user_identifiers"}]}),
    ),
    assumed(
        "a new alias somebody has is a success that does nothing",
        "alias_taken",
        "error",
        answered(*TAKEN, TAKEN),
        (201, PARTIAL),
        (
            201,
            {
                "aliases_processed": 0,
                "message": "success",
                "errors": [
                    {"type": "'alias_name' is already in use", "input_array": "user_aliases", "index": 0}
                ],
            },
        ),
    ),
    assumed(
        "alias/update counts what it processed",
        "alias_update_answer",
        "plain",
        answered("/users/alias/update", UPDATE),
        (201, PARTIAL),
        (201, {"message": "success"}),
    ),
    assumed(
        "errors of renaming hold the index and the text",
        "migration_errors",
        "texts",
        answered(*RENAME),
        (201, {"message": "success", "external_ids": [], "rename_errors": [[0, UNKNOWN]]}),
        (201, {"message": "success", "external_ids": [], "rename_errors": [[UNKNOWN]]}),
    ),
    assumed(
        "what _update_existing_only skips counts as processed, and is no error",
        "skipped_objects",
        "left_out",
        answered("/users/track", SKIPPED),
        (201, {"message": "success", "events_processed": 2}),
        (201, {"message": "success", "events_processed": 1}),
        TRACK,
    ),
    assumed(
        "what the same request makes is not skipped",
        "skipped_objects",
        "left_out",
        answered("/users/track", MEANT),
        (201, {"message": "success", "attributes_processed": 1, "events_processed": 2}),
        (201, {"message": "success", "attributes_processed": 1, "events_processed": 2}),
        TRACK,
    ),
    assumed(
        "an external_id that is a number is text, an empty one and half an alias count as not sent",
        "odd_identifiers",
        "refuse",
        errors(
            attributes=ODD, events=[{**EVENT, "external_id": 7}], purchases=[{**PURCHASE, "external_id": ""}]
        ),
        [NO_ID],
        [
            "'external_id' is not valid",
            "'external_id' is not valid",
            "'user_alias' is not valid",
            "'external_id' is not valid",
            "'external_id' is not valid",
        ],
    ),
    assumed(
        "a gender or dob that does not fit is not set",
        "unfit_field",
        "clear",
        held(first={"gender": "F", "dob": "1990-12-31"}, then={"gender": "female", "dob": "soon"}),
        {"gender": "F", "dob": "1990-12-31"},
        {},
    ),
    assumed(
        "properties that are no object refuse their event and purchase",
        "bad_properties",
        "drop",
        errors(events=[EVENT, {**EVENT, "properties": [1]}], purchases=[{**PURCHASE, "properties": "x"}]),
        ["'properties' is not valid"] * 2,
        [],
    ),
    assumed(
        "an event name over 255 characters refuses the event",
        "long_event_name",
        "truncate",
        kept_name,
        "'name' is not valid",
        ["x" * 255],
    ),
    assumed(
        "a price as text refuses the purchase",
        "price_as_text",
        "coerce",
        errors(purchases=[PURCHASE, {**PURCHASE, "price": "9.99"}, {**PURCHASE, "price": "dear"}]),
        ["'price' is not valid"] * 2,
        ["'price' is not valid"],
    ),
    assumed(
        "a purchase of X counts X data points",
        "metered_quantity",
        False,
        points(purchases=[{**PURCHASE, "quantity": 7}]),
        7,
        1,
        POINTS,
    ),
    assumed(
        "an object counts its keys at all levels", "metered_nesting", False, points(**NEST), 5, 3, POINTS
    ),
    assumed(
        "dates of sessions sent by REST count for MAU, not for DAU or an app",
        "session_dates_count",
        False,
        monthly,
        [1, 0, 0, "1"],
        [0, 0, 0, "0"],
        "Home dashboard",
    ),
    assumed(
        "an increment counts a data point",
        "metered_increment",
        False,
        points(attributes=[{**U, "n": {"inc": 1}}]),
        1,
        0,
        POINTS,
    ),
    assumed("a path with a slash too many is 404", "trailing_slash_status", 403, slash, 404, 403),
    assumed("no plain retry-after is sent", "plain_retry_after", True, retry_after, False, True),
    assumed("the hourly limit of a mau contract", "mau_track_hourly", 7, hourly, "1000000", "7"),
    assumed(
        "an export of a segment runs no time", "segment_export_ms", 1_000, two_exports, [201, 201], [201, 429]
    ),
    assumed(
        "a currency counts as dollars where no rate is given", "usd_rates", {"EUR": 2.0}, revenue, 1.0, 2.0
    ),
    assumed(
        "a text over 255 characters is not updated",
        "long_string",
        "truncate",
        held(first={"k": "a"}, then={"k": "x" * 300}),
        {"k": "a"},
        {"k": "x" * 255},
    ),
    assumed(
        "a value unlike the detected type is coerced",
        "auto_type",
        "as_sent",
        held(first={"k": "a"}, then={"k": 7}),
        {"k": "7"},
        {"k": 7},
    ),
    assumed("a value unlike the forced type is dropped", "forced_type", "coerce", forced, {}, {"k": 7}),
    assumed(
        "a currency in small letters is refused",
        "currency_any_case",
        True,
        errors(purchases=[PURCHASE, {**PURCHASE, "currency": "usd"}]),
        ["'currency' must be an ISO 4217 currency"],
        [],
    ),
    assumed(
        "an event for an unknown alias makes it, if asked to",
        "alias_events_can_create",
        False,
        people,
        1,
        0,
        TRACK,
    ),
    assumed(
        "a user's groups in the documented shape",
        "subscription_user_shape",
        "nested",
        answered(
            "/subscription/user/status?external_id[]=u",
            None,
            ("/users/track", {"attributes": [U]}),
            SUBSCRIBED,
        ),
        (200, {"success": True, "subscription_groups": [GROUP_OF]}),
        (200, {"message": "success", "users": [NESTED]}),
    ),
    assumed(
        "assumed wordings",
        "texts",
        {"sync-needs-one": "one, please"},
        answered("/users/track/sync", {}),
        (400, {"message": "Exactly one object must be provided"}),
        (400, {"message": "one, please"}),
    ),
    assumed(
        "assumed statuses",
        "statuses",
        {"partner-secret": 403},
        answered("/partners/segment/cohorts", {"client_secret": "x"}),
        (401, {"message": "Unauthorized"}),
        (403, {"message": "Unauthorized"}),
    ),
]


@table(ASSUMED)
async def test_an_assumption_can_be_switched(given, expected):
    """By default and with the other choice, through the same calls."""
    switch, other, act = given
    for switches, wanted in (({}, expected[0]), ({switch: other}, expected[1])):
        assert await act(furnished(switches=switches)) == wanted, switches


ELSEWHERE = {
    "sdk_unmatched_key": "test_the_unmatched_code_is_a_switch",
    "sdk_codes": "test_an_unknown_code_can_be_given_a_meaning",
}
"""Assumptions about device SDKs, and the tests that try them both ways."""


def test_no_assumption_is_left_out():
    """Every switch that begins with [A] is in the table, or tried where it belongs."""
    tried = {case.given[0] for case in ASSUMED}
    assert {name for name, about in describe().items() if about.startswith("[A]")} == tried | ELSEWHERE.keys()


@rule(
    "other choices where documents or clients disagree: carts of 10 days", "D", "Ecommerce recommended events"
)
async def test_a_cart_can_live_for_ten_days():
    """30 by newer pages."""
    assert await cart(furnished()) == {"p/v": 2}
    assert await cart(furnished(switches={"cart_days": 10})) == {"p/v": 1}


@rule(
    "an export to a bucket of one's own has no url; the file has the documented key",
    "D",
    "Export user profile by segment",
)
async def test_an_export_can_go_to_a_bucket():
    """The sandbox keeps it like any other, under that key."""
    sandbox = furnished(switches={"export_bucket": True})
    body = {"segment_id": "s1", "fields_to_export": ["email"], "callback_endpoint": "http://127.0.0.1:1/"}
    answer = await sandbox.post("/users/export/segment", body)
    assert answer.json.keys() == {"message", "object_prefix"}
    prefix = answer.json["object_prefix"]
    key = f"segment-export/s1/2026-01-01/{prefix}/{prefix}.zip"
    fetched = await sandbox.get(f"/_sandbox/exports/{key.replace('/', '%2F')}")
    assert (fetched.status, fetched.headers["content-type"]) == (200, "application/zip")


@pytest.mark.parametrize(
    ("rule_", "path", "body", "usual"),
    [
        ("syntax", "/users/track", b"{", 400),
        ("not-found", "/nowhere", b"{}", 404),
        ("invalid-key", "/users/track", b"{}", 401),
        ("catalog-not-found", "/catalogs/x/items", b'{"items":[{"id":"a"}]}', 404),
        ("rate-limited", "/users/track", b"{}", 429),
    ],
)
async def test_the_status_of_any_rule_can_be_another(rule_, path, body, usual):
    """Of the pipeline and of catalogs too; one outside 400 to 599 is refused."""
    limits = {"track": [0, 3]} if rule_ == "rate-limited" else {}
    key = {"authorization": "Bearer x"} if rule_ == "invalid-key" else {}
    for statuses, expected in (({}, usual), ({rule_: 418}, 418)):
        sandbox = furnished(switches={"statuses": statuses, "limits": limits})
        assert (await sandbox.send("POST", path, raw=body, headers=key)).status == expected
    assert (await sandbox.send("PATCH", "/_sandbox/switches", {"statuses": {rule_: 200}})).status == 400


@pytest.mark.parametrize("order", [[], ["limit"], ["limit", "limit", "size", "media_type"]])
async def test_an_order_without_every_check_is_refused(order):
    """No check can be left out."""
    sandbox = furnished()
    answer = await sandbox.send("PATCH", "/_sandbox/switches", {"check_order": order})
    assert answer.status == 400
    assert "check_order" in answer.body.decode()
    with pytest.raises(ValueError, match="check_order"):
        Switches(check_order=tuple(order))


@rule("somebody with more than 5,000,000 sessions is a dummy user and blocked", "D+", "User data collection")
async def test_a_dummy_user_is_blocked():
    """From the first session beyond on; observed text or enum."""
    sandbox = furnished()
    body = {"api_key": "sandbox-app", "device_id": "d"}
    start = {"name": "ss", "time": 1_767_225_600, "data": {}, "user_id": "u"}
    await sandbox.post("/api/v3/data/", {**body, "events": [{**start, "session_id": "s0"}]})
    snapshot = (await sandbox.get("/_sandbox/snapshot")).json
    (person,) = snapshot["workspaces"][0]["people"]
    person["apps"]["sandbox-app"]["sessions"] = 4_999_999
    assert (await sandbox.post("/_sandbox/restore", snapshot)).status == 200
    blocked = "provided external_id is blacklisted and disallowed"
    for session, expected in (("s1", []), ("s2", [blocked])):
        await sandbox.post("/api/v3/data/", {**body, "events": [{**start, "session_id": session}]})
        found = await errors(attributes=[{**U, "n": 1}, {"external_id": "v"}])(sandbox)
        assert found == expected, CLIENTS
