"""The contract of a database: run SQL in the subset SQLite and Postgres share, reading or all-or-nothing.

Placeholders are ``?``. Work is a plain function that gets a session; it runs in the database's own thread,
one piece after the other, so a caller's work is never interleaved with another's.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Cell = int | float | str | bytes | None


class Session(Protocol):
    """A connection for the length of one piece of work. Blocks."""

    def execute(self, statement: str, cells: Sequence[Cell] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give all its rows."""
        ...

    def insert(self, statement: str, rows: Sequence[Sequence[Cell]], *, then: str = "") -> None:
        """Add rows, many to a call of the database.

        statement  up to and with the word VALUES; then: what follows the rows, for instance
                   ``ON CONFLICT DO NOTHING``
        """
        ...


class Database(Protocol):
    """One store. Every call may raise StorageUnavailable; none blocks the event loop."""

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run work that only reads: all it sees is of one moment."""
        ...

    async def transact(self, work: Callable[[Session], T]) -> T:
        """Run work in one transaction: durable when this returns, undone when it raises."""
        ...

    async def close(self) -> None:
        """Finish the work under way. May be called twice."""
        ...
