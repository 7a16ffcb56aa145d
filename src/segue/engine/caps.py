"""Caps: whether what a destination may spend in a day or month is spent, and what becomes of the rest.

    guard = Guard(budget.caps, spent, now_ms)       # spent: of each cap, in the period of now
    guard.spend("Product Viewed", points=1, micro_requests=13_333, now_ms=now_ms)
    match guard.verdict(row, now_ms):
        case None:                                  # it may leave
        case Over(policy="drop"):                   # it ends as filtered, reason OVER_BUDGET
        case Over(policy="hold", until_ms=moment):  # it waits, and with it what comes after it of its people

What is on the way when a limit is reached has been paid for: a limit may be passed by the requests that were
out at that moment, never by more.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from segue.engine.cost import DAY_MS, name_of
from segue.model.cost import MILLION
from segue.model.delivery import Row
from segue.model.workspace import Cap

OVER_BUDGET: Final = "OVER_BUDGET"

NEARLY: Final = 0.8
"""The part of a limit from which on it is talked about."""


class Over(msgspec.Struct, frozen=True):
    """A row may not leave. until_ms: when the cap's next day or month begins."""

    cap: Cap
    policy: Literal["hold", "drop"]
    until_ms: int


class Standing(msgspec.Struct, frozen=True):
    """How a cap stands. spent: in its unit; until_ms: when it begins anew."""

    cap: Cap
    spent: float
    until_ms: int

    @property
    def share(self) -> float:
        """Spent part of the limit."""
        return self.spent / self.cap.limit if self.cap.limit else 1.0


class Guard:
    """The caps of one destination.

    spent  of each cap, in its unit, in the period of now
    ahead  likewise, of what the book has of later days, which the clock had been in before it was set back
    """

    def __init__(
        self, caps: Sequence[Cap], spent: Sequence[float], now_ms: int, ahead: Sequence[float] = ()
    ) -> None:
        self.caps = tuple(caps)
        self._spent = list(spent)
        self._ahead = list(ahead) or [0.0] * len(self.caps)
        self._periods = [period(cap, now_ms) for cap in self.caps]
        self._strict = any(cap.policy != "warn" for cap in self.caps)

    def spend(self, event: str, *, points: int = 0, micro_requests: int = 0, now_ms: int) -> list[Standing]:
        """Count what was spent; gives the caps that came near their limit, or to it, by this."""
        passed = []
        for index, cap in enumerate(self.caps):
            if cap.event not in ("", event):
                continue
            amount = points if cap.of == "points" else micro_requests / MILLION
            if not amount:
                continue
            self._turn(index, now_ms)
            before = self._spent[index]
            self._spent[index] = after = before + amount
            if any(before < part * cap.limit <= after for part in (NEARLY, 1.0)):
                passed.append(self._standing(index))
        return passed

    def verdict(self, row: Row, now_ms: int) -> Over | None:
        """Whether a row may leave; of several caps that say no, dropping comes first, then the
        longest wait."""
        if not self._strict:
            return None
        found: Over | None = None
        for index, cap in enumerate(self.caps):
            if cap.policy == "warn" or cap.event not in ("", name_of(row)):
                continue
            self._turn(index, now_ms)
            if self._spent[index] < cap.limit:
                continue
            over = Over(cap, cap.policy, self._periods[index][1])
            if over.policy == "drop":
                return over
            if found is None or over.until_ms > found.until_ms:
                found = over
        return found

    def standings(self, now_ms: int) -> list[Standing]:
        """How every cap stands."""
        for index in range(len(self.caps)):
            self._turn(index, now_ms)
        return [self._standing(index) for index in range(len(self.caps))]

    def _turn(self, index: int, now_ms: int) -> None:
        """A new day or month begins with nothing spent, unless it had begun before the clock was set back;
        that by itself changes nothing."""
        if now_ms >= self._periods[index][1]:
            self._periods[index] = period(self.caps[index], now_ms)
            self._spent[index], self._ahead[index] = self._ahead[index], 0.0

    def _standing(self, index: int) -> Standing:
        return Standing(self.caps[index], self._spent[index], self._periods[index][1])


def period(cap: Cap, now_ms: int) -> tuple[int, int]:
    """(begin, end) of the cap's day or month at a moment, milliseconds since the epoch, UTC."""
    if cap.per == "day":
        start = now_ms // DAY_MS * DAY_MS
        return start, start + DAY_MS
    first, last = month_of(now_ms // DAY_MS)
    return first * DAY_MS, (last + 1) * DAY_MS


def month_of(day: int) -> tuple[int, int]:
    """The first and last day, since the epoch, of the calendar month a day is in."""
    moment = datetime.fromtimestamp(day * 86_400, UTC)
    first = day - moment.day + 1
    return first, first + _days(moment.year, moment.month) - 1


def _days(year: int, month: int) -> int:
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return (after - datetime(year, month, 1, tzinfo=UTC)).days
