"""Files of other people's are read whole or not at all, and written whole or not at all."""

import os
from pathlib import Path

import pytest

from segue.io.outside.files import read_documents, write_whole
from segue.model.errors import MisconfiguredError


def test_every_json_file_below_a_folder_is_read(tmp_path: Path) -> None:
    """In the order of their names, whatever they are called; other files are not touched."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.json").write_text('{"b": 1}')
    (tmp_path / "deep" / "a.tfstate").write_text("\ufeff[1]")
    (tmp_path / "several.json").write_text('{"page": 1}\n{"page": 2}')
    (tmp_path / "notes.md").write_text("not JSON")
    documents, unread = read_documents(tmp_path)
    assert [(each.file, each.value) for each in documents] == [
        ("b.json", {"b": 1}),
        ("deep/a.tfstate", [1]),
        ("several.json", {"page": 1}),
        ("several.json", {"page": 2}),
    ]
    assert unread == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1', "line 1, column"),
        (b'{"a": 1} {', "line 1, column"),
        (b"", "is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * 200_000, "too deeply"),
    ],
)
def test_a_damaged_file_is_named_and_gives_nothing(tmp_path: Path, content: bytes, said: str) -> None:
    """Not even the documents before the damage."""
    (tmp_path / "bad.json").write_bytes(content)
    (tmp_path / "good.json").write_text("{}")
    documents, unread = read_documents(tmp_path)
    assert [each.file for each in documents] == ["good.json"]
    assert [each.file for each in unread] == ["bad.json"]
    assert said in unread[0].why


def test_one_file_will_do_and_none_is_an_error(tmp_path: Path) -> None:
    """A path that leads nowhere is said before anything else happens."""
    (tmp_path / "only.txt").write_text("{}")
    assert read_documents(tmp_path / "only.txt")[0][0].file == "only.txt"
    with pytest.raises(MisconfiguredError, match="no such folder"):
        read_documents(tmp_path / "nowhere")


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """And no scratch file stays behind."""
    path = tmp_path / "segue.yaml"
    write_whole(path, "one\n")
    with pytest.raises(MisconfiguredError, match="--force"):
        write_whole(path, "two\n")
    assert path.read_text() == "one\n"
    write_whole(path, "two\n", replace=True)
    assert path.read_text() == "two\n"
    assert os.listdir(tmp_path) == ["segue.yaml"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what the system said."""
    with pytest.raises(MisconfiguredError, match="cannot be written"):
        write_whole(tmp_path / "no" / "segue.yaml", "x")
