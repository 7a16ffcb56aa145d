"""Spans: the ids of a destination, whatever window they were met under.

The window decides how long a bucket is (`segue.io.storage.seen`), and what is written keeps the buckets it
was written in. When the window is set otherwise, ids of before are neither rewritten nor forgotten: they are
looked up where they are, and dropped in their turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from segue.io.storage.database import Session
from segue.io.storage.former_ids import MET_FAMILY
from segue.io.storage.ids import LEAF_FAMILY, RUN, Ids, Table
from segue.io.storage.leaves import Met
from segue.io.storage.newest import NEWEST_FAMILY, RECENT_FAMILY


class Spans:
    """All calls come from the database's thread; what writes belongs into a transaction of the caller's.

    span_ms  time of receipt to a bucket from now on; run: how many ids are moved at once (`Ids`)
    """

    def __init__(self, span_ms: int, run: int = RUN) -> None:
        self.own = Ids(span_ms, run)
        self.span_ms = span_ms
        self._run = run
        self._others: dict[int, Ids] | None = None  # by span

    def find(self, session: Session, highs: Sequence[int], first: int, last: int) -> list[Met]:
        """Everything written in these buckets under one of these first halves. A bucket of another length is
        given once for each of ours it shares time with: an id of it may be of any."""
        found = self.own.find(session, highs, first, last)
        for other in self._all(session)[1:]:
            before, after = first * self.span_ms, (last + 1) * self.span_ms
            for digest, bucket, place in other.find(
                session, highs, before // other.span_ms, (after - 1) // other.span_ms
            ):
                begin, end = bucket * other.span_ms, (bucket + 1) * other.span_ms
                shared = range(max(first, begin // self.span_ms), min(last, (end - 1) // self.span_ms) + 1)
                found += [(digest, each, place) for each in shared]
        return found

    def add(self, session: Session, entries: Mapping[int, Sequence[bytes]], span_ms: int = 0) -> None:
        """Write sorted entries (`segue.io.storage.leaves`), by their bucket. span_ms: of the buckets, where
        it is not ours."""
        if span_ms in (0, self.span_ms):
            self.own.add(session, entries)
            return
        others = self._found(session)
        if span_ms not in others:
            others[span_ms] = Ids(span_ms, self._run, former="")
        others[span_ms].add(session, entries)

    def places(self, session: Session, digest: bytes) -> set[int]:
        """Everywhere an id was met, as far back as is kept."""
        return {place for ids in self._all(session) for place in ids.places(session, digest)}

    def tables(self, session: Session) -> list[Table]:
        """Every table there is, to be read row by row."""
        return [table for ids in self._all(session) for table in ids.tables(session)]

    def drop_before(self, session: Session, at_ms: int) -> None:
        """Forget every bucket that ends before a time."""
        for ids in self._all(session):
            ids.drop_before(session, at_ms // ids.span_ms)

    def recall(self) -> None:
        """A transaction was undone, or another process may have written."""
        for ids in (self.own, *(self._others or {}).values()):
            ids.recall()
        self._others = None

    def _all(self, session: Session) -> list[Ids]:
        """Ours first."""
        return [self.own, *self._found(session).values()]

    def _found(self, session: Session) -> dict[int, Ids]:
        """Ids of other spans there are."""
        if self._others is None:
            spans = sorted({*_spans(session)} - {self.span_ms})
            self._others = {span_ms: Ids(span_ms, self._run, former="") for span_ms in spans}
        return self._others


def _spans(session: Session) -> Iterator[int]:
    for (family,) in session.execute("SELECT DISTINCT family FROM bucket"):
        for kind in FAMILIES:
            if family.startswith(kind):
                yield int(family.removeprefix(kind))


FAMILIES: Final = (LEAF_FAMILY, NEWEST_FAMILY, MET_FAMILY, RECENT_FAMILY)
