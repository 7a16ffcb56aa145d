"""A request that is refused as a whole, and nobody named: only the culprits die, in few requests."""

import asyncio
from collections.abc import Sequence
from math import ceil, log2
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.journeys.simulation.books import read_books
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.life import Life, MortalSender
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.network import Network
from tests.journeys.simulation.story import Story
from tests.journeys.simulation.traffic import NEVER_FITS, POISON, Told
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.journeys.simulation.world import LANES, destination_of
from tests.runtime.house import KEY, Wire, records

from segue.io.storage.state import State
from segue.model.delivery import DeadLetter
from segue.runtime.courier import Courier
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

FULL = 75


def step(number: int, *, is_poison: bool = False, is_named: bool = False) -> Told:
    """A person's only event; poison is refused with everybody around it, a named one alone."""
    user = f"{NEVER_FITS}{number}" if is_named else f"user-{number}"
    event: dict[str, Any] = {
        "type": "track",
        "event": "Step",
        "userId": user,
        "messageId": f"m{number}",
        "properties": {"n": number, **({POISON: True} if is_poison else {})},
    }
    return Told(
        number=number,
        rows={"steps": frozenset({(number, "Step")})},
        doomed=frozenset({"steps"} if is_named else ()),
        people=(f"u:{user}",),
        event=event,
    )


async def deliver(told: list[Told], folder: Path) -> tuple[list[str], list[DeadLetter], int]:
    """Deliver these events in full requests: what the judge says, the dead letters, how many requests."""
    clock = VirtualClock()
    story = Story("poison", clock)
    judge = Judge(told)
    log, state = MemoryLog(Tape(LANES)), State(MemoryDatabase(), 24)
    sandbox = create_app(key=KEY, clock=clock)
    network = Network(Wire(sandbox), clock, Random(1), judge, story)
    await log.append(records(*(each.event for each in told)))
    async with asyncio.TaskGroup() as wires:
        courier = Courier(
            destination_of(30.0, 4, FULL, "clocks"),
            log,
            state,
            MortalSender(Life(1, None, Random(1), folder), network, judge, wires),
            clock,
            Telemetry(),
            origins=dict.fromkeys(range(LANES), 0),
            journal=folder / "braze",
        )
        await courier.run(until_head=True)
        courier.books.journal.close()
    people = sandbox.world.workspaces["sandbox"].people
    books = await read_books([state], told)
    return judge.verdict(books, people.by_external_id), list(books.dead), network.requests


@pytest.mark.parametrize("culprits", [0, 1, 2, 3, 5, 8, 20, FULL - 1, FULL])
def test_exactly_the_culprits_of_a_refused_batch_die(culprits: int, tmp_path: Path) -> None:
    """The others are applied once; k culprits cost at most k times ceil(log2 75), and one more request."""
    chosen = set(Random(f"0-{culprits}").sample(range(FULL), culprits))
    told = [step(number, is_poison=number in chosen) for number in range(FULL)]
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        faults, dead, requests = runner.run(deliver(told, tmp_path))
    assert faults == []
    assert {letter.message_id for letter in dead} == {f"m{number}" for number in chosen}
    assert requests - 1 <= culprits * ceil(log2(FULL)) + 1
    for letter in dead:
        assert letter.reason == "BAD_REQUEST"
        assert "there is something in it" in letter.message
        assert letter.attempts


@pytest.mark.parametrize("some", [range(9), range(9, 40, 6), (50, 60, 74, 75)], ids=["few", "more", "most"])
def test_whatever_the_mixture_only_the_culprits_die_each_for_its_reason(
    some: Sequence[int], tmp_path: Path
) -> None:
    """Some of the bad ones make Braze refuse the whole request and name nobody, the others are named when
    nobody does so any more. No more requests than if all were of one kind."""
    for culprits in some:
        chance = Random(f"{culprits}-mixed")
        bad = chance.sample(range(FULL), culprits)
        cut = chance.randint(0, culprits)
        poison, named = set(bad[:cut]), set(bad[cut:])
        told = [step(number, is_poison=number in poison, is_named=number in named) for number in range(FULL)]
        folder = tmp_path / str(culprits)
        folder.mkdir()
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            faults, dead, requests = runner.run(deliver(told, folder))
        assert faults == []
        assert requests - 1 <= culprits * ceil(log2(FULL)) + 1
        words = {letter.message_id: letter.message for letter in dead}
        assert set(words) == {f"m{number}" for number in bad}
        assert all("external_id" in words[f"m{number}"] for number in named)
        assert all("there is something in it" in words[f"m{number}"] for number in poison)
