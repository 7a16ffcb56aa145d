"""Dead letters taken up again: what they become is written down, part by part, and the sums stay true."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.house import SOON, Desk, Wire, bind, opened, records, until

from segue.engine.plan import BoundDestination
from segue.io.storage.state import StateReader
from segue.model.delivery import Receipt, Request, Response
from segue.model.workspace import Subscription
from segue.runtime.story import state_of

TRACK: Any = {"type": "track", "userId": "u1", "event": "Read", "messageId": "m1"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def order(products: int) -> dict[str, Any]:
    listed = [{"product_id": f"p{n}", "price": 1} for n in range(products)]
    return {**TRACK, "event": "Order Completed", "properties": {"products": listed}}


def purchases(products: str, trigger: str = 'type = "track"') -> BoundDestination:
    """A destination whose only subscription reads an order's products from this path."""
    mapping = {
        "external_id": {"@path": "$.userId"},
        "time": {"@path": "$.timestamp"},
        "products": {"@path": products},
    }
    return bind([Subscription(id="s", action="track-purchase", trigger=trigger, mapping=mapping)])


async def retried(desk: Desk, destination: BoundDestination | None = None) -> dict[tuple[str, str], int]:
    """Take every dead letter up again; gives what everything counts as in the end, which adds up."""
    await asked(desk, "retry")
    async with desk.courier(destination) as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        await courier.checkpoint()
        assert courier.ledger.residual == 0
        totals = {key: n for key, n in courier.ledger.totals().items() if n}
    assert min(totals.values()) > 0, totals
    reader = await StateReader.open(desk.folder / "braze.db")
    assert {key: n for key, n in (await reader.totals()).items() if n} == totals
    letters = await reader.count_dead()
    await reader.close()
    assert letters == {reason: n for (result, reason), n in totals.items() if result == "rows_dead"}
    return totals


class Slow(Wire):
    """The answer to one request does not come before somebody wants it."""

    def __init__(self, wire: Wire, number: int) -> None:
        super().__init__(wire.sandbox)
        self.number = number
        self.wanted = asyncio.Event()

    async def send(self, request: Request) -> Response:
        answer = await super().send(request)
        if len(self.sent) == self.number:
            await self.wanted.wait()
        return answer


async def asked(desk: Desk, command: str) -> None:
    reader = await StateReader.open(desk.folder / "braze.db")
    await reader.ask(command, {"all": True}, asked_ms=0)
    await reader.close()


async def end(running: asyncio.Future[None]) -> None:
    """The process is killed."""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_of_a_letter_has_arrived_is_not_sent_again_after_a_checkpoint_and_a_kill(
    desk: Desk,
) -> None:
    """An order mapped anew becomes two rows. One was taken and is in a checkpoint, the other is on its way at
    the kill: only that one leaves again, and everything counts once."""
    await desk.stream.append(records(order(80)))
    await desk.deliver(purchases("$.nowhere"))
    destination = purchases("$.properties.products")
    await asked(desk, "retry")
    desk.wire = slow = Slow(desk.wire, 2)
    async with desk.courier(destination, checkpoint_seconds=SOON) as courier:
        running = asyncio.ensure_future(courier.run())
        await until(lambda: len(slow.sent) == 2)
        await desk.stream.append(records({"type": "page", "userId": "u2", "messageId": "m2"}))
        await until(lambda: courier.ledger.total("filtered") and not courier.ledger.dirty)
        await end(running)
    slow.number = 0
    async with desk.courier(destination) as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        assert courier.ledger.residual == 0
    assert [len(body["purchases"]) for body in slow.bodies()] == [75, 5, 5]
    assert {key: n for key, n in courier.ledger.totals().items() if n} == {
        ("delivered", ""): 1,
        ("rows_delivered", ""): 2,
        ("rows_uncertain", "resend"): 1,
        ("filtered", "NO_MATCHING_MAPPING"): 1,
    }
    reader = await StateReader.open(desk.folder / "braze.db")
    assert (await reader.dead_letters(), await reader.commands()) == ([], [])
    await reader.close()


