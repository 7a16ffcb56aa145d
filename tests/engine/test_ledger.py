"""The book of one destination adds up, whatever happens and wherever it is cut off."""

import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.rows import row as a_row

from segue.engine.ledger import Ledger, OpenEvent, Place
from segue.model.delivery import DeadLetter, Receipt


def ledger(
    places: dict[int, Place] | None = None, totals: dict[tuple[str, str], int] | None = None
) -> Ledger:
    return Ledger("web", places or {0: Place(0), 1: Place(0)}, {0: 0, 1: 0}, totals or {})


def letter(offset: int) -> DeadLetter:
    return DeadLetter(
        id=f"0-{offset}",
        destination="braze",
        subscription="s",
        action="track",
        lane=0,
        offset=offset,
        person="u:1",
        message_id="m",
        kind="track",
        reason="MAPPING_FAILED",
        message="no",
    )


def test_an_event_is_delivered_when_all_its_rows_are() -> None:
    """Two rows, two settlements, one event."""
    book = ledger()
    assert book.take(0, 0)
    opened = book.open(0, 0, 2)
    book.settle(opened, "a", "", 5)
    assert book.waiting == 1
    book.settle(opened, "b", "", 5)
    assert book.waiting == 0
    assert book.total("delivered") == 1
    assert book.total("rows_delivered") == 2
    assert book.residual == 0


def test_an_event_is_dead_when_one_of_its_rows_is() -> None:
    """A dead row makes the event dead, its sibling is still delivered."""
    book = ledger()
    book.take(0, 0)
    opened = book.open(0, 0, 2)
    book.settle(opened, "a", "BAD_REQUEST", 5)
    book.settle(opened, "b", "", 5)
    assert book.totals() == {
        ("rows_dead", "BAD_REQUEST"): 1,
        ("rows_delivered", ""): 1,
        ("dead", "BAD_REQUEST"): 1,
    }
    assert book.residual == 0


def test_a_dead_letter_of_the_mapping_is_kept_with_its_event() -> None:
    """A subscription that failed before it had a row is written when the siblings are settled."""
    book = ledger()
    book.take(0, 0)
    opened = book.open(0, 0, 1, (letter(0),))
    assert book.entries().dead == []
    book.settle(opened, "a", "", 5)
    assert len(book.entries().dead) == 1
    assert book.total("dead") == 1
    assert book.residual == 0


def test_what_is_settled_out_of_order_is_kept_as_ranges() -> None:
    """The place is the oldest open event; later ones that are done are not done again."""
    book = ledger()
    opened = {}
    for offset in range(6):
        book.take(0, offset)
        opened[offset] = book.open(0, offset, 1)
    for offset in (1, 2, 4):
        book.settle(opened[offset], "a", "", 1)
    assert book.place(0) == Place(0, ((1, 3), (4, 5)))
    again = ledger({0: book.place(0), 1: Place(0)}, dict(book.totals()))
    assert again.read_to(0) == 0
    assert again.residual == 0
    assert [again.take(0, offset) for offset in range(6)] == [True, False, False, True, False, True]


def test_events_removed_by_retention_are_counted_as_expired() -> None:
    """A destination that comes too late says how many it never saw."""
    book = ledger()
    assert book.advance(0, 40, 1) == 40
    assert book.total("expired") == 40
    assert book.residual == 0


def test_entries_written_are_forgotten_and_later_ones_stay() -> None:
    """What happens while the checkpoint is being written belongs to the next one."""
    book = ledger()
    book.take(0, 0)
    book.close("filtered", "NO_MATCHING_MAPPING", 1)
    entries = book.entries()
    book.take(0, 1)
    book.close("filtered", "NO_MATCHING_MAPPING", 1)
    receipt = Receipt(lane=0, offset=1, message_id="m", subscription="", action="", result="filtered")
    book.write(receipt)
    book.written(entries)
    later = book.entries()
    assert sum(later.counts.values()) == 1
    assert later.receipts == [receipt]
    assert book.dirty
    book.written(later)
    assert not book.dirty


