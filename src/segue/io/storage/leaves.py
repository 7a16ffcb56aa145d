"""Leaves: met ids packed together, so that what is written of one is its 24 bytes and hardly a row.

An *entry* is the digest of an id, 16 bytes, and the place it was met at, 8; entries sort by the digest. A run
of sorted entries is cut into leaves of some forty, each a row that is found by its first entry. A leaf takes
a quarter of a page of the file, as much as a table without row numbers keeps on the page itself.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from segue.io.storage.database import Session

ENTRY_BYTES: Final = 24

LEAF: Final = 40
"""Entries of a leaf, but for those that begin with the same eight bytes: they are never parted."""

COLUMNS: Final = """(run INTEGER NOT NULL, first BIGINT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (run, first)) WITHOUT ROWID"""

ASKED: Final = (256, 32, 4)
"""Ids looked up in one statement: few lengths, few prepared statements."""

SIGN: Final = 1 << 63
"""Taken from the first half of a digest, it makes a number the database has, in the same order."""

Met = tuple[bytes, int, int]
"""digest, bucket, place: of which id, in which span of time, and where it was met."""


def entry(digest: bytes, place: int) -> bytes:
    """An id that was met at a place, packed."""
    return digest + place.to_bytes(8, "big")


def unpacked(packed: bytes) -> tuple[bytes, int]:
    """Digest and place of an entry."""
    return packed[:16], int.from_bytes(packed[16:], "big")


def parted(body: bytes) -> list[bytes]:
    """The entries of a body, one by one."""
    return [body[start : start + ENTRY_BYTES] for start in range(0, len(body), ENTRY_BYTES)]


def highs(body: bytes) -> list[int]:
    """The first halves of a body's digests, as the database has them."""
    return [high - SIGN for high, _, _ in _entries.iter_unpack(body)]


def matching(body: bytes, prefix: bytes) -> Iterator[bytes]:
    """The entries of a body that begin so."""
    at = body.find(prefix)
    while at >= 0:
        if at % ENTRY_BYTES == 0:
            yield body[at : at + ENTRY_BYTES]
        at = body.find(prefix, at + 1)


def prefix_of(high: int) -> bytes:
    """What the entries of a first half begin with."""
    return (high + SIGN).to_bytes(8, "big")


def write(session: Session, table: str, run: int, entries: Sequence[bytes]) -> None:
    """Add a run of sorted entries."""
    leaves, start = [], 0
    while start < len(entries):
        end = start + LEAF
        while end < len(entries) and entries[end][:8] == entries[end - 1][:8]:
            end += 1
        first = int.from_bytes(entries[start][:8], "big") - SIGN
        leaves.append((run, first, b"".join(entries[start:end])))
        start = end
    session.insert(f"INSERT INTO {table}(run, first, body) VALUES", leaves)


def find(session: Session, table: str, runs: int, wanted: Sequence[int]) -> list[bytes]:
    """The entries of some first halves, looked up in every run."""
    found: list[bytes] = []
    start = 0
    for size in ASKED:
        while len(wanted) - start > (size // 8 if size > ASKED[-1] else 0):
            piece = [*wanted[start : start + size]]
            start += size
            padded = [*piece, *[None] * (size - len(piece))]
            for high, body in session.execute(_lookup(table, size), (runs, *padded)):
                if body is not None and (prefix := prefix_of(high)) in body:
                    found += matching(body, prefix)
    return found


@lru_cache(64)
def _lookup(table: str, size: int) -> str:
    return f"""WITH RECURSIVE run(number) AS
            (SELECT 0 UNION ALL SELECT number + 1 FROM run WHERE number + 1 < ?),
        asked(high) AS (VALUES {", ".join(["(?)"] * size)})
        SELECT high,
            (SELECT body FROM {table} WHERE run = number AND first <= high ORDER BY first DESC LIMIT 1)
        FROM asked CROSS JOIN run WHERE high IS NOT NULL"""  # noqa: S608 - a name we made


_entries: Final = Struct(">QQQ")
