"""Profiles: what was last acknowledged about each person, as the engine wrote it (`segue.engine.profile`).

A person is found by 64 bits of the xxh3 digest of their key, so neighbours in a checkpoint are written in
the order of the tree. Should two people share them, the one written last is known and the other is new
again. All calls come from the database's thread; nothing is written but in a checkpoint.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import xxhash

from segue.io.storage.database import Session

DAY_MS: Final = 86_400_000

PEOPLE_AT_ONCE: Final = 256

FIRST: Final = -(1 << 63)
"""The lowest id there can be."""


def load(session: Session, people: Sequence[str]) -> dict[str, bytes]:
    """Person -> body, of those there are."""
    by_id = {_id(person): person for person in people}
    ids = sorted(by_id)
    found: dict[str, bytes] = {}
    for start in range(0, len(ids), PEOPLE_AT_ONCE):
        piece = ids[start : start + PEOPLE_AT_ONCE]
        size = 8 if len(piece) <= 8 else PEOPLE_AT_ONCE
        piece += piece[-1:] * (size - len(piece))  # two lengths, two prepared statements
        found.update(session.execute(_LOOKUPS[size], piece))
    wanted = set(people)
    return {person: bytes(body) for person, body in found.items() if person in wanted}


def write(session: Session, bodies: Mapping[str, bytes], now_ms: int) -> None:
    """Replace what is known of these people; b"" forgets one."""
    day = now_ms // DAY_MS
    rows = sorted((_id(person), person, day, body) for person, body in bodies.items() if body)
    session.insert(
        "INSERT INTO profile(id, person, touched_day, body) VALUES",
        list({row[0]: row for row in rows}.values()),
        then="""ON CONFLICT(id) DO UPDATE SET
            person = excluded.person, touched_day = excluded.touched_day, body = excluded.body""",
    )
    for person, body in bodies.items():
        if not body:
            session.execute("DELETE FROM profile WHERE id = ? AND person = ?", (_id(person), person))


def walk(session: Session, from_id: int = FIRST, limit: int = 1_000) -> list[tuple[int, str, bytes]]:
    """(id, person, body) of everybody from an id on, by id; ask again from the last one plus 1."""
    query = "SELECT id, person, body FROM profile WHERE id >= ? ORDER BY id LIMIT ?"
    rows = session.execute(query, (from_id, limit))
    return [(number, person, bytes(body)) for number, person, body in rows]


def count(session: Session) -> int:
    """How many people are known."""
    return int(session.execute("SELECT COUNT(*) FROM profile")[0][0])


def _id(person: str) -> int:
    return xxhash.xxh3_64_intdigest(person.encode("utf-8", "surrogatepass")) + FIRST


_LOOKUPS: Final = {
    size: f"SELECT person, body FROM profile WHERE id IN ({', '.join('?' * size)})"  # noqa: S608 - marks only
    for size in (8, PEOPLE_AT_ONCE)
}
