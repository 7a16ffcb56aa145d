"""Sentences of docs/explain/guarantees.md about one courier that no other test is about."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.runtime.house import ADDRESS, CATALOGUE, KEY, SOURCE, Desk, bind, opened, records

from segue.engine.plan import prepare
from segue.io.storage.state import StateReader
from segue.model.errors import MisconfiguredError
from segue.model.workspace import Budget, Cap, Delivery, Destination, Subscription, Workspace
from segue.runtime.compose import refuse_parted_people
from segue.runtime.memory import REFRESH


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def track(number: int) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": f"Read {number}", "messageId": f"t{number}"}


def identify(number: int, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "u1", "messageId": f"i{number}", "traits": traits}


async def test_a_message_id_after_its_window_is_an_event_of_its_own(desk: Desk) -> None:
    """Within `dedupe_hours` it is a duplicate, also after a restart; later it is delivered, counted as
    delivered, and both are found under it."""
    destination = bind(delivery=Delivery(wait_seconds=0, dedupe_hours=4))
    ends = []
    for hours in (0, 3, 10):
        later = [replace(one, received_ms=one.received_ms + hours * 3_600_000) for one in records(track(1))]
        await desk.stream.append(later)
        courier = await desk.deliver(destination)
        ends.append((courier.ledger.total("delivered"), courier.ledger.total("duplicate")))
    assert ends == [(1, 0), (1, 1), (2, 1)]
    assert courier.ledger.residual == 0
    reader = await StateReader.open(desk.folder / "braze.db")
    results = [each.result for each in await reader.receipts("t1")]
    await reader.close()
    assert results == ["delivered", "duplicate", "delivered"]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_what_a_5xx_answered_is_not_in_doubt(desk: Desk, status: int) -> None:
    """Braze says it applied nothing: it is sent again whatever the policy, and nothing is reported."""
    desk.wire.fault(status=status, count=1)
    await desk.stream.append(records(track(1)))
    destination = bind(delivery=Delivery(wait_seconds=0, uncertain="hold"))
    for _ in range(3):
        courier = await desk.deliver(destination)
        if not courier.ledger.waiting:
            break
    assert courier.ledger.total("delivered") == 1
    assert not any(result == "rows_uncertain" for result, _ in courier.ledger.totals())
    assert (await desk.wire.profile("u1"))["custom_events"][0]["count"] == 1


async def test_books_that_do_not_add_up_are_said_at_each_checkpoint(desk: Desk) -> None:
    """An event that was read and forgotten, which must never happen, is an error with a number."""
    await desk.stream.append(records(track(1)))
    async with desk.courier() as courier:
        await courier.start()
        await courier.run(until_head=True)
        assert courier.ledger.residual == 0
        courier.ledger.close("filtered", "DEFECT", 1)  # one end too many
        with capture_logs() as logs:
            await courier.checkpoint()
    assert [(line["event"], line["count"]) for line in logs] == [("conservation_broken", -1)]


@pytest.mark.parametrize("attributes", ["all", "changed"])
async def test_what_braze_drops_in_silence_leaves_what_was_there(
    desk: Desk, attributes: Literal["all", "changed"]
) -> None:
    """It was acknowledged, so it counts as sent; a later value that Braze takes is sent as ever."""
    destination = bind(delivery=Delivery(wait_seconds=0, attributes=attributes))
    shown = []
    for number, tags in enumerate((["red"], ["x" * 256], ["x" * 256], ["blue"])):
        await desk.stream.append(records(identify(number, tags=tags)))
        courier = await desk.deliver(destination)
        shown.append((await desk.wire.profile("u1"))["custom_attributes"])
    assert shown == [{"tags": ["red"]}] * 3 + [{"tags": ["blue"]}]
    assert courier.ledger.total("dead") == 0
    assert len(desk.wire.sent) == (3 if attributes == "changed" else 4)


async def test_changes_are_found_without_asking_braze_for_anything(desk: Desk) -> None:
    """Over updates, repeats, a refusal, restarts and a refresh of everybody."""
    destination = bind(delivery=Delivery(wait_seconds=0, attributes="changed"))
    desk.wire.fault(status=400, body={"message": "no"}, skip=1, count=1)
    for number, plan in enumerate(("a", "b", "b", "a")):
        await desk.stream.append(records(identify(number, plan=plan), track(number)))
        if number == 2:
            reader = await StateReader.open(desk.folder / "braze.db")
            await reader.ask(REFRESH, {}, asked_ms=0)
            await reader.close()
        await desk.deliver(destination)
    assert {(sent.method, sent.url) for sent in desk.wire.sent} == {("POST", f"{ADDRESS}/users/track")}
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "a"}


async def test_operations_and_push_tokens_have_no_clock(desk: Desk) -> None:
    """They travel however late, in the order they are sent; a plain value beside them does not."""
    token = {"app_id": "app", "token": "t1"}
    now = identify(1, plan="new") | {"timestamp": "2026-09-21T12:00:00Z"}
    late = identify(2, plan="old", visits={"inc": 1}, push_tokens=[token]) | {
        "timestamp": "2026-09-21T11:00:00Z"
    }
    for event in (now, late):
        await desk.stream.append(records(event))
        await desk.deliver()
    [sent] = desk.wire.bodies()[-1]["attributes"]
    assert {name for name in sent if name in ("plan", "visits", "push_tokens")} == {"visits", "push_tokens"}


def test_changed_attributes_want_all_lanes_in_one_courier() -> None:
    """Anything less is refused with both ways out; all lanes written out are all lanes."""
    settings = {"api_key": KEY, "endpoint": ADDRESS}
    delivery = Delivery(attributes="changed")
    braze = Destination(id="braze", type="braze", source="web", settings=settings, delivery=delivery)
    plan = prepare(Workspace(sources=(SOURCE,), destinations=(braze,)), CATALOGUE)
    with pytest.raises(MisconfiguredError, match="without --lanes, or write attributes: all"):
        refuse_parted_people(plan, (0, 1), 4)
    refuse_parted_people(plan, (0, 1, 2, 3), 4)
    refuse_parted_people(plan, (), 4)


@pytest.mark.parametrize("attributes", ["all", "changed"])
async def test_a_refused_merge_joins_nobody_and_costs_a_whole_update(
    desk: Desk, attributes: Literal["all", "changed"]
) -> None:
    """Both keep their times; what is known of their values is gone, so the next update travels whole."""
    sides = {
        "identifier_to_merge": {"external_id": {"@path": "$.properties.gone"}},
        "identifier_to_keep": {"external_id": {"@path": "$.userId"}},
    }
    merge = Subscription(id="merge", action="merge-users", trigger='type = "track"', mapping=sides)
    people = Subscription(
        id="people",
        action="update-user-profile",
        trigger='type = "identify"',
        mapping={"external_id": {"@path": "$.userId"}, "custom_attributes": {"@path": "$.traits"}},
    )
    destination = bind([merge, people], delivery=Delivery(wait_seconds=0, attributes=attributes))

    async def tell(**event: Any) -> None:
        await desk.stream.append(records(event))
        await desk.deliver(destination)

    def told(user: str, hour: int, **traits: Any) -> dict[str, Any]:
        at = f"2026-09-21T{hour:02}:00:00Z"
        return {
            "type": "identify",
            "userId": user,
            "messageId": f"{user}{hour}",
            "timestamp": at,
            "traits": traits,
        }

    await tell(**told("old", 10, plan="plus"))
    await tell(**told("new", 9, plan="free"))
    desk.wire.fault(status=400, path="/users/merge", body={"message": "not them"}, count=1)
    await tell(type="track", userId="new", event="Merged", messageId="m", properties={"gone": "old"})
    await tell(**told("old", 8, plan="none"))
    await tell(**told("old", 11, plan="plus"))
    await tell(**told("new", 7, plan="none"))
    sent = [item for body in desk.wire.bodies() for item in body.get("attributes", ())]
    assert [(item["external_id"], item["plan"]) for item in sent] == [
        ("old", "plus"), ("new", "free"), ("old", "plus"),
    ]  # fmt: skip


@pytest.mark.parametrize("in_flight", [1, 3])
async def test_a_cap_is_passed_by_what_was_on_its_way_and_no_more(desk: Desk, in_flight: int) -> None:
    """It is looked at before each request, not inside of one."""
    cap = Cap(limit=2, of="requests", per="day", policy="drop")
    delivery = Delivery(wait_seconds=0, batching=False, in_flight=in_flight)
    await desk.stream.append(records(*(track(n) | {"userId": f"u{n}"} for n in range(12))))
    courier = await desk.deliver(bind(delivery=delivery, budget=Budget(caps=(cap,))))
    assert 2 <= len(desk.wire.sent) < 2 + in_flight
    assert courier.ledger.total("delivered") == len(desk.wire.sent)
    assert courier.ledger.residual == 0
