"""Buckets: a family of equal tables, one per span of time, so that forgetting is dropping a table.

Small trees stay fast, and nothing is ever deleted row by row. All calls come from the database's thread.
"""

from typing import Final

from segue.io.storage.database import Session

HOUR_MS: Final = 3_600_000


class Buckets:
    """The tables ``<family>_<number>``; a table's number is its time divided by the span.

    columns  what follows CREATE TABLE <name>
    """

    def __init__(self, family: str, columns: str, span_ms: int) -> None:
        self.family = family
        self.span_ms = span_ms
        self._columns = columns
        self._numbers: list[int] | None = None

    def number(self, at_ms: int) -> int:
        return at_ms // self.span_ms

    def table(self, number: int) -> str:
        return f"{self.family}_{number}" if number >= 0 else f"{self.family}_m{-number}"

    def numbers(self, session: Session) -> list[int]:
        """The tables there are, oldest first."""
        if self._numbers is None:
            query = "SELECT number FROM bucket WHERE family = ? ORDER BY number"
            self._numbers = [number for (number,) in session.execute(query, (self.family,))]
        return self._numbers

    def make(self, session: Session, number: int) -> str:
        """Give the name of a table, making it when it is missing."""
        if number not in self.numbers(session):
            session.execute(f"CREATE TABLE {self.table(number)}{self._columns}")
            session.execute("INSERT INTO bucket(family, number) VALUES (?, ?)", (self.family, number))
            self._numbers = None
        return self.table(number)

    def drop_before(self, session: Session, number: int) -> None:
        """Forget every table older than this one."""
        for old in [found for found in self.numbers(session) if found < number]:
            session.execute(f"DROP TABLE {self.table(old)}")
            session.execute("DELETE FROM bucket WHERE family = ? AND number = ?", (self.family, old))
            self._numbers = None

    def recall(self) -> None:
        """Look again at what tables there are: a transaction was undone."""
        self._numbers = None
