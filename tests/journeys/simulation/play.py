"""One run: a crowd acts, couriers live and die, the weather changes, and in the end the judge speaks.

verdict = play(4711)      # Verdict(faults=[], …); the same seed, the same run, to the last line
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.life import Life, MortalDatabase, MortalLog, MortalSender
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.network import Network
from tests.journeys.simulation.story import Story, heard_by
from tests.journeys.simulation.traffic import Crowd, destination
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.runtime.house import KEY, Wire

from segue.engine.plan import BoundDestination
from segue.io.storage.state import State
from segue.model.errors import BrokenError, StorageUnavailable
from segue.model.workspace import Delivery
from segue.runtime.courier import Courier
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

LANES: Final = 4
PATIENCE_SECONDS: Final = 7200.0
"""After the last event and with fair weather everything must be settled within this time."""

GATES: Final = (
    *("before a checkpoint", "after a checkpoint", "before a request", "after an answer"),
    *("before a look at the state", "after a look at the state", "after a read of the log"),
)
"""Where a life ends that does not end just anywhere."""

ATTRIBUTES: Final[Mapping[str, Mapping[str, Any]]] = {
    "clocks": {},
    "changed": {"attributes": "changed"},
    "hashed": {"attributes": "changed", "remember": "hashes"},
}
"""What of people's attributes travels."""

DESTINATIONS: Final = {
    (wait, in_flight, size, mode): destination(
        Delivery(wait_seconds=wait, in_flight=in_flight, **options), size
    )
    for wait in (0.0, 2.0, 30.0)
    for in_flight in (1, 4, 16)
    for size in (2, 7, 75)
    for mode, options in ATTRIBUTES.items()
}


class CountingClock(VirtualClock):
    """The clock as a life's courier sees it. turns: how often it went to rest."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.turns = 0
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def sleep(self, seconds: float) -> None:
        self.turns += 1
        await super().sleep(seconds)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went.

    faults    what must not be; empty when all is well
    repeated  things Braze took in again, rightly
    story     the end of what happened
    met       what kinds of things happened
    """

    seed: int
    faults: list[str]
    story: str
    met: frozenset[str]
    events: int
    requests: int
    lives: int
    repeated: int
    limited: int
    seconds: float


