"""Three days without Braze: nothing is lost, memory stays flat, and afterwards everything catches up."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.life import Life, MortalSender
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.network import FAIR, Network, Spell
from tests.journeys.simulation.play import LANES, destination_of
from tests.journeys.simulation.story import Story, heard_by
from tests.journeys.simulation.traffic import Crowd
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.runtime.house import KEY, Wire

from segue.io.storage.state import State
from segue.runtime.courier import MOST_WAITING_ROWS, Courier
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

OUTAGE_HOURS = 72
EVENTS_A_MINUTE = 2
CATCH_UP_SECONDS = 300.0
"""Of some nine thousand events."""

OUTAGE = Spell(name="outage", failed=1.0, statuses=(503,))


@pytest.mark.timeout(400)
def test_three_days_of_503_lose_nothing_and_hold_memory_flat(tmp_path: Path) -> None:
    """With live traffic all the while; no attempt is burned, no letter dies of old age."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_outage(tmp_path))


async def _outage(folder: Path) -> None:
    clock = VirtualClock()
    story = Story("outage", clock)
    crowd = Crowd(Random(72), people=5000, poison=0.001)
    judge = Judge(crowd.told)
    log, database = MemoryLog(Tape(LANES)), MemoryDatabase()
    sandbox = create_app(key=KEY, clock=clock)
    network = Network(Wire(sandbox), clock, Random(72), judge, story)
    life = Life(1, None, Random(72), folder)
    network.spell = OUTAGE
    highest = 0
    with heard_by(story):
        async with asyncio.TaskGroup() as wires:
            state = State(database, 24)
            courier = Courier(
                destination_of(2.0, 16, 75, "clocks"),
                log,
                state,
                MortalSender(life, network, judge, wires),
                clock,
                Telemetry(),
                origins=dict.fromkeys(range(LANES), 0),
                journal=folder / "braze",
                checkpoint_seconds=120,
            )
            await courier.start()
            running = wires.create_task(courier.run())
            for _ in range(OUTAGE_HOURS * 60):
                await log.append(crowd.act(clock.now_ms(), EVENTS_A_MINUTE))
                await clock.sleep(60)
                highest = max(highest, courier.waiting_rows)
                assert courier.ledger.residual == 0
            probes = network.requests
            network.spell = FAIR
            ended = clock.monotonic()
            while courier.ledger.waiting or courier.lag(await log.heads()):
                assert clock.monotonic() - ended < CATCH_UP_SECONDS
                await clock.sleep(1)
            courier.stop()
            await running
            courier.books.journal.close()
    people = sandbox.world.workspaces["sandbox"].people
    dead = await state.dead_letters(limit=10_000)
    assert judge.verdict(await state.totals(), dead, people.by_external_id) == []
    assert story.complaints == []
    assert judge.repeated == 0
    assert highest < MOST_WAITING_ROWS // 3
    assert probes < OUTAGE_HOURS * 3600 / 30
    assert all(len(letter.attempts) <= 20 for letter in dead)
