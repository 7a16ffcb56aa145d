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
from segue.engine.pool import Permit, Pool, Priority, Standing
from segue.kit.partner import Quota


class Wait(msgspec.Struct, frozen=True):
    """No request may leave before; infinity while the pool is paused."""

    until: float
    reason: str


class Governor:
    """The permits of one partner account, shared by all couriers of a process that send to it.

    quotas  the partner's documented limits by pool: kept from the start, corrected by the answers
    who     number of the process, another for each of those that use the pools in turns
    """

    def __init__(self, quotas: Mapping[str, Quota] | None = None, who: int = 0) -> None:
        self._who = who
        self._quotas = dict(quotas or {})
        self._pools: dict[str, Pool] = {}
        self._paused: set[str] = set()

    def opens_at(self, pool: str, priority: Priority, now: float) -> float:
        """When a request may leave; at most `now` when it may right away. Takes nothing."""
        if not self._paused.isdisjoint((pool, ALL)):
            return math.inf
        return self._pool(pool).opens_at(priority, now, self._who)

    def permit(self, pool: str, priority: Priority, now: float) -> Permit | Wait:
        """Take a permit, or learn when to ask again. Every permit must come back by `learned` or
        `give_back`."""
        at = self.opens_at(pool, priority, now)
        if at > now:
            self._pool(pool).miss(self._who, now)
            return Wait(at, "paused" if at == math.inf else "budget")
        return self._pool(pool).take(pool, priority, now, self._who)

    def force(self, pool: str, priority: Priority, now: float) -> Permit:
        """Take a permit whether or not the pool is open: the caller has asked, or cannot wait."""
        found = self._pool(pool)
        found.roll(now)
        return found.take(pool, priority, now, self._who)

    def learned(self, permit: Permit, status: int, headers: Mapping[str, str], now: float) -> None:
        """A request was answered. status 0: it was not; then it may have counted.

        headers  names in lower case
        """
        self._pool(permit.pool).learned(permit, status, read_hints(headers, now), now)

    def give_back(self, permit: Permit) -> None:
        """The request never left."""
        self._pool(permit.pool).give_back(permit)

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

    def state(self, pool: str) -> bytes:
        """A pool as it is kept where other processes that send to the same account find it."""
        return _encode(self._pool(pool))

    def adopt(self, pool: str, state: bytes) -> None:
        """Go on with a pool as the last process to use it left it. Nothing that is not one is adopted."""
        found = _decoded(state)
        if found is not None:
            self._pools[pool] = found

    def join(self, pool: str, state: bytes) -> None:
        """From here on a pool is used in turns with others: start from what they and we know of it."""
        ours, theirs = self._pool(pool), _decoded(state)
        if theirs is not None:
            better, other = (ours, theirs) if ours.experience > theirs.experience else (theirs, ours)
            # Each knows best what it has on the way itself.
            better.join(ours.flying_of(self._who)[0] | theirs.flying_of(self._who)[1], other)
            self._pools[pool] = better

    @property
    def pools(self) -> list[str]:
        """Those used so far."""
        return list(self._pools)

    def _pool(self, name: str) -> Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = Pool.of(self._quotas.get(name))
        return pool


def _decoded(state: bytes) -> Pool | None:
    try:
        return _decode(state)
    except msgspec.MsgspecError:
        return None  # of another version


ALL: Final = "*"
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Pool).decode
