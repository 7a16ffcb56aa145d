"""A stop takes no longer than whoever asks for it waits."""

import asyncio
from pathlib import Path

from tests.runtime.house import bind, opened, records, until

from segue.model.workspace import Delivery
from segue.runtime.clock import HandClock
from segue.runtime.ending import SENDING_SECONDS


async def test_a_stop_leaves_what_takes_long_to_the_next_start(tmp_path: Path) -> None:
    """Braze takes a second for each request, and one person's hundred events leave one by one: the stop ends
    after half a minute with what is on its way answered. Nothing is lost, nothing sent twice."""
    events = [{"type": "track", "userId": "u1", "event": "Read", "messageId": f"m{n}"} for n in range(100)]
    clock = HandClock()
    slow = bind(delivery=Delivery(batching=False))
    async with opened(tmp_path, clock=clock) as desk:
        carry = desk.wire.send

        async def carry_slowly(request):  # type: ignore[no-untyped-def]
            await clock.sleep(1)
            return await carry(request)

        desk.wire.send = carry_slowly  # type: ignore[method-assign]
        await desk.stream.append(records(*events))
        async with desk.courier(slow) as courier:
            running = asyncio.ensure_future(courier.run())
            await until(lambda: courier.ledger.read == 100 if courier._books else False)
            courier.stop()
            while not running.done():
                await clock.advance(0.5)
            await running
            left = courier.ledger.waiting
            assert left >= 100 - SENDING_SECONDS - 1
            assert (courier.ledger.residual, len(desk.wire.sent)) == (0, 100 - left)
        desk.wire.send = carry  # type: ignore[method-assign]
        courier = await desk.deliver(slow)
        assert (courier.ledger.total("delivered"), courier.ledger.waiting) == (100, 0)
        assert len(desk.wire.sent) == 100
