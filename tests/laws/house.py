"""The house as the laws see it: its files, its modules and what is written in them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "segue"
DOCS: Final = ROOT / "docs"

ROOMS: Final = (
    "model",
    "language",
    "kit",
    "catalog",
    "engine",
    "io",
    "runtime",
    "web",
    "sandbox",
    "testing",
    "cli",
)
PURE: Final = ("model", "language", "kit", "catalog", "engine")


@cache
def modules() -> tuple[Path, ...]:
    """Every Python file of the package."""
    return tuple(sorted(SOURCE.rglob("*.py")))


@cache
def proofs() -> tuple[Path, ...]:
    """Every Python file of the tests."""
    return tuple(sorted((ROOT / "tests").rglob("*.py")))


@cache
def pages() -> tuple[Path, ...]:
    """Every Markdown page for readers: those at the root and those under docs."""
    return (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))


@cache
def kept_files() -> tuple[Path, ...]:
    """Every file under version control, and every new one that is not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:  # an exported copy without its repository
        names = [
            path for folder in ("src", "tests", "docs", "scripts") for path in (ROOT / folder).rglob("*")
        ]
    return tuple(path for path in names if path.is_file() and path.suffix != ".pyc")


@cache
def tree(path: Path) -> ast.Module:
    """A Python file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def room_of(path: Path) -> str:
    """The room a module of the package is in; "" for the package's own files."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py") if first != "__init__.py" else ""


def named(path: Path) -> str:
    """A file as a message shows it."""
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module a file imports from outside its own package, with the line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Every text literal of a file, with the line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
