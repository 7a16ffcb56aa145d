"""The accountant: keeps the cost ledger of one destination, and its caps.

accountant = Accountant(destination, state, clock, meter); await accountant.start()
verdict = accountant.screen(batch.waiting)     # who may not leave because a cap is reached
accountant.request(rows, carried)              # a request reached the partner
accountant.took(rows); accountant.spent(spending)   # what it took, and what attributes cost
entries = accountant.entries(); …checkpoint…; accountant.written(entries)
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
import orjson
import structlog

from segue.engine.caps import OVER_BUDGET, Guard, Standing, period
from segue.engine.cost import DAY_MS, Costs, name_of
from segue.engine.line import Waiting
from segue.engine.parcel import LeftOut
from segue.engine.plan import BoundDestination
from segue.engine.points import Meter as PointMeter
from segue.engine.points import Spending
from segue.io.storage.state import State
from segue.model.cost import Cost, CostKey
from segue.model.delivery import UNCHANGED, Halt, Row
from segue.model.workspace import Cap
from segue.runtime.clock import Clock

log = structlog.get_logger("segue.courier")

_UNSENT: Final[Mapping[str, int]] = {}


class Meter(Protocol):
    """Where it is reported how caps stand; `segue.runtime.telemetry` says what each means."""

    def cap(self, destination: str, cap: str, share: float) -> None: ...


class Screened(msgspec.Struct, frozen=True):
    """What a look at the caps says of some entries: who travels, who is filtered, who waits until when
    (milliseconds since the epoch)."""

    waiting: list[Waiting]
    dropped: list[LeftOut]
    held: list[Waiting]
    until_ms: int


class Accountant:
    """The costs of one destination."""

    def __init__(self, destination: BoundDestination, state: State, clock: Clock, meter: Meter) -> None:
        self._destination = destination
        self._state = state
        self._clock = clock
        self._meter = meter
        self._costs = Costs(destination.config.source)
        self._prices = {
            slug: action.price
            for action in reversed(destination.page.actions)  # the first of a slug counts
            for slug in (action.slug, *action.slugs)
        }
        self._guard = Guard((), (), clock.now_ms())
        self._held: tuple[int, int, str] | None = None  # since, until, why

    async def start(self) -> None:
        """Learn from the book what is spent already."""
        caps, now_ms = self._destination.config.budget.caps, self._clock.now_ms()
        spent, ahead = [], []
        for cap in caps:
            begin, end = period(cap, now_ms)
            later = await self._spent_since(cap, end)
            spent.append(await self._spent_since(cap, begin) - later)
            ahead.append(later)
        self._guard = Guard(caps, spent, now_ms, ahead)
        for standing in self._guard.standings(now_ms):
            self._show(standing)

    async def _spent_since(self, cap: Cap, at_ms: int) -> float:
        cost = await self._state.spent(at_ms // DAY_MS, cap.event)
        return float(cost.points) if cap.of == "points" else cost.requests

    @property
    def halt(self) -> Halt | None:
        """Since when and until when rows wait because a cap is reached; None when none does."""
        now_ms = self._clock.now_ms()
        if self._held is None or now_ms >= self._held[1]:
            return None
        since_ms, until_ms, why = self._held
        return Halt(kind="capped", code=OVER_BUDGET, message=why, since_ms=since_ms, until_ms=until_ms)

    def screen(self, entries: Sequence[Waiting]) -> Screened | None:
        """Who of these may not leave because a cap is reached; None when all may. A row that left before is
        let through: whether it arrived is not certain. So is a deletion. Whoever comes after a row that waits
        waits with it."""
        if not self._guard.caps:
            return None
        now_ms = self._clock.now_ms()
        found = Screened([], [], [], 0)
        until_ms = 0
        waiting: set[str] = set()
        for entry in entries:
            if not waiting.isdisjoint(entry.people):
                found.held.append(entry)
                waiting.update(entry.people)
                continue
            over = None if entry.attempts or entry.travel.urgent else self._guard.verdict(entry.row, now_ms)
            if over is None:
                found.waiting.append(entry)
            elif over.policy == "drop":
                found.dropped.append(LeftOut(entry.row, entry, OVER_BUDGET))
            else:
                found.held.append(entry)
                waiting.update(entry.people)
                if over.until_ms > until_ms:
                    until_ms = over.until_ms
                    since_ms = self._held[0] if self._held is not None else now_ms
                    self._held = since_ms, until_ms, describe(Standing(over.cap, over.cap.limit, until_ms))
        if len(found.waiting) == len(entries):
            return None
        if found.held:
            log.info("budget_holds", destination=self._destination.id, count=len(found.held))
        return msgspec.structs.replace(found, until_ms=until_ms)

    def request(self, rows: Sequence[Row], carried: int) -> None:
        """A request reached the partner, whatever it answered. carried: objects in it."""
        now_ms = self._clock.now_ms()
        share = self._costs.request(rows, carried, now_ms // DAY_MS)
        if self._guard.caps:
            for row in rows:
                self._spend(name_of(row), 0, share, now_ms)

    def took(self, rows: Sequence[Row]) -> None:
        """The partner took these rows."""
        alike: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            alike.setdefault((row.action, row.subscription, row.event or row.kind), []).append(row)
        now_ms = self._clock.now_ms()
        for those in alike.values():
            price = self._prices.get(those[0].action)
            if price is not None and (points := sum(map(price, those))):
                self._costs.took(those[0], points, now_ms // DAY_MS)
                self._spend(name_of(those[0]), points, 0, now_ms)

    def spent(self, spending: Spending) -> None:
        """What the attributes of rows cost and saved."""
        now_ms = self._clock.now_ms()
        points = self._costs.attributes(spending, now_ms // DAY_MS)
        self._spend(name_of(spending.row), points, 0, now_ms)

    def left_out(self, row: Row, reason: str) -> None:
        """A row had nothing left to send."""
        if reason == UNCHANGED:
            self._costs.left_out(row, self._clock.now_ms() // DAY_MS)

    def recalled(self, row: Row) -> None:
        """A row was delivered before a crash and no checkpoint has its cost: it counts as sent whole. In what
        request it was, and how many were in it, is not known any more."""
        found = self._destination.page.action(row.action)
        if found is not None and found[0].attributes is not None:
            meter = PointMeter(found[0].attributes)
            for item in row.items:
                self.spent(Spending(row, meter.by_attribute(orjson.loads(item)), _UNSENT))
        self.took([row])

    def entries(self) -> dict[CostKey, Cost]:
        """What the next checkpoint adds to the book."""
        return self._costs.entries()

    def written(self, entries: Mapping[CostKey, Cost]) -> None:
        """A checkpoint has these."""
        self._costs.written(entries)
        for standing in self._guard.standings(self._clock.now_ms()):
            self._show(standing)

    def _spend(self, event: str, points: int, micro_requests: int, now_ms: int) -> None:
        if not self._guard.caps:
            return
        for standing in self._guard.spend(event, points=points, micro_requests=micro_requests, now_ms=now_ms):
            self._show(standing)
            log.warning("budget_nearly_spent", destination=self._destination.id, cap=describe(standing))

    def _show(self, standing: Standing) -> None:
        cap = standing.cap
        name = "/".join(filter(None, (cap.of, cap.per, cap.event, cap.policy)))
        self._meter.cap(self._destination.id, name, standing.share)


def describe(standing: Standing) -> str:
    """A cap in words: ``100% of 50,000 points a day on "Viewed" are spent (drop)``."""
    cap = standing.cap
    on = f' on "{cap.event}"' if cap.event else ""
    return f"{standing.share:.0%} of {cap.limit:,} {cap.of} a {cap.per}{on} are spent ({cap.policy})"
