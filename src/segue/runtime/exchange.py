"""The exchange: processes that send to the same partner account tell one another of its limits.

    exchange = Exchange(folder / "pace.db", accounts, clock)
    await exchange.run()          # twice a second, until cancelled
    await exchange.close()        # leaves word for the process that comes next

Each process keeps its own budget and asks nobody before a request leaves. What it hears makes that budget one
with the others': how much of a window they have used, a limit they found, and until when nothing may leave.
Where the board cannot be used, each goes on with what the answers teach it.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import structlog

from segue.engine.pool import Knowledge
from segue.io.storage.pace import PaceBoard, Word
from segue.model.errors import MisconfiguredError, UnavailableError
from segue.runtime.clock import Clock
from segue.runtime.pacing import Account

ROUND_SECONDS: Final = 0.5

ALONE_MS: Final = 20_000
"""A process that hears nobody leaves word only so often: enough to be found by one that starts."""

log = structlog.get_logger("segue.exchange")


class Exchange:
    """One process's part in it.

    accounts  by name; one with none has nothing to exchange and opens nothing
    """

    def __init__(self, path: Path, accounts: Mapping[str, Account], clock: Clock) -> None:
        self.process = uuid.uuid4().hex
        self.others: frozenset[str] = frozenset()
        """Processes that are at work now."""
        self._path = path
        self._accounts = dict(accounts)
        self._clock = clock
        self._board: PaceBoard | None = None
        self._began_ms = clock.now_ms()
        self._told_ms: int | None = None
        self._is_alone = False  # the board cannot be used

    async def run(self) -> None:
        """Make rounds until cancelled."""
        while self._accounts:
            await self._clock.sleep(ROUND_SECONDS)
            await self.round()

    async def round(self) -> None:
        """Hear the others and tell them once. Raises nothing: what cannot be done now is tried again."""
        if not self._accounts:
            return
        try:
            await self._hear()
            if self.others or self._is_due():
                await self._tell()
        except (UnavailableError, MisconfiguredError) as error:
            if not self._is_alone:
                log.warning("budget_not_shared", error=str(error))
            self._is_alone = True
        else:
            self._is_alone = False

    async def close(self) -> None:
        """Leave word for the process that takes our place, and close the board. May be called twice."""
        if self._board is None:
            return
        try:
            await self._tell()
        except (UnavailableError, MisconfiguredError) as error:
            log.debug("budget_not_shared", error=str(error))
        await self._board.close()
        self._board = None

    async def _hear(self) -> None:
        board = await self._opened()
        words = await board.hear(self.process, self._clock.now_ms())
        words = [word for word in words if word.account in self._accounts]
        for word in words:
            self._take_in(word)
        others = frozenset(word.process for word in words if word.at_ms > self._began_ms)
        if others and not self.others:
            log.info("budget_shared", count=len(others) + 1)
        self.others = others

    async def _tell(self) -> None:
        board, now_ms = await self._opened(), self._clock.now_ms()
        bodies = {name: encode(account.knowledge()) for name, account in self._accounts.items()}
        await board.tell(self.process, bodies, now_ms)
        self._told_ms = now_ms

    def _take_in(self, word: Word) -> None:
        try:
            pools = decode(word.body)
        except msgspec.MsgspecError:
            return  # of another version, in words we do not know
        self._accounts[word.account].hear(word.process, pools)

    def _is_due(self) -> bool:
        return self._told_ms is None or abs(self._clock.now_ms() - self._told_ms) >= ALONE_MS

    async def _opened(self) -> PaceBoard:
        if self._board is None:
            self._board = await PaceBoard.open(self._path)
        return self._board


encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder(dict[str, Knowledge]).decode
