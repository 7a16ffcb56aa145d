"""Ids: where the messageIds a destination has met are written, and how they are found.

An id is a digest, so ids that come one after the other belong all over a tree, and in a large one each
changes a page of its own. So the newest are in one small table, ``recent<span>_0``. When there are enough of
them they go, in the same transaction, to the tables of their spans of time (``met<span>_<bucket>``): as one
*run*, sorted, behind the runs there are. What is written stays where it is, and a bucket is dropped whole.

An id may be in any run; which buckets can have it at all, a `Sieve` of each says from memory. Those are made
from the tables when they are needed first, a little with each look-up. Tables ``seen_<bucket>`` are of
earlier versions.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session
from segue.io.storage.sieve import Sieve

RUN: Final = 32_768
"""Ids that are moved at once. More make fewer runs, and more pages that every checkpoint changes."""

PAGE: Final = 20_000
"""Rows of a table of an earlier version read at once."""

ASKED: Final = (16, 512)
"""Ids looked up in one statement: few lengths, few prepared statements."""

SIEVES_MOST: Final = 8
"""Kept beyond those a look-up needs."""

FIRST: Final = -(1 << 63)
"""The lowest half of a digest there can be."""

MET_FAMILY: Final = "met"
RECENT_FAMILY: Final = "recent"

RECENT: Final = """(high BIGINT NOT NULL, low BIGINT NOT NULL, bucket BIGINT NOT NULL, place BIGINT NOT NULL,
    PRIMARY KEY (high, low, bucket)) WITHOUT ROWID"""

COLUMNS: Final = """(run INTEGER NOT NULL, high BIGINT NOT NULL, low BIGINT NOT NULL, place BIGINT NOT NULL,
    PRIMARY KEY (run, high, low)) WITHOUT ROWID"""

Row = tuple[int, int, int, int]
"""high, low, bucket, place: the halves of the digest, signed; the span of time; where it was met."""


class Table(msgspec.Struct, frozen=True):
    """A table of ids. key: three columns no two rows have alike; columns: what makes a `Row` of one, whose
    buckets are spans of span_ms."""

    name: str
    key: tuple[str, str, str]
    columns: tuple[str, str, str, str]
    span_ms: int = 0


class Making(msgspec.Struct):
    """A sieve that does not know all ids of its bucket yet.

    runs   how many runs it knows; after: the last id it knows of the table of an earlier version
    """

    bucket: int
    sieve: Sieve
    runs: int = 0
    after: int | None = FIRST


class Ids:
    """All calls come from the database's thread; what writes belongs into a transaction of the caller's.

    span_ms  time of receipt to a bucket; run: how many ids are moved at once
    former   the family of tables of an earlier version; "" for none
    """

    def __init__(self, span_ms: int, run: int = RUN, former: str = "seen") -> None:
        self.span_ms = span_ms
        self._run = run
        self.recent = Buckets(f"{RECENT_FAMILY}{span_ms}", RECENT, 1)  # one: a file of before has none
        self.buckets = Buckets(f"{MET_FAMILY}{span_ms}", COLUMNS, span_ms)
        self.former = Buckets(former, "", span_ms)
        self._small = self.recent.table(0)
        self._newest: dict[int, int] | None = None  # bucket -> ids in the small table
        self._sieves: dict[int, Sieve] = {}  # of buckets all of whose ids it has
        self._making: Making | None = None

    def find(self, session: Session, highs: Sequence[int], first: int, last: int) -> list[Row]:
        """Everything written in these buckets under one of these first halves."""
        found: list[Row] = []
        asked: set[int] = set()
        effort = self._run
        for bucket in sorted(self._written(session)):
            if first <= bucket <= last:
                sieve = self._sieves.get(bucket)
                some = highs if sieve is None else sieve.sift(highs)
                asked.update(some)
                found += self._look_up(session, bucket, sorted(some))
                effort += len(highs) * self._runs(session, bucket) if sieve is None else 0
        if asked and self._counts(session):
            query = f"SELECT high, low, bucket, place FROM {self._small} WHERE high IN"  # noqa: S608 - a name we made
            found += [row for row in _ask(session, query, sorted(asked)) if first <= row[2] <= last]
        self._prepare(session, first, last, effort)
        return found

    def add(self, session: Session, rows: Sequence[Row]) -> None:
        """Write ids; sorted ones are written faster."""
        newest = self._counts(session)
        written = self._written(session)
        for bucket, group in groupby(sorted(rows, key=_bucket), _bucket):
            highs = [high for high, *_ in group]
            if bucket not in written:
                self._sieves[bucket] = Sieve()
            if bucket in self._sieves:
                self._sieves[bucket].add(highs)
            newest[bucket] = newest.get(bucket, 0) + len(highs)
        self.recent.make(session, 0)
        session.insert(
            f"INSERT INTO {self._small}(high, low, bucket, place) VALUES", rows, then="ON CONFLICT DO NOTHING"
        )
        if sum(newest.values()) >= self._run:
            self._move(session, newest)

    def places(self, session: Session, high: int, low: int) -> set[int]:
        """Everywhere an id was met, as far back as is kept."""
        tables = [table for bucket in self._written(session) for table in self._tables(session, bucket)]
        if self._counts(session):
            tables.append((self._small, ""))
        return {
            place
            for table, among in tables
            for (place,) in session.execute(
                f"SELECT place FROM {table} WHERE {among} high = ? AND low = ?",  # noqa: S608 - names we made
                (high, low),
            )
        }

    def tables(self, session: Session) -> list[Table]:
        """Every table there is, to be read row by row."""
        span_ms = self.span_ms
        newest = ("high", "low", "bucket")
        return [
            *(
                Table(self.recent.table(each), newest, (*newest, "place"), span_ms)
                for each in self.recent.numbers(session)
            ),
            *(
                Table(family.table(each), key, ("high", "low", str(each), "place"), span_ms)
                for family, key in (
                    (self.buckets, ("run", "high", "low")),
                    (self.former, ("high", "low", "place")),
                )
                for each in family.numbers(session)
            ),
        ]

    def drop_before(self, session: Session, number: int) -> None:
        """Forget every bucket older than this one."""
        self.buckets.drop_before(session, number)
        self.former.drop_before(session, number)
        if any(bucket < number for bucket in self._counts(session)):
            session.execute(f"DELETE FROM {self._small} WHERE bucket < ?", (number,))  # noqa: S608 - a name we made
            self._newest = None
        self._sieves = {bucket: sieve for bucket, sieve in self._sieves.items() if bucket >= number}
        self._making = None

    def recall(self) -> None:
        """A transaction was undone, or another process may have written. A sieve may hold too much."""
        self.recent.recall()
        self.buckets.recall()
        self.former.recall()
        self._newest, self._making = None, None

    def _move(self, session: Session, newest: dict[int, int]) -> None:
        """Write the newest ids as a run of each of their buckets."""
        for bucket in newest:
            table = self.buckets.make(session, bucket)
            session.execute(
                f"""INSERT INTO {table}(run, high, low, place)
                SELECT ?, high, low, place FROM {self._small} WHERE bucket = ? ORDER BY high, low""",  # noqa: S608 - a name we made
                (self._runs(session, bucket), bucket),
            )
        session.execute(f"DELETE FROM {self._small}")  # noqa: S608 - a name we made
        newest.clear()

    def _written(self, session: Session) -> set[int]:
        """The buckets there are ids of."""
        return {*self._counts(session), *self.buckets.numbers(session), *self.former.numbers(session)}

    def _counts(self, session: Session) -> dict[int, int]:
        if self._newest is None:
            query = f"SELECT bucket, COUNT(*) FROM {self._small} GROUP BY bucket"  # noqa: S608 - a name we made
            self._newest = dict(session.execute(query) if self.recent.numbers(session) else ())
        return self._newest

    def _tables(self, session: Session, bucket: int) -> Iterator[tuple[str, str]]:
        """The large tables of a bucket, each with what a condition on ids in it begins with."""
        if bucket in self.buckets.numbers(session):
            runs = map(str, range(self._runs(session, bucket)))
            yield self.buckets.table(bucket), f"run IN ({', '.join(runs)}) AND"
        if bucket in self.former.numbers(session):
            yield self.former.table(bucket), ""

    def _look_up(self, session: Session, bucket: int, highs: Sequence[int]) -> Iterator[Row]:
        for table, among in self._tables(session, bucket) if highs else ():
            query = f"SELECT high, low, {int(bucket)}, place FROM {table} WHERE {among} high IN"  # noqa: S608 - names we made
            yield from _ask(session, query, highs)

    def _prepare(self, session: Session, first: int, last: int, effort: int) -> None:
        """Go on making one of the sieves the next look-up is going to need.

        effort  ids to take in now: about as many as were looked up for want of a sieve, so that neither
                takes much longer than it must
        """
        if len(self._sieves) > SIEVES_MOST:
            self._sieves = {key: each for key, each in self._sieves.items() if first <= key <= last}
        for bucket in sorted(self._written(session)):
            sieve = self._sieves.get(bucket)
            if first <= bucket <= last and (sieve is None or sieve.is_full):
                self._make(session, bucket, effort)
                return

    def _make(self, session: Session, bucket: int, effort: int) -> None:
        making = self._making
        if making is None or making.bucket != bucket:
            tables = [table for table, _ in self._tables(session, bucket)]
            sizes = [session.execute(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables]  # noqa: S608 - names we made
            sieve = Sieve(self._counts(session).get(bucket, 0) + sum(sizes))
            making = self._making = Making(bucket, sieve)
        while effort > 0:
            highs = self._next(session, making)
            if highs is None:
                # What is new meanwhile is in a run behind the others, or here.
                if self._counts(session):
                    rows = session.execute(f"SELECT high FROM {self._small} WHERE bucket = ?", (bucket,))  # noqa: S608 - a name we made
                    making.sieve.add([high for (high,) in rows])
                self._sieves[bucket], self._making = making.sieve, None
                return
            making.sieve.add(highs)
            effort -= len(highs)

    def _next(self, session: Session, making: Making) -> list[int] | None:
        """Ids in large tables that the sieve does not know yet; None when there are no more."""
        if making.runs < self._runs(session, making.bucket):
            query = f"SELECT high FROM {self.buckets.table(making.bucket)} WHERE run = ?"  # noqa: S608 - a name we made
            making.runs += 1
            return [high for (high,) in session.execute(query, (making.runs - 1,))]
        if making.after is not None and making.bucket in self.former.numbers(session):
            table = self.former.table(making.bucket)
            query = f"SELECT high FROM {table} WHERE high > ? ORDER BY high LIMIT {PAGE}"  # noqa: S608 - likewise
            highs = [high for (high,) in session.execute(query, (making.after,))]
            making.after = highs[-1] if highs else None
            return highs
        return None

    def _runs(self, session: Session, bucket: int) -> int:
        """How many runs a bucket has."""
        if bucket not in self.buckets.numbers(session):
            return 0
        query = f"SELECT COALESCE(MAX(run) + 1, 0) FROM {self.buckets.table(bucket)}"  # noqa: S608 - a name we made
        return int(session.execute(query)[0][0])


def _ask(session: Session, query: str, highs: Sequence[int]) -> Iterator[Row]:
    few, many = ASKED
    size = few if len(highs) <= few else many
    for start in range(0, len(highs), size):
        piece = [*highs[start : start + size]]
        yield from session.execute(f"{query} ({_MARKS[size]})", piece + piece[-1:] * (size - len(piece)))


_MARKS: Final = {size: ", ".join("?" * size) for size in ASKED}
_bucket: Final = itemgetter(2)
