"""Receipts: what became of every event at one destination, in some twenty bytes each.

Receipts of a day share a table. What many have in common (subscription, action, result, reason, status) is
told once in ``label``, the words of a day's notes once in ``wording_<day>``. Those of neighbours in a lane,
a *cell* of 32 offsets, that were settled between two checkpoints are one row: few rows are written, all of
them near the end of the tree, and the receipts of an event are in the few rows of its cell. The way from a
messageId to a place is kept by `segue.io.storage.seen`, what earlier versions wrote is read by
`segue.io.storage.former`.
"""

from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from segue.io.storage import former
from segue.io.storage.buckets import HOUR_MS, Buckets
from segue.io.storage.database import Session
from segue.io.storage.label import Labels, request_name, request_number
from segue.io.storage.notes import Notes
from segue.io.storage.seen import LANES_MOST, position
from segue.model.delivery import Receipt

DAY_MS: Final = 24 * HOUR_MS

COLUMNS: Final = "(cell BIGINT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (cell, body)) WITHOUT ROWID"
"""The body is part of the key: the same receipts written twice are one row, in whatever order rows come."""

CELL: Final = 32
"""Offsets of a lane to a cell; so a row of a full one stays on its page of the file."""

Shared = tuple[int, int, int, int]
"""label, milliseconds after the oldest of the row, request, wording: made once for all of a request."""

Entry = tuple[int, int, int, int, Shared]
"""offset in the cell, position in the request, part, attempts, and the rest."""

Alike = tuple[Any, ...]
"""subscription, action, result, reason, status, request, settled_ms, notes."""


class Receipts:
    """All calls come from the database's thread."""

    def __init__(self) -> None:
        self.days = Buckets("settled", COLUMNS, DAY_MS)
        self.former = former.Former(DAY_MS)
        self._notes = Notes(DAY_MS)
        self._labels = Labels()

    def write(self, session: Session, receipts: Sequence[Receipt]) -> None:
        """Add receipts; the same receipt twice is one."""
        times = {receipt.settled_ms for receipt in receipts}
        days = sorted(set(map(self.days.number, times)))
        for day in days:
            share = receipts
            if len(days) > 1:
                share = [each for each in receipts if self.days.number(each.settled_ms) == day]
            self._write(session, day, share, min(each.settled_ms for each in share))

    def at(self, session: Session, places: Sequence[int], message_id: str) -> list[Receipt]:
        """The receipts of an event, given where it was met, in the order they were settled."""
        found = self.former.at(session, places, message_id)
        for day in self.days.numbers(session):
            query = f"SELECT body FROM {self.days.table(day)} WHERE cell = ?"  # noqa: S608 - a name we made
            for lane, offset in map(position, places):
                for (body,) in session.execute(query, (_cell(lane, offset),)):
                    oldest_ms, entries = _decode(body)
                    found += [
                        self._receipt(session, day, (lane, offset, message_id), oldest_ms, entry)
                        for entry in entries
                        if entry[0] == offset % CELL
                    ]
        return sorted(dict.fromkeys(found), key=lambda receipt: receipt.settled_ms)

    def prune(self, session: Session, oldest_ms: int) -> None:
        """Drop the days that ended before this time."""
        oldest = self.days.number(oldest_ms)
        self.days.drop_before(session, oldest)
        self.former.prune(session, oldest)
        self._notes.prune(session, oldest)

    def recall(self) -> None:
        """A transaction was undone: trust only what is in the database."""
        self._labels.recall()
        self.days.recall()
        self.former.recall()
        self._notes.recall()

    def _write(self, session: Session, day: int, receipts: Sequence[Receipt], oldest_ms: int) -> None:
        told: dict[Alike, Shared] = {}
        last, shared = None, (0, 0, 0, 0)
        cells: defaultdict[int, list[Entry]] = defaultdict(list)
        for receipt in receipts:
            alike, offset = _alike(receipt), receipt.offset
            if alike != last:  # those of a request come one after the other
                last = alike
                shared = told.get(alike) or self._shared(session, day, alike, oldest_ms)
                told[alike] = shared
            cells[offset // CELL * LANES_MOST + receipt.lane].append(
                (offset % CELL, receipt.position, receipt.part, receipt.attempts, shared)
            )
        session.insert(
            f"INSERT INTO {self.days.make(session, day)}(cell, body) VALUES",
            # Neighbours in the tree are written together.
            [(cell, _encode((oldest_ms, entries))) for cell, entries in sorted(cells.items())],
            then="ON CONFLICT DO NOTHING",
        )

    def _shared(self, session: Session, day: int, alike: Alike, oldest_ms: int) -> Shared:
        *label, request, settled_ms, notes = alike
        subscription, action, result, reason, status = label
        return (
            self._labels.number(session, (subscription, action, result, reason, status)),
            settled_ms - oldest_ms,
            request_number(session, request),
            self._notes.number(session, day, notes) if notes else 0,
        )

    def _receipt(
        self, session: Session, day: int, event: tuple[int, int, str], oldest_ms: int, entry: Entry
    ) -> Receipt:
        lane, offset, message_id = event
        _, index, part, attempts, (label, after_ms, request, wording) = entry
        subscription, action, result, reason, status = self._labels.told(session, label)
        return Receipt(
            lane=lane,
            offset=offset,
            message_id=message_id,
            subscription=subscription,
            action=action,
            result=result,
            reason=reason,
            status=status,
            request=request_name(session, request),
            position=index,
            part=part,
            attempts=attempts,
            settled_ms=oldest_ms + after_ms,
            notes=self._notes.told(session, day, wording),
        )


def _cell(lane: int, offset: int) -> int:
    return offset // CELL * LANES_MOST + lane


_alike = attrgetter("subscription", "action", "result", "reason", "status", "request", "settled_ms", "notes")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, list[Entry]]).decode
