"""The courier: reads the log for one destination and delivers what it makes of it.

One loop: read events in the order they came in, route them, let the batcher say what leaves, send it,
write down what became of it, and keep position, receipts and state in one transaction a second.
All decisions are the engine's (`route`, `batch`, `aftermath`, `retry`, `ledger`); this file moves things.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from segue.engine import intake
from segue.engine.aftermath import Ended, receipt, weigh
from segue.engine.batch import Batch, Batcher
from segue.engine.dead import bury
from segue.engine.ledger import Ledger, OpenEvent, Place
from segue.engine.plan import BoundDestination
from segue.engine.retry import FREE, Hold
from segue.engine.route import Position, Routed, people_of, route, travel
from segue.io.log.stream import Log
from segue.io.storage.state import Checkpoint, Cursor, State
from segue.model.delivery import DeadLetter, Outcome, Receipt, Request, Response, Row, Verdict
from segue.model.errors import CorruptBlock
from segue.model.event import Record
from segue.runtime.clock import Clock
from segue.runtime.reader import Entry, Reader
from segue.runtime.revival import Revival

MOST_WAITING_ROWS: Final = 20_000
"""Reading pauses above this many rows, so memory does not grow with the backlog."""

CHUNK: Final = 256
"""Events routed before the loop looks after answers and other tasks again."""

CHECKPOINT_SECONDS: Final = 1.0
CHECKPOINT_EVENTS: Final = 20_000

log = structlog.get_logger("segue.courier")


class Sender(Protocol):
    """What carries a request to the partner; never raises for trouble on the way."""

    async def send(self, request: Request) -> Response: ...


class Meter(Protocol):
    """Where the courier reports what it does; `segue.runtime.telemetry` says what each means."""

    def request(self, destination: str, action: str, status: int, items: int, seconds: float) -> None: ...

    def checkpoint(self, destination: str, seconds: float) -> None: ...


class Courier:
    """One destination's delivery: `start`, then `run` until `stop`.

    lanes  the lanes of the log this courier reads; None for all
    """

    def __init__(
        self,
        destination: BoundDestination,
        stream: Log,
        state: State,
        sender: Sender,
        clock: Clock,
        meter: Meter,
        *,
        lanes: Sequence[int] | None = None,
    ) -> None:
        self.destination = destination
        self.hold: Hold = FREE
        self.requests = 0
        self._stream = stream
        self._state = state
        self._sender = sender
        self._clock = clock
        self._meter = meter
        self._lanes = tuple(range(stream.lanes)) if lanes is None else tuple(lanes)
        self._reader = Reader(stream, self._lanes)
        self._revival = Revival(stream, state)
        self._batcher = Batcher()
        self._ledger: Ledger | None = None
        self._open: dict[tuple[int, int], OpenEvent] = {}
        self._in_flight = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._since_checkpoint = 0
        self._checkpoint_at = 0.0

    @property
    def id(self) -> str:
        return self.destination.id

    @property
    def ledger(self) -> Ledger:
        """The destination's book; there from `start` on."""
        if self._ledger is None:
            raise RuntimeError(f'the courier of "{self.id}" has not been started')
        return self._ledger

    @property
    def waiting_rows(self) -> int:
        """Rows between mapping and settlement."""
        return self._batcher.rows

    def replace(self, destination: BoundDestination) -> None:
        """Go on with a new revision of the destination; rows already made travel as they are."""
        self.destination = destination

    async def start(self) -> None:
        """Load where the last run stopped; a destination that is new begins at the log's head."""
        origins = await origin(self._state, self._stream, self._clock.now_ms())
        cursors = await self._state.load()
        places = {lane: Place(origins[lane]) for lane in self._lanes} | {
            lane: Place(cursor.next_offset, cursor.settled)
            for lane, cursor in cursors.items()
            if lane in self._lanes
        }
        self._ledger = Ledger(
            self.destination.config.source,
            places,
            {lane: origins[lane] for lane in self._lanes},
            await self._state.totals(),
        )
        self.requests = int(await self._state.value("requests") or b"0")
        self._checkpoint_at = self._clock.monotonic() + CHECKPOINT_SECONDS

    def stop(self) -> None:
        """Ask the loop to finish: what waits is sent at once, unless the destination is held."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until stopped. Raises StorageUnavailable when state can no longer be written, and
        LogUnavailable when the log can no longer be read; nothing is lost by either."""
        if self._ledger is None:
            await self.start()
        async with asyncio.TaskGroup() as requests:
            while not self._is_finished():
                self._wake.clear()
                moved = await self._read()
                self._dispatch(requests)
                if self._is_checkpoint_due():
                    await self.checkpoint()
                if not moved:
                    await self._rest()
        await self.checkpoint()

    async def checkpoint(self) -> None:
        """Keep positions, receipts, dead letters, counts and dedupe ids in one transaction."""
        started = self._clock.monotonic()
        self._checkpoint_at = started + CHECKPOINT_SECONDS
        self._since_checkpoint = 0
        minute = self._minute()
        for row, how, people in await self._revival.take(self.destination, self.ledger, minute):
            self._batcher.add(row, how, people, started)
        if not self.ledger.dirty and not self._revival.is_dirty:
            return
        entries = self.ledger.entries()
        revived, commands = self._revival.entries()
        await self._state.commit(
            Checkpoint(
                cursors={
                    lane: Cursor(place.next_offset, place.settled) for lane, place in entries.places.items()
                },
                receipts=entries.receipts,
                dead=entries.dead,
                revived=revived,
                done_commands=commands,
                counts=entries.counts,
                values={"requests": b"%d" % self.requests},
                now_ms=self._clock.now_ms(),
            )
        )
        self.ledger.written(entries)
        self._revival.written(revived, commands)
        self._meter.checkpoint(self.id, self._clock.monotonic() - started)

    def _is_finished(self) -> bool:
        is_empty = self._batcher.rows == 0 or self.hold.is_held
        return self._stopping and self._in_flight == 0 and is_empty

    def _is_checkpoint_due(self) -> bool:
        return self._since_checkpoint >= CHECKPOINT_EVENTS or self._clock.monotonic() >= self._checkpoint_at

    def _may_read(self) -> bool:
        most = MOST_WAITING_ROWS // 4 if self.hold.is_held else MOST_WAITING_ROWS
        return not self._stopping and self._batcher.rows < most

    async def _read(self) -> bool:
        """Route the next events; True when there may be more right away."""
        if not self._may_read():
            if self._stopping or self._batcher.rows >= MOST_WAITING_ROWS:
                self._batcher.hurry()
            return False
        minute = self._minute()
        try:
            found = await self._reader.next(self.ledger, minute)
        except CorruptBlock as error:
            self._skip_corrupt(error, minute)
            return True
        for start in range(0, len(found), CHUNK):
            await self._route(found[start : start + CHUNK], minute)
            await asyncio.sleep(0)
        self._since_checkpoint += len(found)
        return bool(found)

    def _skip_corrupt(self, error: CorruptBlock, minute: int) -> None:
        log.error("log_block_corrupt", destination=self.id, lane=error.lane, offset=error.first_offset)
        end = error.first_offset + error.count
        for offset in range(max(error.first_offset, self.ledger.read_to(error.lane)), end):
            if self.ledger.take(error.lane, offset):
                self.ledger.close("dead", "CORRUPT_BLOCK", minute)
        self._reader.skip(error.lane, end)

    async def _route(self, entries: Sequence[Entry], minute: int) -> None:
        """Sort out what is not ours or was seen before, and route the rest."""
        source, ledger = self.destination.config.source, self.ledger
        ours: list[Entry] = []
        for entry in entries:
            if not ledger.take(entry[0], entry[1]):
                continue
            if entry[2].source == source:
                ours.append(entry)
            else:
                ledger.close("skipped", "OTHER_SOURCE", minute)
        if not ours:
            return
        fresh = await self._state.fresh(
            [(record.message_id, lane, offset, record.received_ms) for lane, offset, record in ours]
        )
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        for (lane, offset, record), is_fresh in zip(ours, fresh, strict=True):
            if is_fresh:
                self._take_in(lane, offset, record, now, now_ms)
            else:
                ledger.close("duplicate", "", minute)
                self._note(lane, offset, record.message_id, "duplicate", "", now_ms)

    def _take_in(self, lane: int, offset: int, record: Record, now: float, now_ms: int) -> None:
        """Route one event and give its rows to the batcher, or settle it."""
        try:
            event = intake.restore(record)
            at = Position(
                lane=lane,
                offset=offset,
                order=record.order,
                person=record.person,
                message_id=record.message_id,
                event_ms=intake.event_ms(event, record),
            )
            routed = route(event, self.destination, at)
        except Exception as error:  # whatever it is, it is about this event: keep it and go on
            log.exception("event_not_routed", destination=self.id, lane=lane, offset=offset)
            routed = Routed(dead=(self._broken(lane, offset, record, error),))
        if not routed.rows:
            self._end_without_rows(lane, offset, record.message_id, routed, now_ms)
            return
        self._open[lane, offset] = self.ledger.open(lane, offset, len(routed.rows), routed.dead)
        people = people_of(event, record.person)
        for row, subscription in routed.rows:
            self._batcher.add(row, travel(row, subscription), people, now)

    def _end_without_rows(self, lane: int, offset: int, message_id: str, routed: Routed, now_ms: int) -> None:
        minute = now_ms // 60_000
        for letter in routed.dead:
            self.ledger.bury(letter, minute, had_row=False)
            self._note(lane, offset, message_id, "dead", letter.reason, now_ms, letter.subscription)
        if routed.dead:
            self.ledger.close("dead", routed.dead[0].reason, minute)
        else:
            self.ledger.close("filtered", routed.reason, minute)
            self._note(lane, offset, message_id, "filtered", routed.reason, now_ms)

    def _broken(self, lane: int, offset: int, record: Record, error: Exception) -> DeadLetter:
        row = Row(
            destination=self.id,
            subscription="",
            action="",
            lane=lane,
            offset=offset,
            order=record.order,
            person=record.person,
            message_id=record.message_id,
            kind=record.kind,
        )
        return bury(row, "INTERNAL", f"{type(error).__name__}: {error}", died_ms=self._clock.now_ms())

    def _note(
        self,
        lane: int,
        offset: int,
        message_id: str,
        result: str,
        reason: str,
        now_ms: int,
        subscription: str = "",
    ) -> None:
        """Write the receipt of an event that never had a row."""
        self.ledger.write(
            Receipt(
                lane=lane,
                offset=offset,
                message_id=message_id,
                subscription=subscription,
                action="",
                result=result,
                reason=reason,
                attempts=0,
                settled_ms=now_ms,
            )
        )

    def _dispatch(self, requests: asyncio.TaskGroup) -> None:
        """Let everything leave that may."""
        now = self._clock.monotonic()
        most = 1 if self.hold.is_held else self.destination.config.delivery.in_flight
        while self._in_flight < most and self.hold.allows(now, self._in_flight):
            batches = self._batcher.due(now, most - self._in_flight)
            for batch in batches:
                self._in_flight += 1
                self.requests += 1
                requests.create_task(self._deliver(batch, self.requests))
            if not batches:
                return

    async def _deliver(self, batch: Batch, number: int) -> None:
        """Send one batch and act on the answer."""
        destination, rows = self.destination, batch.rows
        started = self._clock.monotonic()
        try:
            found = destination.page.action(batch.travel.action)
            if found is None:
                raise LookupError(f'{destination.page.title} has no action "{batch.travel.action}" any more')
            action = found[0]
            response = await self._sender.send(action.build(rows, destination.settings))
            outcomes = action.read(response, rows)
            if len(outcomes) != len(rows):
                raise ValueError(f"{len(outcomes)} outcomes were read for {len(rows)} rows")
        except Exception as error:  # a defect of a page: its rows become dead letters, the others go on
            log.exception("request_not_made", destination=self.id, action=batch.travel.action)
            response = Response(status=0, error="INTERNAL", sent=False)
            outcomes = [Outcome(verdict=Verdict.REJECTED, code="INTERNAL", message=str(error))] * len(rows)
        self._in_flight -= 1
        seconds = self._clock.monotonic() - started
        items = sum(len(row.items) for row in rows)
        self._meter.request(self.id, batch.travel.action, response.status, items, seconds)
        await self._learn(batch, number, outcomes)
        self._wake.set()

    async def _learn(self, batch: Batch, number: int, outcomes: Sequence[Outcome]) -> None:
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        aftermath = weigh(batch, outcomes, str(number), now, now_ms)
        for ended in aftermath.ended:
            await self._end(ended, number, now_ms)
        self._batcher.put_back(batch, aftermath.again)
        if aftermath.trouble is not None:
            self.hold = self.hold.after_trouble(aftermath.trouble, now, f"{self.id}-{number}")
            wait = round(self.hold.until - now, 1)
            log.warning("destination_held", destination=self.id, code=self.hold.reason, wait_seconds=wait)
        elif self.hold.is_held:
            self.hold = self.hold.after_success()
            log.info("destination_released", destination=self.id)

    async def _end(self, ended: Ended, number: int, now_ms: int) -> None:
        row, minute = ended.entry.row, now_ms // 60_000
        self._batcher.settle(ended.entry)
        self.ledger.write(receipt(ended, str(number), now_ms))
        if ended.reason:
            letter = bury(row, ended.reason, ended.message, attempts=ended.entry.attempts, died_ms=now_ms)
            self.ledger.bury(letter, minute, had_row=True)
        opened = self._open.get((row.lane, row.offset))
        if opened is None:
            await self._revival.settle(row, ended.reason, self.ledger, minute)
            return
        self.ledger.settle(opened, row.subscription, ended.reason, minute)
        if opened.outstanding == 0:
            del self._open[row.lane, row.offset]

    def _minute(self) -> int:
        return self._clock.now_ms() // 60_000

    async def _rest(self) -> None:
        """Wait for an answer, a new event, the next batch, the end of a hold or the next checkpoint."""
        now = self._clock.monotonic()
        until = self._checkpoint_at
        if self.hold.is_held:
            until = min(until, self.hold.until) if self._in_flight == 0 else until
        elif self._in_flight < self.destination.config.delivery.in_flight:
            until = min(until, self._batcher.next_due(now))
        seconds = max(0.001, until - now)
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        if self._may_read():
            waits.append(asyncio.ensure_future(self._reader.wait(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def origin(state: State, stream: Log, now_ms: int) -> dict[int, int]:
    """Where in each lane this destination began: the log's heads when it was first seen, kept for ever.

    Call it before the first event is accepted, so that a new destination misses none.
    """
    kept = await state.value("origins")
    if kept is None:
        kept = ",".join(map(str, await stream.heads())).encode()
        await state.commit(Checkpoint(values={"origins": kept}, now_ms=now_ms))
    return dict(enumerate(map(int, kept.decode().split(","))))
