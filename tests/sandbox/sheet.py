"""The conformance sheet of docs/sandbox.md, written from the marks on the tests.

`python -m tests.sandbox.sheet` writes it anew; test_sheet.py holds the page to it.
"""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.rules import MARKS, Rule

from segue.sandbox.switches import describe

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "sandbox.md"
SHEET = ("<!-- sheet begins: written by tests/sandbox/sheet.py -->", "<!-- sheet ends -->")
SWITCHES = ("<!-- switches begin: written by tests/sandbox/sheet.py -->", "<!-- switches end -->")


def marked() -> Iterator[tuple[Rule, str]]:
    """Every rule and the test that checks it, as `file::name`."""
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"tests.sandbox.{path.stem}")
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if test.__module__ == module.__name__:
                for rule in getattr(test, "rules", []):
                    yield rule, f"{path.stem}::{name}"


def written() -> str:
    """The page with its sheet and its switches as they should be."""
    rules = list(marked())
    counts = {mark: sum(rule.mark == mark for rule, _ in rules) for mark in MARKS}
    said = ", ".join(f"{count} {mark}" for mark, count in counts.items())
    lines = [
        f"{len(rules)} rules: {said}.",
        "",
        "| rule | mark | switch | source | test |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {_cell(rule.claim)} | {rule.mark} | {_code(rule.switch)} | {_cell(rule.source)} | `{test}` |"
        for rule, test in rules
    ]
    switches = ["| switch | what it does |", "| --- | --- |"]
    switches += [f"| `{name}` | {_cell(about)} |" for name, about in describe().items()]
    page = _between(PAGE.read_text(encoding="utf-8"), SHEET, lines)
    return _between(page, SWITCHES, switches)


def _between(page: str, marks: tuple[str, str], lines: list[str]) -> str:
    before, _, rest = page.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    return "\n".join([before + marks[0], "", *lines, "", marks[1] + after])


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
