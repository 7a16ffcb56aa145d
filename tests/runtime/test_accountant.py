"""The cost ledger is the partner's meter to the unit; caps stop what they are to stop and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.runtime.house import Desk, bind, killed, never, opened, records, until

from segue.engine.caps import OVER_BUDGET
from segue.engine.cost import DAY_MS
from segue.io.storage.journal import Journal, RowKey, Settled
from segue.io.storage.state import StateReader
from segue.model.cost import Cost, CostKey
from segue.model.workspace import Budget, Cap, Delivery
from segue.runtime.clock import HandClock
from segue.runtime.courier import Courier
from segue.runtime.memory import NO_LANE, RESEND

NOON_MS = int(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON_MS)


@pytest.fixture
async def desk(tmp_path: Path, clock: HandClock) -> AsyncIterator[Desk]:
    async with opened(tmp_path, clock=clock) as made:
        yield made


def identify(number: int, user: str = "u1", **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": f"i{number}", "traits": traits}


def track(number: int, user: str = "u1", event: str = "Viewed", **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user,
        "event": event,
        "messageId": f"t{number}",
        "properties": properties,
    }


async def book(desk: Desk) -> dict[CostKey, Cost]:
    """What the destination's book says of all days."""
    reader = await StateReader.open(desk.folder / "braze.db")
    found = dict(await reader.costs(0, 1 << 40))
    await reader.close()
    return found


