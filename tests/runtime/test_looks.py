"""How often a courier that keeps up looks at the log, and how long an event waits for that."""

import asyncio
from pathlib import Path

from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.runtime.house import KEY, Wire, bind, records

from segue.io.log.stream import Block
from segue.io.storage.state import State
from segue.model.delivery import Request, Response
from segue.model.workspace import Delivery
from segue.runtime.courier import LOOK_SECONDS, Courier
from segue.runtime.ending import READING_SECONDS
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

LANES = 4
EVENTS = 1_000
SPACING_SECONDS = 0.001


class WatchedLog(MemoryLog):
    """Counts looks at its end."""

    looks = 0

    async def heads(self) -> list[int]:
        self.looks += 1
        return await super().heads()


class Timed(Wire):
    """A sandbox; when each request left."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(create_app(key=KEY, clock=clock))
        self.clock = clock
        self.left: list[float] = []

    async def send(self, request: Request) -> Response:
        self.left.append(self.clock.monotonic())
        return await super().send(request)


class SlowLog(MemoryLog):
    """A disk that takes its time over each block."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(Tape(LANES))
        self._clock = clock

    async def read(self, lane: int, offset: int, *, blocks: int = 8, most_bytes: int = 0) -> list[Block]:
        await self._clock.sleep(0.1)
        return await super().read(lane, offset, blocks=1)


def _courier(folder: Path, delivery: Delivery, log: MemoryLog, clock: VirtualClock) -> tuple[Courier, Timed]:
    wire = Timed(clock)
    courier = Courier(
        bind(None, delivery=delivery),
        log,
        State(MemoryDatabase(), 24),
        wire,
        clock,
        Telemetry(),
        origins=dict.fromkeys(range(LANES), 0),
        journal=folder / f"braze-{len(list(folder.iterdir()))}",
    )
    return courier, wire


def _event(number: int) -> dict[str, str]:
    return {"type": "track", "event": "Read", "userId": f"u{number}", "messageId": f"u{number}"}


async def _deliver(folder: Path, delivery: Delivery, count: int, spacing: float) -> tuple[int, list[float]]:
    """Events come in one by one; all of them are delivered. Gives the looks at the log's end, and how long
    after each event the request of the same number left."""
    clock, log = VirtualClock(), WatchedLog(Tape(LANES))
    courier, wire = _courier(folder, delivery, log, clock)
    await courier.start()
    running = asyncio.create_task(courier.run())
    await clock.sleep(0.5)
    log.looks, came = 0, []
    for number in range(count):
        came.append(clock.monotonic())
        await log.append(records(_event(number)))
        await clock.sleep(spacing)
    await clock.sleep(2)
    courier.stop()
    await running
    assert courier.ledger.total("delivered") == count
    return log.looks, [left - at for left, at in zip(wire.left, came, strict=False)]


def test_one_look_takes_what_came_in_a_moment(tmp_path: Path) -> None:
    """Of a thousand events a second, one commit each, some twenty at a time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        looks, _ = runner.run(_deliver(tmp_path, Delivery(wait_seconds=1), EVENTS, SPACING_SECONDS))
    assert looks <= EVENTS * SPACING_SECONDS / LOOK_SECONDS + 20


def test_an_event_that_waits_for_no_others_leaves_at_the_next_look(tmp_path: Path) -> None:
    """One that comes alone at once, one that comes with others a moment later."""
    delivery = Delivery(batching=False, in_flight=256)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        _, alone = runner.run(_deliver(tmp_path, delivery, 3, 0.25))
        _, busy = runner.run(_deliver(tmp_path, delivery, 100, SPACING_SECONDS))
    assert alone == [0, 0, 0]
    assert len(busy) == 100
    assert min(busy) >= 0
    assert max(busy) <= LOOK_SECONDS + 1e-6


async def _stop(folder: Path, log: MemoryLog, clock: VirtualClock, count: int) -> tuple[Courier, float]:
    """Events come in after a courier's last look, and it is told to stop. Gives it, and how long it took."""
    courier, _ = _courier(folder, Delivery(wait_seconds=30), log, clock)
    await courier.start()
    running = asyncio.create_task(courier.run())
    await clock.sleep(0.5)
    await log.append(records(_event(0)))
    await clock.sleep(LOOK_SECONDS / 4)
    await log.append(records(*(_event(number) for number in range(1, count))))
    courier.stop()
    began = clock.monotonic()
    await running
    return courier, clock.monotonic() - began


def test_a_stop_delivers_what_was_acknowledged_before_it(tmp_path: Path) -> None:
    """The second event is in the log and nobody has looked since; a batch would leave in half a minute."""

    async def play() -> None:
        clock = VirtualClock()
        courier, took = await _stop(tmp_path, MemoryLog(Tape(LANES)), clock, 2)
        assert courier.ledger.total("delivered") == 2
        assert took < LOOK_SECONDS

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())


def test_a_stop_that_finds_nothing_to_do_is_at_once(tmp_path: Path) -> None:
    """Its last look was the end; nobody rests until the next checkpoint after it."""

    async def play() -> None:
        clock = VirtualClock()
        courier, _ = _courier(tmp_path, Delivery(), MemoryLog(Tape(LANES)), clock)
        running = asyncio.create_task(courier.run())
        await clock.sleep(0.5)
        courier.stop()
        await running
        assert clock.monotonic() == 0.5

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())


def test_a_stop_does_not_wait_for_a_backlog(tmp_path: Path) -> None:
    """What a moment did not suffice for is the next start's; nothing that was read is left undone."""

    async def play() -> None:
        clock = VirtualClock()
        log = SlowLog(clock)
        courier, took = await _stop(tmp_path, log, clock, 2_000)
        assert READING_SECONDS < took < 2 * READING_SECONDS
        left = courier.lag(await log.heads())
        assert 0 < left < 2_000
        assert courier.ledger.total("delivered") == 2_000 - left
        assert courier.waiting_rows == 0

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())
