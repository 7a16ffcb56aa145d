"""Every cap of a Braze request and how what is more is split: by number, by bytes, never out of order.

Through the courier to the sandbox, which refuses what Braze would refuse.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.catalog.braze.pages import row
from tests.runtime.house import ADDRESS, KEY, Desk, bind, opened, records

from segue import __version__
from segue.catalog.braze.actions.track_event import TRACK_EVENT
from segue.catalog.braze.rest import REQUEST_BYTES
from segue.engine.batch import Batcher
from segue.engine.travel import Travel
from segue.model.workspace import Delivery, Subscription
from segue.sandbox.workspace import Catalog, CatalogField

Json = dict[str, Any]

WAITS = Delivery(wait_seconds=30)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path, lanes=1) as found:
        yield found


def sizes(desk: Desk) -> list[dict[str, int]]:
    """Of each request, how many objects each of its arrays has."""
    return [
        {name: len(items) for name, items in body.items() if isinstance(items, list)}
        for body in desk.wire.bodies()
    ]


def subscribed(action: str, mapping: Json, trigger: str = 'type = "track"') -> Subscription:
    return Subscription(id=action, action=action, trigger=trigger, mapping=mapping)


def each(number: int, **properties: Any) -> list[Json]:
    return [
        {"type": "track", "userId": f"u{n}", "event": "e", "properties": {"n": n, **properties}}
        for n in range(number)
    ]


ALIAS: Json = {"alias_name": {"@path": "$.userId"}, "alias_label": "number"}

FIFTIES = [
    pytest.param("create-alias", ALIAS, "user_aliases", id="alias"),
    pytest.param(
        "identify-user",
        {"external_id": {"@path": "$.userId"}, "user_alias": ALIAS},
        "aliases_to_identify",
        id="identify",
    ),
    pytest.param(
        "merge-users",
        {
            "identifier_to_merge": {"external_id": {"@template": "old-{{userId}}"}},
            "identifier_to_keep": {"external_id": {"@path": "$.userId"}},
        },
        "merge_updates",
        id="merge",
    ),
]


@pytest.mark.parametrize(("action", "mapping", "array"), FIFTIES)
async def test_aliases_and_merges_travel_fifty_at_a_time(
    desk: Desk, action: str, mapping: Json, array: str
) -> None:
    """The published client sends one by one; Braze takes 50."""
    await desk.stream.append(records(*each(120)))
    courier = await desk.deliver(bind([subscribed(action, mapping)], delivery=WAITS))
    assert sizes(desk) == [{array: 50}, {array: 50}, {array: 20}]
    assert courier.ledger.total("delivered") == 120


async def test_catalog_items_travel_fifty_at_a_time(desk: Desk) -> None:
    """And one by itself goes to its own address."""
    own = desk.wire.sandbox.world.workspaces["sandbox"]
    own.furnishing.catalogs = [
        Catalog(
            name="shop",
            fields=[CatalogField(name="id", type="string"), CatalogField(name="n", type="number")],
        )
    ]
    own.refresh()
    mapping = {
        "item_id": {"@path": "$.userId"},
        "item": {"n": {"@path": "$.properties.n"}},
        "onMappingSave": {"outputs": {"catalog_name": "shop"}},
        "__segment_internal_sync_mode": "upsert",
    }
    await desk.stream.append(records(*each(101)))
    courier = await desk.deliver(bind([subscribed("upsert-catalog-item", mapping)], delivery=WAITS))
    assert sizes(desk) == [{"items": 50}, {"items": 50}, {"items": 1}]
    assert desk.wire.sent[-1].url.endswith("/catalogs/shop/items/u100")
    assert courier.ledger.total("delivered") == 101


@pytest.mark.parametrize("contract", ["standard", "legacy"])
async def test_an_action_by_itself_sends_75_objects_on_any_contract(desk: Desk, contract: str) -> None:
    """75 in all and 75 an array are the same where a request has one array."""
    world = desk.wire.sandbox.world
    world.switches = replace(world.switches, profile=contract)
    people = [{"type": "identify", "userId": f"u{n}", "traits": {"n": n}} for n in range(80)]
    await desk.stream.append(records(*people, *each(80)))
    courier = await desk.deliver(bind(delivery=WAITS))
    assert sorted(map(str, sizes(desk))) == sorted(
        map(str, [{"attributes": 75}, {"attributes": 5}, {"events": 75}, {"events": 5}])
    )
    assert courier.ledger.total("delivered") == 160


async def test_the_batch_header_and_the_agent_are_on_the_requests_they_belong_on(desk: Desk) -> None:
    """`X-Braze-Batch` from two objects on, an order of two products included; the agent is ours."""
    products = [{"product_id": name, "price": 1} for name in ("a", "b")]
    order = {"type": "track", "userId": "u", "event": "Order Completed", "properties": {"products": products}}
    for events in (each(1), each(2), [order]):
        await desk.stream.append(records(*events))
        await desk.deliver()
    headers = [request.headers for request in desk.wire.sent]
    assert [found.get("x-braze-batch") for found in headers] == [None, "true", "true"]
    assert {found["user-agent"] for found in headers} == {f"Segue/{__version__} (customer event pipeline)"}


async def test_a_request_stays_within_four_megabytes_and_in_order(desk: Desk) -> None:
    """What would be too much together leaves in the next request, one person's events one after another."""
    big = TRACK_EVENT.default_mapping() | {
        "properties": {"n": {"@path": "$.properties.n"}, **{k: {"@path": "$.properties.t"} for k in "abcd"}}
    }
    events = [{**event, "userId": "one"} for event in each(60, t="x" * 20_000)]
    for start in range(0, 60, 20):
        await desk.stream.append(records(*events[start : start + 20]))
    courier = await desk.deliver(bind([subscribed("track-event", big)], delivery=WAITS))
    assert all(len(request.body) <= REQUEST_BYTES for request in desk.wire.sent)
    assert [count["events"] for count in sizes(desk)] == [52, 8]
    sent = [item["properties"]["n"] for body in desk.wire.bodies() for item in body["events"]]
    assert sent == list(range(60))
    assert courier.ledger.total("delivered") == 60


