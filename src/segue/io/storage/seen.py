"""Seen: which messageIds a destination has met, and where in the log.

It answers two questions: has this id been met elsewhere within the window (then it is a duplicate), and
where is the event with this id (for `segue trace`). Ids are kept as two halves of their xxh3 digest; the
first half is the key, the second guards against chance.

What is met is remembered at once and written with the next checkpoint, so that a crash rolls the memory
back together with the cursors.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

import xxhash

from segue.io.storage.buckets import HOUR_MS
from segue.io.storage.database import Session
from segue.io.storage.ids import RUN
from segue.io.storage.leaves import SIGN
from segue.io.storage.spans import Spans

LANES_MOST: Final = 1024

BUCKETS_IN_WINDOW: Final = 4
"""More would forget more exactly, and every new id is looked up in each."""

Id = tuple[str, int, int, int]
"""message_id, lane, offset, received_ms."""

Met = tuple[tuple[int, int], ...]
"""Where an id was met: (place, bucket), mostly once; more than once when the window lies between."""


def place(lane: int, offset: int) -> int:
    """One number for a position in the log; neighbours in time are neighbours in number."""
    return offset * LANES_MOST + lane


def position(place: int) -> tuple[int, int]:
    """Lane and offset of a place."""
    return place % LANES_MOST, place // LANES_MOST


class Seen:
    """All calls come from the database's thread.

    window_ms  how long an id counts as met, by the times of receipt; up to a quarter longer. 0: for ever new
    run        see `segue.io.storage.ids`
    """

    def __init__(self, window_ms: int, run: int = RUN) -> None:
        self.window_ms = window_ms
        self.ids = Spans(max(window_ms // BUCKETS_IN_WINDOW, HOUR_MS), run)
        self._fresh: dict[bytes, Met] = {}  # by digest; not written yet
        self._again: set[tuple[bytes, int, int]] = set()  # digest, place, received_ms; likewise
        self._writing: tuple[dict[bytes, Met], set[tuple[bytes, int, int]]] = ({}, set())
        self._oldest_ms: int | None = None

    def meet(self, session: Session, ids: Sequence[Id]) -> list[bool]:
        """Say for each id whether it is new, and remember it. The same id at the same place is new again:
        it was read before a crash."""
        if not ids:
            return []
        digests = _digests([each[0] for each in ids])
        heres = [offset * LANES_MOST + lane for _, lane, offset, _ in ids]
        times = [each[3] for each in ids]
        earliest_ms = min(times)
        self._oldest_ms = earliest_ms if self._oldest_ms is None else min(self._oldest_ms, earliest_ms)
        span_ms, window_ms = self.ids.span_ms, self.window_ms
        first, last = (earliest_ms - window_ms) // span_ms, (max(times) + window_ms) // span_ms
        written = self._look_up(session, digests, first, last)
        fresh, writing = self._fresh, self._writing[0]
        asked = dict.fromkeys(digests)
        if len(asked) == len(digests) and all(
            asked.keys().isdisjoint(known.keys()) for known in (fresh, writing, written)
        ):
            buckets = [at_ms // span_ms for at_ms in times]
            fresh.update(zip(digests, zip(zip(heres, buckets, strict=True)), strict=True))  # nearly always
            return [True] * len(ids)
        verdicts = []
        for digest, here, received_ms in zip(digests, heres, times, strict=True):
            met = fresh.get(digest) or writing.get(digest, ())
            known = (*met, *written.get(digest, ()))
            first, last = (received_ms - window_ms) // span_ms, (received_ms + window_ms) // span_ms
            if any(there == here for there, _ in known):
                verdicts.append(True)
            elif any(first <= bucket <= last for _, bucket in known):
                verdicts.append(not window_ms)
                self._again.add((digest, here, received_ms))
            else:
                verdicts.append(True)
                fresh[digest] = (*met, (here, received_ms // span_ms))
        return verdicts

    def note(self, message_id: str, lane: int, offset: int, received_ms: int) -> None:
        """Remember where an id is without asking whether it is new."""
        self._again.add((_digest(message_id), place(lane, offset), received_ms))

    def write(self, session: Session) -> None:
        """Write what was met since the last checkpoint; `settle` must follow."""
        fresh, again = {**self._writing[0], **self._fresh}, self._writing[1] | self._again
        self._writing = (fresh, again)
        self._fresh, self._again = {}, set()
        entries: dict[int, list[bytes]] = {bucket: [] for met in fresh.values() for _, bucket in met}
        for digest, met in fresh.items():
            for here, bucket in met:
                entries[bucket].append(
                    digest + here.to_bytes(8, "big")
                )  # `entry`, tens of thousands of times
        for group in entries.values():
            group.sort()
        if entries:
            self.ids.add(session, entries)
        session.insert(
            "INSERT INTO again(high, low, place, seen_ms) VALUES",
            [(*halves(digest), here, seen_ms) for digest, here, seen_ms in again],
            then="ON CONFLICT DO NOTHING",
        )

    def settle(self, *, written: bool) -> None:
        """Learn whether the transaction of the last `write` took place."""
        if not written:
            fresh, again = self._writing
            self._fresh = {**fresh, **self._fresh}
            self._again |= again
            self.ids.recall()
        self._writing = ({}, set())

    def places(self, session: Session, message_id: str) -> list[int]:
        """Everywhere an id was met, as far back as is kept, in log order."""
        digest = _digest(message_id)
        again = session.execute("SELECT place FROM again WHERE high = ? AND low = ?", halves(digest))
        return sorted(self.ids.places(session, digest).union(here for (here,) in again))

    def prune(self, session: Session, now_ms: int, retention_ms: int) -> None:
        """Forget what is older than both the window and the retention. While an old backlog is read, time
        is counted from there, not from now."""
        from_ms = now_ms if self._oldest_ms is None else min(self._oldest_ms, now_ms)
        oldest_ms = from_ms - max(self.window_ms, retention_ms)
        self._oldest_ms = None
        self.ids.drop_before(session, oldest_ms)
        session.execute("DELETE FROM again WHERE seen_ms < ?", (oldest_ms,))

    def _look_up(
        self, session: Session, digests: Sequence[bytes], first: int, last: int
    ) -> dict[bytes, list[tuple[int, int]]]:
        """Digest -> the places and buckets it is written at."""
        found: dict[bytes, list[tuple[int, int]]] = {}
        highs = [high - SIGN for high, _ in _in_two.iter_unpack(b"".join(digests))]
        for digest, bucket, here in self.ids.find(session, highs, first, last):
            found.setdefault(digest, []).append((here, bucket))
        return found


_in_two: Final = Struct(">QQ")


def _digests(message_ids: Sequence[str]) -> list[bytes]:
    try:
        return [xxhash.xxh3_128_digest(each.encode()) for each in message_ids]
    except UnicodeEncodeError:
        return [*map(_digest, message_ids)]


def _digest(message_id: str) -> bytes:
    try:
        return xxhash.xxh3_128_digest(message_id.encode())
    except UnicodeEncodeError:
        return xxhash.xxh3_128_digest(message_id.encode("utf-8", "surrogatepass"))


def halves(digest: bytes) -> tuple[int, int]:
    """A digest as two numbers the database has, in the same order."""
    high, low = _in_two.unpack(digest)
    return high - SIGN, low - SIGN
