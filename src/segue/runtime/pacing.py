"""Pacing: one governor per partner account, shared by every courier of a process that sends to it.

    accounts = Accounts(clock)
    account = accounts.of(destination)
    account.opens_at(travel)                      # now or earlier: a request may leave
    permit = account.take(travel)                 # … send it …
    account.learned(permit, request, response)    # every permit comes back

The governor's times are the wall clock's, since partners count in windows of it; the couriers' are a
monotonic clock's, and are translated here.
"""

import hashlib
import secrets
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import structlog

from segue.engine.pace import Governor
from segue.engine.plan import BoundDestination
from segue.engine.pool import Permit, Priority, Standing
from segue.engine.travel import Travel
from segue.io.storage.pace import PaceBoard
from segue.model.delivery import Request, Response
from segue.model.errors import StorageUnavailable
from segue.runtime.clock import Clock

T = TypeVar("T")

log = structlog.get_logger("segue.exchange")

PATIENCE: Final = 4
"""So many refusals one after another, each of a request that left after the one before was heard, are more
than a limit that is being found: the destination holds."""


class Account:
    """The rate limits of one partner account. name: stable over restarts; says nothing of its secrets.

    Alone it keeps its own budget. While other processes send to the same account, every permit is a turn at
    the pool they all use (`share`), and the governor only remembers what the last turn left.
    """

    def __init__(self, name: str, governor: Governor, clock: Clock) -> None:
        self.name = name
        self.governor = governor
        self._clock = clock
        self._board: PaceBoard | None = None
        self._is_alone = False  # the board could not be used
        self._looked_ms: dict[str, int] = {}
        self._refusals: dict[
            str, tuple[int, float]
        ] = {}  # pool -> refusals in a row, when the last was heard
        self._wakes: list[Callable[[], None]] = []

    # -- with others

    def share(self, board: PaceBoard) -> None:
        """Use its pools in turns with other processes from here on. Raises StorageUnavailable."""
        self._board = board
        for pool in self.governor.pools:
            board.turn(self.name, pool, self._clock.now_ms(), partial(self._join, pool))

    def part(self) -> None:
        """Nobody else is at work any more: go on with the pools as they were left last."""
        if self._board is not None:
            self.remember(self._board)
            self._board = None

    def remember(self, board: PaceBoard) -> None:
        """Go on with what the board has of its pools. Raises StorageUnavailable."""
        for pool, state in board.pools(self.name, self._clock.now_ms()).items():
            self.governor.adopt(pool, state)

    def keep(self, board: PaceBoard) -> None:
        """Leave its pools to whoever comes next. Raises StorageUnavailable."""
        if self._board is None:
            for pool in self.governor.pools:
                board.turn(self.name, pool, self._clock.now_ms(), partial(self._state, pool))

    def _join(self, pool: str, held: bytes | None) -> bytes:
        if held is not None:
            self.governor.join(pool, held)
        return self.governor.state(pool)

    def _state(self, pool: str, _: bytes | None) -> bytes:
        return self.governor.state(pool)

    def _in_turn(self, pool: str, act: Callable[[], T]) -> T:
        """Do something with a pool while no other process does; alone, when the board cannot be used."""
        if self._board is None:
            return act()
        done: list[T] = []

        def work(held: bytes | None) -> bytes:
            if held is not None:
                self.governor.adopt(pool, held)
            done.append(act())
            return self.governor.state(pool)

        try:
            self._board.turn(self.name, pool, self._clock.now_ms(), work)
        except StorageUnavailable as error:
            if not self._is_alone:
                log.warning("budget_not_shared", error=str(error))
            self._is_alone = True
        else:
            self._is_alone = False
        return done[0] if done else act()

    def _look(self, board: PaceBoard, pool: str) -> bool:
        """See what others have left of a pool meanwhile, if that was not seen just now."""
        now_ms = self._clock.now_ms()
        if abs(now_ms - self._looked_ms.get(pool, 0)) < LOOK_MS:
            return False
        self._looked_ms[pool] = now_ms
        try:
            held = board.look(self.name, pool, now_ms)
        except StorageUnavailable:
            return False  # whoever takes a permit says so
        if held is not None:
            self.governor.adopt(pool, held)
        return held is not None

    # -- permits

    def call(self, wake: Callable[[], None]) -> None:
        """Call this whenever an answer may have opened a pool: couriers that share it wait for it."""
        self._wakes.append(wake)

    def opens_at(self, travel: Travel) -> float:
        """When a request may leave at the earliest, on the monotonic clock."""
        now, priority = self._now(), _priority(travel)
        at = self.governor.opens_at(travel.pool, priority, now)
        if at > now and self._board is not None and self._look(self._board, travel.pool):
            at = self.governor.opens_at(travel.pool, priority, now)
        return at - now + self._clock.monotonic() if at > now else 0.0

    def take(self, travel: Travel) -> Permit | None:
        """Count a request that leaves now, when its pool is open; None when others were quicker."""
        now, priority = self._now(), _priority(travel)
        if self._board is None:
            return self.governor.force(travel.pool, priority, now)
        asked = self._in_turn(travel.pool, lambda: self.governor.permit(travel.pool, priority, now))
        return asked if isinstance(asked, Permit) else None

    def give_back(self, permit: Permit) -> None:
        """Nothing left after all; of no effect on a permit that came back already."""
        if permit.is_back:
            return
        permit.is_back = True
        self._in_turn(permit.pool, lambda: self.governor.give_back(permit))
        self._wake()

    def learned(self, permit: Permit, request: Request, response: Response) -> bool:
        """Take in an answer, or that there is none. True when it was refused for a rate limit so often in a
        row that waiting for the next window is no remedy."""
        now = self._now()
        if request.pool and request.pool != permit.pool:  # it counts against another than was thought
            self.give_back(permit)
            pool, priority = request.pool, permit.priority
            permit = self._in_turn(pool, lambda: self.governor.force(pool, priority, now))
        if not response.sent:
            self.give_back(permit)
            return False
        count, heard = self._refusals.get(permit.pool, (0, 0.0))
        if response.status != TOO_MANY:
            self._refusals.pop(permit.pool, None)
        elif permit.at >= heard:
            count += 1
            self._refusals[permit.pool] = count, now
        permit.is_back = True
        self._in_turn(
            permit.pool, lambda: self.governor.learned(permit, response.status, response.headers, now)
        )
        self._wake()
        return response.status == TOO_MANY and count >= PATIENCE

    def snapshot(self) -> dict[str, Standing]:
        """How each pool stands."""
        return self.governor.snapshot(self._now())

    def _now(self) -> float:
        return self._clock.now_ms() / 1000

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()


