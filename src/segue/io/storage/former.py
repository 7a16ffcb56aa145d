"""Former receipts: a row each, as versions up to format 6 of the state wrote them. They are read until they
are older than the retention; new ones are written by `segue.io.storage.receipts`.

In ``receipt_<day>`` the column "position" holds the index in a request, below, and which part of the event it
was, above. The notes of one were in ``noted_<day>``, a number of a wording in ``wording_<day>``.
"""

from collections.abc import Sequence
from typing import Final

from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session
from segue.io.storage.label import request_name
from segue.io.storage.seen import position
from segue.model.delivery import Receipt

_PART_BITS: Final = 16
_POSITION: Final = (1 << _PART_BITS) - 1

_COLUMNS: Final = "subscription, action, result, reason, status, request, position, attempts, settled_ms"


class Former:
    """All calls come from the database's thread."""

    def __init__(self, span_ms: int) -> None:
        self._days = Buckets("receipt", "", span_ms)
        self._noted = Buckets("noted", "", span_ms)

    def at(self, session: Session, places: Sequence[int], message_id: str) -> list[Receipt]:
        """The receipts of an event, given where it was met."""
        found = []
        for day in self._days.numbers(session):
            query = f"""SELECT label, {_COLUMNS} FROM {self._days.table(day)} JOIN label ON label.id = label
                WHERE place = ?"""  # noqa: S608 - names we made
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
                            request=request_name(session, request),
                            position=index & _POSITION,
                            part=index >> _PART_BITS,
                            attempts=attempts,
                            settled_ms=settled_ms,
                            notes=self._notes(session, day, (here, settled_ms, label, request, index)),
                        )
                    )
        return found

    def prune(self, session: Session, day: int) -> None:
        """Drop the days before this one."""
        self._days.drop_before(session, day)
        self._noted.drop_before(session, day)

    def recall(self) -> None:
        """A transaction was undone: trust only what is in the database."""
        self._days.recall()
        self._noted.recall()

    def _notes(self, session: Session, day: int, key: tuple[int, int, int, int, int]) -> tuple[str, ...]:
        if day not in self._noted.numbers(session):
            return ()
        query = f"""
            SELECT text FROM {self._noted.table(day)} JOIN wording_{day} AS wording
            ON wording.id = wording WHERE place = ? AND settled_ms = ? AND label = ? AND request = ?
            AND position = ?
        """  # noqa: S608 - names we made
        rows = session.execute(query, key)
        return tuple(rows[0][0].split("\n")) if rows else ()
