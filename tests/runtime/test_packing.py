"""`packing: person`: attributes, events and purchases of the same people in one request."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from tests.runtime.house import ADDRESS, KEY, Desk, Wire, bind, killed, opened, records

from segue.model.delivery import Request, Response
from segue.model.workspace import Delivery

PACKED = Delivery(packing="person", wait_seconds=0)
VALUES: dict[str, list[Any]] = {"x": [1, 2, 3], "y": ["one", "two"], "z": [[1], [1, 2]]}
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
            name = chance.choice("xyz")  # one type each: Braze keeps that of the first value it sees
            value = chance.choice(VALUES[name])
            events.append(identify(user, number, **{name: chance.choice([value, None])}))
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


LEGACY = Delivery(packing="person", wait_seconds=30, limit_per="array")


def legacy(desk: Desk) -> None:
    """The sandbox keeps a legacy contract."""
    world = desk.wire.sandbox.world
    world.switches = replace(world.switches, profile="legacy")


@pytest.mark.parametrize("type_", ["braze", "braze-classic"])
async def test_a_legacy_contract_takes_75_objects_in_each_array(desk: Desk, type_: str) -> None:
    """80 people with an attribute, two events and a purchase each: three requests, none over its bounds."""
    legacy(desk)
    products = [{"product_id": "tea", "price": 2, "quantity": 1}]
    told = [
        each
        for number in range(80)
        for each in (
            identify(f"p{number}", 4 * number, plan="plus"),
            track(f"p{number}", 4 * number),
            track(f"p{number}", 4 * number + 1),
            track(f"p{number}", 4 * number + 2, "Order Completed", products=products),
        )
    ]
    await desk.stream.append(records(*told))
    settings = (
        {"appGroupId": KEY, "datacenter": "us", "restCustomEndpoint": ADDRESS}
        if type_ == "braze-classic"
        else None
    )
    courier = await desk.deliver(bind(type=type_, delivery=LEGACY, settings=settings))
    assert courier.ledger.totals()["delivered", ""] == 4 * 80
    shapes = [{name: len(objects) for name, objects in body.items()} for body in desk.wire.bodies()]
    assert len(shapes) == 3
    assert shapes[0] == {"attributes": 75, "events": 75, "purchases": 37} | shapes[0]
    assert all(count <= 75 for shape in shapes for count in shape.values())
    assert sum(shape.get("attributes", 0) for shape in shapes) == 80
    assert sum(shape.get("events", 0) for shape in shapes) == 160


async def test_what_fits_a_legacy_contract_only_is_cut_down_where_it_does_not_fit(desk: Desk) -> None:
    """Told of a legacy contract that is none, Braze refuses the request; its halves arrive, nothing dies."""
    await desk.stream.append(
        records(*(each for n in range(50) for each in (identify(f"p{n}", n, plan="plus"), track(f"p{n}", n))))
    )
    courier = await desk.deliver(bind(delivery=LEGACY))
    assert courier.ledger.total("delivered") == 100
    assert courier.ledger.total("dead") == 0
    assert sum(map(len, desk.wire.bodies()[0].values())) == 100


class Picky(Wire):
    """Refuses every request that holds the word, as a whole and without saying why."""

    async def send(self, request: Request) -> Response:
        if b"poison" in request.body:
            self.sent.append(request)
            return Response(status=400, body=b'{"message": "there is something in it"}')
        return await super().send(request)


def mixed(culprits: set[int]) -> list[dict[str, Any]]:
    """25 people with an attribute, an event and a purchase each: one full request."""
    events = []
    for number in range(25):
        words = ["poison" if 3 * number + kind in culprits else "tea" for kind in range(3)]
        products = [{"product_id": words[2], "price": 2, "quantity": 1}]
        events += [
            identify(f"p{number}", 3 * number, drink=words[0]),
            track(f"p{number}", 3 * number, drink=words[1]),
            track(f"p{number}", 3 * number + 1, "Order Completed", products=products),
        ]
    return events


@pytest.mark.parametrize("attributes", ["all", "changed"])
@pytest.mark.parametrize("culprits", [{0}, {1}, {2, 40}, {0, 1, 2}, set(range(75))])
async def test_only_the_culprits_of_a_packed_request_die(
    tmp_path: Path, culprits: set[int], attributes: Any
) -> None:
    """Refused as a whole, a request of three arrays is halved: the others are applied once."""
    async with opened(tmp_path) as desk:
        desk.wire = Picky(desk.wire.sandbox)
        await desk.stream.append(records(*mixed(culprits)))
        delivery = Delivery(packing="person", wait_seconds=0, attributes=attributes)
        courier = await desk.deliver(bind(delivery=delivery))
        assert courier.ledger.totals()["dead", "BAD_REQUEST"] == len(culprits)
        assert courier.ledger.total("delivered") == 75 - len(culprits)
        for number in range(25):
            shown = await desk.wire.profile(f"p{number}")
            mine = [3 * number + kind in culprits for kind in range(3)]
            assert shown.get("custom_attributes", {}) == ({} if mine[0] else {"drink": "tea"})
            assert [each["count"] for each in shown.get("custom_events", ())] == [1] * (not mine[1])
            assert [each["count"] for each in shown.get("purchases", ())] == [1] * (not mine[2])


@pytest.mark.parametrize("limit_per", ["request", "array"])
async def test_a_kill_repeats_no_packed_request_that_was_answered(desk: Desk, limit_per: Any) -> None:
    """The journal knows the rows of every array, though no checkpoint does."""
    delivery = Delivery(packing="person", wait_seconds=0, limit_per=limit_per)
    legacy(desk)
    await desk.stream.append(records(*mixed(set())))
    async with desk.courier(bind(delivery=delivery)) as courier:
        await killed(courier, desk, 1)
    sent = len(desk.wire.sent)
    await desk.stream.append(records(track("p0", 1000)))
    courier = await desk.deliver(bind(delivery=delivery))
    assert courier.ledger.total("delivered") == 76
    assert courier.ledger.total("rows_uncertain") == 0
    assert [sorted(body) for body in desk.wire.bodies()[sent:]] == [["events"]]
    shown = [await desk.wire.profile(f"p{number}") for number in range(25)]
    assert [each["custom_events"][0]["count"] for each in shown] == [2] + [1] * 24
    assert [each["purchases"][0]["count"] for each in shown] == [1] * 25


async def test_a_packed_request_without_an_answer_is_uncertain_row_by_row(desk: Desk) -> None:
    """With `hold`, its events and purchases become letters; its attributes are sent again."""
    desk.wire.fault(drop="after", count=1)
    await desk.stream.append(records(*mixed(set())))
    delivery = Delivery(packing="person", wait_seconds=0, uncertain="hold")
    courier = await desk.deliver(bind(delivery=delivery))
    assert courier.ledger.totals()["dead", "UNCERTAIN"] == 50
    courier = await desk.deliver(bind(delivery=delivery))  # the first was held when there was no more to read
    assert courier.ledger.total("delivered") == 25
    assert courier.ledger.total("rows_uncertain") == 75
    assert [sorted(body) for body in desk.wire.bodies()][-1] == ["attributes"]
    shown = [await desk.wire.profile(f"p{number}") for number in range(25)]
    assert [each["purchases"][0]["count"] for each in shown] == [1] * 25


async def test_receipts_of_a_packed_request_name_the_place_in_its_array(desk: Desk) -> None:
    """Also of events and purchases alone: Braze counts each array from 0."""
    products = [{"product_id": "tea", "price": 2, "quantity": 1}]
    await desk.stream.append(
        records(
            track("a", 1), track("b", 2), track("a", 3, "Order Completed", products=products), track("c", 4)
        )
    )
    async with desk.courier(bind(delivery=PACKED)) as courier:
        await courier.run(until_head=True)
        places = {
            receipt.message_id: receipt.position
            for name in ("t1", "t2", "t3", "t4")
            for receipt in await courier._state.receipts(name)
        }
    assert sorted(places.values()) == [0, 0, 1, 2]
    assert places["t3"] == 0


def _counted(profile: dict[str, Any]) -> dict[str, Any]:
    counts = {each["name"]: each["count"] for each in profile.get("custom_events", ())}
    return {"attributes": profile.get("custom_attributes"), "events": counts}