class Accounts:
    """The accounts a process sends to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._who = 1 + secrets.randbelow(WHO_MOST)
        self._accounts: dict[str, Account] = {}

    def of(self, destination: BoundDestination) -> Account:
        """The account of a destination; destinations with the same credentials share it."""
        name = account_name(destination)
        if name not in self._accounts:
            self._accounts[name] = Account(name, Governor(destination.page.quotas, self._who), self._clock)
        return self._accounts[name]

    def all(self) -> dict[str, Account]:
        """By name."""
        return dict(self._accounts)


def account_name(destination: BoundDestination) -> str:
    """Whose limits a destination's requests count against.

    The settings are digested, since there are keys among them. A page that names none has an account of its
    own for each destination.
    """
    page = destination.page
    if not page.account:
        return f"{page.slug}-{destination.id}"
    told = "\0".join(str(destination.settings.get(name) or "") for name in page.account)
    return f"{page.slug}-{hashlib.blake2b(told.encode(), digest_size=6).hexdigest()}"


TOO_MANY: Final = 429
LOOK_MS: Final = 10
"""A pool that seems shut is looked at so often, in case another process's answer has opened it."""

WHO_MOST: Final = 1 << 20
"""Processes at work at one time are given numbers up to this by chance."""


def _priority(travel: Travel) -> Priority:
    return _PRIORITIES[travel.rank]


_PRIORITIES: Final = (Priority.DELETION, Priority.LIVE, Priority.REPLAY)
