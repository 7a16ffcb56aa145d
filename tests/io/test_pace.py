"""The board of the rate limits: many processes write it, and nothing on it lasts."""

import os
from pathlib import Path

import apsw
import pytest

from segue.io.storage.pace import FRESH_MS, PaceBoard, Word
from segue.model.errors import MisconfiguredError, StorageUnavailable

NOW = 1_790_000_000_000


async def test_each_hears_the_newest_word_of_the_others_and_never_its_own(tmp_path: Path) -> None:
    """Two processes have the file open at once; both made it, both write it."""
    path = tmp_path / "pace.db"
    one, two = await PaceBoard.open(path), await PaceBoard.open(path)
    await one.tell("one", {"a": b"1", "b": b"2"}, NOW)
    await two.tell("two", {"a": b"3"}, NOW + 1)
    await one.tell("one", {"a": b"4"}, NOW + 2)
    assert await two.hear("two", NOW + 2) == [Word("b", "one", NOW, b"2"), Word("a", "one", NOW + 2, b"4")]
    assert await one.hear("one", NOW + 2) == [Word("a", "two", NOW + 1, b"3")]
    assert len(await one.hear("three", NOW + 2)) == 3
    for board in (one, two, two):
        await board.close()


async def test_what_is_older_than_a_minute_is_not_heard_and_goes(tmp_path: Path) -> None:
    """Neither is what was said before the clock was set back."""
    board = await PaceBoard.open(tmp_path / "pace.db")
    await board.tell("old", {"a": b"1"}, NOW)
    await board.tell("later", {"a": b"2"}, NOW + 50_000)
    assert [word.process for word in await board.hear("me", NOW + FRESH_MS)] == ["old", "later"]
    assert [word.process for word in await board.hear("me", NOW + FRESH_MS + 1)] == ["later"]
    assert await board.hear("me", NOW - FRESH_MS) == [Word("a", "old", NOW, b"1")]
    await board.tell("me", {}, NOW - 3_600_000)
    assert await board.hear("me", NOW) == []
    await board.close()


async def test_a_board_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    """A folder that is not there to be written, a file of something else, and one of a newer Segue."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageUnavailable, match="cannot be opened"):
        await PaceBoard.open(blocked / "pace.db")
    (tmp_path / "pace.db").write_text("something else entirely, and long enough to be read as a header" * 9)
    with pytest.raises(StorageUnavailable, match="not a database"):
        await PaceBoard.open(tmp_path / "pace.db")
    newer = apsw.Connection(os.fspath(tmp_path / "newer.db"))
    newer.pragma("user_version", 99)
    newer.close()
    with pytest.raises(MisconfiguredError, match="has format 99"):
        await PaceBoard.open(tmp_path / "newer.db")


async def test_no_claim_is_left(tmp_path: Path) -> None:
    """One file, and no lock beside it that would keep the next process out."""
    board = await PaceBoard.open(tmp_path / "pace.db")
    await board.close()
    assert os.listdir(tmp_path) == ["pace.db"]
