"""One pool of a partner's requests: the limit it tells of, the limit that is found, and what is on the way.

All times are seconds since the epoch.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Self

import msgspec

from segue.engine.budget import ALIGNED_SECONDS, SPANS, Hints, Window, off_of, span_of
from segue.engine.finder import Finder
from segue.engine.sharers import Sharers
from segue.kit.partner import Quota

LOST_SECONDS: Final = 90.0
"""A permit not answered for so long is forgotten: its process was killed."""

LATE_STEP: Final = 0.1
LATE_TRIES: Final = 3
LATE_MOST: Final = 5.0
"""A partner's clock that is behind is found in such steps."""


NUMBER_BITS: Final = 40


class Priority(IntEnum):
    """Who goes first."""

    DELETION = 0
    LIVE = 1
    REPLAY = 2


SHARES: Final = {Priority.DELETION: 0.0, Priority.LIVE: 0.02, Priority.REPLAY: 0.5}
"""The part of a window a priority leaves to those above it."""


class Permit(msgspec.Struct, eq=False):
    """One request may leave. number: counts the pool's permits; is_probe: it tries more than is known; who:
    which process it is of; is_back: it was answered, or given back."""

    pool: str
    priority: Priority
    at: float
    number: int
    is_probe: bool = False
    who: int = 0
    is_back: bool = False

    @property
    def id(self) -> int:
        """No other permit of the pool has it, of whatever process."""
        return self.who << NUMBER_BITS | self.number


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a pool stands, for metrics; limits are 0 when not known.

    limit, remaining, reset_at      what the partner tells
    ceiling, ceiling_seconds, used  what was found, and how much of the current window is gone
    """

    limit: int = 0
    remaining: int = 0
    reset_at: float = 0.0
    ceiling: int = 0
    ceiling_seconds: int = 0
    used: int = 0
    in_flight: int = 0
    refused: int = 0
    granted: int = 0
    shut_until: float = 0.0
    is_paused: bool = False


class Pool(msgspec.Struct, array_like=True, eq=False):
    """The permits of one pool. See `segue.engine.pace`, which is its door. Plain, so it can be stored and
    several processes can use it in turns.

    _late      how far the partner's clock seems to be behind ours; _skew: of that, what it told itself
    _tries     steps of that not confirmed yet; _tried_at: when the last was made
    _flying    what is on the way: a permit's id -> when it left, oldest first
    _sharers   who takes part in it, and how much
    """

    _finder: Finder
    _told: Window | None = None
    _late: float = 0.0
    _tries: int = 0
    _tried_at: float = 0.0
    _taken: int = 0
    _refused: int = 0
    _flying: dict[int, float] = {}
    _sharers: Sharers = msgspec.field(default_factory=Sharers)
    _now: float = 0.0
    _last_at: float = 0.0
    _latency: float = 0.05
    _skew: float = 0.0

    @classmethod
    def of(cls, quota: Quota | None) -> Self:
        """One nothing is known of but what is documented."""
        documented = Window(span=quota.seconds, ceiling=quota.requests) if quota is not None else None
        return cls(Finder(documented))

    def flying_of(self, who: int) -> tuple[dict[int, float], dict[int, float]]:
        """What is on the way of one process, and what of the others."""
        ours = {number: at for number, at in self._flying.items() if number >> NUMBER_BITS == who}
        return ours, {number: at for number, at in self._flying.items() if number not in ours}

    @property
    def experience(self) -> tuple[float, bool, int]:
        """Of two states of one pool the one with more of it knows better."""
        return self._finder.found_at, self._told is not None, self._taken

    def join(self, flying: Mapping[int, float], other: "Pool") -> None:
        """Take in another state of the same pool, from before there was one for all.

        flying  what both have on the way
        """
        new = flying.keys() - self._flying.keys()
        self._flying = dict(sorted(flying.items(), key=lambda each: each[1]))
        self._taken += len(new)
        for window in (self._told, self._finder.window):
            if window is not None:
                window.used += len(new)
        self._sharers.known = {**other._sharers.known, **self._sharers.known}

    def opens_at(self, priority: Priority, now: float, who: int = 0) -> float:
        """When a request of one of the processes may leave; at most `now` when it may right away."""
        now = self.roll(now)
        theirs, last_at = now - self._late, self._last_at - self._late
        guard, share = 2 * self._latency, SHARES[priority]
        kept = self._sharers.kept(who, now, self._finder.window)
        at = self._finder.opens_at(theirs, share, last_at, guard, len(self._flying), kept)
        if self._told is not None:
            kept = self._sharers.kept(who, now, self._told)
            at = max(at, self._told.opens_at(theirs, share, last_at, guard, kept=kept))
        return now if at <= theirs else at + self._late

    def take(self, name: str, priority: Priority, now: float, who: int = 0) -> Permit:
        """Count a request that leaves now."""
        self._taken += 1
        permit = Permit(name, priority, now, self._taken, self._finder.take(now - self._late), who)
        self._flying[permit.id] = now
        self._last_at = now
        if self._told is not None:
            self._told.used += 1
        self._sharers.take(who, now, self._told, self._finder.window)
        return permit

    def miss(self, who: int, now: float) -> None:
        """A process wanted a permit and had to be told to wait."""
        self._sharers.miss(who, now, self._told, self._finder.window)

    def give_back(self, permit: Permit) -> None:
        """It never left."""
        if self._flying.pop(permit.id, None) is None:
            return
        self._finder.landed(is_probe=permit.is_probe)
        for window in (self._told, self._finder.window):
            if window is not None and permit.at - self._late >= window.ends - window.span:
                window.used = max(0, window.used - 1)

    def learned(self, permit: Permit, status: int, hints: Hints, now: float) -> None:
        """It was answered; status 0: it was not."""
        self.roll(now)
        if self._flying.pop(permit.id, None) is None:
            return
        finder, is_probe = self._finder, permit.is_probe
        finder.landed(is_probe=is_probe)
        if not status:
            return
        self._latency += 0.2 * (now - permit.at - self._latency)
        is_told = self._hear_told(hints, now)
        at = permit.at - self._late
        if status != 429:
            if permit.at >= self._tried_at:
                self._tries = 0
            finder.passed(permit.number, at, is_probe=is_probe)
            return
        self._refused += 1
        if is_told and not hints.remaining:
            self._refused_by_told(permit.at, now)
        elif permit.at < self._tried_at:
            return  # it left together with one that was refused before
        elif self._tries < LATE_TRIES and finder.is_early(at):
            # The partner's clock may be behind ours; if a little later does not help, it was not that.
            self._tries += 1
            self._late += LATE_STEP
            self._tried_at = now
            finder.hold_off(now - self._late + LATE_STEP)
        else:
            self._late -= LATE_STEP * self._tries
            self._tries = 0
            at = permit.at - self._late
            reset_at = None if hints.reset_at is None else hints.reset_at - self._late
            flying = len(self._flying)
            finder.refused(permit.number, at, reset_at, flying, now - self._late, is_probe=is_probe)

    def _hear_told(self, hints: Hints, now: float) -> bool:
        """Take in the three headers; true when all are there."""
        if not hints.limit or hints.remaining is None or hints.reset_at is None:
            return False
        if hints.reset_at <= now - self._late + self._skew:
            return True  # of a window that is over
        found, told, ceiling = self._finder.window, self._told, hints.limit
        known = told.span if told is not None and told.ceiling == ceiling else 0
        if found is not None and found.ceiling == ceiling and found.span > hints.reset_at - now - 1:
            known = max(known, found.span)
        span = span_of(hints.reset_at - self._skew, now - self._skew, known=known)
        self._see_skew(off_of(hints.reset_at - self._skew, span), now)
        told = self._told
        number = round((hints.reset_at - self._skew) / span) - 1
        gone = hints.limit - hints.remaining
        if told is None or (told.span, told.ceiling) != (span, hints.limit):
            used = gone + len(self._flying)
            self._told = Window(span=span, ceiling=hints.limit, number=number, used=used)
            if found is not None and found.span == span:
                self._finder.window = None  # the same limit, told better
        elif number == told.number:
            # We count our own best; more than that is gone when others send to the same limit.
            told.used = max(told.used, gone)
        return True

    def _see_skew(self, off: float, now: float) -> None:
        """A window ends when none of such a length does by the partner's clock as we took it: that is set
        otherwise than ours."""
        if abs(off) > ALIGNED_SECONDS:
            self._late += off
            self._skew += off
            self._told = None
            self._finder.shut_until = min(self._finder.shut_until, now - self._late)

    def _refused_by_told(self, sent_at: float, now: float) -> None:
        told = self._told
        if told is None:
            return
        began = told.ends - told.span + self._late
        if sent_at < self._tried_at or self._late - self._skew > LATE_MOST:
            return
        if told.left > 0 and 0 <= sent_at - began < 1.0:
            # Right after the window began, as we thought: the partner's clock is behind ours.
            self._late += LATE_STEP
            self._tried_at = now
            told.number = int((now - self._late) // told.span)
        told.used = max(told.used, told.ceiling)

    # -- time

    def roll(self, now: float) -> float:
        """Go on to the windows of `now`; gives the time to go by, as processes read their clocks in turns."""
        if now < self._now - 1.0:  # somebody set the clock back: what was known belongs to another time
            self._finder = Finder(self._finder.window)
            self._told = None
            self._flying = dict.fromkeys(self._flying, now)
            self._sharers = Sharers()
            self._last_at = self._now = now
        self._now = now = max(now, self._now)
        theirs, told = now - self._late, self._told
        self._finder.roll(theirs, self._taken, self._carried)
        if told is not None and told.roll(theirs):
            told.used = self._carried(told.ends - told.span)
        if self._flying and now - next(iter(self._flying.values())) > LOST_SECONDS:
            self._flying = {number: at for number, at in self._flying.items() if now - at <= LOST_SECONDS}
            self._sharers.forget(now - SPANS[-1])
            self._finder.lost()
        return now

    def _carried(self, begins: float) -> int:
        """Requests that left before a moment of the partner's and probably arrive after it."""
        begins += self._late
        recent = begins - 0.6 * self._latency
        return sum(1 for at in self._flying.values() if recent < at < begins)

    def standing(self, now: float, *, is_paused: bool) -> Standing:
        """How the pool stands."""
        self.roll(now)
        told, found = self._told, self._finder.window
        return Standing(
            limit=told.ceiling if told is not None else 0,
            remaining=max(0, told.left) if told is not None else 0,
            reset_at=told.ends if told is not None else 0.0,
            ceiling=found.ceiling if found is not None else 0,
            ceiling_seconds=found.span if found is not None else 0,
            used=found.used if found is not None else 0,
            in_flight=len(self._flying),
            refused=self._refused,
            granted=self._taken,
            shut_until=self._finder.shut_until,
            is_paused=is_paused,
        )