def points_by_kind(costs: dict[CostKey, Cost]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for key, cost in costs.items():
        kind = "attributes" if key.attribute else "purchases" if key.event == "Order Completed" else "events"
        kinds[kind] = kinds.get(kind, 0) + cost.points
    return {kind: points for kind, points in kinds.items() if points}


def metered(desk: Desk) -> dict[str, int]:
    """What the sandbox counted, by the rules of Braze's documents."""
    found = desk.wire.sandbox.world.workspaces["sandbox"].registry.data_points
    return {kind: points for kind, points in found.items() if points}


@pytest.mark.parametrize("attributes", ["all", "changed"])
async def test_the_ledger_is_the_partner_s_meter_to_the_unit(desk: Desk, attributes: str) -> None:
    """A mixed day of 600 events of 40 people, some of which the partner refuses: data points by kind, and
    requests, are those the sandbox counted; with deltas something is saved."""
    chance = Random(26)
    events = []
    for number in range(600):
        user = f"u{chance.randrange(40)}"
        match chance.randrange(5):
            case 0 | 1:
                traits = {"plan": chance.choice("ab"), "cart": {"items": chance.randrange(3), "sum": 1.5}}
                events.append(identify(number, user, **traits, tags=["x", "y"], email=f"{user}@example.com"))
            case 2:
                products = [
                    {"product_id": f"p{n}", "price": 2, "quantity": chance.randint(1, 4)} for n in range(3)
                ]
                events.append(track(number, user, "Order Completed", products=products))
            case 3:
                events.append(track(number, user, "x" * 300))  # longer than an event's name may be
            case _:
                events.append(track(number, user, chance.choice(["Viewed", "Clicked"]), page=number))
    await desk.stream.append(records(*events))
    delivery = Delivery(wait_seconds=30, attributes=attributes)  # type: ignore[arg-type]
    courier = await desk.deliver(bind(delivery=delivery))
    assert courier.ledger.residual == 0
    costs = await book(desk)
    assert points_by_kind(costs) == metered(desk)
    assert sum(cost.micro_requests for cost in costs.values()) == len(desk.wire.sent) * 1_000_000
    objects = sum(len(items) for body in desk.wire.bodies() for items in body.values())
    assert sum(cost.objects for cost in costs.values()) == objects
    saved = sum(cost.points_saved for cost in costs.values())
    assert saved > 0 if attributes == "changed" else saved == 0


async def test_what_was_saved_and_spent_is_what_naive_sending_spends(tmp_path: Path) -> None:
    """The same events twice: points spent and saved with deltas make those spent without."""
    sums = {}
    for attributes in ("all", "changed"):
        async with opened(tmp_path / attributes) as desk:
            events = [
                identify(number, f"u{number % 7}", plan=number % 2, deep={"a": 1, "b": number})
                for number in range(120)
            ]
            await desk.stream.append(records(*events))
            delivery = Delivery(wait_seconds=30, attributes=attributes)  # type: ignore[arg-type]
            await desk.deliver(bind(delivery=delivery))
            costs = (await book(desk)).values()
            sums[attributes] = sum(cost.points for cost in costs), sum(cost.points_saved for cost in costs)
    assert sums["all"][1] == 0
    assert sum(sums["changed"]) == sums["all"][0]
    assert sums["changed"][0] < sums["all"][0]


async def run(desk: Desk, *caps: Cap, batching: bool = False) -> Courier:
    """Deliver one by one, so that each cap is looked at before each request; or what may leave together."""
    delivery = Delivery(wait_seconds=0, batching=batching, in_flight=1)
    return await desk.deliver(bind(delivery=delivery, budget=Budget(caps=caps)))


async def test_what_comes_after_a_dropping_cap_is_filtered_and_counted(desk: Desk, clock: HandClock) -> None:
    """Ten events a day of one name; other events go on; the next day begins anew, over a restart."""
    cap = Cap(limit=10, per="day", event="Viewed", policy="drop")
    await desk.stream.append(records(*(track(n) for n in range(15)), track(99, event="Clicked")))
    courier = await run(desk, cap)
    assert courier.ledger.totals()["filtered", OVER_BUDGET] == 5
    assert courier.ledger.total("delivered") == 11
    assert courier.ledger.residual == 0
    await desk.stream.append(records(*(track(n) for n in range(100, 103))))
    courier = await run(desk, cap)
    assert courier.ledger.totals()["filtered", OVER_BUDGET] == 8
    await clock.advance(86_400)
    await desk.stream.append(records(*(track(n) for n in range(200, 203))))
    courier = await run(desk, cap)
    assert courier.ledger.total("delivered") == 14


async def test_a_holding_cap_keeps_what_is_over_it_for_the_next_day(desk: Desk, clock: HandClock) -> None:
    """Nothing is lost and nothing is sent: the destination says why it waits, also when it is stopped; with
    the next day everything leaves."""
    cap = Cap(limit=4, per="day", policy="hold")
    await desk.stream.append(records(*(track(n, f"u{n}") for n in range(10))))
    courier = await run(desk, cap)
    assert courier.ledger.total("delivered") == 4
    assert courier.ledger.waiting == 6
    assert courier.ledger.residual == 0
    assert courier.halt is not None
    assert (courier.halt.kind, courier.halt.until_ms) == ("capped", (NOON_MS // DAY_MS + 1) * DAY_MS)
    assert "100% of 4 points a day" in courier.halt.message
    await clock.advance(86_400)
    for sent in (8, 10):
        courier = await run(desk, cap)
        assert len(desk.wire.sent) == sent
        await clock.advance(86_400)
    assert courier.ledger.waiting == 0
    assert courier.halt is None
    reader = await StateReader.open(desk.folder / "braze.db")
    assert await reader.halt() is None
    await reader.close()


async def test_what_a_cap_dropped_stays_dropped_after_a_kill(desk: Desk, clock: HandClock) -> None:
    """Though the next day has begun and the cap is open again: what came after it has left."""
    cap = Cap(limit=1, per="day", event="Viewed", policy="drop")
    delivery = Delivery(wait_seconds=0, batching=False, in_flight=1)
    destination = bind(delivery=delivery, budget=Budget(caps=(cap,)))
    await desk.stream.append(records(track(1)))
    await desk.deliver(destination)
    await desk.stream.append(records(track(2), track(3, event="Paid")))
    async with desk.courier(destination) as courier:
        await killed(courier, desk, 2)
    await clock.advance(86_400)
    courier = await desk.deliver(destination)
    assert [event["name"] for body in desk.wire.bodies() for event in body["events"]] == ["Viewed", "Paid"]
    assert (courier.ledger.totals()["filtered", OVER_BUDGET], courier.ledger.residual) == (1, 0)
    reader = await StateReader.open(desk.folder / "braze.db")
    assert [(each.result, each.reason) for each in await reader.receipts("t2")] == [("filtered", OVER_BUDGET)]
    await reader.close()


async def test_what_is_sent_again_for_nobodys_event_is_dropped_after_a_kill_as_before(desk: Desk) -> None:
    """What `segue drift --repair` asks for has no event whose end would be told: after a kill it is asked for
    anew, and the journal knows nothing of it."""
    cap = Cap(limit=1, of="requests", per="month", policy="drop")
    destination = bind(delivery=Delivery(wait_seconds=0), budget=Budget(caps=(cap,)))
    await desk.stream.append(records(identify(1, plan="plus")))
    await desk.deliver(destination)
    reader = await StateReader.open(desk.folder / "braze.db")
    again = ("external_id:u1", b'{"external_id":"u1","plan":"plus"}', NOON_MS)
    await reader.ask(RESEND, {"objects": [again]}, asked_ms=NOON_MS)
    async with desk.courier(destination) as courier:
        await courier.start()
        await courier.checkpoint()
        assert courier.waiting_rows == 1
        stem, generation = desk.folder / "braze", courier.books.journal.generation
        courier.checkpoint = never  # type: ignore[method-assign]  # the process dies before its next one
        running = asyncio.ensure_future(courier.run())
        await until(lambda: not courier.waiting_rows)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert Journal.read(stem, generation).settled == {}
    journal, _ = Journal.open(stem, generation)
    as_before = Settled(0, 0, 0, OVER_BUDGET, is_left_out=True)
    journal.decide([(RowKey(NO_LANE, 1, "", 0), as_before)])  # as earlier versions did
    journal.close()
    for _ in range(2):
        async with desk.courier(destination) as courier:
            await courier.start()
            await courier.checkpoint()
            await courier.run(until_head=True)
            assert courier.ledger.residual == 0
    assert await reader.commands() == []
    assert len(desk.wire.sent) == 1
    await reader.close()


async def test_what_comes_after_a_held_row_of_its_person_waits_with_it(desk: Desk, clock: HandClock) -> None:
    """Though both would have left in one request; others in it leave."""
    cap = Cap(limit=1, per="day", event="Viewed", policy="hold")
    await desk.stream.append(records(track(1, "u0")))
    await run(desk, cap, batching=True)
    events = track(2), track(3, event="Paid"), track(4, "u2", event="Paid"), track(5, event="Left")
    await desk.stream.append(records(*events))
    courier = await run(desk, cap, batching=True)
    assert courier.ledger.waiting == 3
    names = [[event["name"] for event in body["events"]] for body in desk.wire.bodies()]
    assert names == [["Viewed"], ["Paid"]]
    await clock.advance(86_400)
    await run(desk, cap, batching=True)
    names = [[event["name"] for event in body["events"]] for body in desk.wire.bodies()]
    assert names == [["Viewed"], ["Paid"], ["Viewed", "Paid", "Left"]]


async def test_a_warning_stops_nothing(desk: Desk) -> None:
    """The metric says by how much the cap is passed."""
    await desk.stream.append(records(*(track(n) for n in range(6))))
    courier = await run(desk, Cap(limit=4, policy="warn"))
    assert courier.ledger.total("delivered") == 6
    share = desk.telemetry.value("segue_budget_used", destination="braze", cap="points/month/warn")
    assert share == 1.5  # 6 points of 4


async def test_requests_can_be_capped_where_the_contract_counts_them(desk: Desk) -> None:
    """Three requests a day, whatever is in them."""
    await desk.stream.append(records(*(track(n, f"u{n}") for n in range(5))))
    courier = await run(desk, Cap(limit=3, of="requests", per="day", policy="drop"))
    assert len(desk.wire.sent) == 3
    assert courier.ledger.totals()["filtered", OVER_BUDGET] == 2


OUTCOMES = {
    "warn": {"delivered": 6},
    "hold": {"delivered": 4, "waiting": 2},
    "drop": {"delivered": 4, "filtered": 2},
}
"""What becomes of three events of two names each under a limit of one of either name, or of four of both."""


@pytest.mark.parametrize("policy", ["warn", "hold", "drop"])
@pytest.mark.parametrize(("event", "limit", "spent"), [("", 4, 0), ("Viewed", 1, 3)], ids=["source", "event"])
async def test_each_policy_does_as_it_says_by_source_and_by_event(
    desk: Desk, clock: HandClock, event: str, limit: int, spent: int, policy: Any
) -> None:
    """A destination has one source: a cap without an event is the source's, and what another source sends
    through the same log is none of its business. A cap of an event leaves the others alone, also when it
    holds: they leave at a stop as well. The next day begins anew."""
    cap = Cap(limit=limit, per="day", event=event, policy=policy)
    await desk.stream.append(records(*(track(n, f"x{n}") for n in range(50, 60)), source="app"))
    await desk.stream.append(records(*(track(n, f"u{n}", event=("Viewed", "Paid")[n % 2]) for n in range(6))))
    courier = await run(desk, cap)
    found = {result: courier.ledger.total(result) for result in ("delivered", "filtered")}
    found["waiting"] = courier.ledger.waiting
    expected = OUTCOMES[policy]
    assert {result: number for result, number in found.items() if number} == expected
    assert (courier.ledger.total("skipped"), courier.ledger.residual) == (10, 0)
    label = "/".join(filter(None, ("points", "day", event, policy)))
    share = desk.telemetry.value("segue_budget_used", destination="braze", cap=label)
    assert share == (expected["delivered"] - spent) / limit
    assert {key.source for key in await book(desk)} == {"web"}
    for _ in range(2):
        await clock.advance(86_400)
        courier = await run(desk, cap)
    assert courier.ledger.total("delivered") == expected["delivered"] + expected.get("waiting", 0)
    assert courier.ledger.waiting == 0


async def test_a_refused_object_costs_a_request_and_no_points(desk: Desk) -> None:
    """The partner counts what it takes."""
    await desk.stream.append(records(track(1, event="x" * 300)))
    courier = await run(desk)
    assert courier.ledger.total("dead") == 1
    (cost,) = (await book(desk)).values()
    assert (cost.points, cost.requests) == (0, 1)
