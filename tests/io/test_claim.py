"""Who owns a file, and who may ask."""

import os
from pathlib import Path

import pytest

from segue.io.claim import Claim, Owner, holder, owner, tell
from segue.model.errors import LogUnavailable


def claimed(path: Path) -> Claim:
    return Claim(path, lambda who: LogUnavailable(f"taken by {who}"))


def test_whoever_comes_second_learns_who_is_first(tmp_path: Path) -> None:
    """As long as the first holds it."""
    path = tmp_path / "lock"
    first = claimed(path)
    with pytest.raises(LogUnavailable, match=f"taken by {os.getpid()}$"):
        claimed(path)
    first.release()
    claimed(path).release()


def test_asking_who_holds_a_claim_takes_nothing(tmp_path: Path) -> None:
    """Nobody yet, the one who does, and nobody again: what is left in the file does not count."""
    path = tmp_path / "lock"
    assert holder(path) == ""
    first = claimed(path)
    assert holder(path) == holder(path) == str(os.getpid())
    first.release()
    assert path.read_text(encoding="ascii").strip() == str(os.getpid())
    assert holder(path) == ""
    claimed(path).release()
    assert holder(tmp_path) is None  # no file of ours


def test_whoever_holds_a_claim_may_say_where_it_listens(tmp_path: Path) -> None:
    """As long as it holds it; whoever comes second is still told the process alone."""
    path = tmp_path / "lock"
    first = claimed(path)
    assert owner(path) == Owner(str(os.getpid()))
    tell(path, "http://127.0.0.1:9000", "a-host")
    assert owner(path) == Owner(str(os.getpid()), "http://127.0.0.1:9000", "a-host")
    with pytest.raises(LogUnavailable, match=f"taken by {os.getpid()}$"):
        claimed(path)
    first.release()
    assert owner(path) == Owner("")
    second = claimed(path)
    assert owner(path) == Owner(str(os.getpid()))  # what the one before said does not count
    second.release()
