"""What becomes of a row after a try, and of a destination whose partner has trouble.

    outcome             the row                                   the destination
    delivered           done                                      any hold ends
    rejected            dead, with the partner's reason           goes on
    batch-rejected      halved until the culprit stands alone     goes on
    apart               again, in an object of its own            goes on
    retry               later, at most MAX_ATTEMPTS times         goes on
    hold                waits, no attempt is burned               holds, then probes with one request

Source  Segment docs, "Retries in cloud mode" and the error classes of the actions core, read 2026-11-23.
"""

import zlib
from typing import Final, assert_never

import msgspec

from segue.model.delivery import Halt, Outcome, Verdict

MAX_ATTEMPTS: Final = 10
LONGEST_RETRY_SECONDS: Final = 900.0
LONGEST_HOLD_SECONDS: Final = 60.0

RAMP_FROM: Final = 2
RAMP_TO: Final = 64
"""Requests on the way after a hold, doubled by each success."""

MESSAGE_LENGTH: Final = 300


class Done(msgspec.Struct, frozen=True):
    """The row arrived."""


class Dead(msgspec.Struct, frozen=True):
    """The row will not be sent again by itself; `reason` is a delivery code."""

    reason: str
    message: str


class Later(msgspec.Struct, frozen=True):
    """The row may be sent again at `at` (seconds, the caller's monotonic clock)."""

    at: float


class Halve(msgspec.Struct, frozen=True):
    """The request was refused and no row named: send its halves to find the culprit."""


class Apart(msgspec.Struct, frozen=True):
    """The row was refused together with others: it leaves again in an object of its own."""


class Wait(msgspec.Struct, frozen=True):
    """The row stays where it is until the destination's hold ends."""


Decision = Done | Dead | Later | Halve | Apart | Wait

DONE: Final = Done()
HALVE: Final = Halve()
APART: Final = Apart()
WAIT: Final = Wait()


def decide(outcome: Outcome, attempt: int, now: float, seed: str) -> Decision:
    """Say what becomes of a row after a try.

    attempt  tries so far that ended in "retry", the one just made included
    now      seconds
    seed     the row's identity; jitter is taken from it, so the same row always waits the same
    Raises nothing.
    """
    match outcome.verdict:
        case Verdict.DELIVERED:
            return DONE
        case Verdict.REJECTED:
            return Dead(outcome.code or "REJECTED", outcome.message)
        case Verdict.BATCH_REJECTED:
            return HALVE
        case Verdict.APART:
            return APART
        case Verdict.RETRY:
            if attempt >= MAX_ATTEMPTS:
                return Dead(
                    outcome.code or "RETRYABLE_ERROR", f"{outcome.message} (gave up after {attempt} tries)"
                )
            return Later(now + wait_seconds(attempt, seed, LONGEST_RETRY_SECONDS, outcome.wait_seconds))
        case Verdict.HOLD:
            return WAIT
        case _:
            assert_never(outcome.verdict)


def wait_seconds(attempt: int, seed: str, longest: float, asked: float | None = None) -> float:
    """Seconds before the next try: what the partner asked for, else 2**(attempt-1) up to `longest`,
    of which a part between a half and the whole is taken, by the seed."""
    if asked is not None:
        return min(asked, 3600.0)
    whole = min(longest, 2.0 ** min(attempt - 1, 30))
    return whole * (0.5 + (zlib.crc32(f"{seed}:{attempt}".encode()) % 1000) / 2000)


class Hold(msgspec.Struct, frozen=True):
    """Whether a destination may send now.

    until     no request leaves before; 0 when the destination is not held
    failures  holds in a row without a success between them
    reason    the code that caused it; message: the partner's words
    most      after a hold, how many requests may be on the way; 0 for as many as the destination has
    A held destination whose time has come sends one request as a probe; its success ends the hold, and then
    twice as many may be on the way after each success.
    """

    until: float = 0.0
    failures: int = 0
    reason: str = ""
    message: str = ""
    since: float = 0.0
    most: int = 0

    @property
    def is_held(self) -> bool:
        return self.failures > 0

    def allows(self, now: float, in_flight: int) -> bool:
        """True when a request may leave now, given how many are on the way."""
        if self.failures:
            return now >= self.until and in_flight == 0
        return not self.most or in_flight < self.most

    def told(self, now: float, now_ms: int) -> Halt | None:
        """The hold for whoever asks, in times of the wall clock; None when there is none.

        now, now_ms  the same moment on the monotonic clock, seconds, and on the wall, milliseconds
        """
        if not self.failures:
            return None
        return Halt(
            kind="held",
            code=self.reason,
            message=self.message[:MESSAGE_LENGTH],
            since_ms=_on_the_wall(self.since, now, now_ms),
            until_ms=_on_the_wall(self.until, now, now_ms),
        )

    def after_success(self) -> "Hold":
        if self.failures:
            return Hold(most=RAMP_FROM)
        return (
            FREE
            if not self.is_ramping or self.most >= RAMP_TO
            else msgspec.structs.replace(self, most=2 * self.most)
        )

    @property
    def is_ramping(self) -> bool:
        """Whether fewer requests than usual may be on the way, because a hold has just ended."""
        return self.most > 0

    def after_trouble(self, outcome: Outcome, now: float, seed: str) -> "Hold":
        """Hold for as long as the partner asked, else for a growing while of at most a minute.

        Several requests that were on the way together count as one failure: trouble reported while
        the hold already stands only lengthens it when the partner asks for longer.
        """
        asked = outcome.wait_seconds
        if self.failures and now < self.until:
            until = max(self.until, now + asked) if asked is not None else self.until
            return msgspec.structs.replace(self, until=until)
        failures = self.failures + 1
        return Hold(
            until=now + wait_seconds(failures, seed, LONGEST_HOLD_SECONDS, asked),
            failures=failures,
            reason=outcome.code,
            message=outcome.message,
            since=self.since or now,
        )


FREE: Final = Hold()


def _on_the_wall(at: float, now: float, now_ms: int) -> int:
    """A time of the monotonic clock in milliseconds since the epoch, to the second: clocks drift apart."""
    return round(now_ms / 1000 + at - now) * 1000
