"""Find a rate limit nobody tells of, from which requests are refused and which are not.

Times are the partner's, as far as its clock is known to differ from ours.

A limit is so many requests in each fixed window. For every span a window could have (`budget.SPANS`) it is
kept how many requests one window of it took at most; a refusal that comes after fewer is not that window's.
So the first refusals single out a span and its ceiling, which is then kept exactly.

A ceiling may have risen: every PROBE_EVERY requests one more than it is tried, and as long as that works
twice as many at a time. After a refusal one request goes alone, until one has passed.
"""

import math
from collections.abc import Callable
from typing import Final

import msgspec

from segue.engine.budget import MARGIN_SECONDS, SPANS, Window

HIDDEN_SPANS: Final = tuple(span for span in SPANS if span <= 60)
"""Windows nobody tells of are not taken for longer than these unless the partner asks for a longer wait:
a wrong guess must not hold a destination for hours."""

PROBE_EVERY: Final = 2_000
"""Requests between two that try a ceiling: at most one in as many is refused for it."""

MOST_PROBES: Final = 32
"""Probes on the way at one time, and no more than an eighth of the ceiling."""

PATIENCE: Final = 0.25
"""Of the time the only request there may be has been on the way: how long until the next look."""

MOST_HURRY_SECONDS: Final = 5.0
"""So shortly before a window ends nothing of it is kept any more when its ceiling is to be tried."""


class Count(msgspec.Struct, array_like=True):
    """One window of one span. before: requests that left before it; passed: of it, that were not refused."""

    number: int = 0
    before: int = 0
    passed: int = 0


def _no_counts() -> dict[int, Count]:
    return {span: Count() for span in SPANS}


