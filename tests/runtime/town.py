"""A town: its events go through couriers in virtual time, over roads with accidents, into a real sandbox.

Nothing here depends on a thread or on the machine's clock, so what happens follows from its arguments alone.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.play import Beside, House
from tests.journeys.simulation.virtual_time import VirtualClock
from tests.runtime.house import KEY, RECEIVED_MS, Wire, records

from segue.engine.plan import BoundDestination
from segue.io.storage.state import State
from segue.model.delivery import Request, Response
from segue.model.event import Record
from segue.runtime.courier import CHECKPOINT_SECONDS, Courier
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

LANES: Final = 4
NEVER_SECONDS: Final = 1e9
PATIENCE_SECONDS: Final = 7200.0
WAYS_SECONDS: Final = (0.0, 0.0, 0.01, 0.02, 0.4)


class Roads(Wire):
    """Some requests take long, so those on the way together arrive in any order.

    taken    what was answered with a success, in the order it came
    doubted  the numbers of what got no answer and may have been taken all the same
    """

    def __init__(self, clock: VirtualClock, chance: Random) -> None:
        super().__init__(create_app(key=KEY, clock=clock))
        self.taken: list[Mapping[str, Any]] = []
        self.doubted: set[int] = set()
        self._clock = clock
        self._chance = chance

    async def send(self, request: Request) -> Response:
        await self._clock.sleep(self._chance.choice(WAYS_SECONDS))
        response = await super().send(request)
        body = orjson.loads(request.body)
        if response.status in (0, 504):
            self.doubted.update(step for step in steps_of(body))
        elif response.status < 300:
            self.taken.append(body)
        await self._clock.sleep(self._chance.choice(WAYS_SECONDS))
        return response


def steps_of(body: Mapping[str, Any]) -> Iterator[int]:
    """The numbers of the events and purchases in a request, in the order Braze applies them."""
    for event in body.get("events", ()):
        yield event["properties"]["step"]
    for purchase in body.get("purchases", ()):
        yield int(purchase["product_id"])


class Town:
    """Couriers that come and go, each with its lanes, its state and its journal; a log and a sandbox."""

    def __init__(
        self, bound: BoundDestination, groups: Sequence[tuple[int, ...]], folder: Path, chance: Random
    ) -> None:
        self.clock = VirtualClock(RECEIVED_MS)
        self.roads = Roads(self.clock, chance)
        self._bound = bound
        self._log = MemoryLog(Tape(LANES))
        self._telemetry = Telemetry()
        self._houses = [House(lanes, folder / str(lanes[0])) for lanes in groups]

    @property
    def people(self) -> Sequence[Any]:
        """Everybody the sandbox knows."""
        [workspace] = self.roads.sandbox.world.workspaces.values()
        return list(workspace.people)

    async def tell(self, *events: dict[str, Any]) -> None:
        """These events came in."""
        made: list[Record] = records(*events)
        await self._log.append(made)

    async def deliver(self) -> list[Courier]:
        """Couriers that start anew deliver everything, and stop."""
        couriers = await self._begin(CHECKPOINT_SECONDS)
        running = [asyncio.ensure_future(courier.run()) for courier in couriers]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._are_settled(couriers):
                await asyncio.wait(running, timeout=0.5, return_when=asyncio.FIRST_EXCEPTION)
                for task in running:
                    if task.done():
                        await task
        for courier in couriers:
            courier.stop()
        await asyncio.gather(*running)
        return couriers

    async def kill(self, requests: int, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> None:
        """Couriers that start anew are taken away once so many requests were answered and none is on its
        way, or when there is nothing left to do."""
        couriers = await self._begin(checkpoint_seconds)
        running = [asyncio.ensure_future(courier.run()) for courier in couriers]
        goal = len(self.roads.sent) + requests
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.roads.sent) < goal and not await self._are_settled(couriers):
                await self.clock.sleep(0.05)
            while any(courier.dispatcher.in_flight for courier in couriers):
                await self.clock.sleep(0.001)
        for task in running:
            task.cancel()
        for result in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        for courier in couriers:
            courier.books.journal.close()

    async def _begin(self, checkpoint_seconds: float) -> list[Courier]:
        couriers = []
        for house in self._houses:
            courier = Courier(
                self._bound,
                self._log,
                State(house.database, 24),
                self.roads,
                self.clock,
                self._telemetry,
                origins=dict.fromkeys(range(LANES), 0),
                journal=house.folder / "braze",
                lanes=house.lanes,
                checkpoint_seconds=checkpoint_seconds,
            )
            courier.barriers.neighbours = Beside([each for each in self._houses if each is not house])
            await courier.start()
            couriers.append(courier)
        return couriers

    async def _are_settled(self, couriers: Sequence[Courier]) -> bool:
        heads = await self._log.heads()
        return not any(courier.lag(heads) or courier.ledger.waiting for courier in couriers)
