"""Letters of one event that part ways: some dropped, others delivered after all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
