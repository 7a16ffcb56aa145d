"""Debounce in the courier: opt-in, for each person, through restarts, beside everything else it does."""

from pathlib import Path
from typing import Any

from tests.runtime.house import bind, opened, records
from tests.runtime.test_courier import identify, told, track

from segue.model.workspace import Delivery

ON = bind(delivery=Delivery(debounce=True, batching=False))


def attributes(bodies: list[Any]) -> list[tuple[str, Any]]:
    """(person, plan) of every attributes object sent, in order."""
    return [(each["external_id"], each.get("plan")) for body in bodies for each in body.get("attributes", ())]


async def test_a_repeat_is_filtered_with_its_reason_and_everything_else_travels(tmp_path: Path) -> None:
    """Another value, another person and other calls are no repeats; back and forth is none either."""
    async with opened(tmp_path) as desk:
        await desk.stream.append(
            records(
                identify("u1", 1, plan="a"),
                identify("u1", 2, plan="a"),
                track("u1", 3),
                identify("u2", 4, plan="a"),
                identify("u1", 5, plan="b"),
                identify("u1", 6, plan="b"),
                identify("u1", 7, plan="a"),
            )
        )
        courier = await desk.deliver(ON)
        sent = attributes(desk.wire.bodies())
        assert [plan for person, plan in sent if person == "u1"] == ["a", "b", "a"]
        assert [plan for person, plan in sent if person == "u2"] == ["a"]
        assert told(courier) == {"delivered": 5, "filtered": 2}
        assert courier.ledger.totals()["filtered", "DEBOUNCED"] == 2


async def test_it_is_remembered_through_a_restart_and_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """The state holds it; without the setting every identify travels."""
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(identify("u1", 1, plan="a")))
        await desk.deliver(ON)
        await desk.stream.append(records(identify("u1", 2, plan="a"), identify("u1", 3, plan="b")))
        await desk.deliver(ON)
        assert attributes(desk.wire.bodies()) == [("u1", "a"), ("u1", "b")]
        await desk.stream.append(records(identify("u1", 4, plan="b")))
        await desk.deliver(bind(delivery=Delivery(batching=False)))
        assert attributes(desk.wire.bodies()) == [("u1", "a"), ("u1", "b"), ("u1", "b")]
