"""What can be set, measured, logged or raised is in the reference; the reference has nothing else."""

import ast
import re
from collections.abc import Iterator

import pytest
from scripts.reference import PAGES
from tests.laws.house import DOCS, ROOT, modules, named, room_of, texts, tree

from segue.runtime.editor import EXPLAINED
from segue.runtime.logbook import KEYS, LINES
from segue.runtime.telemetry import METRICS

LEVELS = frozenset({"debug", "info", "warning", "error", "exception"})


@pytest.mark.parametrize("path", PAGES)
def test_a_page_made_of_declarations_is_current(path: str) -> None:
    """After changing a declaration, run scripts/reference.py."""
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), (
        f"run: python scripts/reference.py ({path})"
    )


def test_every_key_of_the_workspace_file_is_in_its_page() -> None:
    """What may be written in segue.yaml is explained, each key under its own name."""
    text = (DOCS / "reference" / "workspace.md").read_text(encoding="utf-8")
    assert [name for name in EXPLAINED if f"`{name.rpartition('.')[2]}`" not in text] == []


def test_every_make_target_is_in_the_readme() -> None:
    """Somebody with a fresh clone finds every command in the first file they open."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets
    assert [target for target in targets if target != "help" and f"make {target}" not in readme] == []


def test_every_metric_that_moves_is_declared() -> None:
    """A misspelt name would stop the process at its first use."""
    declared = {metric.name for metric in METRICS}
    moved = {
        node.args[0].value: f"{named(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("count", "set", "observe", "value")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).startswith("segue_")
    }
    assert {name: where for name, where in moved.items() if name not in declared} == {}


def test_every_declared_metric_moves_somewhere() -> None:
    """The reference promises no metric that never comes."""
    used = {text for path in modules() for _, text in texts(path)}
    assert sorted({metric.name for metric in METRICS} - used) == []


def lines_written() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call that writes a log line: (where, its name, the call)."""
    for path in modules():
        if room_of(path) == "sandbox" or path.name == "logbook.py":
            continue
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and ast.unparse(node.func.value) in ("log", "self._log", "self.log")
                and node.args
            ):
                yield f"{named(path)}:{node.lineno}", ast.unparse(node.args[0]).strip("'\""), node


def test_every_log_line_is_declared() -> None:
    """An undeclared line would lose its words, an undeclared key its value."""
    names = {line.event for line in LINES}
    assert [f"{where} {name}" for where, name, _ in lines_written() if name not in names] == []
    keys = {*KEYS, "exc_info"}
    strays = [
        f"{where} {keyword.arg}"
        for where, _, call in lines_written()
        for keyword in call.keywords
        if keyword.arg not in keys
    ]
    assert strays == []


def test_every_declared_log_line_is_written_somewhere() -> None:
    """The reference promises no line that never comes."""
    written = {name for _, name, _ in lines_written()} | {"library_said"}
    assert sorted({line.event for line in LINES} - written) == []


def test_settings_and_errors_are_linked_from_where_people_look() -> None:
    """Each reference page can be reached from another page."""
    pages = (*DOCS.rglob("*.md"), *ROOT.glob("*.md"))
    for page in (DOCS / "reference").glob("*.md"):
        linked = [path for path in pages if path != page and page.name in path.read_text(encoding="utf-8")]
        assert linked, f"{named(page)} is linked from nowhere"
