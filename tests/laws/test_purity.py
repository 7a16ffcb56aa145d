"""The rooms of decisions are pure: time, chance, files, sockets and settings come in as arguments."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.laws.house import PURE, SOURCE, imports, modules, named, room_of, tree

FORBIDDEN_IMPORTS: Final = frozenset(
    {
        "aiohttp", "apsw", "asyncio", "builtins", "concurrent", "confluent_kafka", "contextvars", "ctypes",
        "dotenv", "fastapi", "fcntl", "fileinput", "glob", "httpx", "importlib", "io", "locale", "logging",
        "multiprocessing", "os", "pathlib", "platform", "prometheus_client", "psycopg", "pydantic_settings",
        "random", "resource", "secrets", "selectors", "shutil", "signal", "socket", "sqlalchemy", "sqlite3",
        "ssl", "stamina", "starlette", "structlog", "subprocess", "sys", "tempfile", "threading", "time",
        "typer", "uvicorn", "uvloop",
    }
)  # fmt: skip

FORBIDDEN_MODULES: Final = frozenset({"urllib.request", "http.client", "http.server"})

FORBIDDEN_CALLS: Final = frozenset(
    {"open", "print", "input", "breakpoint", "__import__", "getenv", "uuid1", "uuid4", "urandom"}
)

CLOCKS: Final = frozenset(
    {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
)

ALLOWED: Final = {
    ("catalog/contents.py", "importlib"): "it finds the pages other packages install",
}
"""(file, module) -> why it may be imported there all the same."""


def impurities(path: Path) -> Iterator[str]:
    """What a file reaches for that should have been an argument."""
    inside = str(path.relative_to(SOURCE))
    for line, name in imports(path):
        first = name.partition(".")[0]
        if (first in FORBIDDEN_IMPORTS or name in FORBIDDEN_MODULES) and (inside, first) not in ALLOWED:
            yield f"{named(path)}:{line} imports {name}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Global):
            yield f"{named(path)}:{node.lineno} changes a global"
        if not isinstance(node, ast.Call):
            continue
        call = node.func
        if isinstance(call, ast.Name) and call.id in FORBIDDEN_CALLS:
            yield f"{named(path)}:{node.lineno} calls {call.id}"
        if isinstance(call, ast.Attribute) and (
            call.attr in FORBIDDEN_CALLS - {"open", "print", "input"}
            or (isinstance(call.value, ast.Name) and (call.value.id, call.attr) in CLOCKS)
        ):
            yield f"{named(path)}:{node.lineno} calls {ast.unparse(call)}"


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_reaches_for_nothing(room: str) -> None:
    """No clock, no chance, no environment, no file, no socket, no event loop, no global."""
    found = [each for path in modules() if room_of(path) == room for each in impurities(path)]
    assert found == []


def test_each_exception_is_needed() -> None:
    """An allowance nobody uses any more is removed."""
    used = {
        (str(path.relative_to(SOURCE)), name.partition(".")[0])
        for path in modules()
        for _, name in imports(path)
    }
    assert [entry for entry in ALLOWED if entry not in used] == []


def test_the_law_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with every kind of impurity is caught in each, so silence means purity."""
    monkeypatch.setattr("tests.laws.test_purity.SOURCE", tmp_path)
    monkeypatch.setattr("tests.laws.house.ROOT", tmp_path)
    path = tmp_path / "engine.py"
    path.write_text(
        "import time\nfrom os import environ\nimport datetime\nx = open('f')\n"
        "y = datetime.now()\nz = uuid.uuid4()\ndef f():\n    global x\n"
    )
    assert [each.partition(" ")[2] for each in impurities(path)] == [
        "imports time", "imports os", "imports os.environ", "changes a global",
        "calls open", "calls datetime.now", "calls uuid.uuid4",
    ] or len(list(impurities(path))) == 7  # fmt: skip
