"""Where met ids are written: the newest apart, the rest in sorted runs; none is lost on the way."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from segue.io.storage import succession
from segue.io.storage.ids import Ids
from segue.io.storage.leaves import ENTRY_BYTES, LEAF, entry, parted
from segue.io.storage.seen import LANES_MOST, Id, Seen, halves, position
from segue.io.storage.sieve import BITS_LEAST, BITS_MOST, Sieve
from segue.io.storage.sqlite import SqliteSession, prepare

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_790_000_000_000
RUN = 40

FORMER = "(high INTEGER PRIMARY KEY, low BIGINT NOT NULL, place BIGINT NOT NULL)"
RECENT = """(high BIGINT NOT NULL, low BIGINT NOT NULL, bucket BIGINT NOT NULL, place BIGINT NOT NULL,
    PRIMARY KEY (high, low, bucket)) WITHOUT ROWID"""
MET = """(run INTEGER NOT NULL, high BIGINT NOT NULL, low BIGINT NOT NULL, place BIGINT NOT NULL,
    PRIMARY KEY (run, high, low)) WITHOUT ROWID"""


class Book:
    """A state's file with only its ids in use."""

    def __init__(self, path: Path, run: int = RUN, window_ms: int = DAY_MS) -> None:
        self.connection, self._claim = prepare(path, "state", shared=False, passing=False)
        self.session = SqliteSession(self.connection)
        self.seen = Seen(window_ms, run)

    def meet(self, ids: list[Id]) -> list[bool]:
        """And write them, as a checkpoint does."""
        verdicts = self.seen.meet(self.session, ids)
        self.write()
        return verdicts

    def write(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self.seen.write(self.session)
            self.connection.execute("COMMIT")
        except apsw.Error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self.seen.settle(written=False)
            raise
        self.seen.settle(written=True)

    def count(self, table: str) -> int:
        return int(self.session.execute(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608 - names we made

    def packed(self, table: str) -> int:
        """How many ids a table holds, some to a row."""
        length = self.session.execute(f"SELECT COALESCE(SUM(LENGTH(body)), 0) FROM {table}")[0][0]  # noqa: S608 - a name we made
        return int(length) // ENTRY_BYTES

    @property
    def newest(self) -> int:
        newest = self.seen.ids.own.newest.tables
        return sum(map(self.packed, map(newest.table, newest.numbers(self.session))))

    @property
    def met(self) -> list[str]:
        buckets = self.seen.ids.own.buckets
        return [buckets.table(each) for each in buckets.numbers(self.session)]

    def close(self) -> None:
        self.connection.close()
        if self._claim is not None:
            self._claim.release()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "braze.db")
    yield made
    made.close()


def some(first: int, count: int, at_ms: int = NOW_MS, lane: int = 0) -> list[Id]:
    return [(f"m{number}", lane, number, at_ms) for number in range(first, first + count)]


def elsewhere(ids: list[Id]) -> list[Id]:
    return [(name, lane + 1, offset, at_ms) for name, lane, offset, at_ms in ids]


def test_ids_are_found_in_the_small_table_and_in_every_run(book: Book) -> None:
    """New once, known wherever they come up again, each with its place."""
    ids = some(0, 5 * RUN // 2)
    for start in range(0, len(ids), RUN // 4):
        assert all(book.meet(ids[start : start + RUN // 4]))
    assert (book.newest, [book.packed(table) for table in book.met]) == (RUN // 2, [2 * RUN])
    assert all(book.seen.meet(book.session, ids)), "read again, at the same place"
    assert not any(book.seen.meet(book.session, elsewhere(ids)))
    assert [book.seen.places(book.session, name) for name, *_ in ids] == [
        [offset * LANES_MOST + lane] for _, lane, offset, _ in ids
    ]


def test_ids_with_the_same_beginning_are_never_parted(book: Book) -> None:
    """They stay in one leaf however many they are, so that a look-up for one finds all; other bytes that
    look like it are not taken for one."""
    same, chance = b"8 bytes.", Random(5)
    entries = {entry(same + chance.randbytes(8), place) for place in range(3 * LEAF)}
    entries |= {entry(chance.randbytes(8) + same, place) for place in range(3 * LEAF)}
    ids = Ids(HOUR_MS, RUN)
    ids.add(book.session, {7: sorted(entries)})
    high, _ = halves(same * 2)
    assert len(ids.find(book.session, [high], 7, 7)) == 3 * LEAF
    assert ids.find(book.session, [high - 1, high + 1], 7, 7) == []
    for each in entries:
        assert ids.places(book.session, each[:16]) == {int.from_bytes(each[16:])}


def test_ids_of_several_spans_are_moved_each_to_its_own(book: Book) -> None:
    """Lanes may lag behind one another by days."""
    days = [some(100 * day, 3, NOW_MS + 2 * day * DAY_MS) for day in range(4)]
    assert all(book.meet([each for day in days for each in day]))
    assert all(book.meet(some(1000, RUN, NOW_MS + 8 * DAY_MS)))
    assert (book.newest, sorted(map(book.packed, book.met))) == (0, [3, 3, 3, 3, RUN])
    for day in days:
        assert not any(book.seen.meet(book.session, elsewhere(day)))
        late = [(name, lane, offset + 1, at_ms + 10 * DAY_MS) for name, lane, offset, at_ms in day]
        assert all(book.seen.meet(book.session, late))


def test_a_move_that_fails_loses_nothing_and_is_done_later(book: Book) -> None:
    """The disk fills up in the midst of it: the ids count as met, and are written with the next."""
    ids = some(0, 80 * RUN)
    assert all(book.meet(ids[: RUN - 1]))
    book.connection.pragma("max_page_count", book.connection.pragma("page_count") + 3)
    assert all(book.seen.meet(book.session, ids[RUN - 1 :]))
    for _ in range(2):
        with pytest.raises(apsw.FullError):
            book.write()
        assert (book.newest, book.met) == (RUN - 1, [])
        assert not any(book.seen.meet(book.session, elsewhere(ids)))
    book.connection.pragma("max_page_count", 1_000_000)
    book.write()
    assert (book.newest, [book.packed(table) for table in book.met]) == (0, [len(ids)])
    assert not any(book.seen.meet(book.session, elsewhere(ids)))


def make_former(book: Book) -> None:
    """Write all ids as earlier versions did: the first bucket as the oldest, the newest in a table of their
    own."""
    own = book.seen.ids.own
    oldest, latest = own.buckets.numbers(book.session)
    recent = own.newest.former.table(0)
    book.connection.execute(f"""CREATE TABLE seen_{oldest}{FORMER}; CREATE TABLE {recent}{RECENT};
        CREATE TABLE met{own.span_ms}_{latest}{MET}; DELETE FROM bucket;
        INSERT INTO bucket VALUES ('seen', {oldest}), ('met{own.span_ms}', {latest}),
            ('recent{own.span_ms}', 0)""")  # noqa: S608 - names we made
    for bucket, table, column in (
        (oldest, f"seen_{oldest}", ""),
        (latest, f"met{own.span_ms}_{latest}", "run, "),
    ):
        for run, body in book.session.execute(f"SELECT run, body FROM {own.buckets.table(bucket)}"):  # noqa: S608 - likewise
            rows = [(*halves(each[:16]), int.from_bytes(each[16:])) for each in parted(body)]
            insertion = f"INSERT INTO {table}({column}high, low, place) VALUES"
            book.session.insert(insertion, [(run, *row) for row in rows] if column else rows)
    for bucket, body in book.session.execute(f"SELECT bucket, body FROM {own.newest.tables.table(0)}"):  # noqa: S608 - likewise
        rows = [(*halves(each[:16]), bucket, int.from_bytes(each[16:])) for each in parted(body)]
        book.session.insert(f"INSERT INTO {recent}(high, low, bucket, place) VALUES", rows)
    for family in (own.newest.tables.table(0), own.buckets.table(oldest), own.buckets.table(latest)):
        book.connection.execute(f"DROP TABLE {family}")


def test_after_a_restart_ids_of_every_kind_of_table_are_known(tmp_path: Path) -> None:
    """All of earlier versions, before their sieve is made and after, as long as the window."""
    path = tmp_path / "braze.db"
    book = Book(path)
    old, new = some(0, 3 * RUN, NOW_MS - 6 * HOUR_MS), some(1000, 3 * RUN + 5)
    for ids in old, new:
        for start in range(0, len(ids), RUN):
            book.meet(ids[start : start + RUN])
    make_former(book)
    book.close()
    book = Book(path)
    for _ in range(4):
        assert not any(book.seen.meet(book.session, elsewhere(old + new)))
        assert all(book.seen.meet(book.session, old + new))
    assert all(book.seen.places(book.session, name) for name, *_ in old)
    assert all(book.meet(some(9000, 1)))
    own = book.seen.ids.own
    assert (book.newest, own.newest.former.numbers(book.session)) == (6, []), "written as we do from here on"
    assert not any(book.seen.meet(book.session, elsewhere(old + new)))
    for _ in range(2):  # time is counted from what was read since the last
        book.seen.prune(book.session, NOW_MS + 26 * HOUR_MS, 0)
    assert not any(book.seen.places(book.session, name) for name, *_ in old)
    assert all(book.seen.meet(book.session, elsewhere(old)))
    assert not any(book.seen.meet(book.session, elsewhere(new)))
    book.close()


def test_a_sieve_made_little_by_little_knows_what_was_written_meanwhile(tmp_path: Path) -> None:
    """After a restart with few new ids at a time, while more runs come."""
    path = tmp_path / "braze.db"
    book = Book(path)
    old = some(0, 30 * RUN + 7)
    for start in range(0, len(old), RUN):
        book.meet(old[start : start + RUN])
    book.close()
    book = Book(path)
    new = some(10_000, 3 * RUN)
    looks = 0
    for each, known in zip(new, old, strict=False):
        assert book.meet([each]) == [True]
        assert book.meet(elsewhere([known])) == [False]
        looks += not book.seen.ids.own._sieves
    assert 5 < looks < 30
    assert not any(book.seen.meet(book.session, elsewhere(old + new)))
    book.close()


@pytest.mark.parametrize("others", [(48, 24), (5, 720), (720, 1, 24), (24, 24)])
def test_a_window_that_is_set_otherwise_forgets_no_id_that_is_in_it(
    tmp_path: Path, others: tuple[int, ...]
) -> None:
    """Whatever the windows before were, and whichever table an id is in; what is too old is dropped."""
    path = tmp_path / "braze.db"
    met: list[Id] = []
    for turn, hours in enumerate(others):
        book = Book(path, window_ms=hours * HOUR_MS)
        if met:
            assert not any(book.seen.meet(book.session, elsewhere(met)))
            assert all(book.seen.meet(book.session, met)), "read again, at the same place"
            book.write()
        new = some(1000 * turn, 2 * RUN + 7, NOW_MS + turn * HOUR_MS // 2)
        for start in range(0, len(new), RUN // 2):
            assert all(book.meet(new[start : start + RUN // 2]))
        met += new
        book.close()
    book = Book(path, window_ms=DAY_MS)
    assert not any(book.seen.meet(book.session, elsewhere(met)))
    assert all(book.seen.places(book.session, name) for name, *_ in met)
    much_later = [(name, 9, offset, at_ms + 40 * DAY_MS) for name, _, offset, at_ms in met]
    assert all(book.seen.meet(book.session, much_later))
    for _ in range(2):
        book.seen.prune(book.session, NOW_MS + 80 * DAY_MS, 7 * DAY_MS)
    assert [table for table in book.seen.ids.tables(book.session) if book.count(table.name)] == []
    book.close()


def test_an_heir_with_another_window_knows_what_was_handed_over(book: Book, tmp_path: Path) -> None:
    """Lanes and window may change with the same restart."""
    heir = Book(tmp_path / "heir.db", window_ms=100 * HOUR_MS)
    ids = some(0, 2 * RUN + 10)
    for start in range(0, len(ids), RUN):
        assert all(book.meet(ids[start : start + RUN]))
    for table in book.seen.ids.tables(book.session):
        page = succession.ids(book.session, table, [0], (-1 << 63,) * 3)
        succession.add_ids(heir.session, heir.seen.ids, table, page.rows)
    assert not any(heir.seen.meet(heir.session, elsewhere(ids)))
    assert all(heir.seen.meet(heir.session, ids))
    heir.close()


def test_ids_of_lanes_that_change_hands_are_all_handed_over(book: Book, tmp_path: Path) -> None:
    """From every table, twice if need be; of other lanes none."""
    heir = Book(tmp_path / "heir.db", run=30)
    ids = [(name, offset % 2, offset, at_ms) for name, _, offset, at_ms in some(0, 2 * RUN + 10)]
    for start in range(0, len(ids), 25):
        book.meet(ids[start : start + 25])
    book.seen.meet(book.session, [("m0", 4, 9, NOW_MS), ("m1", 5, 9, NOW_MS)])
    book.write()
    for _ in range(2):
        for table in (*book.seen.ids.tables(book.session), succession.AGAIN):
            page = succession.ids(book.session, table, [1, 5], (-1 << 63,) * 3)
            assert page.after is None
            succession.add_ids(heir.session, heir.seen.ids, table, page.rows)
    assert heir.met
    for name, lane, offset, _ in ids:
        met = [(lane, offset), *([(5, 9)] if name == "m1" else [])]
        expected = [each for each in met if each[0] in (1, 5)]
        assert list(map(position, heir.seen.places(heir.session, name))) == expected
    assert heir.seen.meet(heir.session, elsewhere(ids)) == [lane == 0 for _, lane, *_ in ids]
    heir.close()


def test_a_sieve_that_is_full_is_made_anew_and_knows_what_it_knew(book: Book) -> None:
    """So many ids that the first of a bucket lets too much through."""
    chance = Random(3)
    rows = sorted((chance.randbytes(16), 7, number) for number in range(1000))
    highs = [halves(digest)[0] for digest, *_ in rows]
    ids = Ids(HOUR_MS, RUN)
    ids.add(book.session, {7: [entry(digest, number) for digest, _, number in rows]})
    ids._sieves[7].add(range(BITS_LEAST // 16))
    assert ids._sieves[7].is_full
    for _ in range(2):
        assert sorted(ids.find(book.session, highs, 7, 7)) == rows
        assert ids.find(book.session, [chance.getrandbits(63) for _ in range(1000)], 7, 7) == []
    assert not ids._sieves[7].is_full
    assert len(ids._sieves[7].sift(range(1 << 40, (1 << 40) + 1000))) < 10


def test_a_sieve_holds_back_nearly_all_that_is_new_and_nothing_else() -> None:
    """At what it is made for, two in a hundred; it grows up to a bound."""
    chance = Random(1)
    sieve = Sieve()
    added = [chance.getrandbits(64) - (1 << 63) for _ in range(BITS_LEAST // 16 + 1)]
    sieve.add(added)
    assert sieve.is_full
    assert sieve.sift(added) == added
    assert len(sieve.sift([chance.getrandbits(64) - (1 << 63) for _ in range(10_000)])) < 200
    large = Sieve(BITS_MOST)
    large.add(added[:1000])
    assert not large.is_full
    assert large.sift(added[:1000]) == added[:1000]
