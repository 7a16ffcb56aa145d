"""Three days without Braze: nothing is lost, memory stays flat, and afterwards everything catches up while
new events go on coming in."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from tests.journeys.simulation.books import read_books
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.life import Life, MortalSender
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.network import Listening, Network, Spell
from tests.journeys.simulation.story import Story, heard_by
from tests.journeys.simulation.traffic import Crowd, Thing
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.journeys.simulation.world import LANES, destination_of
from tests.runtime.house import KEY, Wire

from segue.io.storage.state import State
from segue.model.delivery import Request, Response
from segue.runtime.courier import Courier
from segue.runtime.room import MOST_ROWS
from segue.runtime.supply import CHUNK
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

OUTAGE_HOURS: Final = 72
TICK_SECONDS: Final = 600
EVENTS_A_TICK: Final = 30
"""Some thirteen thousand in all."""

LIVE_SECONDS: Final = 180
LIVE_EVENTS: Final = 12
"""So many, every two seconds, while the backlog is delivered and a little longer."""

OUTAGE: Final = Spell(name="outage", failed=1.0, statuses=(503,))
LIMIT: Final = 3
"""Requests a second Braze takes afterwards."""

RAMP_SECONDS: Final = 10
LONGEST_PROBE_SECONDS: Final = 45

LIMITED: Final = Spell(name="limited", limit=LIMIT, window_seconds=1, style="epoch", tells=True)


class Watch(Judge):
    """A judge who also looks at the time: when each event was told, and when something of it was taken in."""

    def __init__(self, crowd: Crowd, clock: VirtualClock) -> None:
        super().__init__(crowd.told)
        self.told_at: list[float] = []
        self.taken_at: dict[int, float] = {}
        self._clock = clock

    def taken(self, things: Iterable[Thing]) -> None:
        found = list(things)
        for number, _ in found:
            self.taken_at.setdefault(number, self._clock.monotonic())
        super().taken(found)

    def waits(self, numbers: Iterable[int]) -> list[float]:
        """How long each of these took, of those that left anything at Braze."""
        return [self.taken_at[n] - self.told_at[n] for n in numbers if n in self.taken_at]


class Counting(Network):
    """passed: when each request was answered that met no trouble, and how much of it was taken."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.passed: list[tuple[float, int]] = []

    async def carry(self, request: Request, life: Listening) -> tuple[Response, list[Thing]]:
        response, taken = await super().carry(request, life)
        if response.status not in (0, 503):
            self.passed.append((self._clock.monotonic(), len(taken)))
        return response, taken


@pytest.mark.timeout(1200)
def test_three_days_of_503_lose_nothing_and_hold_memory_flat(tmp_path: Path) -> None:
    """With live traffic all the while: reading pauses, no attempt is burned, no letter dies of old age. Then
    the limit is used up with full requests; what comes in meanwhile waits for what came before it and no
    longer, and what comes in after that waits for nothing."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_outage(tmp_path))


async def _outage(folder: Path) -> None:
    clock = VirtualClock()
    story = Story("outage", clock)
    crowd = Crowd(Random(72), people=5000, devices=5000, poison=0.001)
    judge = Watch(crowd, clock)
    log, database = MemoryLog(Tape(LANES)), MemoryDatabase()
    sandbox = create_app(key=KEY, clock=clock)
    network = Counting(Wire(sandbox), clock, Random(72), judge, story)
    network.spell = OUTAGE

    async def act(count: int, seconds: float) -> None:
        await log.append(crowd.act(clock.now_ms(), count))
        judge.told_at += [clock.monotonic()] * count
        await clock.sleep(seconds)
        assert courier.ledger.residual == 0

    with heard_by(story):
        async with asyncio.TaskGroup() as wires:
            state = State(database, 24)
            courier = Courier(
                destination_of(2.0, 16, 75, "clocks"),
                log,
                state,
                MortalSender(Life(1, None, Random(72), folder), network, judge, wires),
                clock,
                Telemetry(),
                origins=dict.fromkeys(range(LANES), 0),
                journal=folder / "braze",
                checkpoint_seconds=TICK_SECONDS,
            )
            await courier.start()
            running = wires.create_task(courier.run())
            rows = 0
            for _ in range(OUTAGE_HOURS * 3600 // TICK_SECONDS):
                await act(EVENTS_A_TICK, TICK_SECONDS)
                rows = max(rows, courier.waiting_rows)
            probes, ended, backlog = network.requests, clock.monotonic(), len(crowd.told)
            network.spell = LIMITED
            while courier.ledger.waiting or courier.lag(await log.heads()):
                await act(LIVE_EVENTS if clock.monotonic() - ended < LIVE_SECONDS else 0, 2)
                assert clock.monotonic() - ended < LIVE_SECONDS * 2
            courier.stop()
            await running
            courier.books.journal.close()
    people = sandbox.world.workspaces["sandbox"].people
    books = await read_books([state], crowd.told)
    assert judge.verdict(books, people.by_external_id) == []
    assert story.complaints == []
    assert judge.repeated == 0
    assert rows <= MOST_ROWS // 4 + 2 * CHUNK < backlog // 2
    assert probes < OUTAGE_HOURS * 3600 / 30
    assert all(len(letter.attempts) <= 20 for letter in books.dead)
    _check_catching_up(judge, network.passed, ended, backlog)


def _check_catching_up(judge: Watch, passed: list[tuple[float, int]], ended: float, backlog: int) -> None:
    """Every request there may be leaves, and full. What came in meanwhile waits no longer than what came
    before it; what comes in afterwards, for nothing."""
    first = passed[0][0]
    done = max(at for number, at in judge.taken_at.items() if number < backlog)
    times = [at for at, _ in passed if first + RAMP_SECONDS <= at <= done]
    objects = [size for at, size in passed if size and at <= done]
    assert first - ended < LONGEST_PROBE_SECONDS
    assert len(times) >= 0.95 * LIMIT * (done - first - RAMP_SECONDS)
    assert sum(objects) / len(objects) > 35
    during = [number for number in range(backlog, len(judge.told)) if judge.told_at[number] < done]
    after = range(during[-1] + 1, len(judge.told))
    assert max(judge.taken_at.get(number, 0.0) for number in during) < done + 10
    assert min(judge.taken_at.get(number, done) for number in during) < done - 10
    assert max(judge.waits(after)) < 5
