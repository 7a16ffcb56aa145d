"""Ids: where the messageIds a destination has met are written, and how they are found.

An id is a digest, so ids that come one after the other belong all over a tree, and in a large one each
changes a page of its own. So the newest are written as they come (`segue.io.storage.newest`). When there are
enough of them they go, in the same transaction, to the tables of their spans of time
(``leaf<span>_<bucket>``): as one *run*, sorted, behind the runs there are, some forty to a row
(`segue.io.storage.leaves`). What is written stays where it is, and a bucket is dropped whole.

An id may be in any run; which buckets can have it at all, a `Sieve` of each says from memory. Those are made
from the tables when they are needed first, a little with each look-up. What earlier versions wrote is read by
`segue.io.storage.former_ids`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from segue.io.storage import former_ids, leaves
from segue.io.storage.buckets import Buckets
from segue.io.storage.database import Session
from segue.io.storage.former_ids import FormerIds
from segue.io.storage.leaves import LEAF, SIGN, Met, prefix_of, unpacked
from segue.io.storage.newest import Newest
from segue.io.storage.sieve import Sieve

RUN: Final = 32_768
"""Ids that are moved at once. More make fewer runs, and more that is kept in memory: some 90 bytes an id."""

SIEVES_MOST: Final = 8
"""Kept beyond those a look-up needs."""

LEAF_FAMILY: Final = "leaf"


class Table(msgspec.Struct, frozen=True):
    """A table of ids. key: three columns no two rows have alike.

    columns    what follows them: high, low, bucket and place, or, where they are packed, bucket and body
    span_ms    of the buckets
    """

    name: str
    key: tuple[str, str, str]
    columns: tuple[str, ...]
    span_ms: int = 0
    is_packed: bool = False


class Making(msgspec.Struct):
    """A sieve that does not know all ids of its bucket yet.

    runs   how many runs it knows; after: what it knows of the tables of earlier versions, None for all
    """

    bucket: int
    sieve: Sieve
    runs: int = 0
    after: former_ids.After | None = former_ids.START


class Ids:
    """All calls come from the database's thread; what writes belongs into a transaction of the caller's.

    span_ms  time of receipt to a bucket; run: how many ids are moved at once
    former   the family of the oldest tables; "" for none
    """

    def __init__(self, span_ms: int, run: int = RUN, former: str = "seen") -> None:
        self.span_ms = span_ms
        self._run = run
        self.newest = Newest(span_ms)
        self.buckets = Buckets(f"{LEAF_FAMILY}{span_ms}", leaves.COLUMNS, span_ms)
        self.former = FormerIds(span_ms, former)
        self._runs_of: dict[int, int] = {}  # bucket -> runs, where that was asked
        self._sieves: dict[int, Sieve] = {}  # of buckets all of whose ids it has
        self._making: Making | None = None

    def find(self, session: Session, highs: Sequence[int], first: int, last: int) -> list[Met]:
        """Everything written in these buckets under one of these first halves, signed."""
        found: list[Met] = []
        asked: set[int] = set()
        effort = self._run
        for bucket in sorted(self._written(session)):
            if first <= bucket <= last:
                sieve = self._sieves.get(bucket)
                some = highs if sieve is None else sieve.sift(highs)
                if some:
                    asked.update(some)
                    found += self._look_up(session, bucket, sorted(some))
                effort += len(highs) * self._runs(session, bucket) if sieve is None else 0
        found += self.newest.find(session, asked, first, last) if asked else ()
        self._prepare(session, first, last, effort)
        return found

    def add(self, session: Session, entries: Mapping[int, Sequence[bytes]]) -> None:
        """Write sorted entries (`segue.io.storage.leaves`), by their bucket."""
        written = self._written(session)
        for bucket, group in entries.items():
            if bucket not in written:
                self._sieves[bucket] = Sieve()
            if bucket in self._sieves:
                self._sieves[bucket].add(leaves.highs(b"".join(group)))
        self.newest.add(session, entries)
        if sum(self.newest.counts(session).values()) >= self._run:
            self._move(session)

    def places(self, session: Session, digest: bytes) -> set[int]:
        """Everywhere an id was met, as far back as is kept."""
        high, low = (int.from_bytes(half, "big") - SIGN for half in (digest[:8], digest[8:]))
        found = set(self.newest.places(session, digest))
        for bucket in self.buckets.numbers(session):
            found |= {place for met, _, place in self._in_leaves(session, bucket, [high]) if met == digest}
        for bucket in set(self.former.numbers(session)):
            found.update(self.former.places(session, bucket, high, low))
        return found

    def tables(self, session: Session) -> list[Table]:
        """Every table there is, to be read row by row."""
        runs, halves = ("run", "high", "low"), ("high", "low")
        newest, former = self.newest, self.former
        made = [
            *(
                (newest.tables, each, ("id", "bucket", "bucket"), ("bucket", "body"))
                for each in newest.tables.numbers(session)
            ),
            *(
                (newest.former, each, (*halves, "bucket"), (*halves, "bucket", "place"))
                for each in newest.former.numbers(session)
            ),
            *(
                (self.buckets, each, ("run", "first", "first"), (str(each), "body"))
                for each in self.buckets.numbers(session)
            ),
            *(
                (former.met, each, runs, (*halves, str(each), "place"))
                for each in former.met.numbers(session)
            ),
            *(
                (former.seen, each, (*halves, "place"), (*halves, str(each), "place"))
                for each in former.seen.numbers(session)
            ),
        ]
        return [
            Table(family.table(each), key, columns, self.span_ms, columns[-1] == "body")
            for family, each, key, columns in made
        ]

    def drop_before(self, session: Session, number: int) -> None:
        """Forget every bucket older than this one."""
        self.buckets.drop_before(session, number)
        self.former.drop_before(session, number)
        self.newest.drop_before(session, number)
        self._sieves = {bucket: sieve for bucket, sieve in self._sieves.items() if bucket >= number}
        self._runs_of.clear()
        self._making = None

    def recall(self) -> None:
        """A transaction was undone, or another process may have written. A sieve may hold too much."""
        self.newest.recall()
        self.buckets.recall()
        self.former.recall()
        self._runs_of.clear()
        self._making = None

    def _move(self, session: Session) -> None:
        """Write the newest ids as a run of each of their buckets."""
        for bucket, entries in self.newest.take(session).items():
            table = self.buckets.make(session, bucket)
            runs = self._runs(session, bucket)
            leaves.write(session, table, runs, entries)
            self._runs_of[bucket] = runs + 1

    def _written(self, session: Session) -> set[int]:
        """The buckets there are ids of."""
        written = {*self.buckets.numbers(session), *self.former.numbers(session)}
        return written.union(self.newest.counts(session))

    def _look_up(self, session: Session, bucket: int, highs: Sequence[int]) -> Iterator[Met]:
        """In the large tables."""
        yield from self._in_leaves(session, bucket, highs)
        for high, low, place in self.former.find(session, bucket, highs):
            yield prefix_of(high) + prefix_of(low), bucket, place

    def _in_leaves(self, session: Session, bucket: int, highs: Sequence[int]) -> Iterator[Met]:
        if runs := self._runs(session, bucket):
            for each in leaves.find(session, self.buckets.table(bucket), runs, highs):
                digest, place = unpacked(each)
                yield digest, bucket, place

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
            size = self.former.count(session, bucket) + len(self.newest.entries(session, bucket))
            if self._runs(session, bucket):
                query = f"SELECT COUNT(*) FROM {self.buckets.table(bucket)}"  # noqa: S608 - a name we made
                size += LEAF * session.execute(query)[0][0]
            making = self._making = Making(bucket, Sieve(size))
        while effort > 0:
            highs = self._next(session, making)
            if highs is None:
                # What is new meanwhile is in a run behind the others, or here.
                making.sieve.add(leaves.highs(b"".join(self.newest.entries(session, bucket))))
                self._sieves[bucket], self._making = making.sieve, None
                return
            making.sieve.add(highs)
            effort -= len(highs)

    def _next(self, session: Session, making: Making) -> list[int] | None:
        """Ids in large tables that the sieve does not know yet; None when there are no more."""
        if making.runs < self._runs(session, making.bucket):
            query = f"SELECT body FROM {self.buckets.table(making.bucket)} WHERE run = ?"  # noqa: S608 - a name we made
            rows = session.execute(query, (making.runs,))
            making.runs += 1
            return leaves.highs(b"".join([body for (body,) in rows]))
        if making.after is not None:
            highs, making.after = self.former.highs(session, making.bucket, making.after)
            return highs
        return None

    def _runs(self, session: Session, bucket: int) -> int:
        """How many runs a bucket has."""
        if bucket not in self._runs_of:
            if bucket not in self.buckets.numbers(session):
                return 0
            query = f"SELECT COALESCE(MAX(run) + 1, 0) FROM {self.buckets.table(bucket)}"  # noqa: S608 - a name we made
            self._runs_of[bucket] = int(session.execute(query)[0][0])
        return self._runs_of[bucket]
