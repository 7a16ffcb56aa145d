"""One run: a crowd acts, couriers live and die, the weather changes, and in the end the judge speaks.

verdict = play(4711)      # Verdict(faults=[], …); the same seed, the same run, to the last line
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from tests.journeys.simulation.books import read_books
from tests.journeys.simulation.disk import journals_on
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.life import Life, MortalDatabase, MortalLog, MortalSender
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.network import Network
from tests.journeys.simulation.operator import Operator
from tests.journeys.simulation.story import Story, heard_by
from tests.journeys.simulation.traffic import Crowd
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.journeys.simulation.world import LANES, world_of
from tests.runtime.house import KEY, Wire

from segue.io.storage.state import State
from segue.model.errors import BrokenError, StorageUnavailable
from segue.runtime.barriers import Neighbours
from segue.runtime.courier import Courier
from segue.runtime.room import LEAST_BYTES, ROOM_BYTES, Room
from segue.runtime.succession import Predecessor, home_of, take_over
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import create_app

PATIENCE_SECONDS: Final = 7200.0
"""After the last event and with fair weather everything must be settled within this time."""

GATES: Final = (
    *("before a checkpoint", "after a checkpoint", "before a request", "after an answer"),
    *("before a look at the state", "after a look at the state", "after a read of the log"),
)
"""Where a life ends that does not end just anywhere."""


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
    story     the end of what happened; fingerprint: of all of it
    met       what kinds of things happened, and how often
    """

    seed: int
    faults: list[str]
    story: str
    fingerprint: str
    met: dict[str, int]
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


class House:
    """The couriers of a group of lanes, one after the other, and what they leave to the next."""

    def __init__(self, lanes: tuple[int, ...], folder: Path) -> None:
        self.lanes = lanes
        self.folder = folder
        self.database = MemoryDatabase()
        folder.mkdir()


class Beside(Neighbours):
    """What the couriers of the other lanes have written down, in memory."""

    def __init__(self, houses: Sequence[House]) -> None:
        self._states = [State(house.database, 24) for house in houses]

    async def others(self) -> Sequence[State]:
        return self._states

    async def close(self) -> None:
        """They are not ours to close."""


