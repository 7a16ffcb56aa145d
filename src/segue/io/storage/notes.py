"""Notes: the few words some receipts carry, each wording told once a day.

A receipt's notes are a number in ``noted_<day>``, what the number says is in ``wording_<day>``; both are
dropped whole with the day's receipts. Receipts without notes take no space here.
"""

from collections.abc import Sequence
from typing import Final

from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session

NOTED: Final = """(
    place BIGINT NOT NULL, settled_ms BIGINT NOT NULL, label INTEGER NOT NULL, request BIGINT NOT NULL,
    position INTEGER NOT NULL, wording INTEGER NOT NULL,
    PRIMARY KEY (place, settled_ms, label, request, position)) WITHOUT ROWID"""

WORDING: Final = "(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"

REMEMBERED: Final = 20_000
"""Wordings kept in memory; past that they are looked up again."""

Key = tuple[int, int, int, int, int]
"""place, settled_ms, label, request, position: which receipt."""


class Notes:
    """All calls come from the database's thread."""

    def __init__(self, span_ms: int) -> None:
        self.noted = Buckets("noted", NOTED, span_ms)
        self.wordings = Buckets("wording", WORDING, span_ms)
        self._known: dict[tuple[int, str], int] = {}

    def write(self, session: Session, day: int, notes: Sequence[tuple[Key, tuple[str, ...]]]) -> None:
        """Add the notes of a day's receipts; the same receipt twice is one."""
        wordings = self.wordings.make(session, day)
        rows = [(*key, self._number(session, day, wordings, "\n".join(lines))) for key, lines in notes]
        session.insert(
            f"INSERT INTO {self.noted.make(session, day)}"
            "(place, settled_ms, label, request, position, wording) VALUES",
            sorted(rows),
            then="ON CONFLICT DO NOTHING",
        )

    def at(self, session: Session, day: int, key: Key) -> tuple[str, ...]:
        """The notes of one receipt, () when it has none."""
        if day not in self.noted.numbers(session):
            return ()
        query = f"""
            SELECT text FROM {self.noted.table(day)} JOIN {self.wordings.table(day)} AS wording
            ON wording.id = wording WHERE place = ? AND settled_ms = ? AND label = ? AND request = ?
            AND position = ?
        """  # noqa: S608 - names we made
        rows = session.execute(query, key)
        return tuple(rows[0][0].split("\n")) if rows else ()

    def prune(self, session: Session, day: int) -> None:
        """Drop the days before this one."""
        self.noted.drop_before(session, day)
        self.wordings.drop_before(session, day)
        self._known.clear()

    def recall(self) -> None:
        """A transaction was undone: trust only what is in the database."""
        self._known.clear()
        self.noted.recall()
        self.wordings.recall()

    def _number(self, session: Session, day: int, table: str, text: str) -> int:
        number = self._known.get((day, text))
        if number is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            session.execute(f"INSERT INTO {table}(text) VALUES (?) ON CONFLICT DO NOTHING", (text,))  # noqa: S608 - a name we made
            number = int(session.execute(f"SELECT id FROM {table} WHERE text = ?", (text,))[0][0])  # noqa: S608 - likewise
            self._known[day, text] = number
        return number
