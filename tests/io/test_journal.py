"""The journal remembers what left and what was answered, wherever it is cut off."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.io.disk import full_at

from segue.io.storage.journal import Journal, RowKey, Settled
from segue.model.errors import StorageUnavailable


def key(offset: int) -> RowKey:
    return RowKey(0, offset, "s", 0)


def fine(request: int, position: int = 0) -> Settled:
    return Settled(request, position, 201)


def test_what_was_answered_is_settled_and_what_was_not_is_uncertain(tmp_path: Path) -> None:
    """Request 1 was answered, request 2 was on its way when the process died."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0), key(1)])
    journal.settle(1, [(key(0), fine(1)), (key(1), Settled(1, 1, 400, "BAD_REQUEST", "bad name"))])
    journal.leave(2, [key(2)])
    _, found = Journal.open(tmp_path / "braze", 0)
    assert found.settled == {key(0): fine(1), key(1): Settled(1, 1, 400, "BAD_REQUEST", "bad name")}
    assert found.uncertain == {key(2): 2}


def test_a_request_that_was_taken_whole_settles_each_of_its_rows(tmp_path: Path) -> None:
    """The rows are those that left, in their order; one of them had been in doubt."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(1)])
    journal.settle(1, [], [key(1)])
    journal.leave(2, [key(0), key(1)])
    journal.deliver(2, 201, [0, 3])
    assert not journal.uncertain
    _, found = Journal.open(tmp_path / "braze", 0)
    assert found.settled == {key(0): fine(2, 0), key(1): fine(2, 3)}
    assert not found.uncertain
    assert found.doubted == {key(1): 1}


def test_doubt_outlives_a_start_that_numbers_its_requests_the_same(tmp_path: Path) -> None:
    """Killed twice without a checkpoint in between: what the first life left in doubt is not forgotten when
    the second sends something else under the same number, and the highest number is told."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0), key(1)])
    journal, found = Journal.open(tmp_path / "braze", 0)
    assert found.requests == 1
    journal.settle(2, [(key(1), fine(2))])
    journal.leave(1, [key(2)])
    _, found = Journal.open(tmp_path / "braze", 0)
    assert found.uncertain == {key(0): 1, key(2): 1}
    assert found.settled == {key(1): fine(2)}
    assert found.requests == 2


def test_a_decision_about_a_row_in_doubt_outlives_a_start(tmp_path: Path) -> None:
    """Held for a human, and killed before a checkpoint has it: the next start finds the decision."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal, _ = Journal.open(tmp_path / "braze", 0)
    held = Settled(1, 0, 0, "UNCERTAIN", "it may have arrived")
    journal.decide([(key(0), held)])
    _, found = Journal.open(tmp_path / "braze", 0)
    assert found.settled == {key(0): held}
    assert not found.uncertain


def test_a_row_that_left_twice_is_told_though_the_second_time_was_answered(tmp_path: Path) -> None:
    """In doubt in one life, sent again and answered in the next, killed before a checkpoint: the third still
    knows that it may have arrived twice, over checkpoints until its event is read; once counted, no more."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0), key(1)])
    journal, _ = Journal.open(tmp_path / "braze", 0)
    assert journal.count(key(1))
    journal.leave(2, [key(0)])
    journal.settle(2, [(key(0), fine(2))])
    journal, found = Journal.open(tmp_path / "braze", 0)
    assert found.settled == {key(0): fine(2)}
    assert found.doubted == {key(0): 1}
    journal.turned(journal.turn(unread=[(key(0), fine(2))]))
    journal, found = Journal.open(tmp_path / "braze", 1)
    assert found.doubted == {key(0): 1}
    assert journal.count(key(0))
    journal.turned(journal.turn(counted=[(key(0), fine(2))]))
    _, found = Journal.open(tmp_path / "braze", 2)
    assert not found.doubted


def test_a_row_that_did_not_arrive_is_neither(tmp_path: Path) -> None:
    """A 503 says that nothing was applied: the row leaves again and is not in doubt."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal.settle(1, [])
    _, found = Journal.open(tmp_path / "braze", 0)
    assert not found.settled
    assert not found.uncertain


def test_an_answer_that_never_came_leaves_the_row_in_doubt_until_it_is_settled(tmp_path: Path) -> None:
    """A timeout after sending: uncertain; once a later request is answered, no more."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal.settle(1, [], doubt=[key(0)])
    assert dict(journal.uncertain) == {key(0): 1}
    _, found = Journal.open(tmp_path / "braze", 0)
    assert found.uncertain == {key(0): 1}
    journal.leave(2, [key(0)])
    journal.settle(2, [(key(0), fine(2))])
    assert not journal.uncertain
    _, found = Journal.open(tmp_path / "braze", 0)
    assert not found.uncertain
    assert found.settled == {key(0): fine(2)}


