"""Links lead somewhere, and every sample that claims to run does.

A fence says how it is tried (CONTRIBUTING.md):

    ```yaml segue    a workspace file: read and planned with the real catalogue
    ```python run    a program: run in an empty folder, must end without an error
    ```sh run        commands: run by `sh -eu` in an empty folder with `segue` on the PATH
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.laws.house import ROOT, named, pages

from segue.catalog.contents import catalogue
from segue.engine.plan import prepare
from segue.io.storage.workspace import parse_workspace
from segue.runtime.current import at_sandbox

FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<tag>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL
)
LINK: Final = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
TRIED: Final = ("yaml segue", "python run", "sh run")
NEAR_MISSES: Final = re.compile(r"(yaml|python|sh|bash|console) (?!segue$|run$).+")


def samples(tag: str) -> list[object]:
    """One parameter per fence with this tag, named by page and line."""
    found = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            if match["tag"].strip() == tag:
                line = text.count("\n", 0, match.start()) + 1
                body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
                found.append(pytest.param(body, id=f"{named(path)}:{line}"))
    return found


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as renderers make them."""
    heads = re.findall(r"^#+ +(.+?)\s*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", pages(), ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """The file is there, and so is the heading when one is named."""
    lost = []
    for match in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf-8"))):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (
            anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8"))
        ):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_tests_named_as_proof_are_there(page: Path) -> None:
    """A claim whose test was renamed or removed is held by nothing."""
    named_there = re.findall(r"`(tests/[\w./]+)`", page.read_text(encoding="utf-8"))
    assert [path for path in named_there if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_fences_are_tagged_as_meant(page: Path) -> None:
    """A misspelt tag would leave a sample untried in silence."""
    tags = [match["tag"].strip() for match in FENCE.finditer(page.read_text(encoding="utf-8"))]
    assert [tag for tag in tags if NEAR_MISSES.fullmatch(tag)] == []


@pytest.mark.parametrize("sample", samples("yaml segue"))
def test_a_workspace_in_the_docs_is_valid(sample: str) -> None:
    """Read and planned like a user's; its variables are given."""
    environment = {name: f"value-of-{name}" for name in re.findall(r"(?<!\$)\$\{([A-Z_]+)\}", sample)}
    workspace, _ = parse_workspace(sample.encode(), environment)
    assert prepare(at_sandbox(workspace, "http://127.0.0.1:8089"), catalogue()).warnings == ()


def run(command: list[str], sample: str, folder: Path) -> None:
    """Run a sample in a folder of its own and show what it said when it fails."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{keep.get('PATH', '')}"
    done = subprocess.run(
        command,
        input=sample,
        cwd=folder,
        env={**keep, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("sample", samples("python run"))
def test_a_program_in_the_docs_runs(sample: str, tmp_path: Path) -> None:
    """As it stands, warnings being errors."""
    run([sys.executable, "-W", "error", "-"], sample, tmp_path)


@pytest.mark.parametrize("sample", samples("sh run"))
def test_commands_in_the_docs_run(sample: str, tmp_path: Path) -> None:
    """As they stand, one after the other, each ending well."""
    run(["sh", "-eu"], sample, tmp_path)
