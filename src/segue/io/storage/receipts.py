"""Receipts: what became of every event at one destination, in about thirty bytes each.

Receipts of a day share a table. What many have in common (subscription, action, result, reason, status) is
told once in ``label``; a receipt is its place in the log and a few numbers. The way from a messageId to a
place is kept by `segue.io.storage.seen`, what few receipts have to say beside by `segue.io.storage.notes`.
"""

from collections.abc import Sequence
from typing import Final

from segue.io.storage.buckets import HOUR_MS, Buckets
from segue.io.storage.database import Cell, Session
from segue.io.storage.notes import Key, Notes
from segue.io.storage.seen import place, position
from segue.model.delivery import Receipt

DAY_MS: Final = 24 * HOUR_MS

COLUMNS: Final = """(
    place BIGINT NOT NULL, settled_ms BIGINT NOT NULL, label INTEGER NOT NULL, request BIGINT NOT NULL,
    position INTEGER NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (place, settled_ms, label, request, position)) WITHOUT ROWID"""

LARGEST: Final = 1 << 62

_PART_BITS: Final = 16
_POSITION: Final = (1 << _PART_BITS) - 1
"""The column "position" holds the index in a request, below, and which part of the event it was, above."""

Label = tuple[str, str, str, str, int]
"""subscription, action, result, reason, status."""


class Receipts:
    """All calls come from the database's thread."""

    def __init__(self) -> None:
        self.days = Buckets("receipt", COLUMNS, DAY_MS)
        self.notes = Notes(DAY_MS)
        self._labels: dict[Label, int] | None = None

    def write(self, session: Session, receipts: Sequence[Receipt]) -> None:
        """Add receipts; the same receipt twice is one."""
        labels = self._known_labels(session)
        shares: dict[int, list[tuple[Cell, ...]]] = {}
        noted: dict[int, list[tuple[Key, tuple[str, ...]]]] = {}
        for receipt in receipts:
            label = (
                receipt.subscription,
                receipt.action,
                receipt.result,
                receipt.reason,
                receipt.status,
            )
            row = (
                place(receipt.lane, receipt.offset),
                receipt.settled_ms,
                labels.get(label) or self._add_label(session, label),
                _request_number(session, receipt.request),
                receipt.part << _PART_BITS | receipt.position,
                receipt.attempts,
            )
            day = self.days.number(receipt.settled_ms)
            shares.setdefault(day, []).append(row)
            if receipt.notes:
                noted.setdefault(day, []).append((row[:5], receipt.notes))
        for day, rows in shares.items():
            rows.sort()  # neighbours in the tree are written together
            session.insert(
                f"INSERT INTO {self.days.make(session, day)}"
                "(place, settled_ms, label, request, position, attempts) VALUES",
                rows,
                then="ON CONFLICT DO NOTHING",
            )
        for day, notes in noted.items():
            self.notes.write(session, day, notes)

    def at(self, session: Session, places: Sequence[int], message_id: str) -> list[Receipt]:
        """The receipts of an event, given where it was met, in the order they were settled."""
        found = []
        for number in self.days.numbers(session):
            query = f"""
                SELECT label, subscription, action, result, reason, status, request, position, attempts,
                settled_ms FROM {self.days.table(number)} JOIN label ON label.id = label WHERE place = ?
            """  # noqa: S608 - a name we made
            for here in places:
                lane, offset = position(here)
                for row in session.execute(query, (here,)):
                    label, subscription, action, result, reason, status, request, index, *when = row
                    attempts, settled_ms = when
                    found.append(
                        Receipt(
                            lane=lane,
                            offset=offset,
                            message_id=message_id,
                            subscription=subscription,
                            action=action,
                            result=result,
                            reason=reason,
                            status=status,
                            request=_request_name(session, request),
                            position=index & _POSITION,
                            part=index >> _PART_BITS,
                            attempts=attempts,
                            settled_ms=settled_ms,
                            notes=self.notes.at(session, number, (here, settled_ms, label, request, index)),
                        )
                    )
        return sorted(found, key=lambda receipt: receipt.settled_ms)

    def prune(self, session: Session, oldest_ms: int) -> None:
        """Drop the days that ended before this time."""
        self.days.drop_before(session, self.days.number(oldest_ms))
        self.notes.prune(session, self.days.number(oldest_ms))

    def recall(self) -> None:
        """A transaction was undone: trust only what is in the database."""
        self._labels = None
        self.days.recall()
        self.notes.recall()

    def _known_labels(self, session: Session) -> dict[Label, int]:
        if self._labels is None:
            rows = session.execute("SELECT id, subscription, action, result, reason, status FROM label")
            self._labels = {(*texts, status): number for number, *texts, status in rows}
        return self._labels

    def _add_label(self, session: Session, label: Label) -> int:
        labels = self._known_labels(session)
        number = max(labels.values(), default=0) + 1
        session.execute(
            "INSERT INTO label(id, subscription, action, result, reason, status) VALUES (?, ?, ?, ?, ?, ?)",
            (number, *label),
        )
        labels[label] = number
        return number


def _request_number(session: Session, request: str) -> int:
    """A request id as a number: itself when it is one, 0 for none, else a name's number, negative."""
    if not request:
        return 0
    if request.isdecimal() and request[0] != "0" and (number := int(request)) < LARGEST:
        return number
    session.execute("INSERT INTO request(name) VALUES (?) ON CONFLICT DO NOTHING", (request,))
    return -int(session.execute("SELECT id FROM request WHERE name = ?", (request,))[0][0])


def _request_name(session: Session, number: int) -> str:
    if number >= 0:
        return str(number or "")
    return str(session.execute("SELECT name FROM request WHERE id = ?", (-number,))[0][0])