class Run:
    """The things of one run. All chance comes from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._luck = Random(f"{seed}-run")
        self.world = world_of(self._luck)

    async def play(self) -> Verdict:
        """Do it, and say how it went."""
        world = self.world
        self.clock = VirtualClock(world.start_ms)
        theirs = VirtualClock(world.start_ms)
        self.story = Story(self.seed, self.clock)
        self.story.met.update(world.words)
        self.log = MemoryLog(Tape(LANES))
        self.crowd = Crowd(Random(f"{self.seed}-crowd"), is_social=world.is_social)
        self.judge = Judge(
            self.crowd.told,
            holds=world.uncertain == "hold",
            is_social=world.is_social,
            is_shared=len(world.groups) > 1,
            cap=world.cap,
            clock=self.clock,
            size=world.size,
        )
        self.sandbox = create_app(key=KEY, clock=theirs, random_seed=self.seed)
        self.network = Network(
            Wire(self.sandbox),
            theirs,
            Random(f"{self.seed}-weather"),
            self.judge,
            self.story,
            self.crowd.unwelcome,
        )
        self.network.tells_lies = world.uncertain == "resend"
        self.lives = 0
        with (
            heard_by(self.story),
            TemporaryDirectory(prefix="segue-simulation-") as folder,
            journals_on(lambda path: any(h.database.is_full for h in self.houses if h.folder == path)),
        ):
            self.folder = Path(folder)
            self.left: list[House] = []  # whose lanes others have
            self.houses = [House(lanes, Path(folder) / str(lanes[0])) for lanes in world.groups]
            self.operator = Operator(
                world,
                self.houses,
                self.network,
                self.judge,
                self.clock,
                Random(f"{self.seed}-console"),
                self.story,
            )
            faults = await self._play()
        return Verdict(
            seed=self.seed,
            faults=[*faults, *self.story.complaints],
            story=self.story.text(),
            fingerprint=self.story.fingerprint,
            met=dict(self.story.met),
            events=len(self.crowd.told),
            requests=self.network.requests,
            lives=self.lives,
            repeated=self.judge.repeated,
            limited=self.network.limited,
            seconds=self.clock.monotonic(),
        )

    async def _play(self) -> list[str]:
        seconds = self.world.seconds
        async with asyncio.TaskGroup() as wires:
            acting = wires.create_task(self._happen(seconds))
            blowing = wires.create_task(self.network.blow(seconds * 1.5))
            for house in self.houses:
                wires.create_task(self._break_the_disk(house, seconds))
            noise = asyncio.wait([acting, blowing])
            await asyncio.gather(noise, self._live_on(wires, acting))
        states = [State(house.database, 24) for house in [*self.left, *self.houses]]
        books = await read_books(states, self.crowd.told, list(self.operator.dropped.values()))
        if self.crowd.returned:
            self.story.met["sent again after a restart"] += self.crowd.returned
        for (_, _), ends in books.ends.items():
            self.story.met.update(f"left out: {reason}" for result, reason in ends if result == "filtered")
        return self.judge.verdict(books, self._person, is_mended=self.network.is_mended)

    def _room(self) -> Room:
        """Memory for what waits: plenty, or so little that reading pauses at a few rows, or at any."""
        most = Random(f"{self.seed}-room-{self.lives}").choice((*[ROOM_BYTES] * 5, 20_000, 0))
        self.story.met.update(["little room"] if most < ROOM_BYTES else [])
        return Room(most, min(most, LEAST_BYTES))

    def _person(self, user: str | None, alias: str | None = None) -> Any:
        """Whom the sandbox knows by this userId, else by this name of a device."""
        people = self.sandbox.world.workspaces["sandbox"].people
        return people.by_external_id(user) if user else people.by_alias(alias, "device")

    async def _happen(self, seconds: float) -> None:
        """What the crowd does, and whoever is at the console."""
        async with asyncio.TaskGroup() as people:
            people.create_task(self._act(seconds))
            if self.world.is_run:
                people.create_task(self.operator.act(seconds * 1.5))

    async def _act(self, seconds: float) -> None:
        """The crowd acts now and then, some at once."""
        until = self.clock.monotonic() + seconds
        most = self._luck.choice((3, 12, 40) if self.world.events > 100 else (3, 8))
        while self.clock.monotonic() < until and len(self.crowd.told) < self.world.events:
            records = self.crowd.act(self.clock.now_ms(), self._luck.randint(1, most))
            await self.log.append(records)
            self.story.tell("events", f"{len(self.crowd.told) - len(records)} to {len(self.crowd.told) - 1}")
            await self.clock.sleep(self._luck.expovariate(10 / seconds))

    async def _break_the_disk(self, house: House, seconds: float) -> None:
        """Sometimes the disk is full for a while, and sometimes somebody sets the calendar."""
        for _ in range(self._luck.choice((0, 0, 1, 2))):
            await self.clock.sleep(self._luck.random() * seconds)
            jump = self._luck.choice((0, 0, -self.clock.jump_ms, -90_000, -3_700_000, 3_700_000))
            if jump:
                self.story.tell("calendar", "set back" if jump < 0 else "set ahead")
            self.judge.see_calendar()
            self.clock.jump_ms += jump
            await self.network.something_travels(2.0)
            house.database.is_full = True
            self.story.tell("disk", "full")
            await self.clock.sleep(self._luck.expovariate(1 / 5))
            house.database.is_full = False
            self.story.tell("disk", "has room again")

    async def _live_on(self, wires: asyncio.TaskGroup, acting: "asyncio.Task[None]") -> None:
        """Life after life of every house, until everything is settled; in between lanes may change hands."""
        await asyncio.gather(*(self._struggle(house, wires) for house in self.houses))
        if self.world.regrouped:
            await self._regroup()
            await asyncio.gather(*(self._struggle(house, wires) for house in self.houses))
        await asyncio.gather(*(self._keep(house, wires, acting) for house in self.houses))

    async def _regroup(self) -> None:
        """Others have the lanes from now on, unless something is asked for that must be done first."""
        async with self.operator.hands:
            if not await self.operator.is_free():
                return
            heirs = [House(lanes, self.folder / f"heir-{lanes[0]}") for lanes in self.world.regrouped]
            for house in heirs:
                while not await self._inherit(house):
                    self.story.tell("handed over", "not at once")
            self.left, self.houses = self.houses, heirs
            self.operator.move(heirs)
            self.story.tell("handed over", "lanes to others")

    async def _inherit(self, house: House) -> bool:
        """Take the lanes of a house over from those who have them; false when its process died of it, or
        could not write."""
        luck = self._luck
        dies_at = luck.randint(1, 60) if luck.random() < 0.5 else None
        life = Life(0, dies_at, luck, house.folder)
        own = State(MortalDatabase(life, house.database), 24)

        async def take() -> None:
            for other in self.houses:
                state = State(MortalDatabase(life, other.database), 24)
                from_them = Predecessor(name=str(other.lanes), stem=other.folder / "braze", state=state)
                stem, origins = house.folder / "braze", dict.fromkeys(range(LANES), 0)
                await take_over(own, stem, house.lanes, home_of("external_id", LANES), origins, from_them)

        [found] = await asyncio.gather(asyncio.create_task(take()), return_exceptions=True)
        await self.clock.sleep(luck.random())
        if isinstance(found, Exception) and not isinstance(found, StorageUnavailable):
            raise found
        return found is None

    async def _struggle(self, house: House, wires: asyncio.TaskGroup) -> None:
        """Lives that end by accident, or because somebody stops them."""
        seconds, luck = self.world.seconds, self._luck
        for _ in range(luck.choice((0, 0, 1, 2, 4))):
            if luck.random() < 0.25:
                await self._live(house, wires, stops_after=luck.expovariate(5 / seconds))
            elif luck.random() < 0.4:
                await self._live(house, wires, dies_at=int(10 ** luck.uniform(0.5, 3)))
            else:
                gate, nth = luck.choice(GATES), int(10 ** luck.uniform(0, 1.3))
                most = luck.expovariate(5 / seconds)
                await self._live(house, wires, dies_at=nth, dies_by=gate, stops_after=most)
            if len(self.houses) > 1:
                self.story.tell("handed over", "some lanes")

    async def _keep(self, house: House, wires: asyncio.TaskGroup, acting: "asyncio.Task[None]") -> None:
        """What lives are left, until everything is settled."""
        seconds = self.world.seconds
        if self.world.lifted is not self.world.bound:
            await self._live(house, wires, stops_after=seconds)
        await asyncio.wait([acting])
        if self.world.lifted is not self.world.bound:
            self.judge.cap = None
        while not await self._live(house, wires, is_last=True):
            pass

    async def _live(
        self,
        house: House,
        wires: asyncio.TaskGroup,
        *,
        dies_at: int | None = None,
        dies_by: str = "",
        stops_after: float | None = None,
        is_last: bool = False,
    ) -> bool:
        """One life of the process: to its accident, to a stop, or until everything is settled.

        False when it could not write its last checkpoint.
        """
        self.lives += 1
        self.crowd.age = number = self.lives
        chance = Random(f"{self.seed}-life-{number}")
        life = Life(number, dies_at, chance, house.folder, dies_by=dies_by)
        clock, started, before = CountingClock(self.clock), self.clock.monotonic(), self._happenings()
        courier = Courier(
            self.world.lifted if is_last else self.world.bound,
            MortalLog(life, self.log),
            State(MortalDatabase(life, house.database), 24),
            MortalSender(life, self.network, self.judge, wires, lambda: house.database.is_full),
            clock,
            Telemetry(),
            origins=dict.fromkeys(range(LANES), 0),
            journal=house.folder / "braze",
            lanes=house.lanes,
            room=self._room(),
        )
        courier.barriers.neighbours = Beside(
            [each for each in [*self.left, *self.houses] if each is not house]
        )
        self.story.tell("life", f"{number} begins")
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
        self.story.tell("end", life.last_gate or "in peace", f"of life {number}")
        most = 4 * (self.clock.monotonic() - started) + 6 * (self._happenings() - before) + 100
        if clock.turns > most:
            self.judge.faults.append(f"life {number} went to rest {clock.turns} times, {most:.0f} are enough")
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
            await self.clock.sleep(1)
            waited = self.clock.monotonic() - started
            try:
                ledger = courier.ledger
            except BrokenError:
                continue
            if ledger.residual:
                self.judge.faults.append(f"the book is off by {ledger.residual}")
            heads = await self.log.heads()
            is_settled = not life.is_mortal and courier.lag(heads) == 0 and ledger.waiting == 0
            is_settled = is_settled and await self.operator.is_idle()
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
