"""Every endpoint with its permission, its status, its buckets and its caps at the boundary."""

from typing import Any, NamedTuple

import pytest
from tests.sandbox.client import Client
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import CLIENTS, ERRORS, LIMITS, Case, rule, table
from tests.sandbox.test_limits import told

from segue.sandbox.endpoints import CATALOG, EXACT
from segue.sandbox.seed import DEFAULT_GROUP, Key

OVERVIEW = "API overview"
ALIAS = {"alias_name": "a", "alias_label": "anon"}
FIELDS = {"fields_to_export": ["external_id"]}
STATE = {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}
GROUP = f"subscription_group_id={DEFAULT_GROUP}"
FIRST = {"prioritization": ["most_recently_updated"]}
OVER_IDS = "The max number of ids per request was exceeded"


class Good(NamedTuple):
    """A call that succeeds in `prepared`, and the bucket of rate limits it counts in."""

    permission: str
    method: str
    path: str
    status: int
    body: Any = None
    bucket: str = "250,000 an hour"


def post(permission: str, status: int, body: Any, bucket: str = "250,000 an hour", path: str = "") -> Good:
    """A POST, whose path is its permission with slashes."""
    return Good(permission, "POST", path or "/" + permission.replace(".", "/"), status, body, bucket)


def get(permission: str, query: str = "", bucket: str = "250,000 an hour", path: str = "") -> Good:
    """A GET, whose path is its permission with slashes."""
    return Good(permission, "GET", (path or "/" + permission.replace(".", "/")) + query, 200, None, bucket)


def catalog(permission: str, method: str, below: str, status: int, body: Any, bucket: str) -> Good:
    """A call about catalogs."""
    return Good(f"catalogs.{permission}", method, f"/catalogs{below}", status, body, f"catalogs {bucket}")


EVENT = {"external_id": "u", "name": "Hi", "time": "2025-12-01"}
SHARED = "delete, alias, identify, merge"
READS = "events and purchases"
SOON = {"recipients": [{"external_user_id": "u"}], "schedule": {"time": "2999-01-01T00:00:00Z"}}
EVERY = [
    post("users.track", 201, {"events": [EVENT]}, "track"),
    post("users.track.sync", 201, {"events": [EVENT]}, "sync"),
    post("users.track.bulk", 201, {"events": [EVENT]}, "bulk"),
    post("users.delete", 201, {"external_ids": ["x"]}, SHARED),
    post("users.alias.new", 201, {"user_aliases": [ALIAS]}, SHARED),
    post(
        "users.alias.update",
        201,
        {"alias_updates": [{"alias_label": "x", "old_alias_name": "y", "new_alias_name": "z"}]},
        SHARED,
    ),
    post("users.identify", 201, {"aliases_to_identify": [{"external_id": "u", "user_alias": ALIAS}]}, SHARED),
    post(
        "users.merge",
        202,
        {
            "merge_updates": [
                {"identifier_to_merge": {"external_id": "x"}, "identifier_to_keep": {"external_id": "u"}}
            ]
        },
        SHARED,
    ),
    post(
        "users.external_ids.rename",
        201,
        {"external_id_renames": [{"current_external_id": "x", "new_external_id": "y"}]},
        "rename",
    ),
    post("users.external_ids.remove", 201, {"external_ids": ["x"]}, "remove"),
    post("users.export.ids", 201, {"external_ids": ["u"], **FIELDS}, "export ids"),
    post("users.export.segment", 201, {"segment_id": "s1", **FIELDS}),
    post("users.export.global_control_group", 201, FIELDS),
    post("campaigns.trigger.send", 201, {"campaign_id": "c1", "recipients": [{"external_user_id": "u"}]}),
    post("canvas.trigger.send", 201, {"canvas_id": "v1", "recipients": [{"external_user_id": "u"}]}),
    post("campaigns.trigger.schedule.create", 201, {"campaign_id": "c1", **SOON}),
    post("canvas.trigger.schedule.create", 201, {"canvas_id": "v1", **SOON}),
    post("subscription.status.set", 201, {**STATE, "external_id": "u"}, "subscription"),
    post(
        "subscription.status.set",
        201,
        {"subscription_groups": [{**STATE, "external_ids": ["u"]}]},
        "subscription",
        "/v2/subscription/status/set",
    ),
    get("campaigns.list"),
    get("campaigns.details", "?campaign_id=c1"),
    get("campaigns.data_series", "?campaign_id=c1&length=1", "campaign series"),
    get("canvas.list"),
    get("canvas.details", "?canvas_id=v1"),
    get("segments.list"),
    get("segments.details", "?segment_id=s1"),
    get("segments.data_series", "?segment_id=s1&length=1"),
    get("events.list", bucket=READS),
    get("events.get", path="/events"),
    get("events.data_series", "?event=Hi&length=1"),
    get("purchases.product_list", bucket=READS),
    get("purchases.revenue_series", "?length=1", READS),
    get("purchases.quantity_series", "?length=1", READS),
    get("sessions.data_series", "?length=1"),
    get("kpi.dau.data_series", "?length=1"),
    get("kpi.mau.data_series", "?length=1"),
    get("kpi.new_users.data_series", "?length=1"),
    get("kpi.uninstalls.data_series", "?length=1"),
    get("subscription.status.get", f"?{GROUP}&external_id[]=u"),
    get("subscription.groups.get", "?external_id[]=u", path="/subscription/user/status"),
    catalog("get", "GET", "", 200, None, "themselves"),
    catalog(
        "create",
        "POST",
        "",
        201,
        {"catalogs": [{"name": "new", "fields": [{"name": "id", "type": "string"}]}]},
        "themselves",
    ),
    catalog("delete", "DELETE", "/shop", 200, None, "themselves"),
    catalog("add_items", "POST", "/shop/items", 202, {"items": [{"id": "b"}]}, "bulk"),
    catalog("update_items", "PATCH", "/shop/items", 202, {"items": [{"id": "a"}]}, "bulk"),
    catalog("replace_items", "PUT", "/shop/items", 202, {"items": [{"id": "a"}]}, "bulk"),
    catalog("delete_items", "DELETE", "/shop/items", 202, {"items": [{"id": "a"}]}, "bulk"),
    catalog("get_items", "GET", "/shop/items", 200, None, "items"),
    catalog("create_item", "POST", "/shop/items/b", 201, {"items": [{"name": "B"}]}, "items"),
    catalog("update_item", "PATCH", "/shop/items/a", 200, {"items": [{"name": "A"}]}, "items"),
    catalog("replace_item", "PUT", "/shop/items/a", 200, {"items": [{"name": "A"}]}, "items"),
    catalog("delete_item", "DELETE", "/shop/items/a", 200, None, "items"),
    catalog("get_item", "GET", "/shop/items/a", 200, None, "items"),
]
NAMED = [f"{good.method} {good.path.partition('?')[0]}" for good in EVERY]


