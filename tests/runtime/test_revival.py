"""Letters of one event that part ways: some dropped, others delivered after all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from tests.runtime.house import SOON, Desk, Wire, bind, opened, records, until

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


async def ask(desk: Desk, *commands: tuple[str, dict[str, Any]]) -> None:
    """Ask for things one after the other, before a courier looks."""
    reader = await StateReader.open(desk.folder / "braze.db")
    for command, arguments in commands:
        await reader.ask(command, arguments, asked_ms=0)
    await reader.close()


async def bury(desk: Desk, *users: str) -> None:
    """Events of which the letters are left, two of each."""
    await desk.stream.append(
        records(*({"type": "track", "event": "Seen", "userId": user, "messageId": user} for user in users))
    )
    await desk.deliver(BRAZE)
    desk.wire.is_over = True  # type: ignore[attr-defined]  # a Grudge
    desk.wire.sent.clear()


async def obey(desk: Desk) -> Courier:
    """A courier that does what was asked."""
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
        await ask(desk, (command, {"subscription": subscription}))
        courier = await obey(desk)
        assert courier.ledger.residual == 0
    found = {name: courier.ledger.total(name) for name in ("dead", "delivered")}
    assert found == {"dead": 0, "delivered": 0, ended: 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    assert await reader.dead_letters() == []
    assert not await reader.value("maimed")
    await reader.close()


async def test_a_letter_that_was_dropped_is_not_retried_by_what_was_asked_right_after(desk: Desk) -> None:
    """Though no checkpoint tells yet that it is gone: nothing leaves and the event stays dead."""
    await bury(desk, "ada")
    await ask(desk, ("drop", {"message_id": "ada"}), ("retry", {"subscription": "first"}))
    courier = await obey(desk)
    assert desk.wire.sent == []
    assert (courier.ledger.total("dead"), courier.ledger.total("delivered")) == (1, 0)


async def test_a_letter_that_was_taken_back_is_retried_by_what_was_asked_right_after(desk: Desk) -> None:
    """It waits for the checkpoint that makes a letter of it again."""
    await bury(desk, "ada")
    reader = await StateReader.open(desk.folder / "braze.db")
    letters = [msgspec.msgpack.encode(letter) for letter in await reader.dead_letters()]
    await reader.close()
    everything: dict[str, Any] = {"all": True}
    await ask(desk, ("drop", everything), ("import", {"letters": letters}), ("retry", everything))
    async with desk.courier(BRAZE) as courier:
        await courier.start()
        for _ in range(2):
            await courier.checkpoint()
        await courier.run(until_head=True)
    assert (courier.ledger.total("dead"), courier.ledger.total("delivered")) == (0, 1)
    assert len((await desk.wire.profile("ada"))["custom_events"]) == 2


async def test_a_letter_that_has_just_arrived_is_not_sent_again(desk: Desk) -> None:
    """Somebody asks a second time, and the checkpoint that tells of it is not written yet."""
    await bury(desk, "ada")
    everything: dict[str, Any] = {"all": True}
    await ask(desk, ("retry", everything))
    async with desk.courier(BRAZE) as courier:
        await courier.start()
        running = asyncio.ensure_future(courier.run())
        await until(lambda: desk.wire.sent)
        await until(lambda: not courier.waiting_rows and not courier.dispatcher.in_flight)
        await ask(desk, ("retry", everything))
        await courier.checkpoint()
        courier.stop()
        await running
    events = (await desk.wire.profile("ada"))["custom_events"]
    assert [each["count"] for each in events] == [1, 1]


async def test_a_letter_that_died_again_is_not_retried_with_those_that_are_left(desk: Desk) -> None:
    """The courier is stopped while others of the same command wait: they go on, and what the command is done
    with waits for somebody to ask again. So does what died after it was asked for."""
    await bury(desk, "ada", "bob")
    await ask(desk, ("retry", {"reason": "BAD_REQUEST"}))
    carry = desk.wire.send

    async def refuse_one(request: Request) -> Response:
        desk.wire.sent.append(request)
        is_ada = b"ada" in request.body
        return Response(status=400 if is_ada else 503, body=b'{"message":"never"}')

    destination = bind((_track("first"), _track("second")), delivery=Delivery(wait_seconds=0, in_flight=1))
    desk.wire.send = refuse_one  # type: ignore[method-assign]
    async with desk.courier(destination, checkpoint_seconds=SOON) as courier:
        running = asyncio.ensure_future(courier.run())
        await until(lambda: courier.dispatcher.is_held)
        courier.stop()
        await running
    desk.wire.send = carry  # type: ignore[method-assign]
    desk.wire.sent.clear()
    await obey(desk)
    told = [event["external_id"] for body in desk.wire.bodies() for event in body["events"]]
    assert "ada" not in told
    assert "bob" in told


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
