"""Attributes that change what is there ({"inc": 1}) in a request that got no answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from tests.runtime.house import Desk, bind, opened, records, until

from segue.io.storage.state import StateReader
from segue.model.delivery import Request, Response
from segue.model.workspace import Delivery

VISIT: dict[str, Any] = {
    "type": "identify",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-09-20T10:00:00.000Z",
    "traits": {"visits": {"inc": 1}, "plan": "plus"},
}
LATE = {**VISIT, "messageId": "m2", "timestamp": "2026-09-20T09:00:00.000Z", "traits": {"plan": "none"}}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


async def uncertain(desk: Desk) -> list[tuple[str, str]]:
    """(messageId, policy) of what is told to be uncertain."""
    reader = await StateReader.open(desk.folder / "braze.db")
    found = [(doubt.message_id, doubt.policy) for doubt in await reader.uncertain()]
    await reader.close()
    return found


async def visits(desk: Desk) -> Any:
    return (await desk.wire.profile("u1"))["custom_attributes"]["visits"]


@pytest.mark.parametrize("attributes", ["all", "changed"])
@pytest.mark.parametrize(("policy", "counted"), [("hold", 1), ("resend", 2)])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_an_operation_in_doubt_follows_the_policy_as_an_event_does(
    desk: Desk, policy: Any, counted: int, attributes: Any, is_killed: bool
) -> None:
    """Braze applied the request and its answer got lost, or the process was killed. Held, the row is a dead
    letter and what it may have said is not overwritten by what is older; sent again, it is told to count
    twice."""
    destination = bind(delivery=Delivery(wait_seconds=0, uncertain=policy, attributes=attributes))
    carry = desk.wire.send

    async def lose(request: Request) -> Response:
        await carry(request)
        desk.wire.send = carry  # type: ignore[method-assign]
        if is_killed:
            await asyncio.Event().wait()
        return Response(status=0, error="ECONNRESET")

    await desk.stream.append(records(VISIT))
    desk.wire.send = lose  # type: ignore[method-assign]
    if is_killed:
        async with desk.courier(destination) as courier:
            running = asyncio.ensure_future(courier.run())
            await until(lambda: desk.wire.sent)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    await desk.deliver(destination)
    await desk.deliver(destination)  # a lost answer holds the first
    await desk.stream.append(records(LATE))
    courier = await desk.deliver(destination)
    assert await uncertain(desk) == [("m1", policy)]
    assert await visits(desk) == counted
    assert (await desk.wire.profile("u1"))["custom_attributes"]["plan"] == "plus"
    assert courier.ledger.total("dead") == (1 if policy == "hold" else 0)
    assert courier.ledger.residual == 0


async def test_plain_attributes_in_doubt_are_sent_again_whatever_the_policy(desk: Desk) -> None:
    """That changes nothing."""
    destination = bind(delivery=Delivery(wait_seconds=0, uncertain="hold"))
    carry = desk.wire.send

    async def lose(request: Request) -> Response:
        await carry(request)
        desk.wire.send = carry  # type: ignore[method-assign]
        return Response(status=0, error="ECONNRESET")

    plain = {**VISIT, "traits": {"plan": "plus", "home": {"city": "Oslo"}, "cars": [{"id": 1}]}}
    await desk.stream.append(records(plain))
    desk.wire.send = lose  # type: ignore[method-assign]
    await desk.deliver(destination)
    courier = await desk.deliver(destination)  # the first was held
    assert await uncertain(desk) == [("m1", "repeated")]
    assert courier.ledger.total("delivered") == 1
    assert len(orjson.loads(desk.wire.sent[1].body)["attributes"]) == 1


@pytest.mark.parametrize("seed", range(4))
async def test_a_counter_is_doubled_where_that_is_told_and_nowhere_else(tmp_path: Path, seed: int) -> None:
    """Answers lost before and after the work, trouble, and couriers killed at any moment, over counters of
    two people: held, none counts twice; sent again, only those in the uncertain set may."""
    chance = Random(seed)
    policy: Any = chance.choice(["hold", "resend"])
    attributes: Any = chance.choice(["all", "changed"])
    destination = bind(delivery=Delivery(wait_seconds=0, uncertain=policy, attributes=attributes))
    events = [
        {**VISIT, "userId": f"u{n % 2}", "messageId": f"m{n}", "traits": {f"c{n}": {"inc": 1}, "last": n}}
        for n in range(6)
    ]
    async with opened(tmp_path) as desk:
        for event in events:
            await desk.stream.append(records(event))
            for _ in range(chance.randrange(3)):
                fault = chance.choice([{"drop": "before"}, {"drop": "after"}, {"status": 503}])
                desk.wire.fault(path="/users/track", count=1, **fault)
            async with desk.courier(destination, checkpoint_seconds=0.001) as courier:
                running = asyncio.ensure_future(courier.run(until_head=True))
                for _ in range(chance.choice([0, 5, 20, 60, 200, 5000])):
                    await asyncio.sleep(0)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        desk.wire.sandbox.world.faults.clear()
        await desk.deliver(destination)
        courier = await desk.deliver(destination)
        assert (courier.ledger.residual, courier.ledger.waiting) == (0, 0)
        told = dict(await uncertain(desk))
        assert set(told.values()) <= {policy}
        reader = await StateReader.open(desk.folder / "braze.db")
        dead = {letter.message_id for letter in await reader.dead_letters()}
        await reader.close()
        for number, event in enumerate(events):
            custom = (await desk.wire.profile(event["userId"])).get("custom_attributes", {})
            counted, name = custom.get(f"c{number}", 0), f"m{number}"
            if name in dead:
                assert (told[name], counted in (0, 1)) == ("hold", True)
            else:
                assert counted == 1 or (counted > 1 and told.get(name) == "resend"), (number, counted, told)
