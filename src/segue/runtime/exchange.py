"""The exchange: processes that send to the same partner accounts find one another and share its limits.

    exchange = Exchange(folder / "pace.db", accounts, clock)
    await exchange.run()          # twice a second, until cancelled
    await exchange.close()        # leaves what is known to the process that comes next

A process that is alone keeps its own budget and asks nobody before a request leaves. As soon as another is at
work, both use each pool in turns, from one state of it on the board, so that the limit is used up and kept as
by one. Where the board cannot be used, each goes on with what the answers teach it.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from segue.io.storage.pace import PaceBoard
from segue.model.errors import MisconfiguredError, UnavailableError
from segue.runtime.clock import Clock
from segue.runtime.pacing import Account

ROUND_SECONDS: Final = 0.5

ALONE_MS: Final = 20_000
"""A process says only so often that it is there: enough to be found by one that starts."""

log = structlog.get_logger("segue.exchange")


class Exchange:
    """One process's part in it.

    accounts  by name; one with none has nothing to share and opens nothing
    is_guest  of a command, which finds others at work as a matter of course and says nothing of it
    """

    def __init__(
        self, path: Path, accounts: Mapping[str, Account], clock: Clock, *, is_guest: bool = False
    ) -> None:
        self.process = uuid.uuid4().hex
        self.others: frozenset[str] = frozenset()
        """Processes that are at work now."""
        self._path = path
        self._accounts = dict(accounts)
        self._clock = clock
        self._is_guest = is_guest
        self._board: PaceBoard | None = None
        self._told_ms: int | None = None
        self._is_alone = False  # the board cannot be used

    async def run(self) -> None:
        """Make rounds until cancelled."""
        while self._accounts:
            await self._clock.sleep(ROUND_SECONDS)
            self.round()

    def round(self) -> None:
        """Look for the others once. Raises nothing: what cannot be done now is tried again."""
        if not self._accounts:
            return
        try:
            self._meet()
        except (UnavailableError, MisconfiguredError) as error:
            if not self._is_alone:
                log.warning("budget_not_shared", error=str(error))
            self._is_alone = True
        else:
            self._is_alone = False

    def close(self) -> None:
        """Leave what is known to the process that takes our place, and close the board. May be called
        twice."""
        board, self._board = self._board, None
        if board is None:
            return
        try:
            for account in self._accounts.values():
                account.keep(board)
                account.part()
            board.leave(self.process)
        except (UnavailableError, MisconfiguredError) as error:
            log.debug("budget_not_shared", error=str(error))
        board.close()

    def _meet(self) -> None:
        board = self._board
        if board is None:
            board = self._board = PaceBoard.open(self._path)
            for account in self._accounts.values():
                account.remember(board)
        now_ms = self._clock.now_ms()
        if self._told_ms is None or abs(now_ms - self._told_ms) >= ALONE_MS:
            others = board.meet(self.process, now_ms)
            self._told_ms = now_ms
            for account in self._accounts.values():
                account.keep(board)
        else:
            others = board.others(self.process, now_ms)
        if others and not self.others:
            if not self._is_guest:
                log.info("budget_shared", count=len(others) + 1)
            for account in self._accounts.values():
                account.share(board)
        elif self.others and not others:
            for account in self._accounts.values():
                account.part()
        self.others = others
