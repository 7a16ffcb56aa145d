"""Bodies nested as deeply as JSON readers follow, wherever a value is taken: never a fault of ours."""

import pytest
from tests.sandbox.furnished import furnished

TIME = "2026-01-01"
ORDER = (
    f'"name": "ecommerce.order_placed", "time": "{TIME}", "properties": {{"order_id": "o", "metadata": %}}'
)
BODIES = {
    "an attribute": ("/users/track", '{"attributes": [{"external_id": "a", "x": %}]}'),
    "an array of objects": ("/users/track", '{"attributes": [{"external_id": "a", "x": [%]}]}'),
    "an object added": ("/users/track", '{"attributes": [{"external_id": "a", "x": {"$add": [%]}}]}'),
    "an array edited": ("/users/track", '{"attributes": [{"external_id": "a", "x": {"add": [[%]]}}]}'),
    "an attribute merged": (
        "/users/track",
        '{"attributes": [{"external_id": "a", "_merge_objects": true, "x": %}]}',
    ),
    "Braze's own fields": (
        "/users/track",
        '{"attributes": [{"external_id": "a", "facebook": %, "push_tokens": [%]}]}',
    ),
    "identifier, name and time": ("/users/track", '{"events": [{"external_id": %, "name": %, "time": %}]}'),
    "properties": (
        "/users/track",
        f'{{"events": [{{"external_id": "a", "name": "n", "time": "{TIME}", "properties": %}}]}}',
    ),
    "an order": ("/users/track", f'{{"events": [{{"external_id": "a", {ORDER}}}]}}'),
    "one object": ("/users/track/sync", '{"attributes": [{"external_id": "a", "x": [%]}]}'),
    "aliases": ("/users/alias/new", '{"user_aliases": [%]}'),
    "identify": ("/users/identify", '{"aliases_to_identify": [%]}'),
    "merge": ("/users/merge", '{"merge_updates": [%]}'),
    "delete": ("/users/delete", '{"external_ids": [%]}'),
    "export by id": ("/users/export/ids", '{"external_ids": [%], "fields_to_export": ["email"]}'),
    "export by alias": ("/users/export/ids", '{"user_aliases": [%], "fields_to_export": [%]}'),
    "a subscription": ("/subscription/status/set", '{"subscription_group_id": %}'),
    "a catalog": ("/catalogs", '{"catalogs": [%]}'),
    "an item": ("/catalogs/shop/items/b", '{"items": [{"name": %, "tags": [%]}]}'),
    "an audience": ("/campaigns/trigger/send", '{"campaign_id": "c1", "broadcast": true, "audience": %}'),
    "recipients": (
        "/campaigns/trigger/send",
        '{"campaign_id": "c1", "trigger_properties": %, '
        '"recipients": [{"external_user_id": "a", "attributes": %}]}',
    ),
    "messages": ("/messages/send", '{"external_user_ids": ["a"], "messages": {"email": %}}'),
    "a device": (
        "/api/v3/data/",
        '{"api_key": "sandbox-app", "device_id": "d", "attributes": [{"custom": {"z": [%], "w": %}}], '
        '"events": [{"name": "ncam", "data": {"key": "x", "value": %}}, '
        '{"name": "ce", "data": {"n": "x", "p": %}}]}',
    ),
    "people": ("/_sandbox/people", '{"attributes": [{"external_id": "a", "x": [%]}]}'),
    "an event told of": (
        "/_sandbox/currents/emit",
        '{"type": "users.messages.email.Open", "person": "a", "properties": %}',
    ),
}
NESTS = {
    "objects": lambda depth: '{"k": ' * depth + "1" + "}" * depth,
    "arrays": lambda depth: "[" * depth + "1" + "]" * depth,
    "an audience": lambda depth: '{"AND": [' * (depth // 2) + "1" + "]}" * (depth // 2),
}


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("name", BODIES)
async def test_depth_is_no_fault_of_ours(name, nest):
    """Answered below 500, and everybody can be shown and kept afterwards."""
    path, body = BODIES[name]
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": "a"}])
    for depth in (60, 300, 1_000):
        answer = await sandbox.send("POST", path, raw=body.replace("%", NESTS[nest](depth)).encode())
        assert answer.status < 500
        for shown in ("/_sandbox/people/a", "/_sandbox/snapshot", "/_sandbox/requests"):
            assert (await sandbox.get(shown)).status == 200
