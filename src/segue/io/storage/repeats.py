"""Repeats: what the last identify of a person said, as the engine wrote it (`segue.engine.debounce`).

All calls come from the database's thread; nothing is written but in a checkpoint.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from segue.io.storage.database import Session

PEOPLE_AT_ONCE: Final = 128

_MARKS: Final = ", ".join("?" * PEOPLE_AT_ONCE)
_LOOKUP: Final = f"SELECT person, body FROM repeat WHERE person IN ({_MARKS})"  # noqa: S608 - marks only


def load(session: Session, people: Sequence[str]) -> dict[str, bytes]:
    """Person -> body, of those there are."""
    found: dict[str, bytes] = {}
    for start in range(0, len(people), PEOPLE_AT_ONCE):
        piece = list(people[start : start + PEOPLE_AT_ONCE])
        piece += piece[-1:] * (PEOPLE_AT_ONCE - len(piece))  # one length, one prepared statement
        found.update({person: bytes(body) for person, body in session.execute(_LOOKUP, piece)})
    return found


def write(session: Session, bodies: Mapping[str, bytes], now_ms: int) -> None:
    """Replace what these people said last; b"" forgets it."""
    gone = [(person,) for person, body in bodies.items() if not body]
    for cells in gone:
        session.execute("DELETE FROM repeat WHERE person = ?", cells)
    session.insert(
        "INSERT INTO repeat(person, touched_ms, body) VALUES",
        [(person, now_ms, body) for person, body in bodies.items() if body],
        then="ON CONFLICT(person) DO UPDATE SET touched_ms = excluded.touched_ms, body = excluded.body",
    )


def prune(session: Session, before_ms: int) -> None:
    """Forget people who said nothing since; their next identify passes."""
    session.execute("DELETE FROM repeat WHERE touched_ms < ?", (before_ms,))
