"""One pool of a partner's requests: the limit it tells of, the limit that is found, and what is on the way.

All times are seconds since the epoch.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import msgspec

from segue.engine.budget import SPANS, Hints, Window, span_of
from segue.engine.finder import Finder
from segue.kit.partner import Quota

LOST_SECONDS: Final = 300.0
"""A permit not answered for so long is forgotten."""

RECENT_SECONDS: Final = 2.0
KEPT_TIMES: Final = 1.25
KEPT_LEAST: Final = 2
"""For a process that sent something within a window and so many seconds, so many times what it used is kept,
and so many requests more: one that wants more grows into its share within a few windows."""

LATE_STEP: Final = 0.1
LATE_TRIES: Final = 3
LATE_MOST: Final = 5.0
"""A partner's clock that is behind is found in such steps."""


class Priority(IntEnum):
    """Who goes first."""

    DELETION = 0
    LIVE = 1
    REPLAY = 2


SHARES: Final = {Priority.DELETION: 0.0, Priority.LIVE: 0.02, Priority.REPLAY: 0.5}
"""The part of a window a priority leaves to those above it."""


class Permit(msgspec.Struct, eq=False):
    """One request may leave. number: counts the pool's permits; is_probe: it tries more than is known."""

    pool: str
    priority: Priority
    at: float
    number: int
    is_probe: bool = False


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


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What one process knows of a pool and others may learn from it; plain, so that it can be stored.

    told, found  (requests, seconds), None when not known; found_at when it was last corrected
    asked_at     when a request of it last left
    windows      seconds of a window -> (its number, requests used in it by this process)
    """

    told: tuple[int, int] | None = None
    found: tuple[int, int] | None = None
    found_at: float = 0.0
    shut_until: float = 0.0
    windows: Mapping[int, tuple[int, int]] = {}
    asked_at: float = 0.0


class Pool:
    """The permits of one pool. See `segue.engine.pace`, which is its door."""

    def __init__(self, quota: Quota | None) -> None:
        documented = Window(span=quota.seconds, ceiling=quota.requests) if quota is not None else None
        self._finder = Finder(documented)
        self._told: Window | None = None
        self._late = 0.0  # how far the partner's clock seems to be behind ours
        self._tries = 0  # steps of that not confirmed yet
        self._tried_at = 0.0  # when the last was made
        self._taken = 0
        self._refused = 0
        self._flying: dict[int, float] = {}  # number -> when it left
        self._others: dict[str, Mapping[int, tuple[int, int]]] = {}
        self._before = dict(self._others)  # the windows before those
        self._asked_at: dict[str, float] = {}
        self._is_mute = False  # refusals come without a word: nothing found can be shared
        self._now = 0.0
        self._last_at = 0.0
        self._latency = 0.05

    def opens_at(self, priority: Priority, now: float) -> float:
        """When a request may leave; at most `now` when it may right away."""
        self._roll(now)
        theirs, last_at = now - self._late, self._last_at - self._late
        guard, share = 2 * self._latency, SHARES[priority]
        kept = 0.0 if self._is_mute else self._kept(self._finder.window)
        at = self._finder.opens_at(theirs, share, last_at, guard, len(self._flying), kept)
        if self._told is not None:
            kept = self._kept(self._told)
            at = max(at, self._told.opens_at(theirs, max(share, kept), last_at, guard))
            at = max(at, self._told.hears_at(theirs, kept))
        return now if at <= theirs else at + self._late

    def take(self, name: str, priority: Priority, now: float) -> Permit:
        """Count a request that leaves now."""
        self._taken += 1
        self._flying[self._taken] = now
        self._last_at = now
        if self._told is not None:
            self._told.used += 1
        return Permit(name, priority, now, self._taken, self._finder.take(now - self._late))

    def give_back(self, permit: Permit) -> None:
        """It never left."""
        if self._flying.pop(permit.number, None) is None:
            return
        self._finder.landed(is_probe=permit.is_probe)
        for window in (self._told, self._finder.window):
            if window is not None and permit.at - self._late >= window.ends - window.span:
                window.used = max(0, window.used - 1)

    def learned(self, permit: Permit, status: int, hints: Hints, now: float) -> None:
        """It was answered; status 0: it was not."""
        self._roll(now)
        if self._flying.pop(permit.number, None) is None:
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
            self._is_mute = reset_at is None
            finder.refused(permit.number, at, reset_at, flying, now - self._late, is_probe=is_probe)

    def _hear_told(self, hints: Hints, now: float) -> bool:
        """Take in the three headers; true when all are there."""
        if not hints.limit or hints.remaining is None or hints.reset_at is None:
            return False
        told, found = self._told, self._finder.window
        if hints.reset_at <= now - self._late:
            return True  # of a window that is over
        known = told.span if told is not None and told.ceiling == hints.limit else 0
        if found is not None and found.ceiling == hints.limit and found.span > hints.reset_at - now - 1:
            known = max(known, found.span)
        span = span_of(hints.reset_at, now, known=known)
        number = round(hints.reset_at / span) - 1
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

    def _refused_by_told(self, sent_at: float, now: float) -> None:
        told = self._told
        if told is None:
            return
        began = told.ends - told.span + self._late
        if sent_at < self._tried_at or self._late > LATE_MOST:
            return
        if told.left > 0 and 0 <= sent_at - began < 1.0:
            # Right after the window began, as we thought: the partner's clock is behind ours.
            self._late += LATE_STEP
            self._tried_at = now
            told.number = int((now - self._late) // told.span)
        told.used = max(told.used, told.ceiling)

    # -- time

    def _roll(self, now: float) -> None:
        """Go on to the windows of `now`."""
        if now < self._now - 1.0:  # somebody set the clock back: what was known belongs to another time
            self._finder = Finder(self._finder.window)
            self._told = None
            self._flying = dict.fromkeys(self._flying, now)
            self._last_at = now
        self._now = now
        theirs, told = now - self._late, self._told
        self._finder.roll(theirs, self._taken, self._carried, self._heard_of_found)
        if told is not None and told.roll(theirs):
            told.used = self._carried(told.ends - told.span) + self._heard(told.span, told.number)
        if self._flying and now - next(iter(self._flying.values())) > LOST_SECONDS:
            self._flying = {number: at for number, at in self._flying.items() if now - at <= LOST_SECONDS}
            self._finder.probing = 0

    def _carried(self, begins: float) -> int:
        """Requests that left before a moment of the partner's and probably arrive after it."""
        begins += self._late
        recent = begins - 0.6 * self._latency
        return sum(1 for at in self._flying.values() if recent < at < begins)

    # -- others

    def standing(self, now: float, *, is_paused: bool) -> Standing:
        """How the pool stands."""
        self._roll(now)
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

    def knowledge(self, now: float) -> Knowledge:
        """What others should hear of."""
        self._roll(now)
        told, found = self._told, self._finder.window
        return Knowledge(
            told=(told.ceiling, told.span) if told is not None else None,
            found=(found.ceiling, found.span) if found is not None and not self._is_mute else None,
            found_at=self._finder.found_at,
            shut_until=0.0 if self._is_mute else self._finder.shut_until,
            windows={span: self._finder.used(span, self._taken) for span in SPANS},
            asked_at=self._last_at,
        )

    def hear(self, process: str, known: Knowledge, now: float) -> None:
        """Take in what another process knows; the same or older news again changes nothing."""
        self._roll(now)
        finder = self._finder
        finder.shut_until = max(finder.shut_until, known.shut_until)
        if process not in self._others:  # processes come and go: those whose every window is over are gone
            self._others = {name: each for name, each in self._others.items() if _is_current(each, now)}
            self._before = {name: self._before[name] for name in self._others}
            self._asked_at = {name: self._asked_at[name] for name in self._others}
        before = self._others.get(process, {})
        self._others[process] = known.windows
        self._asked_at[process] = known.asked_at
        over = {span: each for span, each in before.items() if known.windows.get(span, each)[0] != each[0]}
        self._before[process] = {**self._before.get(process, {}), **over}
        if self._told is not None:
            self._told.used = max(0, self._told.used + _more(before, known.windows, self._told))
        if finder.window is not None and not self._is_mute:
            finder.heard_more(_more(before, known.windows, finder.window), now - self._late)
        if known.found is not None and known.found_at > finder.found_at and not self._is_mute:
            finder.adopt(self._window(*known.found, now), known.found_at)
        if known.told is not None and self._told is None:
            self._told = self._window(*known.told, now)

    def _window(self, ceiling: int, span: int, now: float) -> Window:
        window = Window(span=span, ceiling=ceiling, number=int(now // span))
        ours = self._finder.used(span, self._taken)[1] if span in SPANS else 0
        window.used = ours + self._heard(span, window.number)
        return window

    def _heard(self, span: int, number: int) -> int:
        """What others have used of a window."""
        return sum(_used(windows, span, number) for windows in self._others.values())

    def _heard_of_found(self, span: int, number: int) -> int:
        """Likewise, for a limit that is found. Where refusals name no time, one is too easily taken for that
        of another window while not all the others sent is known: each finds what the others leave."""
        return 0 if self._is_mute else self._heard(span, number)

    def _kept(self, window: Window | None) -> float:
        """The part of a window that is for others and that they are not known to have used.

        For each that is at work: somewhat more than it used of a window lately, at most an equal share.
        """
        if window is None or not self._others:
            return 0.0
        recent = self._now - window.span - RECENT_SECONDS
        at_work = [process for process, at in self._asked_at.items() if at >= recent]
        if not at_work or not window.ceiling:
            return 0.0
        share = window.ceiling / (len(at_work) + 1)
        kept = sum(min(share, KEPT_LEAST + KEPT_TIMES * self._appetite(each, window)) for each in at_work)
        _, ours = self._finder.used(window.span, self._taken)
        return max(0.0, kept - max(0, window.used - ours)) / window.ceiling

    def _appetite(self, process: str, window: Window) -> int:
        """What a process used of this window or of the one before, whichever is more."""
        latest = self._others[process].get(window.span, (0, 0))
        before = self._before[process].get(window.span, (0, 0))
        return max(
            used for number, used in (latest, before, (window.number, 0)) if number >= window.number - 1
        )


def _used(windows: Mapping[int, tuple[int, int]], span: int, number: int) -> int:
    there, used = windows.get(span, (-1, 0))
    return used if there == number else 0


def _more(before: Mapping[int, tuple[int, int]], after: Mapping[int, tuple[int, int]], window: Window) -> int:
    """By how much what a process used of a window has grown, or shrunk since some were refused."""
    return _used(after, window.span, window.number) - _used(before, window.span, window.number)


def _is_current(windows: Mapping[int, tuple[int, int]], now: float) -> bool:
    return any(used and (number + 1) * span > now - LATE_MOST for span, (number, used) in windows.items())