async def test_a_letter_that_arrives_during_a_checkpoint_is_no_letter_after_a_kill(desk: Desk) -> None:
    """It was taken out of the book one checkpoint after its command: a kill in between left it dead, to be
    sent once more."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    await desk.stream.append(records(TRACK))
    await desk.deliver()
    await asked(desk, "retry")
    desk.wire = slow = Slow(desk.wire, 1)
    async with desk.courier(checkpoint_seconds=600) as courier:
        await courier.start()
        await courier.checkpoint()

        async def look(now: float) -> None:
            slow.wanted.set()
            await until(lambda: not courier.dispatcher.in_flight)

        running = asyncio.ensure_future(courier.run())
        await until(lambda: slow.sent)
        courier.barriers.look = look  # type: ignore[method-assign]  # the answer comes in the midst of it
        await courier.checkpoint()
        await end(running)
    totals = await retried(desk)
    assert totals == {("delivered", ""): 1, ("rows_delivered", ""): 1}
    assert len(slow.sent) == 1


async def receipts(desk: Desk) -> list[Receipt]:
    reader = await StateReader.open(desk.folder / "braze.db")
    found = await reader.receipts("m1")
    await reader.close()
    return found


async def test_a_letter_that_is_filtered_when_mapped_anew_leaves_a_receipt(desk: Desk) -> None:
    """The workspace was changed since: no trigger matches any more, and trace says so."""
    await desk.stream.append(records(order(1)))
    await desk.deliver(purchases("$.nowhere"))
    totals = await retried(desk, purchases("$.properties.products", 'type = "page"'))
    assert totals == {("filtered", "NO_MATCHING_MAPPING"): 1, ("rows_filtered", "NO_MATCHING_MAPPING"): 1}
    died, filtered = await receipts(desk)
    assert (died.result, died.subscription) == ("dead", "s")
    assert (filtered.result, filtered.reason) == ("filtered", "NO_MATCHING_MAPPING")
    assert state_of([died, filtered], ()) == "filtered"


async def test_a_letter_that_cannot_be_mapped_anew_either_leaves_a_receipt(desk: Desk) -> None:
    """It is dead once, and trace tells both times."""
    await desk.stream.append(records(order(1)))
    await desk.deliver(purchases("$.nowhere"))
    totals = await retried(desk, purchases("$.elsewhere"))
    assert sorted((result, n) for (result, _), n in totals.items()) == [("dead", 1), ("rows_dead", 1)]
    assert [each.result for each in await receipts(desk)] == ["dead", "dead"]


async def test_a_letter_that_dies_again_of_something_else_counts_once(desk: Desk) -> None:
    """Its row under the new reason, its event under the first; both are gone when it arrives at last."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    desk.wire.fault(status=400, body={"message": "not today"}, count=1)
    await desk.stream.append(records(TRACK))
    await desk.deliver()
    assert await retried(desk) == {("dead", "NOT_FOUND"): 1, ("rows_dead", "BAD_REQUEST"): 1}
    assert await retried(desk) == {("delivered", ""): 1, ("rows_delivered", ""): 1}
    assert [each.reason for each in await receipts(desk)] == ["NOT_FOUND", "BAD_REQUEST", ""]


async def test_letters_of_one_event_that_died_of_different_things_add_up(desk: Desk) -> None:
    """The event counts under the first; whichever letter is the last to go takes that count back."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    desk.wire.fault(status=400, body={"message": "not today"}, count=2)
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    await desk.stream.append(records(order(80)))
    destination = purchases("$.properties.products")
    await desk.deliver(destination)
    for _ in range(4):
        totals = await retried(desk, destination)
    assert totals == {("delivered", ""): 1, ("rows_delivered", ""): 2}
    bought = (await desk.wire.profile("u1"))["purchases"]
    assert (len(bought), {each["count"] for each in bought}) == (80, {1})


async def test_a_letter_that_becomes_several_rows_gives_way_to_those_that_die(desk: Desk) -> None:
    """Mapped anew, an order has two parts: one arrives, one is refused. Only that one is dead afterwards,
    and taken up again it does not send the other once more."""
    await desk.stream.append(records(order(80)))
    await desk.deliver(purchases("$.nowhere"))
    destination = purchases("$.properties.products")
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1, skip=1)
    totals = await retried(desk, destination)
    assert {key: n for key, n in totals.items() if key[0].startswith("rows_")} == {
        ("rows_delivered", ""): 1,
        ("rows_dead", "NOT_FOUND"): 1,
    }
    totals = await retried(desk, destination)
    assert totals == {("delivered", ""): 1, ("rows_delivered", ""): 2}
    bought = (await desk.wire.profile("u1"))["purchases"]
    assert (len(bought), {each["count"] for each in bought}) == (80, {1})
    told = await receipts(desk)
    assert [(each.part, each.result) for each in told] == [
        (0, "dead"),
        (0, "delivered"),
        (1, "dead"),
        (1, "delivered"),
    ]


async def test_a_subscription_that_could_not_be_mapped_is_told_beside_one_that_could(desk: Desk) -> None:
    """Each has its receipt, so that the event is dead also when the letter was dropped."""
    good, bad = (
        Subscription(id=name, action="track-event", trigger='type = "track"', mapping={
            "name": {"@path": path}, "time": {"@path": "$.timestamp"}, "external_id": {"@path": "$.userId"},
        })
        for name, path in (("good", "$.event"), ("bad", "$.nowhere"))
    )  # fmt: skip
    await desk.stream.append(records(TRACK))
    await desk.deliver(bind([good, bad]))
    found = await receipts(desk)
    assert sorted((each.subscription, each.result) for each in found) == [
        ("bad", "dead"),
        ("good", "delivered"),
    ]
    assert state_of(found, ()) == "dead"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([(0, "dead"), (1, "delivered")], "dead"),
        ([(0, "dead"), (1, "delivered"), (0, "delivered")], "delivered"),
        ([(1, "dead"), (0, "delivered")], "dead"),
        ([(0, "filtered"), (1, "delivered")], "delivered"),
    ],
)
def test_each_part_counts_by_its_own_last_receipt(told: list[tuple[int, str]], state: str) -> None:
    """An order of two requests, one of which was refused, and then perhaps retried."""
    found = [
        Receipt(lane=0, offset=0, message_id="m", subscription="s", action="a", result=result, part=part)
        for part, result in told
    ]
    assert state_of(found, ()) == state