async def prepared(**options: Any) -> Client:
    """A furnished workspace in which somebody and an item are known."""
    sandbox = furnished(**options)
    await sandbox.send("PUT", "/catalogs/shop/items", {"items": [{"id": "a"}]})
    await sandbox.track(events=[EVENT])
    return sandbox


@table(
    [
        Case(f"{name}: {good.status}, {good.permission}", "D", OVERVIEW, good, name)
        for name, good in zip(NAMED, EVERY, strict=True)
    ]
)
async def test_an_endpoint_answers_a_key_with_its_permission_alone(given, expected):
    """A key with exactly that permission succeeds; one with all the others is refused."""
    sandbox = await prepared()
    others = sorted({good.permission for good in EVERY} - {given.permission})
    sandbox.app.world.add_key(Key(key="others", permissions=others))
    sandbox.app.world.add_key(Key(key="one", permissions=[given.permission]))
    sandbox.key = "others"
    refused = await sandbox.send(given.method, given.path, given.body)
    assert (refused.status, refused.json) == (403, {"message": "Access Denied"}), expected
    sandbox.key = "one"
    answer = await sandbox.send(given.method, given.path, given.body)
    assert answer.status == given.status
    assert answer.json.get("message") == "success" or answer.json["success"] is True


def test_no_endpoint_with_a_permission_is_left_out():
    """But for those whose permission the API overview does not name."""
    held = {endpoint.permission for endpoint in (*EXACT.values(), *CATALOG.values())} - {""}
    unnamed = {"messages.send", "sends.id.create", "custom_attributes.get"}
    assert held - {good.permission for good in EVERY} == unnamed


@rule("each shared limit is shared by exactly the endpoints the table names", "D", LIMITS)
@pytest.mark.parametrize("bucket", sorted({good.bucket for good in EVERY}))
async def test_a_bucket_is_shared_by_its_endpoints_alone(bucket):
    """One call to each of the others leaves the bucket full, one to each of its own lowers it by one."""
    sandbox = await prepared()
    sandbox.time.ms += 3_600_000
    for good in EVERY:
        if good.bucket != bucket:
            await sandbox.send(good.method, good.path, good.body)
    own = [good for good in EVERY if good.bucket == bucket]
    seen = [told(await sandbox.send(good.method, good.path, good.body)) for good in own]
    assert [one["limit"] - one["remaining"] for one in seen] == list(range(1, len(own) + 1))


@rule("Content-Type is asked for, and a body over 4 MB refused, by every endpoint with a body", "D+", ERRORS)
async def test_every_body_is_checked():
    """415 and 413; bulk has its own cap and status."""
    sandbox = await prepared()
    for good in EVERY:
        if good.method == "GET":
            continue
        sent = {"raw": b"{" + b" " * 4 * 1_048_576}
        large = await sandbox.send(good.method, good.path, **sent)
        typed = await sandbox.send(good.method, good.path, headers={"content-type": "text/plain"}, **sent)
        expected = 400 if good.permission == "users.track.bulk" else 413
        assert (good.path, large.status, typed.status) == (good.path, expected, 415)


def ids(count: int) -> list[str]:
    """So many different ids."""
    return [f"n{number}" for number in range(count)]


def aliases(count: int) -> list[dict[str, str]]:
    """So many different aliases."""
    return [{"alias_name": name, "alias_label": "anon"} for name in ids(count)]


