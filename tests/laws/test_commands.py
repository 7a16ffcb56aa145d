"""Every command of the command line is in the reference."""

from collections.abc import Iterator
from typing import Any

import typer.main
from tests.laws.house import DOCS

from segue.cli.app import app


def commands(group: Any, words: tuple[str, ...]) -> Iterator[str]:
    """Every command of the command line as one types it."""
    found = getattr(group, "commands", None)
    if not found:
        yield " ".join(words)
        return
    for name, command in found.items():
        if not command.hidden:
            yield from commands(command, (*words, name))


def test_every_command_is_in_the_reference() -> None:
    """`segue --help` and the reference know the same commands."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    missing = [each for each in commands(typer.main.get_command(app), ("segue",)) if f"{each}" not in text]
    assert missing == []