def play(seed: int) -> Verdict:
    """Play one run to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(Run(seed).play())


class Run:
    """The things of one run. All chance comes from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._luck = Random(f"{seed}-run")

    async def play(self) -> Verdict:
        """Do it, and say how it went."""
        self.clock = VirtualClock()
        self.story = Story(self.seed, self.clock)
        self.log = MemoryLog(Tape(LANES))
        self.database = MemoryDatabase()
        self.crowd = Crowd(Random(f"{self.seed}-crowd"))
        self.judge = Judge(self.crowd.told)
        self.sandbox = create_app(key=KEY, clock=self.clock, random_seed=self.seed)
        self.network = Network(
            Wire(self.sandbox), self.clock, Random(f"{self.seed}-weather"), self.judge, self.story
        )
        self.lives = 0
        bound = DESTINATIONS[self._luck.choice(list(DESTINATIONS))]
        with heard_by(self.story), TemporaryDirectory(prefix="segue-simulation-") as folder:
            self._folder = Path(folder)
            faults = await self._play(bound)
        return Verdict(
            seed=self.seed,
            faults=[*faults, *self.story.complaints],
            story=self.story.text(),
            met=frozenset(self.story.met),
            events=len(self.crowd.told),
            requests=self.network.requests,
            lives=self.lives,
            repeated=self.judge.repeated,
            limited=self.network.limited,
            seconds=self.clock.monotonic(),
        )

    async def _play(self, bound: BoundDestination) -> list[str]:
        seconds = self._luck.choice((5.0, 30.0, 120.0))
        async with asyncio.TaskGroup() as world:
            acting = world.create_task(self._act(seconds))
            blowing = world.create_task(self.network.blow(seconds * 1.5))
            world.create_task(self._break_the_disk(seconds))
            for _ in range(self._luck.choice((0, 0, 1, 2, 4))):
                if self._luck.random() < 0.25:
                    await self._live(bound, world, stops_after=self._luck.expovariate(5 / seconds))
                elif self._luck.random() < 0.4:
                    await self._live(bound, world, dies_at=int(10 ** self._luck.uniform(0.5, 3)))
                else:
                    gate, nth = self._luck.choice(GATES), int(10 ** self._luck.uniform(0, 1.3))
                    most = self._luck.expovariate(5 / seconds)
                    await self._live(bound, world, dies_at=nth, dies_by=gate, stops_after=most)
            await asyncio.wait([acting, blowing])
            while not await self._live(bound, world):
                pass
        state = State(self.database, 24)
        people = self.sandbox.world.workspaces["sandbox"].people
        dead = await state.dead_letters(limit=10_000)
        return self.judge.verdict(await state.totals(), dead, people.by_external_id)

    async def _act(self, seconds: float) -> None:
        """The crowd acts now and then, some at once."""
        until = self.clock.monotonic() + seconds
        most = self._luck.choice((3, 12, 40))
        while self.clock.monotonic() < until and len(self.crowd.told) < 150:
            records = self.crowd.act(self.clock.now_ms(), self._luck.randint(1, most))
            await self.log.append(records)
            self.story.tell("events", f"{len(self.crowd.told) - len(records)} to {len(self.crowd.told) - 1}")
            await self.clock.sleep(self._luck.expovariate(10 / seconds))

    async def _break_the_disk(self, seconds: float) -> None:
        """Sometimes the disk is full for a while, and sometimes somebody sets the calendar."""
        for _ in range(self._luck.choice((0, 0, 1, 2))):
            await self.clock.sleep(self._luck.random() * seconds)
            self.clock.jump_ms += self._luck.choice((0, 0, -90_000, 3_700_000))
            self.database.is_full = True
            self.story.tell("disk", "full")
            await self.clock.sleep(self._luck.expovariate(1 / 5))
            self.database.is_full = False
            self.story.tell("disk", "has room again")

    async def _live(
        self,
        bound: BoundDestination,
        world: asyncio.TaskGroup,
        *,
        dies_at: int | None = None,
        dies_by: str = "",
        stops_after: float | None = None,
    ) -> bool:
        """One life of the process: to its accident, to a stop, or until everything is settled.

        False when it could not write its last checkpoint.
        """
        self.lives += 1
        life = Life(
            self.lives, dies_at, Random(f"{self.seed}-life-{self.lives}"), self._folder, dies_by=dies_by
        )
        clock, started, before = CountingClock(self.clock), self.clock.monotonic(), self._happenings()
        courier = Courier(
            bound,
            MortalLog(life, self.log),
            State(MortalDatabase(life, self.database), 24),
            MortalSender(life, self.network, self.judge, world),
            clock,
            Telemetry(),
            origins=dict.fromkeys(range(LANES), 0),
            journal=self._folder / "braze",
        )
        self.story.tell("life", f"{life.number} begins")
        running = asyncio.create_task(courier.run())
        watching = asyncio.create_task(self._watch(courier, running, life, stops_after))
        ended = asyncio.create_task(life.ended.wait())
        await asyncio.wait([running, watching, ended], return_when=asyncio.FIRST_COMPLETED)
        life.end()
        for task in (running, watching, ended):
            task.cancel()
        results = await asyncio.gather(running, watching, ended, return_exceptions=True)
        with suppress(BrokenError):
            courier.books.journal.close()
        life.bury()
        self.story.tell("end", life.last_gate or "in peace", f"of life {life.number}")
        most = 4 * (self.clock.monotonic() - started) + 6 * (self._happenings() - before) + 100
        if clock.turns > most:
            self.judge.faults.append(
                f"life {life.number} went to rest {clock.turns} times, {most:.0f} are enough"
            )
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, StorageUnavailable):
                raise result
        await self.clock.sleep(self._luck.random() * 3)
        life.is_succeeded = True
        return not any(isinstance(result, StorageUnavailable) for result in results)

    def _happenings(self) -> int:
        """What a courier has to do with so far."""
        return len(self.crowd.told) + self.network.requests

    async def _watch(
        self, courier: Courier, running: "asyncio.Task[None]", life: Life, stops_after: float | None
    ) -> None:
        """Look at the law all the time; stop the courier when it is time, or when everything is settled."""
        started = self.clock.monotonic()
        while True:
            await self.clock.sleep(0.5)
            waited = self.clock.monotonic() - started
            try:
                ledger = courier.ledger
            except BrokenError:
                continue
            if ledger.residual:
                self.judge.faults.append(f"the book is off by {ledger.residual}")
            heads = await self.log.heads()
            is_settled = not life.is_mortal and courier.lag(heads) == 0 and ledger.waiting == 0
            if is_settled if stops_after is None else waited > stops_after:
                courier.stop()
                await running
                return
            if not life.is_mortal and waited > PATIENCE_SECONDS:
                self.judge.faults.append(
                    f"after {PATIENCE_SECONDS:.0f} s of fair weather {ledger.waiting} events still wait, "
                    f"{courier.lag(heads)} are not read, hold {courier.hold}"
                )
                return
