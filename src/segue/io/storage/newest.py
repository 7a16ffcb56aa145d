"""The ids met last, in the order they were written: a row for each checkpoint and span of time.

A row holds them packed (`segue.io.storage.leaves`), so writing them changes a few pages at the end of the
file, whatever there is already. Looked up they are in memory, sorted; at a start that is made from the rows.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session
from segue.io.storage.leaves import Met, entry, matching, parted, prefix_of, unpacked

NEWEST_FAMILY: Final = "newest"
RECENT_FAMILY: Final = "recent"
"""Of format 8 of the state: a row for each id."""

COLUMNS: Final = "(id INTEGER PRIMARY KEY, bucket BIGINT NOT NULL, body BLOB NOT NULL)"

Pieces = list[list[bytes]]
"""Sorted entries; each piece more than twice as long as the next, so that they are few."""


class Newest:
    """Of one span. All calls come from the database's thread."""

    def __init__(self, span_ms: int) -> None:
        self.tables = Buckets(f"{NEWEST_FAMILY}{span_ms}", COLUMNS, 1)  # one: a file of before has none
        self.former = Buckets(f"{RECENT_FAMILY}{span_ms}", "", 1)
        self._table = self.tables.table(0)
        self._pieces: dict[int, Pieces] | None = None  # by bucket

    def counts(self, session: Session) -> dict[int, int]:
        """Bucket -> ids."""
        return {bucket: sum(map(len, pieces)) for bucket, pieces in self._loaded(session).items()}

    def entries(self, session: Session, bucket: int) -> list[bytes]:
        """All of a bucket."""
        return [each for piece in self._loaded(session).get(bucket, ()) for each in piece]

    def find(self, session: Session, highs: Iterable[int], first: int, last: int) -> list[Met]:
        """Those of some buckets that have one of these first halves."""
        held = [
            (bucket, piece)
            for bucket, pieces in self._loaded(session).items()
            if first <= bucket <= last
            for piece in pieces
        ]
        found: list[Met] = []
        for prefix in map(prefix_of, highs) if held else ():
            for bucket, piece in held:
                at = bisect_left(piece, prefix)
                while at < len(piece) and piece[at][:8] == prefix:
                    digest, place = unpacked(piece[at])
                    found.append((digest, bucket, place))
                    at += 1
        return found

    def places(self, session: Session, digest: bytes) -> list[int]:
        """Where an id was met; nothing is loaded for it."""
        return [unpacked(each)[1] for _, body in self._bodies(session) for each in matching(body, digest)]

    def add(self, session: Session, entries: Mapping[int, Sequence[bytes]]) -> None:
        """Write sorted entries, by their bucket."""
        held = self._loaded(session)
        if self.former.numbers(session):
            self._take_over(session)
        self.tables.make(session, 0)
        rows = [(bucket, b"".join(group)) for bucket, group in entries.items()]
        session.insert(f"INSERT INTO {self._table}(bucket, body) VALUES", rows)
        for bucket, group in entries.items():
            _add(held.setdefault(bucket, []), [*group])

    def take(self, session: Session) -> dict[int, list[bytes]]:
        """Take out everything, sorted, each once."""
        taken = {bucket: self.entries(session, bucket) for bucket in self._loaded(session)}
        for entries in taken.values():
            entries.sort()
        session.execute(f"DELETE FROM {self._table}")  # noqa: S608 - a name we made
        self._pieces = {}
        return {bucket: [*dict.fromkeys(entries)] for bucket, entries in taken.items()}

    def drop_before(self, session: Session, number: int) -> None:
        """Forget every bucket older than this one."""
        if any(bucket < number for bucket in self._loaded(session)):
            for tables in (self.tables, self.former):
                if tables.numbers(session):
                    session.execute(f"DELETE FROM {tables.table(0)} WHERE bucket < ?", (number,))  # noqa: S608 - names we made
            self._pieces = None

    def recall(self) -> None:
        """A transaction was undone, or another process may have written."""
        self.tables.recall()
        self.former.recall()
        self._pieces = None

    def _loaded(self, session: Session) -> dict[int, Pieces]:
        if self._pieces is None:
            pieces: dict[int, list[bytes]] = {}
            for bucket, body in self._bodies(session):
                pieces.setdefault(bucket, []).extend(parted(body))
            self._pieces = {bucket: [sorted(entries)] for bucket, entries in pieces.items()}
        return self._pieces

    def _bodies(self, session: Session) -> list[tuple[int, bytes]]:
        """(bucket, entries) of every row."""
        found: list[tuple[int, bytes]] = []
        if self.tables.numbers(session):
            found += session.execute(f"SELECT bucket, body FROM {self._table} ORDER BY id")  # noqa: S608 - a name we made
        if self.former.numbers(session):
            query = f"SELECT high, low, bucket, place FROM {self.former.table(0)}"  # noqa: S608 - likewise
            found += [
                (bucket, entry(prefix_of(high) + prefix_of(low), place))
                for high, low, bucket, place in session.execute(query)
            ]
        return found

    def _take_over(self, session: Session) -> None:
        """Write what is in the table of format 8 as we do, and drop it."""
        written: dict[int, list[bytes]] = {}
        query = f"SELECT high, low, bucket, place FROM {self.former.table(0)}"  # noqa: S608 - a name we made
        for high, low, bucket, place in session.execute(query):
            written.setdefault(bucket, []).append(entry(prefix_of(high) + prefix_of(low), place))
        self.tables.make(session, 0)
        rows = [(bucket, b"".join(group)) for bucket, group in written.items()]
        session.insert(f"INSERT INTO {self._table}(bucket, body) VALUES", rows)
        self.former.drop_before(session, 1)


def _add(pieces: Pieces, entries: list[bytes]) -> None:
    pieces.append(entries)
    while len(pieces) > 1 and len(pieces[-2]) <= 2 * len(pieces[-1]):
        last = pieces.pop()
        pieces[-1] = sorted(pieces[-1] + last)