def test_a_checkpoint_begins_anew_and_carries_what_is_on_the_way(tmp_path: Path) -> None:
    """Before, during and after the commit, whichever generation the state names is whole."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal.settle(1, [(key(0), fine(1))])
    journal.leave(2, [key(1)])
    turn = journal.turn()
    journal.settle(2, [(key(1), fine(2))])
    journal.leave(3, [key(2)])
    old = _copy(tmp_path, "old")
    _, before = Journal.open(old / "braze", 0)
    assert set(before.settled) == {key(0), key(1)}
    assert set(before.uncertain) == {key(2)}
    new = _copy(tmp_path, "new")
    _, after = Journal.open(new / "braze", turn.generation)
    assert set(after.settled) == {key(1)}
    assert set(after.uncertain) == {key(2)}
    journal.turned(turn)
    journal.settle(3, [(key(2), fine(3))])
    _, last = Journal.open(tmp_path / "braze", 1)
    assert set(last.settled) == {key(1), key(2)}
    assert [path.name for path in tmp_path.glob("*.journal")] == ["braze.1.journal"]


def test_rows_of_events_that_stay_open_are_carried_through_checkpoints(tmp_path: Path) -> None:
    """Of an event with two rows one was answered long ago: a later start still knows, and that a
    checkpoint has counted it."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal.settle(1, [(key(0), fine(1))])
    for _ in range(2):
        journal.turned(journal.turn([(key(0), fine(1))], [(key(1), fine(2))]))
    _, found = Journal.open(tmp_path / "braze", 2)
    assert found.settled == {key(0): fine(1), key(1): fine(2)}
    assert found.counted == {key(0)}


def test_a_row_counted_in_doubt_is_not_counted_as_settled(tmp_path: Path) -> None:
    """It was in doubt at a checkpoint and refused afterwards: the refusal is in no checkpoint yet."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal.settle(1, [], doubt=[key(0)])
    journal.count(key(0))
    journal.turned(journal.turn())
    journal.leave(2, [key(0)])
    journal.settle(2, [(key(0), Settled(2, 0, 400, "BAD_REQUEST"))])
    _, found = Journal.open(tmp_path / "braze", 1)
    assert set(found.settled) == {key(0)}
    assert not found.counted


def test_a_checkpoint_that_failed_changes_nothing(tmp_path: Path) -> None:
    """The old generation goes on."""
    journal, _ = Journal.open(tmp_path / "braze", 4)
    journal.leave(1, [key(0)])
    turn = journal.turn()
    journal.turned(turn, committed=False)
    journal.settle(1, [(key(0), fine(1))])
    _, found = Journal.open(tmp_path / "braze", 4)
    assert set(found.settled) == {key(0)}


@given(cut=st.integers(0, 10_000))
def test_a_torn_end_is_ignored(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Cut anywhere, the whole entries before the cut count and writing goes on behind them."""
    folder = tmp_path_factory.mktemp("journal")
    journal, _ = Journal.open(folder / "braze", 0)
    for request in range(1, 8):
        journal.leave(request, [key(request)])
        journal.settle(request, [(key(request), fine(request))])
    journal.close()
    path = folder / "braze.0.journal"
    content = path.read_bytes()
    path.write_bytes(content[: cut % (len(content) + 1)])
    journal, found = Journal.open(folder / "braze", 0)
    assert set(found.settled) == {key(n) for n in range(1, len(found.settled) + 1)}
    assert len(found.uncertain) <= 1
    journal.leave(99, [key(99)])
    _, again = Journal.open(folder / "braze", 0)
    assert key(99) in again.uncertain
    assert set(again.settled) == set(found.settled)


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 4096])
def test_an_end_of_zeros_is_ignored(tmp_path: Path, zeros: int) -> None:
    """What a file system shows after a power cut of what it had no time to write."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    journal.close()
    path = tmp_path / "braze.0.journal"
    path.write_bytes(path.read_bytes() + bytes(zeros))
    journal, found = Journal.open(tmp_path / "braze", 0)
    assert found.uncertain == {key(0): 1}
    journal.settle(2, [(key(0), fine(2))])
    assert set(Journal.read(tmp_path / "braze", 0).settled) == {key(0)}


@pytest.mark.parametrize("room", [0, 1, 8, 15])
@pytest.mark.parametrize("turning", [False, True], ids=["", "turning"])
def test_what_a_full_disk_takes_half_is_taken_out_again(tmp_path: Path, room: int, *, turning: bool) -> None:
    """A request that cannot be noted does not leave, and nothing tells of it afterwards; nor does what was
    decided and could not be noted hold. What comes when there is room is read."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    turn = journal.turn() if turning else None
    paths = list(tmp_path.glob("*.journal"))
    before = [path.read_bytes() for path in paths]
    with full_at(max(map(len, before)) + room):
        with pytest.raises(StorageUnavailable, match="cannot be written"):
            journal.leave(2, [key(1)])
        with pytest.raises(StorageUnavailable, match="cannot be written"):
            journal.decide([(key(0), fine(0))])
        assert [path.read_bytes() for path in paths] == before
    journal.leave(3, [key(3)])
    if turn is not None:
        journal.turned(turn)
    _, found = Journal.open(tmp_path / "braze", journal.generation)
    assert (found.settled, found.uncertain) == ({}, {key(0): 1, key(3): 3})


