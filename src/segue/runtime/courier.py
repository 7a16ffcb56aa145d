"""The courier: reads the log for one destination and delivers what it makes of it.

One loop: read events in the order they came in, route them, let the batcher say what leaves, send it,
write down what became of it, and keep position, receipts and state in one transaction a second.
All decisions are the engine's (`route`, `batch`, `aftermath`, `retry`, `ledger`); this file moves things.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from segue.engine.batch import Batcher
from segue.engine.delay import Waits, waits
from segue.engine.ledger import Ledger
from segue.engine.plan import BoundDestination
from segue.engine.retry import Hold
from segue.io.log.stream import Log
from segue.io.storage.journal import Journal
from segue.io.storage.state import Checkpoint, Cursor, State
from segue.model.delivery import Halt
from segue.model.errors import BrokenError, CorruptBlock, UnavailableError
from segue.runtime.accountant import Accountant
from segue.runtime.admission import Admission
from segue.runtime.barriers import Barriers
from segue.runtime.bidding import Bidding
from segue.runtime.bookkeeper import Bookkeeper
from segue.runtime.clock import Clock, first_of
from segue.runtime.dispatcher import Dispatcher, Meter, Sender
from segue.runtime.ending import Ending
from segue.runtime.eraser import Departure
from segue.runtime.memory import Memory
from segue.runtime.pacing import Account, Accounts
from segue.runtime.reader import Entry, open_ledger
from segue.runtime.room import Room
from segue.runtime.routing import Outline, route_fresh
from segue.runtime.standstill import Standstill
from segue.runtime.supply import Supply

CHECKPOINT_SECONDS: Final = 1.0
CHECKPOINT_EVENTS: Final = 20_000

LOOK_SECONDS: Final = 0.02
"""At the end of the log nobody looks again before: a look costs as much for one event as for twenty."""

log = structlog.get_logger("segue.courier")


class Courier:
    """One destination's delivery: `start`, then `run` until `stop`.

    journal    stem of the journal's files
    origins    where in each lane the destination began (`segue.io.storage.origins`)
    lanes      the lanes of the log this courier reads; None for all
    account    the partner's rate limits; None: nobody else sends to it
    room       memory for what waits, shared with the other couriers of the process; None: there are none
    checkpoint_seconds  how often what happened is written down
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
        origins: Mapping[int, int],
        journal: Path,
        lanes: Sequence[int] | None = None,
        account: Account | None = None,
        room: Room | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.destination = destination
        self._origins = dict(origins)
        self._journal_stem = journal
        self._stream = stream
        self._state = state
        self._clock = clock
        self._meter = meter
        self.lanes = tuple(range(stream.lanes)) if lanes is None else tuple(lanes)
        self._supply = Supply(stream, self.lanes, state)
        self._batcher = Batcher()
        room = room or Room()
        self._share = room.share(self._batcher)
        self.memory = Memory(destination, state, meter, room.people)
        self.barriers = Barriers(destination.id, stream, self.lanes, journal, self._batcher)
        self.accountant = Accountant(destination, state, clock, meter)
        self.memory.spending = self.accountant.spent
        self._bidding = Bidding(destination.id, stream, state, self.lanes, self.memory)
        account = account or Accounts(clock).of(destination)
        self.dispatcher = Dispatcher(
            self._batcher, sender, clock, meter, self.memory, self.accountant, account, self._bidding.brake
        )
        self._books: Bookkeeper | None = None
        self._admission: Admission
        self._ending = Ending(clock)
        self._standstill = Standstill(destination.id, clock)
        self._since_checkpoint = 0
        self._look_at = 0.0  # when the log's end is looked at again
        self._checkpoint_at = 0.0
        self._checkpoint_seconds = checkpoint_seconds
        self._halt: Halt | None = None  # as written down

    @property
    def id(self) -> str:
        return self.destination.id

    @property
    def books(self) -> Bookkeeper:
        """What is written down; there from `start` on."""
        if self._books is None:
            raise BrokenError(f'the courier of "{self.id}" has not been started')
        return self._books

    @property
    def ledger(self) -> Ledger:
        """The destination's book; there from `start` on."""
        return self.books.ledger

    @property
    def hold(self) -> Hold:
        """Whether the destination waits for its partner, and why."""
        return self.dispatcher.hold

    @property
    def is_paused(self) -> bool:
        """True while its state or the log cannot be used."""
        return self._standstill.is_on

    @property
    def halt(self) -> Halt | None:
        """The same as told to whoever asks; None while it sends, or waits for a rate limit."""
        return self.dispatcher.halt or self.accountant.halt

    def waits(self, lane: int, offset: int) -> Waits:
        """Why an event that is not settled waits."""
        now, namesakes = self._clock.monotonic(), self.memory.namesakes
        return waits(self._batcher, self.ledger, namesakes, lane, offset, now, self.halt)

    @property
    def retries(self) -> int:
        """Rows that had to leave again, in this run."""
        return self.dispatcher.retries

    @property
    def waiting_rows(self) -> int:
        """Rows between mapping and settlement."""
        return self._batcher.rows

    @property
    def waiting_bytes(self) -> int:
        """Memory of the same, and of events fetched ahead; about."""
        return self._share.used + self._supply.bytes

    def replace(self, destination: BoundDestination) -> None:
        """Go on with a new revision of the destination; rows already made travel as they are."""
        self.destination = destination
        self.memory.replace(destination)

    def lag(self, heads: Sequence[int]) -> int:
        """Events in the log, up to these heads, that were not read yet."""
        return sum(heads[lane] - self.ledger.read_to(lane) for lane in self.lanes)

    async def start(self) -> None:
        """Load where the last run stopped."""
        origins = {lane: self._origins[lane] for lane in self.lanes}
        ledger = await open_ledger(self.destination.config.source, origins, self._state)
        generation = int(await self._state.value("journal") or b"0")
        journal, found = await asyncio.to_thread(Journal.open, self._journal_stem, generation)
        if found.settled or found.uncertain:
            log.warning(
                "resumed", destination=self.id, settled=len(found.settled), count=len(found.uncertain)
            )
        await self.memory.start(found)
        await self.accountant.start()
        await self._bidding.start(self.destination)
        self._books = Bookkeeper(
            ledger, journal, found, self._bidding, self._batcher, self.memory, self.accountant
        )
        self._admission = Admission(self._books, self._batcher, self.memory, self.barriers, self._bidding)
        self.dispatcher.books = self._books
        self.dispatcher.requests = max(int(await self._state.value("requests") or b"0"), found.requests)
        self._halt = await self._state.halt()
        self._checkpoint_at = self._clock.monotonic() + self._checkpoint_seconds
        self._admit(self._bidding.ready())

    def stop(self) -> None:
        """Ask the loop to finish: what waits is sent at once, unless something holds it or it takes long.

        What was acknowledged and not read yet is read first, as far as a moment allows: who sends an event
        and stops finds it delivered, and a backlog waits for the next start.
        """
        self._ending.ask()
        self._batcher.hurry()
        self.dispatcher.wake.set()

    async def run(self, *, until_head: bool = False) -> None:
        """Deliver until stopped, or until everything there was has been read and settled.

        While the state or the log cannot be used, the courier pauses with everything it knows in memory
        and tries again; only the last checkpoint of a stop may raise StorageUnavailable.
        """
        self._ending.is_draining = until_head
        if self._books is None:
            await self.start()
        async with asyncio.TaskGroup() as requests:
            while not self._is_finished():
                self.dispatcher.wake.clear()
                moved, was_on = False, self.is_paused
                try:
                    moved = await self._step(requests)
                except UnavailableError as error:
                    self._standstill.begin(str(error))
                else:
                    self._standstill.is_over(was_on=was_on)
                if not moved and until_head and self._may_read() and not self.is_paused:
                    self.stop()
                elif not moved and not self._is_finished():  # the last look of a stop is the end
                    await self._rest()
        await self.checkpoint()
        await self.barriers.close()

    async def _step(self, requests: asyncio.TaskGroup) -> bool:
        """Do a little of everything; True when there may be more to read right away."""
        moved = False
        if (trouble := self.dispatcher.trouble) is not None:
            self.dispatcher.trouble = None
            raise trouble
        if not self.is_paused and self._ending.sends:
            moved = await self._read()
            self.dispatcher.dispatch(self.destination, requests)
            has_room = self.dispatcher.has_room(self.destination)
            if has_room and not moved and self._share.is_full(is_held=False):
                self._batcher.hurry()  # nothing else makes room
                self.dispatcher.dispatch(self.destination, requests)
        if self._is_checkpoint_due():
            await self.checkpoint()
            self._standstill.is_on = False
        return moved

    async def checkpoint(self) -> None:
        """Keep positions, receipts, dead letters, counts and dedupe ids in one transaction."""
        started = self._clock.monotonic()
        self._checkpoint_at = started + self._checkpoint_seconds
        self._since_checkpoint = 0
        self._admit(await self._bidding.take(self.destination, self.ledger, self._clock.now_ms()))
        await self.barriers.look(started)
        await self.memory.catch_up()
        halt = self.halt or self.dispatcher.limit
        is_moved = self.ledger.dirty or self._bidding.is_dirty or self.memory.is_dirty
        if not is_moved and halt == self._halt:
            return
        turn = self.books.turn()
        entries = self.ledger.entries()
        asked = self._bidding.entries()
        profiles, stamps, epoch = self.memory.changed()
        costs = self.accountant.entries()
        checkpoint = Checkpoint(
            cursors={
                lane: Cursor(next_offset=place.next_offset, settled=place.settled)
                for lane, place in entries.places.items()
            },
            receipts=entries.receipts,
            dead=entries.dead,
            uncertain=entries.doubts,
            revived=asked.revived,
            done_commands=asked.done_commands,
            commands=asked.commands,
            counts=entries.counts,
            profiles=profiles,
            stamps=stamps,
            costs=costs,
            repeats=self.memory.debouncer.changed(),
            values={
                "requests": b"%d" % self.dispatcher.requests,
                "journal": b"%d" % turn.generation,
                "halt": msgspec.json.encode(halt) if halt is not None else b"",
                **epoch,
                **self.barriers.frontier(self.ledger),
                **asked.values,
            },
            now_ms=self._clock.now_ms(),
        )
        try:
            await asyncio.to_thread(turn.sync)
            await self._state.commit(checkpoint)
        except UnavailableError:
            self.books.journal.turned(turn, committed=False)
            self.memory.written(ok=False)
            raise
        # Cancelled in between, nobody knows whether it was committed: then both files stay, and the next
        # start takes the one the state names.
        self.books.journal.turned(turn)
        self._halt = halt
        self.ledger.written(entries)
        self.memory.written()
        self.accountant.written(costs)
        if self.ledger.residual:
            log.error("conservation_broken", destination=self.id, count=self.ledger.residual)
        self._bidding.written(asked)
        self._meter.checkpoint(self.id, self._clock.monotonic() - started)

    def _is_finished(self) -> bool:
        if not self._ending.is_asked or self.dispatcher.in_flight:
            return False
        now = self._clock.monotonic()
        is_kept = self.dispatcher.halt is not None or self.is_paused or bool(self.barriers)
        is_capped = self.accountant.halt is not None and self._batcher.next_due(now) > now
        is_shut = not self._ending.is_draining and self.dispatcher.is_shut()
        is_through = self._batcher.rows == 0 and not self._may_read()
        return is_through or is_kept or is_capped or is_shut or not self._ending.sends

    def _is_checkpoint_due(self) -> bool:
        return self._since_checkpoint >= CHECKPOINT_EVENTS or self._clock.monotonic() >= self._checkpoint_at

    def _may_read(self) -> bool:
        """Whether there is memory for more; so it does not grow with the backlog."""
        return self._ending.reads and not self._share.is_full(is_held=self.dispatcher.is_held)

    async def _read(self) -> bool:
        """Route the next events; True when there may be more right away."""
        if not self._may_read():
            if self._ending.is_asked:
                self._batcher.hurry()
            return False
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        is_last = self._ending.is_asked  # one look that begins after the stop finds all there was
        if now < self._look_at and not (self._supply.has_more or self._ending.is_draining or is_last):
            return False
        minute = now_ms // 60_000
        source = self.destination.config.source
        try:
            entries, fresh = await self._supply.bite(self.ledger, source, minute, self._share.fetch_bytes)
        except CorruptBlock as error:
            self._supply.skip(error.lane, self.books.skip_corrupt(self.id, error, minute))
            return True
        if not entries:
            self._bidding.eraser.read_to(now_ms * 1_000_000)
        else:
            await self._take(entries, fresh)
            self._supply.eaten(entries)
            await asyncio.sleep(0)
            if self._supply.has_more or self._ending.is_draining:
                return True
        self._look_at = now + LOOK_SECONDS
        if is_last:
            self._ending.has_read()
            self._batcher.hurry()
        return False

    async def _take(self, entries: Sequence[Entry], fresh: Sequence[bool]) -> None:
        """Route what is fresh, and take it in."""
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        routed: Sequence[Outline | None] = route_fresh(self.destination, entries, fresh, now_ms)
        routed = await self.memory.debouncer.sift(entries, routed)
        if self.memory.screens:
            await self.memory.load(row for each in routed if each is not None for row, _ in each.routed.rows)
        self._admission.take(self.destination, entries, routed, now, now_ms)
        self._bidding.eraser.read_to(entries[-1][2].order)
        self._since_checkpoint += len(entries)

    def _admit(self, departures: Sequence[Departure]) -> None:
        """Give the batcher rows that somebody asked for."""
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        try:
            self._admission.admit(self.destination, departures, now, now_ms)
        except UnavailableError:
            self._bidding.keep(departures)
            raise

    async def _rest(self) -> None:
        """Wait for an answer, a new event, the next batch, the end of a hold or the next checkpoint."""
        now = self._clock.monotonic()
        until = self._checkpoint_at
        # Paused, whatever waits or is due would wake it at once.
        if not self.is_paused:
            until = min(until, self.dispatcher.next_due(self.destination, now))
        seconds = max(0.001, until - now)
        woken = self.dispatcher.wake.wait()
        waits: list[Coroutine[object, object, object]] = [woken, self._clock.sleep(seconds)]
        if self._may_read() and not self.is_paused:
            waits.append(self._news(seconds))
        await first_of(waits)

    async def _news(self, seconds: float) -> None:
        """Return when the log may hold new events and may be looked at, or after `seconds` and a little."""
        if (pause := self._look_at - self._clock.monotonic()) > 0:
            await self._clock.sleep(pause)
        await self._supply.wait(seconds)
