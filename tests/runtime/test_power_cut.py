"""The power is cut under a courier: whoever comes after it ends what was acknowledged."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from tests.io.power import Image, Machine
from tests.runtime.house import KEY, SOON, Desk, Wire, bind, records

from segue.engine.plan import BoundDestination
from segue.io.log.sqlite import SqliteLog
from segue.io.storage.state import State
from segue.model.delivery import Request, Response
from segue.model.workspace import Delivery
from segue.runtime.clock import SystemClock
from segue.runtime.memory import REFRESH
from segue.sandbox.app import create_app

LANES = 4


class Line(Wire):
    """A wire that ends with the machine: afterwards nothing is carried and nobody hears an answer."""

    is_cut = False

    async def send(self, request: Request) -> Response:
        response = Response(status=0) if self.is_cut else await super().send(request)
        if self.is_cut:
            await asyncio.get_running_loop().create_future()
        return response


class Life:
    """A machine with a receiver's log and a courier, until its power is cut.

    acknowledged  messageIds of the events that are to arrive whatever happens
    """

    def __init__(self, folder: Path, seed: int, destination: BoundDestination) -> None:
        self.line = Line(create_app(key=KEY))
        self.acknowledged: set[str] = set()
        self._folder = folder
        self._chance = Random(seed)
        self._destination = destination

    async def end(self) -> Image:
        """Live it; gives what is left on the disk."""
        (self._folder / "disk").mkdir()
        cut_at = self._chance.randint(20, 500)
        with Machine(
            self._folder / "disk", self._folder / "cut", Random(cut_at), [cut_at], self._witness
        ) as machine:
            stream = await SqliteLog.open(self._folder / "disk" / "log", lanes=LANES)
            desk = Desk(self._folder / "disk", stream, self.line, SystemClock())
            async with desk.courier(self._destination, checkpoint_seconds=SOON) as courier:
                running = asyncio.ensure_future(courier.run())
                await self._take_in(stream, machine)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                async with courier._state._committing:  # a commit goes on without whoever asked for it
                    pass
            await stream.close()
        return machine.images[0]

    async def _take_in(self, stream: SqliteLog, machine: Machine) -> None:
        number = 0
        while not machine.images:
            events = [told(self._chance, number + n) for n in range(self._chance.randint(1, 4))]
            number += len(events)
            await stream.append(records(*events))
            self.acknowledged |= {event["messageId"] for event in events}
            await asyncio.sleep(0.001)

    def _witness(self) -> frozenset[str]:
        self.line.is_cut = True
        return frozenset(self.acknowledged)


def told(chance: Random, number: int) -> dict[str, Any]:
    """One thing somebody does: says something of themselves, or takes a step."""
    who = {"userId": f"u{chance.randrange(4)}", "messageId": f"m{number}"}
    stamp = {"timestamp": f"2026-09-21T10:{number // 60:02}:{number % 60:02}Z"}
    if chance.random() < 0.4:
        traits = {"plan": chance.choice(("plus", "basic")), f"t{number % 3}": number}
        return {"type": "identify", **who, **stamp, "traits": traits}
    return {"type": "track", "event": "Step", **who, **stamp, "properties": {"n": number}}


@pytest.mark.parametrize("uncertain", ["resend", "hold"])
@pytest.mark.parametrize("attributes", ["all", "changed"])
@pytest.mark.parametrize("seed", range(4))
async def test_after_a_power_cut_everything_acknowledged_ends(
    tmp_path: Path, seed: int, attributes: Literal["all", "changed"], uncertain: Literal["resend", "hold"]
) -> None:
    """Cut at any step: each event of the log is delivered, or dead because it is uncertain; nothing else is
    there; what a checkpoint had as settled is not sent again; everybody's order holds, and profiles are the
    fold of the events, where only changes are sent after a refresh."""
    delivery = Delivery(wait_seconds=0, attributes=attributes, uncertain=uncertain)
    destination = bind(delivery=delivery)
    life = Life(tmp_path, seed, destination)
    image = await life.end()

    settled = await recover(image.folder / "braze.db", len(life.acknowledged))
    line = Wire(life.line.sandbox)
    stream = await SqliteLog.open(image.folder / "log", lanes=LANES)
    kept = [each async for block in stream.scan() for each in block.records]
    assert {each.message_id for each in kept} >= image.seen
    async with Desk(image.folder, stream, line, SystemClock()).courier(destination) as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        assert courier.ledger.residual == 0
        dead = await courier._state.dead_letters(limit=9999)
    await stream.close()
    letters = {letter.message_id: letter.reason for letter in dead}
    assert set(letters.values()) <= ({"UNCERTAIN"} if uncertain == "hold" else set())
    events = [json.loads(each.raw) for each in kept]
    check_people(life.line, events, settled, letters)


async def recover(state: Path, count: int) -> set[str]:
    """Do what the guide says after a power cut; gives what the last checkpoint had as settled."""
    kept = await State.open(state)
    receipts = [each for number in range(count + 10) for each in await kept.receipts(f"m{number}")]
    await kept.ask(REFRESH, {}, asked_ms=0)
    await kept.close()
    return {each.message_id for each in receipts}


def check_people(
    line: Line, events: list[dict[str, Any]], settled: set[str], letters: Mapping[str, str]
) -> None:
    """What the sandbox has, against the events of the log."""
    people = line.sandbox.world.workspaces["sandbox"].people
    for user in sorted({event["userId"] for event in events}):
        own = [event for event in events if event["userId"] == user]
        person = people.by_external_id(user)
        found = (
            [json.loads(bytes(event.properties))["n"] for event in person.events]
            if person is not None
            else []
        )
        steps = {event["properties"]["n"]: event["messageId"] for event in own if event["type"] == "track"}
        missing = {steps[n] for n in steps.keys() - set(found)}
        assert missing <= letters.keys()
        assert set(found) <= steps.keys()
        twice = {steps[n] for n, count in Counter(found).items() if count > 1}
        assert not twice & settled
        first = list(dict.fromkeys(found))
        assert first == sorted(first)
        fold: dict[str, Any] = {}
        for event in own:
            fold |= event.get("traits", {})
        assert (person.custom if person is not None else {}) == fold
