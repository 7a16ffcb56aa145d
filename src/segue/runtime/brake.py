"""The brake: a destination paused and resumed by hand, while it runs or not.

    await brake(settings, ["braze"], PAUSE, now_ms)    # `segue pause`: takes hold within a second or two

A pause is kept with the destination's state, so it outlives restarts; a wish that is not carried out yet
waits there as a command, and is carried out before anything is sent.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from segue.io.storage.state import Command, State, StateReader
from segue.io.storage.succession import GIVEN
from segue.model.delivery import Halt
from segue.model.errors import StorageUnavailable
from segue.runtime.folders import STATE_FOLDER
from segue.runtime.settings import Settings

PAUSE: Final = "pause"
RESUME: Final = "resume"
WORDS: Final = "paused by hand; segue resume goes on"

KEPT: Final = "paused"
"""Name of the state's value: since when, milliseconds since the epoch."""

log = structlog.get_logger("segue.courier")


class Brake:
    """Whether one destination is paused. paused_ms: since when; 0 while it is not."""

    def __init__(self, destination: str, state: State) -> None:
        self.paused_ms = 0
        self._destination = destination
        self._state = state

    @property
    def is_on(self) -> bool:
        """Whether nothing may leave."""
        return self.paused_ms > 0

    @property
    def halt(self) -> Halt | None:
        """The pause as told to whoever asks."""
        return Halt(kind="paused", message=WORDS, since_ms=self.paused_ms) if self.is_on else None

    @property
    def values(self) -> dict[str, bytes]:
        """What a checkpoint keeps."""
        return {KEPT: b"%d" % self.paused_ms if self.is_on else b""}

    async def start(self) -> None:
        """Take up what was kept, and what was wished for while nothing ran."""
        self.paused_ms = int(await self._state.value(KEPT) or b"0")
        self.take(await self._state.commands())

    def take(self, commands: Iterable[Command]) -> list[int]:
        """Carry out the commands that are ours; gives their ids, done with the next checkpoint."""
        done = []
        for command in commands:
            if command.name not in (PAUSE, RESUME):
                continue
            done.append(command.id)
            if (command.name == PAUSE) != self.is_on:
                self.paused_ms = command.asked_ms if command.name == PAUSE else 0
                if self.is_on:
                    log.info("destination_paused", destination=self._destination)
                else:
                    log.info("destination_resumed", destination=self._destination)
        return done


async def brake(settings: Settings, destinations: Sequence[str], wish: str, now_ms: int) -> dict[str, int]:
    """Leave a pause or a resume for the couriers of some destinations; gives how many states got it, by
    destination. 0 where a destination never ran: there is nothing to pause yet.

    Raises StorageUnavailable.
    """
    told: dict[str, int] = {}
    for name in destinations:
        folder = settings.data / STATE_FOLDER
        paths = [path for path in folder.glob(f"{name}*.db") if path.stem.partition("@")[0] == name]
        told[name] = 0
        for path in paths:
            reader = await StateReader.open(path)
            try:
                if not await reader.value(GIVEN):
                    await reader.ask(wish, {}, asked_ms=now_ms)
                    told[name] += 1
            finally:
                await reader.close()
    return told


async def paused_since(settings: Settings, destination: str) -> int:
    """Since when a destination is paused or is to be, milliseconds since the epoch; 0 when it is not."""
    folder = settings.data / STATE_FOLDER
    for path in folder.glob(f"{destination}*.db"):
        if path.stem.partition("@")[0] != destination:
            continue
        try:
            reader = await StateReader.open(path)
        except StorageUnavailable:
            continue
        try:
            since = int(await reader.value(KEPT) or b"0")
            for command in await reader.commands():
                if command.name in (PAUSE, RESUME):
                    since = command.asked_ms if command.name == PAUSE else 0
        finally:
            await reader.close()
        if since:
            return since
    return 0