def test_a_crash_at_any_checkpoint_loses_and_repeats_nothing_that_was_settled() -> None:
    """Seeded runs cut off at random checkpoints: each event ends exactly once in the persisted totals."""
    for seed in range(40):
        chance = random.Random(seed)
        size = 60
        kept_places = {0: Place(0)}
        kept_totals: dict[tuple[str, str], int] = {}
        settled: list[int] = []
        while True:
            book = Ledger("web", kept_places, {0: 0}, kept_totals)
            opened, done_now = {}, []
            crashed = False
            while True:
                offset = book.read_to(0)
                if offset < size and chance.random() < 0.6:
                    if book.take(0, offset):
                        if chance.random() < 0.3:
                            book.close("filtered", "NO_MATCHING_MAPPING", 1)
                            done_now.append(offset)
                        else:
                            opened[offset] = book.open(0, offset, 1)
                elif opened:
                    pick = chance.choice(sorted(opened))
                    book.settle(opened.pop(pick), "a", "", 1)
                    done_now.append(pick)
                assert book.residual == 0
                if chance.random() < 0.2 or (offset >= size and not opened):
                    entries = book.entries()
                    kept_places = dict(entries.places)
                    for key, n in entries.counts.items():
                        kept_totals[key.result, key.reason] = kept_totals.get((key.result, key.reason), 0) + n
                    book.written(entries)
                    settled += done_now
                    done_now = []
                    if offset >= size and not opened:
                        break
                if chance.random() < 0.05:
                    crashed = True
                    break
            if not crashed:
                break
        assert sorted(settled) == list(range(size))
        assert kept_places == {0: Place(size)}
        events = sum(n for (result, _), n in kept_totals.items() if not result.startswith("rows_"))
        assert events == size


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30),
    cuts=st.lists(st.integers(1, 9)),
)
def test_events_read_together_are_read_as_one_by_one(places: list[tuple[int, bool]], cuts: list[int]) -> None:
    """Events of three lanes, some settled before the last stop, in bites of any size."""
    ends, settled = dict.fromkeys(range(3), 0), {lane: list[tuple[int, int]]() for lane in range(3)}
    entries: list[tuple[int, int, Any]] = []
    for lane, is_settled in places:
        offset, ends[lane] = ends[lane], ends[lane] + 1
        entries.append((lane, offset, None))
        settled[lane] += [(offset, offset + 1)] if is_settled else []
    before = {lane: Place(0, tuple(ranges)) for lane, ranges in settled.items()}
    together, one_by_one = (Ledger("web", before, dict.fromkeys(before, 0), {}) for _ in range(2))
    while entries:
        size = cuts.pop() if cuts else len(entries)
        bite, entries = entries[:size], entries[size:]
        done = {(lane, offset) for lane, offset, _ in bite if not one_by_one.take(lane, offset)}
        assert set(together.take_all(bite)) == done
        assert all(together.place(lane) == one_by_one.place(lane) for lane in before)
    assert together.read == one_by_one.read == len(places)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rows_taken_together_count_as_rows_taken_one_by_one(data: st.DataObject) -> None:
    """Events of one to three rows, some with a dead letter or a row that died, in requests of any size."""
    events = data.draw(st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.booleans()), max_size=6))
    books = ledger(), ledger()
    for book in books:
        for offset, (rows, is_unmapped, has_died) in enumerate(events):
            book.take(0, offset)
            opened = book.open(0, offset, rows + has_died, (letter(offset),) if is_unmapped else ())
            if has_died:
                book.settle(opened, "x", "BAD_REQUEST", 5)
    together, one_by_one = books
    left = data.draw(
        st.permutations([offset for offset, (rows, *_) in enumerate(events) for _ in range(rows)])
    )
    while left:
        size = data.draw(st.integers(1, len(left)))
        rows = [a_row(offset, action="ab"[offset % 2]) for offset in left[:size]]
        unfinished = []
        for index, row in enumerate(rows):
            one_by_one.settle(one_by_one.opened(0, row.offset), row.subscription, "", 5)
            unfinished += [index] if one_by_one.is_open(0, row.offset) else []
        assert together.deliver(rows, 5) == unfinished
        assert (together.totals(), together.waiting) == (one_by_one.totals(), one_by_one.waiting)
        del left[:size]
    assert together.entries() == one_by_one.entries()
    assert together.residual == 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_events_and_rows_are_counted_apart_whatever_the_order_and_wherever_it_is_cut(
    data: st.DataObject,
) -> None:
    """Generated events with rows and dead letters of the mapping, settled in any order, with restarts from
    the last checkpoint in between: an event is delivered when all its rows are, dead when one of them is,
    every row is counted once, and the residual is 0 at every moment."""
    fates = st.lists(st.sampled_from(["", "", "", "BAD_REQUEST", "NOT_FOUND"]), min_size=1, max_size=4)
    events = data.draw(st.lists(st.tuples(fates, st.booleans()), min_size=1, max_size=8))
    todo = [(offset, row) for offset, (rows, _) in enumerate(events) for row in range(len(rows))]
    order = data.draw(st.permutations(todo))
    cuts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    book, totals = ledger({0: Place(0)}), Counter[tuple[str, str]]()
    place, counted = Place(0), set[tuple[int, int]]()
    settled: set[tuple[int, int]] = set()

    def read(book: Ledger, known: set[tuple[int, int]]) -> dict[int, OpenEvent]:
        """Take every event that is not done; rows a checkpoint has counted are settled at once."""
        opened = {}
        for offset in range(book.read_to(0), len(events)):
            rows, is_unmapped = events[offset]
            if book.take(0, offset):
                opened[offset] = book.open(0, offset, len(rows), (letter(offset),) if is_unmapped else ())
        for offset, row in known:
            if offset in opened:
                book.settle(opened[offset], "s", events[offset][0][row], 1, is_counted=True)
        return opened

    opened = read(book, set())
    for step, (offset, row) in enumerate(order):
        if step in cuts:  # a checkpoint, and a process that begins from it
            entries = book.entries()
            totals.update({(key.result, key.reason): n for key, n in entries.counts.items()})
            place, counted = entries.places[0], set(settled)
            book.written(entries)
            assert book.residual == 0
            book = Ledger("web", {0: place}, {0: 0}, totals)
            opened = read(book, counted)
        book.settle(opened[offset], "s", events[offset][0][row], 1)
        settled.add((offset, row))
        assert book.residual == 0
    is_dead = [any(rows) or is_unmapped for rows, is_unmapped in events]
    assert (book.waiting, book.total("dead"), book.total("delivered")) == (
        0,
        sum(is_dead),
        len(events) - sum(is_dead),
    )
    row_fates = [fate for rows, _ in events for fate in rows]
    assert book.total("rows_delivered") == row_fates.count("")
    assert book.total("rows_dead") == len(row_fates) - row_fates.count("") + sum(each for _, each in events)
