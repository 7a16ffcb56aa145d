"""What a partner's answers say about a rate limit, and the budget of one fixed clock window.

    hints = read_hints({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1790000003"}, now)
    Hints(limit=None, remaining=0, reset_at=1790000003.0)

A window of W seconds begins at multiples of W since the epoch, so an hourly one on the hour. All times are
seconds since the epoch by our own clock, which may be some way off the partner's.

Source  Braze docs, "API rate limits" and "Track users", read 2026-11-23: the reset is an epoch on most
        plans and seconds left on the newest, which answer a 429 with x-ratelimit-retry-after alone
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from segue.kit import dates

SPANS: Final = (1, 3, 60, 3_600, 86_400)
"""Seconds of the windows that are documented; a limit nobody told of is taken to have one of them."""

EPOCH: Final = 1e9
"""A reset above this is a moment, below it is seconds left."""

OFF_SECONDS: Final = 2.0
"""A partner's clock this far from ours is corrected for; smaller differences drown in whole seconds."""

LONGEST_SECONDS: Final = 86_400.0

MARGIN_SECONDS: Final = 0.02
"""Nothing leaves this short after the end of a window that was full: clocks are never quite equal."""


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer's headers say; None for what they do not say.

    reset_at  when the window ends or the partner wants to be asked again, seconds since the epoch
    """

    limit: int | None = None
    remaining: int | None = None
    reset_at: float | None = None


NO_HINTS: Final = Hints()


def read_hints(headers: Mapping[str, str], now: float) -> Hints:
    """Read the rate-limit headers in every style known; what cannot be read counts as absent.

    headers  names in lower case
    """
    if _NAMES.isdisjoint(headers):
        return NO_HINTS
    asked = _number(headers, "x-ratelimit-retry-after")
    reset = _number(headers, "x-ratelimit-reset")
    if asked is None and reset is None:
        asked = _number(headers, "retry-after")
    limit = _number(headers, "x-ratelimit-limit")
    remaining = _number(headers, "x-ratelimit-remaining")
    if asked is None and reset is None and limit is None and remaining is None:
        return NO_HINTS
    return Hints(
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset_at=_reset_at(asked, reset, headers, now),
    )


_NAMES: Final = frozenset(
    {
        "x-ratelimit-retry-after",
        "x-ratelimit-reset",
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
    }
)
"""The headers that say something."""


def _reset_at(
    asked: float | None, reset: float | None, headers: Mapping[str, str], now: float
) -> float | None:
    if asked is None and reset is not None and reset > EPOCH:
        answered_ms = dates.parse(headers.get("date", ""))
        if answered_ms is not None and abs(answered_ms / 1000 - now) > OFF_SECONDS:
            reset += now - answered_ms / 1000
        return min(reset, now + LONGEST_SECONDS)
    left = asked if asked is not None else reset
    # Windows end on whole seconds, and so whole seconds are counted from the one that is running.
    return None if left is None else now // 1 + min(left, LONGEST_SECONDS)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name)
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None


class Window(msgspec.Struct, kw_only=True):
    """A limit in force: so many requests in each window.

    span      seconds; ceiling: requests in one window
    number    which window it is: windows since the epoch
    used      requests of it that are gone, as far as we know
    """

    span: int
    ceiling: int
    number: int = 0
    used: int = 0

    @property
    def ends(self) -> float:
        """When the current window ends."""
        return float((self.number + 1) * self.span)

    @property
    def left(self) -> int:
        """Requests still to be had in the current window; below 0 when others took some too."""
        return self.ceiling - self.used

    def roll(self, now: float) -> bool:
        """Go on to the window of `now`; true when that is another one, and nothing of it is used."""
        number = int(now // self.span)
        if number == self.number:
            return False
        self.number, self.used = number, 0
        return True

    def opens_at(
        self,
        now: float,
        share: float,
        spacing_from: float,
        guard: float,
        *,
        kept: float = 0.0,
        spreads: bool = True,
    ) -> float:
        """When the next request may leave; at most `now` when it may right away.

        share         part of the ceiling kept for more important requests; what is kept shrinks to nothing
                      as the window goes by, so it is lost to nobody
        spacing_from  when the last request left: once little is left of a long window, what is left is
                      spread over the rest of it
        kept          likewise, for other processes: by `guard` before the end nothing is
        guard         seconds before the end by which everything should have left
        spreads       false to be done with it as soon as possible
        """
        if self.left < 1:
            return self.ends
        free = self.left - 1
        at = now
        over = self.ends - min(guard, self.span / 4)  # what leaves later arrives in the next window
        for part, until in ((share * self.ceiling, self.ends), (kept * self.ceiling, over)):
            if part and free < int(part * (until - now) / self.span):
                # Until then less than free + 1 is kept.
                at = max(at, until - self.span * (free + 1) / part + EPSILON)
        if spreads and self.span >= SPREAD_SECONDS and self.left < SPREAD_BELOW * self.ceiling:
            rest = self.ends - guard - spacing_from
            at = max(at, spacing_from + max(0.0, rest) / (self.left + 1))
        return min(at, self.ends)


EPSILON: Final = 1e-6
SPREAD_SECONDS: Final = 10
SPREAD_BELOW: Final = 0.2


def span_of(reset_at: float, now: float, *, known: int = 0) -> int:
    """How long the window is that ends then: the shortest known one that fits, or, when none ends then by
    our clock, the shortest that may be as long.

    known  what it was taken for so far; it can only turn out longer
    """
    long = [span for span in SPANS if span >= max(known, reset_at - now - 1.0)]
    fitting = (span for span in long if abs(off_of(reset_at, span)) <= ALIGNED_SECONDS)
    return next(fitting, long[0] if long else SPANS[-1])


def off_of(reset_at: float, span: int) -> float:
    """By how much a moment misses the nearest end of a window."""
    return reset_at - round(reset_at / span) * span


ALIGNED_SECONDS: Final = 1.5
"""What whole seconds and the way of an answer explain."""
