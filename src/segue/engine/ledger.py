"""The book of one destination: which events are open, what became of the others, and whether it adds up.

The conservation law, true at every moment:

    read = delivered + filtered + suppressed + duplicate + dead + expired + skipped + waiting

read is taken from the positions in the log, everything else from what was written down about single
events, so the two sides can disagree, and `residual` says by how much. It must be 0.

    expired  removed by the log's retention before this destination came to it
    skipped  belongs to another source
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from segue.model.delivery import CountKey, DeadLetter, Receipt, Row, Uncertain
from segue.model.event import Record

RESULTS: Final = ("delivered", "filtered", "suppressed", "duplicate", "dead", "expired", "skipped")
"""What an event can end as at one destination; the row counts are kept beside them as rows_…."""


class OpenEvent(msgspec.Struct, eq=False, gc=False):
    """An event with rows still on the way.

    received_ms  when it came in, milliseconds since the epoch; order: its ingest order
    outstanding  rows not settled yet
    died         why one of them died, "" while none has
    arrived      whether the partner took one of them
    left_out     why one of them had nothing left to send, "" while none had
    letters      dead letters of subscriptions that failed before they had a row; written with the event,
                 so that a crash in between does not count them twice
    """

    lane: int
    offset: int
    received_ms: int
    outstanding: int
    order: int = 0
    letters: tuple[DeadLetter, ...] = ()
    died: str = ""
    arrived: bool = False
    left_out: str = ""


class Place(msgspec.Struct, frozen=True):
    """How far a lane has been settled: everything before next_offset, and these half-open ranges."""

    next_offset: int
    settled: tuple[tuple[int, int], ...] = ()


class Entries(msgspec.Struct, frozen=True):
    """What a checkpoint writes down."""

    places: Mapping[int, Place]
    receipts: list[Receipt]
    dead: list[DeadLetter]
    counts: Mapping[CountKey, int]
    doubts: list[Uncertain]


class Ledger:
    """Open events, counts and receipts of one destination.

    places   where each lane was left, from the last checkpoint
    origins  the offset each lane was at when this destination first saw it
    totals   events by (result, reason) up to the last checkpoint
    before   events in the totals that were read in lanes, or times, other than these
    """

    def __init__(
        self,
        source: str,
        places: Mapping[int, Place],
        origins: Mapping[int, int],
        totals: Mapping[tuple[str, str], int],
        before: int = 0,
    ) -> None:
        self._source = source
        self._read = {lane: place.next_offset for lane, place in places.items()}
        self._ahead = {lane: _Ranges(place.settled) for lane, place in places.items()}
        self._open: dict[int, dict[int, OpenEvent]] = {lane: {} for lane in places}
        self._origins = dict(origins)
        self._before = before
        self._totals: Counter[tuple[str, str]] = Counter(totals)
        self._counts: Counter[_Key] = Counter()
        self._receipts: list[Receipt] = []
        self._dead: list[DeadLetter] = []
        self._doubts: list[Uncertain] = []
        self.dirty = False

    def read_to(self, lane: int) -> int:
        """The next offset of a lane that was not read yet."""
        return self._read[lane]

    def advance(self, lane: int, offset: int, minute: int) -> int:
        """Go on to an offset; what lies between was removed by retention and counts as expired.

        Gives how many were expired.
        """
        missing = offset - self._read[lane]
        if missing <= 0:
            return 0
        ahead = self._ahead[lane]
        lost = sum(1 for each in range(self._read[lane], offset) if each not in ahead) if ahead else missing
        self._count(minute, "", "expired", "RETENTION", lost)
        self._read[lane] = offset
        return lost

    def take(self, lane: int, offset: int) -> bool:
        """Read one event; False when it was settled before the last stop and is not to be done again."""
        self._read[lane] = offset + 1
        self.dirty = True
        ahead = self._ahead[lane]
        return not (ahead and offset in ahead)

    def take_all(self, entries: Sequence[tuple[int, int, Record]]) -> Collection[tuple[int, int]]:
        """Read events, each (lane, offset, record), those of a lane in order; gives the places of those that
        were settled before the last stop and are not to be done again."""
        for lane, offset in {lane: offset for lane, offset, _ in entries}.items():  # the last of each lane
            self._read[lane] = offset + 1
        self.dirty = True
        if not any(self._ahead.values()):
            return ()
        return {(lane, offset) for lane, offset, _ in entries if offset in self._ahead[lane]}

    def close(self, result: str, reason: str, minute: int) -> None:
        """Settle an event that has no rows."""
        self._count(minute, "", result, reason, 1)

    def open(
        self,
        lane: int,
        offset: int,
        rows: int,
        letters: tuple[DeadLetter, ...] = (),
        *,
        received_ms: int = 0,
        order: int = 0,
    ) -> OpenEvent:
        """Keep an event open until its rows are settled."""
        died = letters[0].reason if letters else ""
        event = OpenEvent(lane, offset, received_ms, rows, order, letters, died)
        self.open_all((event,))
        return event

    def open_all(self, events: Iterable[OpenEvent]) -> None:
        """Keep events open, those of a lane in order, until their rows are settled."""
        opened = self._open
        for event in events:
            opened[event.lane][event.offset] = event

    def settle(
        self,
        event: OpenEvent,
        subscription: str,
        died: str,
        minute: int,
        *,
        left_out: str = "",
        is_counted: bool = False,
    ) -> None:
        """One row of an open event is done; the last one settles the event: dead when any row is, delivered
        when any row was, filtered when none of them had anything left to send.

        left_out    why the row had nothing left to send, "" when it was sent
        is_counted  the row itself was counted before a restart
        """
        if not is_counted:
            result = "rows_dead" if died else "rows_filtered" if left_out else "rows_delivered"
            self._count(minute, subscription, result, died or left_out, 1)
        event.outstanding -= 1
        if died:
            event.died = event.died or died
        elif left_out:
            event.left_out = event.left_out or left_out
        else:
            event.arrived = True
        if event.outstanding == 0:
            del self._open[event.lane][event.offset]
            for letter in event.letters:
                self.bury(letter, minute, had_row=False)
            is_filtered = not event.died and not event.arrived
            result = "dead" if event.died else "filtered" if is_filtered else "delivered"
            self._count(minute, "", result, event.died or (event.left_out if is_filtered else ""), 1)
        self.dirty = True

    def deliver(self, rows: Sequence[Row], minute: int) -> list[int]:
        """The partner took these rows, each of an open event: the same as settling them one by one. Gives the
        indexes of those whose events stay open."""
        opened, unfinished, done = self._open, [], 0
        for index, row in enumerate(rows):
            events = opened[row.lane]
            event = events[row.offset]
            if event.outstanding == 1 and not event.died:  # nearly always
                del events[row.offset]
                done += 1
                continue
            if event.outstanding > 1:
                unfinished.append(index)
            self.settle(event, row.subscription, "", minute, is_counted=True)
        self._count(minute, "", "delivered", "", done)
        subscriptions = [row.subscription for row in rows]
        for subscription in dict.fromkeys(subscriptions):
            self._count(minute, subscription, "rows_delivered", "", subscriptions.count(subscription))
        return unfinished

    def opened(self, lane: int, offset: int) -> OpenEvent:
        """An event whose rows are still on the way."""
        return self._open[lane][offset]

    def write(self, receipt: Receipt) -> None:
        self._receipts.append(receipt)

    def write_all(self, receipts: Iterable[Receipt]) -> None:
        self._receipts.extend(receipts)

    def doubt(self, doubt: Uncertain) -> None:
        """A row may or may not have arrived: count it, and keep which one it is."""
        self._doubts.append(doubt)
        self._count(doubt.noted_ms // 60_000, doubt.subscription, "rows_uncertain", doubt.policy, 1)

    def bury(self, letter: DeadLetter, minute: int, *, had_row: bool) -> None:
        """Keep a dead letter; count its row when it never had one in the batcher."""
        self._dead.append(letter)
        if not had_row:
            self._count(minute, letter.subscription, "rows_dead", letter.reason, 1)

    def count(self, minute: int, subscription: str, result: str, reason: str, n: int = 1) -> None:
        """Count something beside the life of an event."""
        self._count(minute, subscription, result, reason, n)

    def is_open(self, lane: int, offset: int) -> bool:
        """Whether rows of an event are still on the way."""
        return offset in self._open.get(lane, {})

    def entries(self) -> Entries:
        """What the next checkpoint writes; call `written` once it is durable."""
        return Entries(
            places={lane: self.place(lane) for lane in self._read},
            receipts=list(self._receipts),
            dead=list(self._dead),
            counts={CountKey(*key): n for key, n in self._counts.items()},
            doubts=list(self._doubts),
        )

    def written(self, entries: Entries) -> None:
        """The checkpoint with these entries is durable; what came after it stays for the next."""
        del self._receipts[: len(entries.receipts)]
        del self._dead[: len(entries.dead)]
        del self._doubts[: len(entries.doubts)]
        for key, n in entries.counts.items():
            self._counts[key] -= n
        self._counts = Counter({key: n for key, n in self._counts.items() if n})
        self.dirty = bool(self._receipts or self._dead or self._counts)

    def place(self, lane: int) -> Place:
        """How far a lane is settled now."""
        waiting = self._open[lane]
        read = self._read[lane]
        if not waiting:
            return Place(read, self._ahead[lane].after(read))
        offsets = sorted(waiting)
        gaps = zip((offset + 1 for offset in offsets), [*offsets[1:], read], strict=True)
        settled = tuple((start, end) for start, end in gaps if end > start)
        return Place(offsets[0], (*settled, *self._ahead[lane].after(read)))

    @property
    def waiting(self) -> int:
        return sum(map(len, self._open.values()))

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest open event came in; None when none is open."""
        oldest = [next(iter(events.values())).received_ms for events in self._open.values() if events]
        return min(oldest, default=None)

    def oldest_order(self, lane: int) -> int | None:
        """The ingest order of a lane's oldest open event; None when none is open."""
        events = self._open[lane]
        return next(iter(events.values())).order if events else None

    @property
    def read(self) -> int:
        """Events read since this destination exists; those settled ahead of the cursor count as read."""
        return self._before + sum(
            read - self._origins.get(lane, 0) + self._ahead[lane].count_after(read)
            for lane, read in self._read.items()
        )

    def totals(self) -> Mapping[tuple[str, str], int]:
        """Everything counted since this destination exists, by (result, reason)."""
        return self._totals

    def total(self, result: str) -> int:
        return sum(n for (name, _), n in self._totals.items() if name == result)

    @property
    def residual(self) -> int:
        """How far the law is from holding; anything but 0 is a defect of ours."""
        return self.read - self.waiting - sum(map(self.total, RESULTS))

    def _count(self, minute: int, subscription: str, result: str, reason: str, n: int) -> None:
        if not n:
            return
        self._counts[minute, self._source, subscription, result, reason] += n
        self._totals[result, reason] += n
        self.dirty = True


_Key = tuple[int, str, str, str, str]
"""A `CountKey` as the plain tuple it equals: twice an event, making the real one costs more than counting."""


class _Ranges:
    """Half-open ranges of offsets, ascending and apart."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._ranges = sorted(ranges)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __contains__(self, offset: int) -> bool:
        # Reading goes upward, so ranges that are behind are dropped and the answer is in the first one.
        while self._ranges and self._ranges[0][1] <= offset:
            self._ranges.pop(0)
        return bool(self._ranges) and self._ranges[0][0] <= offset

    def after(self, offset: int) -> tuple[tuple[int, int], ...]:
        return tuple((max(start, offset), end) for start, end in self._ranges if end > offset)

    def count_after(self, offset: int) -> int:
        return sum(end - start for start, end in self.after(offset))
