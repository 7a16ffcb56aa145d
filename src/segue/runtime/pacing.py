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
from collections.abc import Callable, Mapping
from typing import Final

from segue.engine.pace import Governor
from segue.engine.plan import BoundDestination
from segue.engine.pool import Knowledge, Permit, Priority, Standing
from segue.engine.travel import Travel
from segue.model.delivery import Request, Response
from segue.runtime.clock import Clock

PATIENCE: Final = 4
"""So many refusals one after another, each of a request that left after the one before was heard, are more
than a limit that is being found: the destination holds."""


class Account:
    """The rate limits of one partner account. name: stable over restarts; says nothing of its secrets."""

    def __init__(self, name: str, governor: Governor, clock: Clock) -> None:
        self.name = name
        self.governor = governor
        self._clock = clock
        self._refusals: dict[
            str, tuple[int, float]
        ] = {}  # pool -> refusals in a row, when the last was heard
        self._wakes: list[Callable[[], None]] = []

    def call(self, wake: Callable[[], None]) -> None:
        """Call this whenever an answer may have opened a pool: couriers that share it wait for it."""
        self._wakes.append(wake)

    def opens_at(self, travel: Travel) -> float:
        """When a request may leave at the earliest, on the monotonic clock."""
        now = self._now()
        at = self.governor.opens_at(travel.pool, _priority(travel), now)
        return at - now + self._clock.monotonic() if at > now else 0.0

    def take(self, travel: Travel) -> Permit:
        """Count a request that leaves now; only when its pool is open."""
        return self.governor.force(travel.pool, _priority(travel), self._now())

    def give_back(self, permit: Permit) -> None:
        """Nothing left after all."""
        self.governor.give_back(permit)
        self._wake()

    def learned(self, permit: Permit, request: Request, response: Response) -> bool:
        """Take in an answer, or that there is none. True when it was refused for a rate limit so often in a
        row that waiting for the next window is no remedy."""
        now = self._now()
        if request.pool:
            permit = self.governor.move(permit, request.pool, now)
        if not response.sent:
            self.governor.give_back(permit)
            self._wake()
            return False
        count, heard = self._refusals.get(permit.pool, (0, 0.0))
        if response.status != TOO_MANY:
            self._refusals.pop(permit.pool, None)
        elif permit.at >= heard:
            count += 1
            self._refusals[permit.pool] = count, now
        self.governor.learned(permit, response.status, response.headers, now)
        self._wake()
        return response.status == TOO_MANY and count >= PATIENCE

    def snapshot(self) -> dict[str, Standing]:
        """How each pool stands."""
        return self.governor.snapshot(self._now())

    def knowledge(self) -> dict[str, Knowledge]:
        """What other processes that send to the same account should hear of, by pool."""
        return self.governor.knowledge(self._now())

    def hear(self, process: str, pools: Mapping[str, Knowledge]) -> None:
        """Take in what another process knows."""
        self.governor.hear(process, pools, self._now())
        self._wake()

    def _now(self) -> float:
        return self._clock.now_ms() / 1000

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()


class Accounts:
    """The accounts a process sends to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}

    def of(self, destination: BoundDestination) -> Account:
        """The account of a destination; destinations with the same credentials share it."""
        name = account_name(destination)
        if name not in self._accounts:
            self._accounts[name] = Account(name, Governor(destination.page.quotas), self._clock)
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


def _priority(travel: Travel) -> Priority:
    return Priority.REPLAY if travel.revived else Priority.LIVE
