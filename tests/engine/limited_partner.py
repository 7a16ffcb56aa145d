"""A partner with rate limits and some couriers that keep asking a governor, as a simulation without a loop.

run = Run(limits=[(0.0, 20, 3)], style="silent", seed=1)
run.until(3600)
run.utilisation(since=600), run.refused_share(since=600)
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from segue.engine.pace import Governor
from segue.engine.pool import Permit, Priority

STYLES = ("epoch", "seconds", "retry-after", "plain", "silent")

START = 1_790_000_000.4


class Partner:
    """A limiter with fixed windows whose limit changes with time.

    limits  (from when, requests, window seconds), ascending
    style   how answers tell of it
    """

    def __init__(self, limits: Sequence[tuple[float, int, int]], style: str) -> None:
        self.limits = [(START + since, requests, seconds) for since, requests, seconds in limits]
        self.style = style
        self.counts: dict[tuple[int, int], int] = {}

    def limit(self, now: float) -> tuple[int, int]:
        at = bisect_right([since for since, *_ in self.limits], now) - 1
        return self.limits[at][1:]

    def answer(self, now: float) -> tuple[int, dict[str, str]]:
        requests, seconds = self.limit(now)
        window = (seconds, int(now // seconds))
        self.counts[window] = self.counts.get(window, 0) + 1
        left = requests - self.counts[window]
        status = 201 if left >= 0 else 429
        return status, self.headers(requests, max(0, left), (window[1] + 1) * seconds, int(now), status)

    def headers(self, limit: int, remaining: int, ends: int, now: int, status: int) -> dict[str, str]:
        told = {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(remaining)}
        if self.style == "epoch":
            return {**told, "x-ratelimit-reset": str(ends)}
        if self.style == "seconds":
            return {**told, "x-ratelimit-reset": str(ends - now)}
        if status == 429 and self.style != "silent":
            name = "x-ratelimit-retry-after" if self.style == "retry-after" else "retry-after"
            return {name: str(max(1, ends - now))}
        return {}


Answer = Callable[[float], tuple[int, Mapping[str, str]]]


class Run:
    """Couriers with so many requests on the way at most, each priority with its own demand.

    demand   requests a second by priority; infinity for as many as possible
    skew     seconds the partner's clock is ahead of ours
    """

    def __init__(
        self,
        answer: Answer,
        *,
        governor: Any = None,
        seed: int = 0,
        in_flight: int = 16,
        latency: tuple[float, float] = (0.02, 0.08),
        demand: Mapping[Priority, float] | None = None,
        skew: float = 0.0,
    ) -> None:
        self.governor = governor or Governor()
        self.now = START
        self.answers: list[tuple[float, int, Priority, float]] = []
        """(when it was read, status, priority, seconds since it was wanted)"""
        self._answer = answer
        self._chance = Random(seed)
        self._slots = in_flight
        self._latency = latency
        self._demand = dict(demand or {Priority.LIVE: float("inf")})
        self._wanted = dict.fromkeys(self._demand, START)
        self._skew = skew
        self._events: list[tuple[float, int, str, object]] = []
        self._tickets = 0

    def until(self, seconds: float) -> None:
        """Let so many seconds pass since the start."""
        end = START + seconds
        self._ask()
        while self._events and self._events[0][0] <= end:
            self.now, _, what, thing = heapq.heappop(self._events)
            if what == "read":
                permit, wanted = thing  # type: ignore[misc]
                status, headers = self._answer(self.now + self._skew)
                self.answers.append((self.now, status, permit.priority, permit.at - wanted))
                self._later(self._half(), "heard", (permit, status, headers))
            elif what == "heard":
                permit, status, headers = thing  # type: ignore[misc]
                self._slots += 1
                self.governor.learned(permit, status, headers, self.now)
            self._ask()
        self.now = end

    def _ask(self) -> None:
        soonest = float("inf")
        for priority in sorted(self._demand):
            rate = self._demand[priority]
            while self._slots and self._wanted[priority] <= self.now:
                asked = self.governor.permit("pool", priority, self.now)
                if not isinstance(asked, Permit):
                    soonest = min(soonest, asked.until)
                    break
                self._slots -= 1
                wanted = self.now if rate == float("inf") else self._wanted[priority]
                self._wanted[priority] += 1 / rate
                self._later(self._half(), "read", (asked, wanted))
            if self._wanted[priority] > self.now:
                soonest = min(soonest, self._wanted[priority])
        if self._slots and soonest < float("inf"):
            self._later(max(0.0005, soonest - self.now), "ask", None)

    def _later(self, seconds: float, what: str, thing: object) -> None:
        if what == "ask" and any(
            at <= self.now + seconds for at, _, kind, _ in self._events if kind == "ask"
        ):
            return
        self._tickets += 1
        heapq.heappush(self._events, (self.now + seconds, self._tickets, what, thing))

    def _half(self) -> float:
        return self._chance.uniform(*self._latency) / 2

    @property
    def next_at(self) -> float:
        """When something happens next; infinity when nothing will."""
        return self._events[0][0] if self._events else float("inf")

    def step(self) -> None:
        """Let the next thing happen."""
        self.now = self.next_at
        self.until(self.now - START + 1e-6)

    def begin(self) -> None:
        """Ask for the first time."""
        self._ask()

    def granted(self, since: float, until: float, priority: Priority | None = None) -> int:
        return sum(
            status != 429 and (priority is None or who is priority)
            for at, status, who, _ in self.answers
            if START + since <= at < START + until
        )

    def refused_share(self, since: float, until: float) -> float:
        among = [status for at, status, *_ in self.answers if START + since <= at < START + until]
        return among.count(429) / max(1, len(among))


def together(runs: Sequence[Run], seconds: float, every: Callable[[float], None] | None = None) -> None:
    """Let several runs go on side by side, each thing in its time; every: called twice a second."""
    for run in runs:
        run.begin()
    tick = START
    while (soonest := min(run.next_at for run in runs)) <= START + seconds:
        if every is not None and tick <= soonest:
            every(tick)
            tick += 0.5
            continue
        min(runs, key=lambda run: run.next_at).step()


def any_limits(
    chance: Random, *, phase: float, scale: float = 1.0
) -> tuple[Run, str, tuple[float, float], float]:
    """A run against limits that change at random three times, in a random style and speed.

    phase  seconds between two changes; scale: how large the limits are
    Gives the run, what it is in words, (since, until) of its steady part, and the requests possible in it.
    """
    bounds = ((5, 60, 1), (20, 200, 3), (200, 900, 60))
    choices = [(chance.randint(round(low * scale), round(high * scale)), s) for low, high, s in bounds]
    limits = [(phase * index, *chance.choice(choices)) for index in range(4)]
    style = chance.choice(STYLES)
    slow, in_flight = chance.choice((0.05, 0.2)), 24
    run = Run(
        Partner(limits, style).answer,
        seed=chance.randrange(1 << 30),
        in_flight=in_flight,
        latency=(slow / 2, slow),
    )
    requests, seconds = limits[-1][1:]
    since, until = 60 * round(8 * phase / 60), 60 * round(13 * phase / 60)
    words = f"{', '.join(f'{most}/{span} s' for _, most, span in limits)}; {style}; {slow * 1000:.0f} ms"
    return run, words, (since, until), min(requests / seconds, in_flight / slow) * (until - since)
