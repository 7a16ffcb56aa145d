"""The rate governor: says when a request may leave, and learns the limits from the answers.

    asked = governor.permit("users/track", Priority.LIVE, now)
    if isinstance(asked, Permit):  …send…; governor.learned(asked, status, headers, now)
    else:                          wait until asked.until

Each pool of the partner has up to two limits: one that its headers tell, which is kept exactly, and one that
nobody tells, which is found from refusals (`segue.engine.finder`). A pool nothing is known of is free.

Deletions go before live traffic and live traffic before replays: a part of each window is kept for the more
important. All times are seconds since the epoch.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from segue.engine.budget import read_hints
from segue.engine.pool import Knowledge, Permit, Pool, Priority, Standing
from segue.kit.partner import Quota


class Wait(msgspec.Struct, frozen=True):
    """No request may leave before; infinity while the pool is paused."""

    until: float
    reason: str


class Governor:
    """The permits of one partner account, shared by all couriers of a process that send to it.

    quotas  the partner's documented limits by pool: kept from the start, corrected by the answers
    """

    def __init__(self, quotas: Mapping[str, Quota] | None = None) -> None:
        self._quotas = dict(quotas or {})
        self._pools: dict[str, Pool] = {}
        self._paused: set[str] = set()

    def opens_at(self, pool: str, priority: Priority, now: float) -> float:
        """When a request may leave; at most `now` when it may right away. Takes nothing."""
        if not self._paused.isdisjoint((pool, ALL)):
            return math.inf
        return self._pool(pool).opens_at(priority, now)

    def permit(self, pool: str, priority: Priority, now: float) -> Permit | Wait:
        """Take a permit, or learn when to ask again. Every permit must come back by `learned` or
        `give_back`."""
        at = self.opens_at(pool, priority, now)
        if at > now:
            return Wait(at, "paused" if at == math.inf else "budget")
        return self._pool(pool).take(pool, priority, now)

    def force(self, pool: str, priority: Priority, now: float) -> Permit:
        """Take a permit whether or not the pool is open: the caller has asked, or cannot wait."""
        self._pool(pool).opens_at(priority, now)
        return self._pool(pool).take(pool, priority, now)

    def learned(self, permit: Permit, status: int, headers: Mapping[str, str], now: float) -> None:
        """A request was answered. status 0: it was not; then it may have counted.

        headers  names in lower case
        """
        self._pool(permit.pool).learned(permit, status, read_hints(headers, now), now)

    def give_back(self, permit: Permit) -> None:
        """The request never left."""
        self._pool(permit.pool).give_back(permit)

    def move(self, permit: Permit, pool: str, now: float) -> Permit:
        """The request counts against another pool than was thought: take one there, whether or not it is
        open."""
        if permit.pool == pool:
            return permit
        self.give_back(permit)
        return self.force(pool, permit.priority, now)

    def pause(self, pool: str = "") -> None:
        """Let nothing leave, by hand: of one pool, or of all."""
        self._paused.add(pool or ALL)

    def resume(self, pool: str = "") -> None:
        """End a pause of one pool, or all pauses."""
        if pool:
            self._paused.discard(pool)
        else:
            self._paused.clear()

    def snapshot(self, now: float) -> dict[str, Standing]:
        """How each pool stands."""
        return {
            name: pool.standing(now, is_paused=not self._paused.isdisjoint((name, ALL)))
            for name, pool in sorted(self._pools.items())
        }

    def knowledge(self, now: float) -> dict[str, Knowledge]:
        """What other processes that send to the same account should hear of."""
        return {name: pool.knowledge(now) for name, pool in self._pools.items()}

    def hear(self, process: str, pools: Mapping[str, Knowledge], now: float) -> None:
        """Take in what another process knows; the same or older news again changes nothing."""
        for name, known in pools.items():
            self._pool(name).hear(process, known, now)

    def _pool(self, name: str) -> Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = Pool(self._quotas.get(name))
        return pool


ALL: Final = "*"
