"""One request that the partner never answers well must not stop the others, nor die for nothing."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.runtime.house import KEY, Wire, bind, records

from segue.io.storage.state import State
from segue.kit.action import SYNC_MODE_KEY
from segue.model.delivery import DeadLetter, Request, Response
from segue.model.workspace import Delivery, Subscription
from segue.runtime.courier import Courier
from segue.runtime.eraser import ERASE
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

LANES = 4


class Partner(Wire):
    """A sandbox that answers 500, and nothing else, to any request that holds a certain word."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(create_app(key=KEY, clock=clock))
        self.clock = clock
        self.answers: list[int] = []
        self.is_down = False

    async def send(self, request: Request) -> Response:
        await self.clock.sleep(0.05)
        if self.is_down or b"poison" in request.body:
            self.answers.append(500)
            return Response(status=500, body=b'{"message": "Internal Server Error"}')
        response = await super().send(request)
        self.answers.append(response.status)
        return response


class House:
    """A courier in virtual time, and what it did."""

    def __init__(
        self, folder: Path, delivery: Delivery, subscriptions: Sequence[Subscription] | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.partner = Partner(self.clock)
        self.log = MemoryLog(Tape(LANES))
        self.state = State(MemoryDatabase(), 24)
        self.courier = Courier(
            bind(subscriptions, delivery=delivery),
            self.log,
            self.state,
            self.partner,
            self.clock,
            Telemetry(),
            origins=dict.fromkeys(range(LANES), 0),
            journal=folder / "braze",
            checkpoint_seconds=20,
        )

    async def take_in(self, *events: dict[str, Any]) -> None:
        now_ms = self.clock.now_ms()
        await self.log.append([_received(record, now_ms) for record in records(*events)])

    async def letters(self) -> list[DeadLetter]:
        return await self.state.dead_letters()


def _received(record: Any, now_ms: int) -> Any:
    return replace(record, received_ms=now_ms)


def read(user: str, number: int, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user,
        "event": "Read",
        "messageId": f"{user}-{number}",
        "properties": properties,
    }


async def _counted(house: House, user: str) -> int:
    profile = await house.partner.profile(user)
    return sum(each["count"] for each in profile.get("custom_events", ()))


def test_a_poison_request_is_isolated_and_buried_with_its_history(tmp_path: Path) -> None:
    """Everybody else goes on meanwhile; its own person's later events come after it."""

    async def life() -> None:
        house = House(tmp_path, Delivery(wait_seconds=1))
        await house.take_in(
            *(read(f"u{number}", 1, word="poison" if number == 7 else "fine") for number in range(75))
        )
        await house.courier.start()
        running = asyncio.create_task(house.courier.run())
        await house.clock.sleep(5)
        await house.take_in(read("u7", 2))
        for step in range(270):
            await house.take_in(*(read(f"v{number}", step) for number in range(2)))
            await house.clock.sleep(10)
            assert house.courier.ledger.residual == 0
            if step == 60:
                counts = [await _counted(house, f"u{number}") for number in range(75)]
                assert counts == [0 if number == 7 else 1 for number in range(75)]
                assert not await house.letters()
        [letter] = await house.letters()
        assert (letter.person, letter.reason) == ("u:u7", "INTERNAL_SERVER_ERROR")
        assert sum(tried.times for tried in letter.attempts) >= 10
        assert "gave up after 10 tries" in letter.message
        assert json.loads(letter.items[0])["properties"] == {"word": "poison"}
        assert await _counted(house, "u7") == 1
        assert await _counted(house, "v1") == 270
        house.courier.stop()
        await running
        house.courier.books.journal.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(life())


def test_with_nobody_else_to_tell_by_a_harmless_request_does(tmp_path: Path) -> None:
    """One batch and no other traffic: the others of it go, and the culprit is buried within two hours."""

    async def life() -> None:
        house = House(tmp_path, Delivery(wait_seconds=1))
        await house.take_in(
            *(read(f"u{number}", 1, word="poison" if number == 40 else "fine") for number in range(75)),
            read("u40", 2),
        )
        await house.courier.start()
        running = asyncio.create_task(house.courier.run())
        await house.clock.sleep(7_200)
        counts = [await _counted(house, f"u{number}") for number in range(75)]
        assert counts == [1] * 75
        [letter] = await house.letters()
        assert (letter.message_id, letter.reason) == ("u40-1", "INTERNAL_SERVER_ERROR")
        assert "gave up after 10 tries" in letter.message
        assert sum(tried.times for tried in letter.attempts) >= 10
        assert not house.courier.hold.is_held
        assert await house.partner.profile("segue-witness") == {}
        house.courier.stop()
        await running
        house.courier.books.journal.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(life())


ALIAS = {"alias_name": {"@path": "$.userId"}, "alias_label": "label"}
PERSON = {"external_id": {"@path": "$.userId"}}
OTHERS = {
    "create-alias": {**PERSON, **ALIAS},
    "identify-user": {**PERSON, "user_alias": ALIAS, SYNC_MODE_KEY: "add"},
    "merge-users": {"identifier_to_merge": PERSON, "identifier_to_keep": {"external_id": "kept"}},
    "delete-users": None,
}


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("action", OTHERS)
def test_a_lone_poison_of_another_endpoint_ends_as_well(tmp_path: Path, action: str, is_down: bool) -> None:
    """Two people in one request, one of them poison, and nobody else: the one goes, the other is buried
    within three hours. In an outage of the endpoint nobody is."""

    async def life() -> None:
        mapping = OTHERS[action]
        made = Subscription(id="other", action=action, trigger='type = "track"', mapping=mapping)
        house = House(tmp_path, Delivery(wait_seconds=1), [made] if mapping is not None else None)
        house.partner.is_down = is_down
        people = ["ada", "poison"]
        if mapping is not None:
            await house.take_in(*(read(user, 1) for user in people))
        else:
            asked = {"name": "erase-1", "people": people}
            await house.state.ask(ERASE, asked, asked_ms=house.clock.now_ms())
        await house.courier.start()
        running = asyncio.create_task(house.courier.run())
        await house.clock.sleep(3 * 3_600)
        letters = await house.letters()
        assert [(each.person, each.reason) for each in letters] == (
            [] if is_down else [("u:poison", "INTERNAL_SERVER_ERROR")]
        )
        assert house.courier.ledger.total("rows_delivered") == (0 if is_down else 1)
        assert house.courier.hold.is_held is is_down
        assert len({sent.url for sent in house.partner.sent}) == (0 if is_down else 1)
        house.courier.stop()
        await running
        house.courier.books.journal.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(life())


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_lone_request_in_an_outage_waits_however_long(tmp_path: Path, is_whole: bool) -> None:
    """Six hours of it with two people's events and no other traffic. The outage may even spare the harmless
    request: with two requests that fail nobody is blamed."""

    async def life() -> None:
        house = House(tmp_path, Delivery(batching=False))
        house.partner.is_down = is_whole
        await house.take_in(read("u1", 1, word="poison"), read("u2", 1, word="poison"))
        await house.courier.start()
        running = asyncio.create_task(house.courier.run())
        await house.clock.sleep(6 * 3_600)
        assert not await house.letters()
        house.courier.stop()
        await running
        house.courier.books.journal.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(life())


def test_an_outage_is_not_blamed_on_anybody(tmp_path: Path) -> None:
    """Two hours of 500 for everybody with live traffic: no letter, and then everything arrives once."""

    async def life() -> None:
        house = House(tmp_path, Delivery(wait_seconds=1))
        await house.courier.start()
        running = asyncio.create_task(house.courier.run())
        for minute in range(140):
            house.partner.is_down = 10 <= minute < 130
            await house.take_in(*(read(f"u{number}", minute) for number in range(3)))
            await house.clock.sleep(60)
        await house.clock.sleep(120)
        assert not await house.letters()
        assert [await _counted(house, f"u{number}") for number in range(3)] == [140] * 3
        assert house.partner.answers.count(500) < 2 * 120
        house.courier.stop()
        await running
        house.courier.books.journal.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(life())
