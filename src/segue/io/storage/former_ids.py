"""Former ids: a row each, as versions up to format 8 of the state wrote them. They are looked up where they
are until they are dropped; new ones are written by `segue.io.storage.ids`.

In ``met<span>_<bucket>`` they lie in sorted runs, in ``seen_<bucket>`` each is its own key.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session

MET_FAMILY: Final = "met"

ASKED: Final = (16, 512)
"""Ids looked up in one statement: few lengths, few prepared statements."""

PAGE: Final = 20_000
"""Ids read at once for a sieve."""

FIRST: Final = -(1 << 63)
"""The lowest half of a digest there can be."""

Row = tuple[int, int, int]
"""high, low, place: the halves of the digest, signed; where it was met."""

After = tuple[int, int, int]
"""Which table, and the last run and half read of it."""

START: Final = (0, FIRST, FIRST)


class FormerIds:
    """Of one span. All calls come from the database's thread.

    seen  the family of the older tables; "" for none
    """

    def __init__(self, span_ms: int, seen: str) -> None:
        self.met = Buckets(f"{MET_FAMILY}{span_ms}", "", span_ms)
        self.seen = Buckets(seen, "", span_ms)

    def numbers(self, session: Session) -> list[int]:
        """The buckets there are ids of."""
        return [*self.met.numbers(session), *self.seen.numbers(session)]

    def count(self, session: Session, bucket: int) -> int:
        """How many ids of a bucket there are."""
        tables = [table for table, _ in self._tables(session, bucket)]
        return sum(session.execute(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables)  # noqa: S608 - names we made

    def find(self, session: Session, bucket: int, highs: Sequence[int]) -> Iterator[Row]:
        """Those of a bucket that have one of these first halves."""
        few, many = ASKED
        size = few if len(highs) <= few else many
        for table, among in self._tables(session, bucket) if highs else ():
            query = f"SELECT high, low, place FROM {table} WHERE {among} high IN ({_MARKS[size]})"  # noqa: S608 - names we made
            for start in range(0, len(highs), size):
                piece = [*highs[start : start + size]]
                yield from session.execute(query, piece + piece[-1:] * (size - len(piece)))

    def places(self, session: Session, bucket: int, high: int, low: int) -> Iterator[int]:
        """Where an id of a bucket was met."""
        for table, among in self._tables(session, bucket):
            query = f"SELECT place FROM {table} WHERE {among} high = ? AND low = ?"  # noqa: S608 - names we made
            yield from (place for (place,) in session.execute(query, (high, low)))

    def highs(self, session: Session, bucket: int, after: After) -> tuple[list[int], After | None]:
        """First halves of a bucket, some at a time, and after what to go on; None at the end."""
        which, run, high = after
        tables = self._tables(session, bucket)
        if which >= len(tables):
            return [], None
        table, among = tables[which]
        if among:
            query = f"""SELECT run, high FROM {table} WHERE (run, high) > (?, ?) ORDER BY run, high
                LIMIT {PAGE}"""  # noqa: S608 - names we made
            rows = session.execute(query, (run, high))
        else:
            query = f"SELECT 0, high FROM {table} WHERE high > ? ORDER BY high LIMIT {PAGE}"  # noqa: S608 - likewise
            rows = session.execute(query, (high,))
        going_on = (which, *rows[-1]) if len(rows) == PAGE else (which + 1, FIRST, FIRST)
        return [found for _, found in rows], going_on

    def drop_before(self, session: Session, number: int) -> None:
        """Forget every bucket older than this one."""
        self.met.drop_before(session, number)
        self.seen.drop_before(session, number)

    def recall(self) -> None:
        """A transaction was undone, or another process may have written."""
        self.met.recall()
        self.seen.recall()

    def _tables(self, session: Session, bucket: int) -> list[tuple[str, str]]:
        """The tables of a bucket, each with what a condition on ids in it begins with."""
        found = []
        if bucket in self.met.numbers(session):
            table = self.met.table(bucket)
            last = session.execute(f"SELECT COALESCE(MAX(run), 0) FROM {table}")[0][0]  # noqa: S608 - a name we made
            found.append((table, f"run IN ({', '.join(map(str, range(last + 1)))}) AND"))
        if bucket in self.seen.numbers(session):
            found.append((self.seen.table(bucket), ""))
        return found


_MARKS: Final = {size: ", ".join("?" * size) for size in ASKED}
