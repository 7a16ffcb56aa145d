"""Notes: the few words some receipts carry, each wording told once a day in ``wording_<day>``.

A receipt keeps a wording's number; the day's wordings are dropped whole with its receipts.
"""

from typing import Final

from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session

WORDING: Final = "(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"

REMEMBERED: Final = 20_000
"""Wordings kept in memory; past that they are looked up again."""


class Notes:
    """All calls come from the database's thread."""

    def __init__(self, span_ms: int) -> None:
        self._wordings = Buckets("wording", WORDING, span_ms)
        self._known: dict[tuple[int, str], int] = {}

    def number(self, session: Session, day: int, notes: tuple[str, ...]) -> int:
        """The number of what some receipt of a day notes; new wordings are added."""
        text = "\n".join(notes)
        number = self._known.get((day, text))
        if number is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            table = self._wordings.make(session, day)
            session.execute(f"INSERT INTO {table}(text) VALUES (?) ON CONFLICT DO NOTHING", (text,))  # noqa: S608 - a name we made
            number = int(session.execute(f"SELECT id FROM {table} WHERE text = ?", (text,))[0][0])  # noqa: S608 - likewise
            self._known[day, text] = number
        return number

    def told(self, session: Session, day: int, number: int) -> tuple[str, ...]:
        """The notes with this number; () for 0."""
        if not number:
            return ()
        query = f"SELECT text FROM {self._wordings.table(day)} WHERE id = ?"  # noqa: S608 - a name we made
        return tuple(session.execute(query, (number,))[0][0].split("\n"))

    def prune(self, session: Session, day: int) -> None:
        """Drop the days before this one."""
        self._wordings.drop_before(session, day)
        self._known.clear()

    def recall(self) -> None:
        """A transaction was undone: trust only what is in the database."""
        self._known.clear()
        self._wordings.recall()
