"""Profiles: what was last acknowledged about each person, as the engine wrote it (`segue.engine.profile`).

A person is found by 64 bits of the xxh3 digest of their key, so neighbours in a checkpoint are written in
the order of the tree. Should two people share them, the one written last is known and the other is new
again. All calls come from the database's thread; nothing is written but in a checkpoint.

Of most people only a few bytes change: their *stamp*, which stands before the body. A body takes a good part
of a page of the file, and hundreds of stamps share one, so they have a table of their own. A stamp ends with
32 more bits of the person's digest, and goes when a body is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import xxhash

from segue.io.storage.database import Session

DAY_MS: Final = 86_400_000

PEOPLE_AT_ONCE: Final = (256, 80, 8)
"""People to a statement: few lengths, few prepared statements. A request of one action names at most 75."""

FIRST: Final = -(1 << 63)
"""The lowest id there can be."""


def load(session: Session, people: Sequence[str]) -> dict[str, bytes]:
    """Person -> body, of those there are, their stamp before it."""
    ids = sorted({_id(person) for person in people})
    found: list[tuple[str, bytes, bytes | None]] = []
    for piece in _pieces(ids):
        found += session.execute(_LOOKUPS[len(piece)], piece)
    wanted = set(people)
    return {
        person: body if stamp is None else _stamp_of(person, stamp) + body
        for person, body, stamp in found
        if person in wanted
    }


def write(
    session: Session, bodies: Mapping[str, bytes], now_ms: int, stamps: Mapping[str, bytes] | None = None
) -> None:
    """Replace what is known of these people; b"" forgets one. stamps: of others, who have a body."""
    day = now_ms // DAY_MS
    rows = sorted((_id(person), person, day, body) for person, body in bodies.items() if body)
    session.insert(
        "INSERT INTO profile(id, person, touched_day, body) VALUES",
        list({row[0]: row for row in rows}.values()),
        then="""ON CONFLICT(id) DO UPDATE SET
            person = excluded.person, touched_day = excluded.touched_day, body = excluded.body""",
    )
    gone = []
    for person, body in bodies.items():
        if not body:
            gone.append(_id(person))
            session.execute("DELETE FROM profile WHERE id = ? AND person = ?", (gone[-1], person))
    _drop_stamps(session, sorted([row[0] for row in rows] + gone))
    session.insert(
        "INSERT INTO stamp(id, body) VALUES",
        sorted((_id(person), stamp + _check(person)) for person, stamp in (stamps or {}).items()),
        then="ON CONFLICT(id) DO UPDATE SET body = excluded.body",
    )


def walk(session: Session, from_id: int = FIRST, limit: int = 1_000) -> list[tuple[int, str]]:
    """(id, person) of everybody from an id on, by id; ask again from the last one plus 1."""
    query = "SELECT id, person FROM profile WHERE id >= ? ORDER BY id LIMIT ?"
    return [(number, person) for number, person in session.execute(query, (from_id, limit))]


def count(session: Session) -> int:
    """How many people are known."""
    return int(session.execute("SELECT COUNT(*) FROM profile")[0][0])


def _id(person: str) -> int:
    return xxhash.xxh3_64_intdigest(person.encode("utf-8", "surrogatepass")) + FIRST


def _drop_stamps(session: Session, ids: Sequence[int]) -> None:
    if ids and session.execute("SELECT 1 FROM stamp LIMIT 1"):
        for piece in _pieces(ids):
            session.execute(_DROPS[len(piece)], piece)


def _pieces(ids: Sequence[int]) -> Iterator[list[int]]:
    """The ids in pieces of as many as a statement takes, the last filled up with its last."""
    start = 0
    while start < len(ids):
        left = len(ids) - start
        size = min((each for each in PEOPLE_AT_ONCE if each >= left), default=PEOPLE_AT_ONCE[0])
        piece = [*ids[start : start + size]]
        yield piece + piece[-1:] * (size - len(piece))
        start += size


def _check(person: str) -> bytes:
    return xxhash.xxh32_digest(person.encode("utf-8", "surrogatepass"))


def _stamp_of(person: str, stamp: bytes | None) -> bytes:
    """A person's stamp; b"" when there is none, or it is somebody else's."""
    return stamp[:-4] if stamp is not None and stamp[-4:] == _check(person) else b""


_MARKS: Final = {size: ", ".join("?" * size) for size in PEOPLE_AT_ONCE}
_LOOKUPS: Final = {
    size: f"""SELECT person, profile.body, stamp.body FROM profile LEFT JOIN stamp ON stamp.id = profile.id
        WHERE profile.id IN ({marks})"""  # noqa: S608 - marks only
    for size, marks in _MARKS.items()
}
_DROPS: Final = {
    size: f"DELETE FROM stamp WHERE id IN ({marks})"  # noqa: S608 - marks only
    for size, marks in _MARKS.items()
}
