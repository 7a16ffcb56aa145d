"""`segue import segment` as somebody types it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from segue.cli.app import main
from segue.io.storage.workspace import parse_workspace

FIXTURES = Path(__file__).parents[1] / "fixtures"
EXPORT = FIXTURES / "segment-export"


def run(*words: str | Path) -> int:
    """Run the command line; gives its exit code."""
    sys.argv = ["segue", *map(str, words)]
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code if isinstance(end.value.code, int) else 0


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every command runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["segue"])
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.mark.parametrize(
    "place",
    [
        EXPORT,
        FIXTURES / "segment-terraform" / "terraform.tfstate",
        FIXTURES / "segment-terraform" / "version-3.tfstate",
        FIXTURES / "segment-terraform" / "show.json",
    ],
)
def test_what_is_written_validates(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once the listed variables are set, `segue validate` accepts the file."""
    assert run("import", "segment", place, "-o", "segue.yaml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["whole"]
    assert told["variables"]
    for variable in told["variables"]:
        monkeypatch.setenv(variable["name"], f"given-{variable['name'].lower().replace('_', '-')}")
    assert run("validate", "--json") == 0
    checked = json.loads(capsys.readouterr().out)
    assert len(checked["destinations"]) == told["destinations"]


def test_without_an_output_the_file_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What there is to say goes to standard error."""
    assert run("import", "segment", EXPORT) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("# Made from the export")
    assert "sources:" in printed.out
    assert "BRAZE_EU_API_KEY" in printed.err
    assert "Slack" in printed.err
    assert "7f1c9d2e-fixture-secret" not in printed.out + printed.err


def test_odd_names_come_out_as_they_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in a name is taken for markup, a picture or a command to the terminal."""
    name = "[red]Shop[/] :smile: \x1b[2J"
    source = {"id": "src_1", "slug": "shop", "name": name, "writeKeys": ["wk"], "enabled": False}
    (folder / "sources.json").write_text(json.dumps([source]))
    assert run("import", "segment", ".") == 0
    printed = capsys.readouterr()
    assert parse_workspace(printed.out.encode(), {})[0].sources[0].name == name
    assert "[red]Shop[/] :smile:" in printed.err
    assert "\x1b[2J" not in printed.out + printed.err


def test_a_file_that_is_there_is_kept_unless_forced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody's workspace is lost to a second import."""
    (folder / "segue.yaml").write_text("mine")
    assert run("import", "segment", EXPORT, "-o", "segue.yaml") == 2
    assert (folder / "segue.yaml").read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert run("import", "segment", EXPORT, "-o", "segue.yaml", "--force") == 0
    assert "sources:" in (folder / "segue.yaml").read_text()


def test_a_damaged_file_is_named_and_the_rest_imported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 says that something is missing."""
    shutil.copytree(EXPORT, folder / "export")
    (folder / "export" / "warehouses.json").write_text('{"data": ')
    assert run("import", "segment", "export", "-o", "segue.yaml", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["whole"]
    assert [each["file"] for each in told["remarks"] if each["what"] == "unreadable"] == ["warehouses.json"]
    assert (folder / "segue.yaml").exists()


@pytest.mark.parametrize("content", ["{}", "not json", '{"data": {"sources": []}}'])
def test_with_no_source_nothing_is_written(
    folder: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to import, and what was found instead is said."""
    (folder / "x.json").write_text(content)
    assert run("import", "segment", ".", "-o", "segue.yaml") == 2
    assert not (folder / "segue.yaml").exists()
    assert "no source" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything else happens."""
    assert run("import", "segment", "nowhere") == 2
    assert "no such folder" in capsys.readouterr().err