def query(name: str, path: str = f"status/get?{GROUP}&") -> Any:
    """A GET with so many values of one parameter."""
    return lambda n: (f"/subscription/{path}{'&'.join(f'{name}[]={one}' for one in ids(n))}", None)


CAPPED = [
    Case(
        "alias/new: 50 aliases",
        "D",
        ERRORS,
        lambda n: ("/users/alias/new", {"user_aliases": aliases(n)}),
        OVER_IDS,
    ),
    Case(
        "alias/update: 50 updates",
        "D",
        ERRORS,
        lambda n: (
            "/users/alias/update",
            {
                "alias_updates": [
                    {"alias_label": "l", "old_alias_name": o, "new_alias_name": "x"} for o in ids(n)
                ]
            },
        ),
        OVER_IDS,
    ),
    *(
        Case(
            f"identify: 50 {array}",
            "D",
            "Identify users",
            lambda n, array=array, entry=entry: (
                "/users/identify",
                {array: [{"external_id": "u", **entry}] * n},
            ),
            OVER_IDS,
        )
        for array, entry in {
            "aliases_to_identify": {"user_alias": ALIAS},
            "emails_to_identify": {"email": "a@b.co", **FIRST},
            "phone_numbers_to_identify": {"phone": "+15551234567", **FIRST},
        }.items()
    ),
    *(
        Case(
            f"delete: 50 {array}",
            "D",
            "Delete users",
            lambda n, array=array, entry=entry: ("/users/delete", {array: [entry] * n}),
            OVER_IDS,
        )
        for array, entry in {
            "external_ids": "x",
            "braze_ids": "x",
            "user_aliases": ALIAS,
            "email_addresses": {"email": "a@b.co", **FIRST},
            "phone_numbers": {"phone": "+15551234567", **FIRST},
        }.items()
    ),
    Case(
        "merge: 50 updates",
        "D",
        "Merge users",
        lambda n: (
            "/users/merge",
            {
                "merge_updates": [
                    {"identifier_to_merge": {"external_id": "x"}, "identifier_to_keep": {"external_id": "y"}}
                ]
                * n
            },
        ),
        "a single request may not contain more than 50 merge updates",
    ),
    Case(
        "external_ids/rename: 50 renames",
        "D",
        "Rename external ID",
        lambda n: ("/users/external_ids/rename", {"external_id_renames": [{}] * n}),
        OVER_IDS,
    ),
    Case(
        "external_ids/remove: 50 ids",
        "D",
        "Remove external ID",
        lambda n: ("/users/external_ids/remove", {"external_ids": ids(n)}),
        OVER_IDS,
    ),
    Case(
        "export/ids: 50 external ids and aliases",
        "D",
        ERRORS,
        lambda n: ("/users/export/ids", {"external_ids": ids(25), "user_aliases": aliases(n - 25), **FIELDS}),
        OVER_IDS,
    ),
    *(
        Case(
            f"subscription/status/set: 50 of {name}",
            "D",
            "Update user's subscription group status",
            lambda n, name=name: ("/subscription/status/set", {**STATE, name: ids(n)}),
            OVER_IDS,
        )
        for name in ("external_id", "email", "phone")
    ),
    *(
        Case(
            f"v2/subscription/status/set: 50 of {name} an entry",
            "D",
            "Update user's subscription group status (v2)",
            lambda n, name=name: (
                "/v2/subscription/status/set",
                {"subscription_groups": [{**STATE, "external_ids": ids(50)}, {**STATE, name: ids(n)}]},
            ),
            OVER_IDS,
        )
        for name in ("external_ids", "emails", "phones")
    ),
    *(
        Case(
            f"subscription/status/get: 50 of {name}",
            "D",
            "List user's subscription group status",
            query(name),
            OVER_IDS,
        )
        for name in ("external_id", "email", "phone")
    ),
    *(
        Case(
            f"{path}: 50 recipients",
            "D",
            ERRORS,
            lambda n, path=path, what=what: (
                f"/{path}/trigger/send",
                {**what, "recipients": [{"external_user_id": name} for name in ids(n)]},
            ),
            "The max number of external_ids and aliases per request was exceeded",
        )
        for path, what in {"campaigns": {"campaign_id": "c1"}, "canvas": {"canvas_id": "v1"}}.items()
    ),
]


@table(CAPPED)
async def test_fifty_pass_and_one_more_is_too_many(given, expected):
    """Exactly at the cap the call goes through."""
    sandbox = await prepared()
    for number in (50, 51):
        path, body = given(number)
        answer = await sandbox.send("GET" if body is None else "POST", path, body)
        if number == 50:
            assert answer.status in (200, 201, 202)
        else:
            assert (answer.status, answer.json) == (400, {"message": expected})


@rule("more group entries than RudderStack's 25 in one v2 call are taken", "O", CLIENTS)
async def test_entries_of_a_group_call_are_not_capped():
    """No cap is documented."""
    body = {"subscription_groups": [{**STATE, "external_ids": ["u"]}] * 200}
    assert (await (await prepared()).post("/v2/subscription/status/set", body)).status == 201
