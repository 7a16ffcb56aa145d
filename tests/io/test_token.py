"""The token: made once, private, the same for every process of a data folder."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segue.io.storage.token import keep_token, read_token
from segue.model.errors import StorageUnavailable


def test_a_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Long enough not to be guessed, mode 0600, unchanged at the next start."""
    folder = tmp_path / "new" / "data"
    token = keep_token(folder)
    assert len(token) >= 40
    assert keep_token(folder) == read_token(folder) == token
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["token"]


def test_processes_that_start_together_have_one_token(tmp_path: Path) -> None:
    """The second one to write leaves the first one's."""
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: keep_token(tmp_path), range(32)))) == 1


def test_two_folders_have_two_tokens(tmp_path: Path) -> None:
    """Knowing one Segue's token opens no other."""
    assert keep_token(tmp_path / "a") != keep_token(tmp_path / "b")


def test_no_token_yet_is_no_error(tmp_path: Path) -> None:
    """A command line beside a Segue that never ran."""
    assert read_token(tmp_path) == ""


def test_a_token_that_cannot_be_kept_or_read_says_where(tmp_path: Path) -> None:
    """A file in place of the folder, a folder in place of the file, an empty file."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match="file/token"):
        keep_token(tmp_path / "file")
    (tmp_path / "token").mkdir()
    with pytest.raises(StorageUnavailable, match="cannot be read"):
        read_token(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "token").touch()
    with pytest.raises(StorageUnavailable, match="Delete it"):
        keep_token(tmp_path / "empty")
