"""Couriers that read different lanes of one destination keep the order of people who live in two of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.simulation.subscriptions import MERGES
from tests.runtime.house import SOON, Desk, bind, opened, records, until
from tests.runtime.test_courier import track

from segue.model.event import lane_of
from segue.model.workspace import Subscription
from segue.runtime.courier import Courier

LANES = 4
ALIAS = {"alias_name": {"@path": "$.anonymousId"}, "alias_label": "device"}
STEPS = Subscription(
    id="steps",
    action="track-event",
    trigger='type = "track"',
    mapping={
        "external_id": {"@path": "$.userId"},
        "user_alias": {"@if": {"exists": {"@path": "$.userId"}, "then": None, "else": ALIAS}},
        "time": {"@path": "$.timestamp"},
        "name": {"@path": "$.event"},
    },
)
"""Who has no userId goes by the name of their device."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path, lanes=LANES) as made:
        yield made


def someone(prefix: str, lane: int) -> str:
    """An id of the kind that lives in a lane: "u" for a userId, "a" for an anonymousId."""
    return next(
        f"{prefix}{number}" for number in range(1000) if lane_of(f"{prefix}:{prefix}{number}", LANES) == lane
    )


async def courier(desk: Desk, stack: AsyncExitStack, *lanes: int) -> Courier:
    """A courier of some lanes, with a state of its own."""
    made = await stack.enter_async_context(
        desk.courier(bind([MERGES, STEPS]), lanes=lanes, checkpoint_seconds=SOON)
    )
    await made.start()
    return made


def names(desk: Desk) -> list[str]:
    """What reached Braze, in this order; a merge goes by the name of its endpoint."""
    merge = [{"name": "/users/merge"}]
    return [event["name"] for body in desk.wire.bodies() for event in body.get("events", merge)]


def visit(user: str, anonymous: str, name: str) -> dict[str, Any]:
    return {**track(user, event=name), "anonymousId": anonymous, "messageId": name}


def anonymous_step(anonymous: str, name: str) -> dict[str, Any]:
    step = {**track("", event=name), "anonymousId": anonymous, "messageId": name}
    del step["userId"]
    return step


async def test_a_log_in_waits_for_the_visit_in_another_couriers_lane(desk: Desk) -> None:
    """Not sent before the other has settled what came earlier; the person's later events wait behind it."""
    user, anonymous = someone("u", 0), someone("a", 1)
    await desk.stream.append(
        records(
            anonymous_step(anonymous, "Visit"),
            visit(user, anonymous, "Log in"),
            {**track(user, event="Later"), "messageId": "later"},
            {**track(someone("u", 2), event="Somebody else"), "messageId": "else"},
            anonymous_step(anonymous, "Visit again"),
        )
    )
    async with AsyncExitStack() as stack:
        first = await courier(desk, stack, 0, 2)
        second = await courier(desk, stack, 1, 3)
        running = asyncio.create_task(first.run())
        async with asyncio.timeout(60):
            while first.ledger.waiting != 2 or not names(desk):  # noqa: ASYNC110 - a ledger tells nobody
                await asyncio.sleep(0.005)
            assert names(desk) == ["Somebody else"]
            await second.run(until_head=True)
            while first.ledger.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        first.stop()
        await running
        assert (first.ledger.residual, second.ledger.residual) == (0, 0)
    order = names(desk)
    assert order.index("Visit") < order.index("Log in") < order.index("Later")


async def test_a_merge_waits_for_what_the_other_did_in_another_couriers_lane(desk: Desk) -> None:
    """It is part of what the kept person gets; after the merge it would make somebody new of them."""
    kept, gone = someone("u", 0), someone("u", 1)
    merge = {**track(kept, event="Merged", gone=gone), "messageId": "merge"}
    await desk.stream.append(
        records(
            {**track(gone, event="Before"), "messageId": "before"},
            {**track(kept, event="Aside"), "messageId": "aside"},
            merge,
            {**track(kept, event="After"), "messageId": "after"},
        )
    )
    async with AsyncExitStack() as stack:
        first = await courier(desk, stack, 0, 2)
        await first.run(until_head=True)
        assert (names(desk), first.ledger.waiting) == (["Aside"], 2)
    async with AsyncExitStack() as stack:
        await (await courier(desk, stack, 1, 3)).run(until_head=True)
        again = await courier(desk, stack, 0, 2)
        running = asyncio.create_task(again.run())
        await until(lambda: again.ledger.total("delivered") == 3)
        again.stop()
        await running
    assert names(desk)[:2] == ["Aside", "Before"]
    assert names(desk).index("/users/merge") < names(desk).index("After")
    kept_person = await desk.wire.profile(kept)
    assert {event["name"] for event in kept_person["custom_events"]} == {"Before", "Aside", "Merged", "After"}
    assert await desk.wire.profile(gone) == {}


async def test_nobody_waits_in_a_circle(desk: Desk) -> None:
    """Two people who were each seen first in the other's lane; both couriers go on."""
    one, other = someone("u", 0), someone("u", 1)
    mine, theirs = someone("a", 0), someone("a", 1)
    events = []
    for number in range(6):
        events += [
            visit(one, theirs, f"one {number}"),
            visit(other, mine, f"other {number}"),
            anonymous_step(theirs, f"theirs {number}"),
            anonymous_step(mine, f"mine {number}"),
        ]
    await desk.stream.append(records(*events))
    async with AsyncExitStack() as stack:
        both = [await courier(desk, stack, 0, 2), await courier(desk, stack, 1, 3)]
        running = [asyncio.create_task(each.run()) for each in both]
        async with asyncio.timeout(60):
            while sum(each.ledger.total("delivered") for each in both) < len(events):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        for each in both:
            each.stop()
        await asyncio.gather(*running)
    order = names(desk)
    assert sorted(order) == sorted(event["messageId"] for event in events)
    for number in range(1, 6):
        assert order.index(f"theirs {number - 1}") < order.index(f"one {number}")
        assert order.index(f"mine {number - 1}") < order.index(f"other {number}")


async def test_what_waits_for_another_courier_does_not_keep_a_stop_waiting(desk: Desk) -> None:
    """It is taken up again at the next start."""
    user, anonymous = someone("u", 0), someone("a", 1)
    await desk.stream.append(records(anonymous_step(anonymous, "Visit"), visit(user, anonymous, "Log in")))
    async with AsyncExitStack() as stack:
        first = await courier(desk, stack, 0, 2)
        async with asyncio.timeout(60):
            await first.run(until_head=True)
        assert (first.ledger.waiting, first.ledger.residual, names(desk)) == (1, 0, [])