def test_objects_that_fill_a_request_to_the_byte_leave_room_for_what_is_around_them() -> None:
    """Four megabytes of objects would be a request of more."""
    batch = TRACK_EVENT.batch
    batcher = Batcher()
    travel = Travel("track-event", items=batch.items, bytes=batch.bytes)
    size = batch.bytes // 50 - 1
    for n in range(50):
        filled = b'{"n":"%b"}' % (b"x" * (size - len(b'{"n":""}')))
        batcher.add(replace(row("track-event", offset=n), items=(filled,)), travel, [f"u:{n}"], now=0.0)
    [found] = batcher.due(0.0, 1)
    request = TRACK_EVENT.build(found.rows, {"api_key": KEY, "endpoint": ADDRESS})
    assert len(found.rows) == 50
    assert REQUEST_BYTES - 2048 < len(request.body) <= REQUEST_BYTES


async def test_one_order_too_large_for_a_request_is_split_by_its_bytes(desk: Desk) -> None:
    """Its properties are repeated on each purchase; it is still one event, its products in order."""
    purchase = {
        "external_id": {"@path": "$.userId"},
        "time": {"@path": "$.timestamp"},
        "products": {"@path": "$.properties.products"},
        "properties": {name: {"@path": "$.properties.t"} for name in "abcd"},
    }
    products = [{"product_id": f"p{n:02}", "price": 1} for n in range(70)]
    order = {
        "type": "track",
        "userId": "u",
        "event": "e",
        "properties": {"products": products, "t": "x" * 20_000},
    }
    await desk.stream.append(records(order))
    courier = await desk.deliver(bind([subscribed("track-purchase", purchase)], delivery=WAITS))
    assert all(len(request.body) <= REQUEST_BYTES for request in desk.wire.sent)
    assert [count["purchases"] for count in sizes(desk)] == [52, 18]
    bought = [item["product_id"] for body in desk.wire.bodies() for item in body["purchases"]]
    assert bought == [product["product_id"] for product in products]
    assert (courier.ledger.total("delivered"), courier.ledger.total("rows_delivered")) == (1, 2)


async def test_an_object_over_100_kb_is_a_dead_letter_and_its_neighbours_travel(desk: Desk) -> None:
    """Named with its size and the bound."""
    big = TRACK_EVENT.default_mapping() | {
        "properties": {name: {"@path": "$.properties.t"} for name in "abcdef"}
    }
    events = each(3)
    events[1]["properties"]["t"] = "x" * 20_000
    await desk.stream.append(records(*events))
    courier = await desk.deliver(bind([subscribed("track-event", big)], delivery=WAITS))
    assert sizes(desk) == [{"events": 2}]
    assert (courier.ledger.total("delivered"), courier.ledger.total("dead")) == (2, 1)
