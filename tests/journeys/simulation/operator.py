"""Somebody at the console while events flow: dead letters are tried again, dropped and taken back, people are
refreshed and sent again, the destination is paused, and Braze is asked to mend what it refuses."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Protocol

import msgspec
import orjson
from tests.journeys.simulation.books import name_of
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.network import Network
from tests.journeys.simulation.story import Story
from tests.journeys.simulation.virtual_time import VirtualClock
from tests.journeys.simulation.world import World

from segue.engine.drift import compare, repairs
from segue.engine.profile import decode
from segue.io.storage.database import Database
from segue.io.storage.state import StateReader
from segue.model.delivery import DeadLetter
from segue.model.errors import StorageUnavailable
from segue.runtime.brake import PAUSE, RESUME
from segue.runtime.memory import EPOCH, REFRESH, RESEND, shape_of
from segue.runtime.revival import DROP, IMPORT, RETRY
from segue.runtime.succession import UNDIVIDED


class Kept(Protocol):
    """What a group of lanes has written down."""

    @property
    def database(self) -> Database: ...

    @property
    def lanes(self) -> tuple[int, ...]: ...


class Operator:
    """One person who asks for things, and knows what was asked.

    dropped  the letters they wanted forgotten, and did not take back
    """

    def __init__(
        self,
        world: World,
        houses: Sequence[Kept],
        network: Network,
        judge: Judge,
        clock: VirtualClock,
        chance: Random,
        story: Story,
    ) -> None:
        self.dropped: dict[tuple[int, str], DeadLetter] = {}
        self._world = world
        self.hands = asyncio.Lock()
        self.move(houses)
        self._network = network
        self._judge = judge
        self._clock = clock
        self._chance = chance
        self._story = story
        self._deeds: list[Callable[[int], Awaitable[str]]] = [self._pause, self._refresh, self._drop]
        if not world.is_social:  # there it depends on who has become whom when something is sent again
            self._deeds += [self._retry, self._retry, self._take_back, self._take_back, self._mend]
            self._deeds += [self._resend] * (4 if world.mode == "changed" else 1)

    async def act(self, seconds: float) -> None:
        """Do something now and then; in the end nothing is paused."""
        until = self._clock.monotonic() + seconds
        while self._clock.monotonic() < until:
            await self._clock.sleep(self._chance.expovariate(5 / seconds))
            deed, number = self._chance.choice(self._deeds), self._chance.randrange(len(self._states))
            async with self.hands:
                with suppress(StorageUnavailable):
                    self._tell(await deed(number % len(self._states)))
        async with self.hands:
            for state in self._states:
                while not await self._ask(state, RESUME):
                    await self._clock.sleep(1)

    def move(self, houses: Sequence[Kept]) -> None:
        """From now on these have the lanes."""
        self._states = [StateReader(house.database, 0) for house in houses]
        where = {lane: number for number, house in enumerate(houses) for lane in house.lanes}
        self.dropped = {(where[letter.lane], id): letter for (_, id), letter in self.dropped.items()}

    async def is_free(self) -> bool:
        """Whether nothing is asked for that has to be done before lanes change."""
        asked = [command.name for state in self._states for command in await state.commands()]
        return not set(asked) & set(UNDIVIDED)

    async def is_idle(self) -> bool:
        """Whether everything asked for is done."""
        return not any([await state.commands() for state in self._states])

    def _tell(self, what: str) -> None:
        self._story.tell("console", what)

    async def _ask(self, state: StateReader, name: str, **arguments: Any) -> bool:
        try:
            await state.ask(name, arguments, asked_ms=self._clock.now_ms())
        except StorageUnavailable:
            return False
        return True

    async def _pause(self, number: int) -> str:
        await self._ask(self._states[number], PAUSE)
        await self._clock.sleep(self._chance.expovariate(1 / 3))
        for state in self._states:
            await self._ask(state, RESUME)
        return "paused for a while"

    async def _refresh(self, number: int) -> str:
        if self._chance.random() < 0.5:
            await self._ask(self._states[number], REFRESH)
            return "refreshed everybody"
        people = [f"external_id:user-{self._chance.randrange(6)}"]
        await self._ask(self._states[number], REFRESH, people=people)
        return "refreshed somebody"

    async def _mend(self, number: int) -> str:
        self._network.is_mended = True
        return "Braze takes poison from now on"

    async def _letters(self, number: int) -> list[DeadLetter]:
        """Some of the letters there are."""
        letters = await self._states[number].dead_letters(limit=1000)
        return [letter for letter in letters if self._chance.random() < 0.7]

    def _is_there(self, letter: DeadLetter) -> bool:
        """A look at Braze: whether a row that is in doubt has arrived."""
        [event] = [each for each in self._judge.told if each.id == letter.message_id and each.rows]
        return any(self._judge.counts[thing] for thing in event.rows[letter.subscription])

    async def _retry(self, number: int) -> str:
        """Try letters again, but for those in doubt that have arrived."""
        state = self._states[number]
        reason = self._chance.choice(("BAD_REQUEST", "PAYLOAD_VALIDATION_FAILED", ""))
        if reason:
            # Whatever dies before the courier looks is tried again, too.
            numbers = [event.number for event in self._judge.told if event.bad or event.doomed]
            asked = bool(numbers) and await self._ask(state, RETRY, reason=reason)
        else:
            letters = [letter for letter in await self._letters(number) if not self._is_there(letter)]
            numbers = [int(letter.message_id.removeprefix("m")) for letter in letters]
            asked = bool(letters) and await self._ask(state, RETRY, ids=[letter.id for letter in letters])
        self._judge.revived.update(numbers)
        return "letters tried again" if asked else "no letters to try again"

    async def _drop(self, number: int) -> str:
        letters = await self._letters(number)
        if letters and await self._ask(self._states[number], DROP, ids=[letter.id for letter in letters]):
            self.dropped |= {(number, letter.id): letter for letter in letters}
            return "letters dropped"
        return "no letters to drop"

    async def _take_back(self, number: int) -> str:
        """Letters that were dropped, once they are gone."""
        state = self._states[number]
        if await state.commands():
            return "no letters taken back"
        letters = []
        for (where, id), letter in list(self.dropped.items()):
            if where == number and await state.dead_letter(id) is None and not await self._has_ended(letter):
                letters.append(letter)
        packed = [msgspec.msgpack.encode(letter) for letter in letters]
        if not letters or not await self._ask(state, IMPORT, letters=packed):
            return "no letters taken back"
        for letter in letters:
            del self.dropped[number, letter.id]
        return "letters taken back"

    async def _has_ended(self, letter: DeadLetter) -> bool:
        receipts = [each for state in self._states for each in await state.receipts(letter.message_id)]
        return any(
            (letter.message_id, each.subscription) == name_of(letter) and each.result != "dead"
            for each in receipts
        )

    async def _resend(self, number: int) -> str:
        """What somebody has, as far as it is known, as if somebody else had changed it at Braze."""
        state, bound = self._states[number], self._world.bound
        shape, audit = shape_of(bound), bound.page.audit
        assert shape is not None
        assert audit is not None
        epoch = int(await state.value(EPOCH) or b"0")
        people = [f"external_id:user-{user}" for user in range(6)]
        held = await state.profiles(people)
        known = [
            drift
            for person in people
            if person in held
            for drift in compare(person, decode(held[person], epoch), {}, shape, audit)
        ]
        objects, _ = repairs(self._chance.sample(known, min(len(known), 3)), audit)
        if not objects:
            return "nobody to send again"
        for each in objects:
            numbers = [value for value in orjson.loads(each.item).values() if type(value) is int]
            self._judge.resent.update(numbers)
        plain = [msgspec.to_builtins(each, builtin_types=(bytes,)) for each in objects]
        await self._ask(state, RESEND, objects=plain)
        return "somebody sent again"
