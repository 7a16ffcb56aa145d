"""Letters of one event that part ways: some dropped, others delivered after all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from tests.runtime.house import Desk, Wire, bind, opened, records

from segue.io.storage.state import StateReader
from segue.model.delivery import Request, Response
from segue.model.workspace import Delivery, Subscription
from segue.runtime.courier import Courier


class Grudge(Wire):
    """Refuses everything until it is over."""

    is_over = False

    async def send(self, request: Request) -> Response:
        if not self.is_over:
            return Response(status=400, body=b'{"message":"never"}')
        return await super().send(request)


def _track(id: str) -> Subscription:
    mapping = {"external_id": {"@path": "$.userId"}, "time": {"@path": "$.timestamp"}, "name": id}
    return Subscription(id=id, action="track-event", trigger='type = "track"', mapping=mapping)


BRAZE = bind((_track("first"), _track("second")), delivery=Delivery(wait_seconds=0))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        made.wire = Grudge(made.wire.sandbox)
        yield made


async def asked(desk: Desk, command: str, **arguments: Any) -> Courier:
    """A courier that has done what it was asked."""
    reader = await StateReader.open(desk.folder / "braze.db")
    await reader.ask(command, arguments, asked_ms=0)
    await reader.close()
    async with desk.courier(BRAZE) as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        await courier.checkpoint()
        return courier


@pytest.mark.parametrize(
    ("steps", "ended"),
    [
        ([("retry", "first"), ("retry", "second")], "delivered"),
        ([("drop", "first"), ("retry", "second")], "dead"),
        ([("retry", "first"), ("drop", "second")], "dead"),
        ([("drop", "first"), ("drop", "second")], "dead"),
    ],
)
async def test_an_event_stays_dead_when_one_of_its_letters_was_dropped(
    desk: Desk, steps: list[tuple[str, str]], ended: str
) -> None:
    """Whatever becomes of the other, and over restarts; it is delivered when both are."""
    event = {"type": "track", "event": "Seen", "userId": "ada", "messageId": "m1"}
    await desk.stream.append(records(event))
    courier = await desk.deliver(BRAZE)
    assert courier.ledger.total("dead") == 1
    desk.wire.is_over = True  # type: ignore[attr-defined]  # a Grudge
    for command, subscription in steps:
        courier = await asked(desk, command, subscription=subscription)
        assert courier.ledger.residual == 0
    found = {name: courier.ledger.total(name) for name in ("dead", "delivered")}
    assert found == {"dead": 0, "delivered": 0, ended: 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    assert await reader.dead_letters() == []
    assert not await reader.value("maimed")
    await reader.close()


@pytest.mark.parametrize("attributes", ["all", "changed"])
async def test_an_older_value_in_a_letter_never_overwrites_a_newer_one(
    tmp_path: Path, attributes: Literal["all", "changed"]
) -> None:
    """However its letter is asked for: alone, by a filter, with all others, dropped and taken back. What only
    the letter says arrives, and the event counts as delivered."""
    people = Subscription(
        id="people",
        action="update-user-profile",
        trigger='type = "identify"',
        mapping={"external_id": {"@path": "$.userId"}, "custom_attributes": {"@path": "$.traits"}},
    )
    destination = bind([people], delivery=Delivery(wait_seconds=0, attributes=attributes))
    users = ("zero", "one", "two", "three", "four")

    def told(name: str, hour: int, **traits: Any) -> list[dict[str, Any]]:
        at = f"2026-09-21T{hour}:00:00Z"
        return [
            {
                "type": "identify",
                "userId": user,
                "messageId": f"{name}-{n}",
                "timestamp": at,
                "traits": traits,
            }
            for n, user in enumerate(users)
        ]

    async with opened(tmp_path) as desk:
        desk.wire.fault(status=404, count=1)
        for events in (told("old", 10, plan="old", city="Oslo"), told("new", 11, plan="new")):
            await desk.stream.append(records(*events))
            await desk.deliver(destination)
        reader = await StateReader.open(desk.folder / "braze.db")
        letters = sorted(await reader.dead_letters(), key=lambda letter: letter.message_id)
        assert [letter.message_id for letter in letters] == [f"old-{n}" for n in range(5)]
        roads: list[tuple[str, dict[str, Any]]] = [
            ("retry", {"ids": [letters[0].id]}),
            ("retry", {"person": "u:one"}),
            ("retry", {"message_id": "old-2"}),
            ("drop", {"ids": [letters[3].id]}),
            ("import", {"letters": [msgspec.msgpack.encode(letters[3])]}),
            ("retry", {"all": True}),
        ]
        for command, arguments in roads:
            before = len(await reader.dead_letters())
            await reader.ask(command, arguments, asked_ms=0)
            async with desk.courier(destination) as courier:
                await courier.start()
                await courier.checkpoint()
                await courier.run(until_head=True)
                await courier.checkpoint()
            gone = {"import": -1, "retry": 2 if "all" in arguments else 1, "drop": 1}[command]
            assert before - len(await reader.dead_letters()) == gone
        await reader.close()
        profiles = [(await desk.wire.profile(user))["custom_attributes"] for user in users]
    assert profiles == [{"plan": "new", "city": "Oslo"}] * 5
    assert {key: n for key, n in courier.ledger.totals().items() if n} == {
        ("delivered", ""): 10,
        ("rows_delivered", ""): 10,
    }
    assert desk.telemetry.value("segue_late_attributes_total", destination="braze") == 5
