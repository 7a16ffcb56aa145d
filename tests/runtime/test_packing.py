"""`packing: person`: attributes, events and purchases of the same people in one request."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.runtime.house import Desk, bind, opened, records

from segue.model.workspace import Delivery

PACKED = Delivery(packing="person", wait_seconds=0)
USERS = tuple(f"u{number}" for number in range(6))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def identify(user: str, number: int, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": f"i{number}", "traits": traits}


def track(user: str, number: int, event: str = "Read", **properties: Any) -> dict[str, Any]:
    named = {"event": event, "properties": properties}
    return {"type": "track", "userId": user, "messageId": f"t{number}", **named}


async def test_one_request_carries_all_of_some_people(desk: Desk) -> None:
    """Attributes, events and purchases of two people, one request, each event delivered."""
    order = {"order_id": "o", "products": [{"product_id": "tea", "price": 2, "quantity": 1}]}
    for number, user in enumerate(("a", "b")):
        await desk.stream.append(
            records(
                identify(user, number, plan="plus"),
                track(user, number),
                track(user, number + 2, "Order Completed", **order),
            )
        )
    courier = await desk.deliver(bind(delivery=PACKED))
    assert courier.ledger.total("delivered") == 2 * 3
    [body] = desk.wire.bodies()
    assert {name: len(objects) for name, objects in body.items()} == {
        "attributes": 2,
        "events": 2,
        "purchases": 2,
    }


async def test_what_must_come_after_an_event_does_not_travel_with_it(desk: Desk) -> None:
    """Braze applies attributes first, so an attribute after an event waits for the next request."""
    await desk.stream.append(
        records(identify("a", 1, plan="free"), track("a", 2), identify("a", 3, plan="plus"), track("a", 4))
    )
    await desk.deliver(bind(delivery=PACKED))
    assert [sorted(body) for body in desk.wire.bodies()] == [["attributes", "events"]] * 2
    assert [body["attributes"][0]["plan"] for body in desk.wire.bodies()] == ["free", "plus"]


async def test_a_refused_event_dies_and_the_attribute_beside_it_does_not(desk: Desk) -> None:
    """Both are number 0 of their array."""
    desk.wire.fault(
        status=201,
        count=1,
        path="/users/track",
        body={"message": "success", "errors": [{"type": "no", "input_array": "events", "index": 0}]},
    )
    await desk.stream.append(records(identify("a", 1, plan="plus"), track("a", 2)))
    courier = await desk.deliver(bind(delivery=PACKED))
    assert (courier.ledger.total("delivered"), courier.ledger.total("dead")) == (1, 1)
    assert courier.ledger.totals()["rows_dead", "BAD_REQUEST"] == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("attributes", ["all", "changed"])
async def test_final_profiles_are_those_of_unpacked_sending(
    tmp_path: Path, seed: int, attributes: Any
) -> None:
    """Whatever the events, and in fewer requests."""
    chance, events = Random(seed), []
    for number in range(200):
        user = chance.choice(USERS)
        if chance.random() < 0.4:
            traits = {chance.choice("xyz"): chance.choice([1, 2, "three", None, [1, 2]])}
            events.append(identify(user, number, **traits))
        else:
            events.append(track(user, number, chance.choice(("Read", "Bought")), n=number))
    profiles, requests = [], []
    for packing in ("action", "person"):
        async with opened(tmp_path / packing) as desk:
            for start in range(0, 200, 20):
                await desk.stream.append(records(*events[start : start + 20]))
            delivery = Delivery(packing=packing, wait_seconds=0, attributes=attributes)
            courier = await desk.deliver(bind(delivery=delivery))
            assert courier.ledger.total("dead") == 0
            requests.append(len(desk.wire.sent))
            shown = [await desk.wire.profile(user) for user in USERS]
            profiles.append(json.dumps([_counted(profile) for profile in shown], sort_keys=True))
    assert profiles[0] == profiles[1]
    assert requests[1] < requests[0]


def _counted(profile: dict[str, Any]) -> dict[str, Any]:
    counts = {each["name"]: each["count"] for each in profile.get("custom_events", ())}
    return {"attributes": profile.get("custom_attributes"), "events": counts}
