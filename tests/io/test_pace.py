"""The board of the rate limits: many processes write it, and nothing on it lasts."""

import os
from pathlib import Path

import apsw
import pytest

from segue.io.storage.pace import FRESH_MS, PaceBoard
from segue.io.storage.sqlite import MIGRATIONS
from segue.model.errors import MisconfiguredError, StorageUnavailable

NOW = 1_790_000_000_000


def test_processes_find_one_another_and_use_a_pool_in_turns(tmp_path: Path) -> None:
    """Two have the file open at once; both made it, both write it."""
    path = tmp_path / "pace.db"
    one, two = PaceBoard.open(path), PaceBoard.open(path)
    assert one.meet("one", NOW) == frozenset()
    assert two.meet("two", NOW) == {"one"}
    assert one.others("one", NOW) == {"two"}
    found: list[bytes | None] = []
    for board, state in ((one, b"1"), (two, b"2"), (one, b"3")):
        board.turn("a", "p", NOW, lambda held, state=state: (found.append(held), state)[1])  # type: ignore[misc]
    assert found == [None, b"1", b"2"]
    assert two.pools("a", NOW) == {"p": b"3"}
    assert two.pools("b", NOW) == {}
    one.leave("one")
    assert two.others("two", NOW) == frozenset()
    for board in (one, two, two):
        board.close()


def test_what_is_older_than_a_minute_is_gone(tmp_path: Path) -> None:
    """Neither is what was said before the clock was set back worth anything."""
    board = PaceBoard.open(tmp_path / "pace.db")
    board.meet("old", NOW)
    board.turn("a", "p", NOW, lambda held: b"1")
    assert board.others("me", NOW + FRESH_MS) == {"old"}
    assert board.pools("a", NOW + FRESH_MS) == {"p": b"1"}
    for later in (NOW + FRESH_MS + 1, NOW - FRESH_MS - 1):
        assert board.others("me", later) == frozenset()
        assert board.pools("a", later) == {}
    assert board.meet("me", NOW + FRESH_MS + 1) == frozenset()
    board.close()


def test_a_turn_that_fails_leaves_the_pool_as_it_was(tmp_path: Path) -> None:
    """And the next one is possible; one that another process holds for long is not waited for."""
    board, other = PaceBoard.open(tmp_path / "pace.db"), PaceBoard.open(tmp_path / "pace.db")
    board.turn("a", "p", NOW, lambda held: b"1")
    with pytest.raises(ZeroDivisionError):
        board.turn("a", "p", NOW, lambda held: bytes(1 // 0))
    assert board.pools("a", NOW) == {"p": b"1"}

    def long(held: bytes | None) -> bytes:
        with pytest.raises(StorageUnavailable, match="another process holds its lock"):
            other.turn("a", "p", NOW, lambda held: b"3")
        return b"2"

    board.turn("a", "p", NOW, long)
    assert other.pools("a", NOW) == {"p": b"2"}
    board.close()
    other.close()


def test_a_board_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    """A folder that is not there to be written, a file of something else, and one of a newer Segue."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageUnavailable, match="cannot be opened"):
        PaceBoard.open(blocked / "pace.db")
    (tmp_path / "pace.db").write_text("something else entirely, and long enough to be read as a header" * 9)
    with pytest.raises(StorageUnavailable, match="not a database"):
        PaceBoard.open(tmp_path / "pace.db")
    newer = apsw.Connection(os.fspath(tmp_path / "newer.db"))
    newer.pragma("user_version", 99)
    newer.close()
    with pytest.raises(MisconfiguredError, match="has format 99"):
        PaceBoard.open(tmp_path / "newer.db")


def test_a_board_of_the_first_format_is_made_anew(tmp_path: Path) -> None:
    """What processes told one another then is worth nothing now."""
    old = apsw.Connection(os.fspath(tmp_path / "pace.db"))
    old.execute((MIGRATIONS / "pace" / "0001_first.sql").read_text("utf-8"))
    old.execute("INSERT INTO pace(account, process, at_ms, body) VALUES ('a', 'p', ?, ?)", (NOW, b"1"))
    old.pragma("user_version", 1)
    old.close()
    board = PaceBoard.open(tmp_path / "pace.db")
    assert board.meet("me", NOW) == frozenset()
    assert board.pools("a", NOW) == {}
    board.close()


@pytest.mark.parametrize("at", [90, 4096, 8192, 12_288, 16_384], ids=str)
def test_a_board_that_a_power_cut_has_damaged_is_made_anew(tmp_path: Path, at: int) -> None:
    """It is not synced, so any page of it may be another, and nothing on it was worth anything."""
    path = tmp_path / "pace.db"
    board = PaceBoard.open(path)
    board.turn("a", "p", NOW, lambda held: b"1")
    board.close()
    content = bytearray(path.read_bytes())
    content[at : at + 100] = b"\x5a" * 100
    path.write_bytes(content)
    one, two = PaceBoard.open(path), PaceBoard.open(path)
    assert one.meet("one", NOW) == frozenset()
    assert two.meet("two", NOW) == {"one"}
    for board in (one, two):
        board.close()


def test_no_claim_is_left(tmp_path: Path) -> None:
    """One file, and no lock beside it that would keep the next process out."""
    board = PaceBoard.open(tmp_path / "pace.db")
    board.close()
    assert os.listdir(tmp_path) == ["pace.db"]
