"""Sharers: the processes that send to one pool, and what of its window is kept for each of them.

Without it the quickest would take a whole window. All times are seconds since the epoch.
"""

from typing import Final

import msgspec

from segue.engine.budget import Window

RECENT_SECONDS: Final = 2.0
"""A process that sent or wanted to within a window and so many seconds is at work."""

KEPT_TIMES: Final = 1.25
KEPT_LEAST: Final = 2
"""For a process at work so many times what it used lately is kept, and so many requests more: one that wants
more grows into its share within a few windows."""


class Sharer(msgspec.Struct, array_like=True, eq=False):
    """One process. at: when it last asked; windows: seconds of a window -> (its number, requests of this
    process in it, in the one before); hungry: windows in which it found nothing left, likewise."""

    at: float = 0.0
    windows: dict[int, tuple[int, int, int]] = {}
    hungry: dict[int, int] = {}

    def take(self, window: Window) -> None:
        """It sends a request of a window."""
        used, before = self.used(window)
        self.windows[window.span] = (window.number, used + 1, before)

    def used(self, window: Window) -> tuple[int, int]:
        """What it used of a window, and of the one before."""
        number, used, before = self.windows.get(window.span, (0, 0, 0))
        if number == window.number:
            return used, before
        return 0, used if number == window.number - 1 else 0

    def appetite(self, window: Window, share: float) -> float:
        """What it will probably want of a window; share: the most it is entitled to."""
        if self.hungry.get(window.span, -2) >= window.number - 1:
            return share
        return min(share, KEPT_LEAST + KEPT_TIMES * max(self.used(window)))


class Sharers(msgspec.Struct, array_like=True, eq=False):
    """All of a pool, by the number each process has."""

    known: dict[int, Sharer] = {}

    def take(self, who: int, now: float, *windows: Window | None) -> None:
        """One of them sends a request."""
        sharer = self._of(who, now)
        for window in windows:
            if window is not None:
                sharer.take(window)

    def miss(self, who: int, now: float, *windows: Window | None) -> None:
        """One of them wanted to and found nothing left."""
        sharer = self._of(who, now)
        for window in windows:
            if window is not None:
                sharer.hungry[window.span] = window.number

    def kept(self, who: int, now: float, window: Window | None) -> float:
        """The part of a window that is for others, who have not used it yet."""
        if window is None or len(self.known) < 2 or not window.ceiling:
            return 0.0
        since = now - window.span - RECENT_SECONDS
        others = [each for other, each in self.known.items() if other != who and each.at >= since]
        share = window.ceiling / (len(others) + 1)
        kept = sum(max(0.0, each.appetite(window, share) - each.used(window)[0]) for each in others)
        return kept / window.ceiling

    def forget(self, before: float) -> None:
        """Whoever last asked before a moment is gone."""
        self.known = {who: each for who, each in self.known.items() if each.at >= before}

    def _of(self, who: int, now: float) -> Sharer:
        sharer = self.known.get(who)
        if sharer is None:
            sharer = self.known[who] = Sharer()
        sharer.at = now
        return sharer