class Finder(msgspec.Struct, array_like=True, eq=False):
    """What is found of one hidden limit. Requests are numbered from 1 as they leave.

    window       the limit in force; None while nothing was ever refused and nothing is documented
    found_at     when it was last corrected
    shut_until   nothing may leave before
    probing      probes on the way
    _is_alone    one request at a time, until one has passed
    _most        span -> most that passed in one window
    _counts, _earlier  of the current windows, and of those before, whose answers may still come
    _refused     the latest refused: number, when it left
    _has_risen   a probe has passed since the last refusal
    _is_eager    the ceiling was found in a crowd: try it again soon
    """

    window: Window | None = None
    found_at: float = 0.0
    shut_until: float = 0.0
    probing: int = 0
    _is_alone: bool = False
    _flying_alone: int = 0
    _most: dict[int, int] = msgspec.field(default_factory=lambda: dict.fromkeys(SPANS, 0))
    _counts: dict[int, Count] = msgspec.field(default_factory=_no_counts)
    _earlier: dict[int, Count] = msgspec.field(default_factory=_no_counts)
    _refused: list[tuple[int, float]] = []
    _passed_since_probe: int = 0
    _most_probes: int = 1
    _has_risen: bool = False
    _is_eager: bool = False
    _full_at: float = 0.0
    _now: float = 0.0

    def roll(self, now: float, taken: int, carried: Callable[[float], int]) -> None:
        """Go on to the windows of `now`.

        taken    requests that left so far
        carried  how many of them left before a moment and probably arrive after it
        """
        if self._now // 1 == now // 1:
            return  # all windows begin on whole seconds
        self._now = now
        for span, count in self._counts.items():
            number = int(now // span)
            if count.number != number:
                self._earlier[span] = count
                before = taken - carried(float(number * span))
                self._counts[span] = Count(number, before)
        window = self.window
        if window is not None and window.roll(now):
            window.used = carried(now // window.span * window.span)

    def used(self, span: int, taken: int) -> tuple[int, int]:
        """(number of the current window of a span, requests of ours in it that were not refused)."""
        count = self._counts[span]
        refused = sum(1 for _, when in self._refused if int(when // span) == count.number)
        return count.number, max(0, taken - count.before - refused)

    def opens_at(
        self, now: float, share: float, spacing_from: float, guard: float, flying: int, others: float = 0.0
    ) -> float:
        """When the next request may leave; at most `now` when it may right away.

        flying  on the way now
        others  part of the ceiling kept for other processes
        """
        at = self.shut_until
        if self._is_alone and self._flying_alone:
            # Whoever hears its answer looks again; others look ever more rarely, the longer it takes.
            at = max(at, now + max(guard / 2, PATIENCE * (now - spacing_from)))
        if self.window is not None:
            window, is_due = self.window, self._is_due
            if is_due and window.ends - now < min(window.span / 4, MOST_HURRY_SECONDS):
                share = others = 0.0  # else the window would be full only at its very end, too late to try it
            opens_at = window.opens_at(now, share, spacing_from, guard, kept=others, spreads=not is_due)
            at = max(at, min(opens_at, self._probes_at(now, guard, flying)))
        return at

    @property
    def _is_due(self) -> bool:
        """Whether the ceiling should be tried again."""
        return self._is_eager or self._passed_since_probe >= PROBE_EVERY

    def _probes_at(self, now: float, guard: float, flying: int) -> float:
        """When a request more than the ceiling may leave to see what happens.

        Not before the next shorter window has begun: if the ceiling is that one's, then it shows. Not so
        late that it may arrive in the next window, where it says nothing, and not while others are on the
        way that it may overtake: then one of those would be refused in its place.
        """
        window = self.window
        if window is None or window.left >= 1 or not self._is_due or self.probing >= self._most_probes:
            return math.inf
        if window.ends - now < guard or flying > self.probing:
            return math.inf
        shorter = max((span for span in SPANS if span < window.span), default=0)
        if self._has_risen or not shorter:
            return 0.0
        return (self._full_at // shorter + 1) * shorter + MARGIN_SECONDS

    def take(self, now: float) -> bool:
        """A request leaves; true when it is a probe."""
        self._flying_alone += self._is_alone
        window = self.window
        if window is None:
            return False
        is_probe = window.left < 1
        self.probing += is_probe
        window.used += 1
        if window.left == 0:
            self._full_at = now
        return is_probe

    def landed(self, *, is_probe: bool) -> None:
        """A request is no longer on the way."""
        self.probing -= is_probe
        self._flying_alone = max(0, self._flying_alone - 1)

    def lost(self) -> None:
        """Some of what was on the way will never land."""
        self.probing = self._flying_alone = 0

    def passed(self, number: int, at: float, *, is_probe: bool) -> None:
        """A request was not refused."""
        self._passed_since_probe += 1
        if at >= self.shut_until:
            self._is_alone = False
        for span in SPANS:
            count = self._count(span, at)
            if count is not None:
                count.passed += 1
                self._most[span] = max(self._most[span], count.passed)
        found = self.window
        if found is not None and self._refused and found.span in SPANS:
            count = self._count(found.span, at)
            if count is not None and int(self._refused[-1][1] // found.span) == count.number:
                # Answers overtake one another: more passed than the first refusal let expect.
                found.ceiling = max(found.ceiling, count.passed)
        if is_probe and found is not None and int(at // found.span) == found.number:
            found.ceiling = max(found.ceiling, found.used - self.probing)
            self._most_probes = max(1, min(MOST_PROBES, self._most_probes * 2, found.ceiling // 8))
            self._has_risen = True
            self._is_eager = True

    def is_early(self, at: float) -> bool:
        """Whether a request that was refused left so soon after its window began that the partner may
        have been in the one before."""
        window = self.window
        return window is not None and window.left > 0 and 0 <= at - (window.ends - window.span) < 0.3

    def hold_off(self, until: float) -> None:
        """Let nothing leave for a moment, then one request alone."""
        self.shut_until = max(self.shut_until, until)
        self._is_alone = True
        self._flying_alone = 0

    def refused(
        self,
        number: int,
        at: float,
        reset_at: float | None,
        flying: int,
        now: float,
        *,
        is_probe: bool,
    ) -> None:
        """A request was refused and nobody says by which limit.

        reset_at  when the partner wants to be asked again, if it says so
        flying    requests on the way: so many may have passed before or after this one
        """
        self._refused = [*self._refused[-63:], (number, at)]
        is_echo = self.window is not None and at < self.shut_until and now < self.shut_until
        after = {span: self._after(span, number, at) for span in SPANS}
        window, grew = self.window, self._has_risen
        if is_echo and window is not None:
            span = window.span
        else:
            span = self._choose(after, at, reset_at, flying, grew)
        if window is None or window.span != span:
            _, ours = self.used(span, number)
            window = self.window = Window(span=span, ceiling=after[span], number=int(now // span), used=ours)
        window.ceiling = max(1, after[span])
        if window.number == int(at // span):
            window.used = max(window.used, window.ceiling)
        if is_echo:
            return
        self.found_at = now
        self._is_eager = not is_probe
        self._most_probes = 1
        self._has_risen = False
        self._passed_since_probe = 0
        self.hold_off(0.0)
        ends = max((at // span + 1) * span, reset_at or 0.0)
        if ends > now:
            self.shut_until = max(self.shut_until, ends + MARGIN_SECONDS)
            self._full_at = now

    def _choose(
        self, after: dict[int, int], at: float, reset_at: float | None, flying: int, grew: bool
    ) -> int:
        """The span whose window is full: one that never took more, and ends when the partner says."""

        def fits(span: int) -> bool:
            ends = (at // span + 1) * span
            return after[span] >= 1 and (reset_at is None or abs(ends - reset_at) <= 1.5)

        def is_possible(span: int) -> bool:
            return fits(span) and self._most[span] <= 1.05 * after[span] + flying + 2

        known = self.window.span if self.window is not None else 0
        if known in SPANS and not grew and is_possible(known):
            return known
        is_asked_long = reset_at is not None and reset_at - at > HIDDEN_SPANS[-1] + 1.0
        spans = SPANS if is_asked_long else HIDDEN_SPANS
        possible = [span for span in spans if is_possible(span)]
        if possible:
            # The one that lets most through: if it is too much a refusal tells, if too little nobody does.
            return max(possible, key=lambda span: after[span] / span)
        # The limit has changed: what was known of it is history.
        self._most = dict(after)
        if known in SPANS and fits(known):
            return known
        if reset_at is not None:
            return next((span for span in spans if span >= reset_at - at - 1.0), spans[-1])
        return next((span for span in spans if after[span] >= 1), spans[-1])

    def _after(self, span: int, number: int, at: float) -> int:
        """How many passed in the window of a span before its first refusal."""
        count = self._count(span, at)
        if count is None:
            return 0
        first = min(other for other, when in self._refused if int(when // span) == count.number)
        return max(0, first - count.before - 1, count.passed)

    def _count(self, span: int, at: float) -> Count | None:
        """The count of the window of a span a moment lies in, when it is still kept."""
        number = int(at // span)
        for count in (self._counts[span], self._earlier[span]):
            if count.number == number:
                return count
        return None