@pytest.mark.parametrize("turning", [False, True], ids=["", "turning"])
def test_an_answer_that_cannot_be_noted_is_noted_before_anything_else(
    tmp_path: Path, *, turning: bool
) -> None:
    """It is known, so nothing that was answered leaves again. Whoever starts before there is room finds
    doubt, whoever starts later the answer."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    for request in range(1, 4):
        journal.leave(request, [key(request)])
    turn = journal.turn() if turning else None
    with full_at(1):
        journal.deliver(1, 201, [0])
        journal.settle(2, [(key(2), Settled(2, 0, 400, "BAD_REQUEST"))])
        journal.settle(3, [], [key(3)])
        with pytest.raises(StorageUnavailable):
            journal.leave(4, [key(4)])
        assert Journal.read(tmp_path / "braze", 0).uncertain == {key(n): n for n in (1, 2, 3)}
    journal.leave(5, [key(5)])
    if turn is not None:
        journal.turned(turn)
    _, found = Journal.open(tmp_path / "braze", journal.generation)
    assert found.settled == {key(1): fine(1), key(2): Settled(2, 0, 400, "BAD_REQUEST")}
    assert found.uncertain == {key(3): 3, key(5): 5}


def test_a_checkpoint_that_finds_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    """No file and no open descriptor, however often it is tried."""
    journal, _ = Journal.open(tmp_path / "braze", 0)
    journal.leave(1, [key(0)])
    before = len(os.listdir("/proc/self/fd"))
    with full_at(1):
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                journal.turn()
    assert len(os.listdir("/proc/self/fd")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["braze.0.journal"]
    journal.turned(journal.turn())
    assert Journal.read(tmp_path / "braze", 1).uncertain == {key(0): 1}


def test_any_history_reads_back_as_it_was(tmp_path: Path) -> None:
    """Seeded histories against plain sets."""
    for seed in range(50):
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        journal, _ = Journal.open(folder / "braze", 0)
        settled: set[RowKey] = set()
        doubt: set[RowKey] = set()
        waiting = [key(n) for n in range(40)]
        flying: dict[int, list[RowKey]] = {}
        for request in range(1, 60):
            if waiting and chance.random() < 0.6:
                rows = [waiting.pop() for _ in range(min(len(waiting), chance.randint(1, 3)))]
                flying[request] = rows
                journal.leave(request, rows)
            elif flying:
                number = chance.choice(list(flying))
                rows = flying.pop(number)
                what = chance.choice(["fine", "again", "doubt"])
                if what == "fine" and chance.random() < 0.5:
                    journal.deliver(number, 201, [0] * len(rows))
                else:
                    journal.settle(
                        number,
                        [(row, fine(number)) for row in rows] if what == "fine" else [],
                        doubt=rows if what == "doubt" else [],
                    )
                if what == "fine":
                    settled |= set(rows)
                    doubt -= set(rows)
                doubt |= set(rows) if what == "doubt" else set()
                waiting += rows if what != "fine" else []
            if chance.random() < 0.1:
                journal.turned(journal.turn())
                settled.clear()
        _, found = Journal.open(folder / "braze", journal.generation)
        assert set(found.settled) == settled
        assert set(found.uncertain) == doubt | {row for rows in flying.values() for row in rows}


def test_a_journal_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    (tmp_path / "braze.0.journal").mkdir()
    with pytest.raises(StorageUnavailable, match=r"braze\.0\.journal"):
        Journal.open(tmp_path / "braze", 0)


def _copy(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    for path in folder.glob("*.journal"):
        (made / path.name).write_bytes(path.read_bytes())
    return made
