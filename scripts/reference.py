"""Write the reference pages that are made of declarations: settings, metrics, log lines, errors, commands.

    .venv/bin/python scripts/reference.py     # after changing a declaration; a test compares the pages

Each page is a function that gives its whole text; PAGES says where it goes.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer.main
from pydantic_core import PydanticUndefined

from segue.model import errors
from segue.runtime.logbook import KEYS, LINES
from segue.runtime.settings import PREFIX, Settings
from segue.runtime.telemetry import METRICS

Command = Any
"""A command as typer hands it out; its class is typer's own copy of click's, which has no public name."""

ROOT: Final = Path(__file__).parent.parent
MADE: Final = "<!-- Made by scripts/reference.py from the declarations; change those and run it. -->"


def settings_page() -> str:
    """The process settings, from `segue.runtime.settings.Settings`."""
    rows = [
        (f"`{PREFIX}{name.upper()}`", _default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _page("Settings of a process", SETTINGS, _table(("Variable", "Default", "Meaning"), rows))


def metrics_page() -> str:
    """The metrics, from `segue.runtime.telemetry.METRICS`."""
    rows = [
        (
            f"`{metric.name}`",
            metric.kind,
            metric.unit,
            ", ".join(f"`{label}`" for label in metric.labels) or "none",
            metric.meaning,
            metric.watch,
        )
        for metric in METRICS
    ]
    return _page(
        "Metrics", METERED, _table(("Metric", "Kind", "Unit", "Labels", "Meaning", "When it moves"), rows)
    )


def log_page() -> str:
    """The log lines and their keys, from `segue.runtime.logbook`."""
    lines = [(f"`{line.event}`", line.level, line.meaning) for line in LINES]
    keys = [(f"`{key}`", meaning) for key, meaning in KEYS.items()]
    return _page(
        "Log lines",
        WRITTEN,
        _table(("Event", "Level", "Meaning"), lines),
        "## Keys",
        WITHHELD,
        _table(("Key", "Meaning"), keys),
    )


def errors_page() -> str:
    """The tree of errors, from the docstrings of `segue.model.errors`."""
    parts = [RAISED]
    for kind, depth in _tree(errors.SegueError, 0):
        under = f"Under `{kind.__mro__[1].__name__}`. " if depth else ""
        parts.append(f"{'#' * min(depth + 2, 4)} {kind.__name__}\n\n{under}{_prose(kind)}")
    return _page("Errors", *parts)


def commands_page() -> str:
    """Every command of the command line, from its own help."""
    from segue.cli.app import app  # here, so that the other pages can be made while a command is broken

    return describe_commands(typer.main.get_command(app))


def describe_commands(group: Command) -> str:
    """The page of a command line: for each command its usage, help, arguments and options."""
    parts = [CALLED]
    for words, command in _commands(group, ("segue",)):
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        options = [
            param for param in command.params if param.param_type_name == "option" and param.name != "help"
        ]
        usage = " ".join(
            [words, *(_argument(param) for param in arguments), *(["[options]"] if options else [])]
        )
        parts.append(f"## {words}\n\n```text\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}")
        rows = [(f"`{_argument(param)}`", _help(param)) for param in arguments]
        rows += [(f"`{', '.join([*param.opts, *param.secondary_opts])}`", _help(param)) for param in options]
        if rows:
            parts.append(_table(("Argument or option", "Meaning"), rows))
    return _page("Commands", *parts)


SETTINGS: Final = """\
Where a process keeps its data, which ports it opens and what it logs. What flows from where to where is
not here but in the [workspace file](workspace.md).

A command-line option wins over the environment, which wins over a file `.env` in the folder you start
Segue in, which wins over the default. A variable that starts with `SEGUE_` and is none of these is
refused, because it is a misspelt one.
"""

METERED: Final = """\
`GET /metrics` answers in Prometheus text. Labels hold ids you chose and codes of ours, never anything
from an event. Beside these there are the usual `process_*` metrics (memory, processor, open files).

Two laws hold at every moment, and `segue_conservation_residual` shows when the second does not:

- received = accepted + rejected, for each source;
- read = delivered + filtered + suppressed + duplicate + dead + expired + skipped + waiting, for each
  destination.
"""

WRITTEN: Final = """\
Segue writes one line per happening to standard error: JSON, or a readable form on a terminal (see
`SEGUE_LOG_FORMAT` in the [settings](settings.md)). Each has `at` (UTC), `level`, `room` (the part of
Segue that speaks) and `event`, one of:
"""

WITHHELD: Final = """\
No other key is ever written, so no name, address or property of a person can be. A key outside the list
is withheld and only its name shown under `withheld`; values that came from `${NAME}` in the workspace
file (six characters or more) are shown as `***`. An error is shown by kind and place; its words only
when they are Segue's own.
"""

RAISED: Final = """\
Everything Segue raises descends from `SegueError`. The class says what the caller should do: mend the
input, mend the settings, try later, or tell us.
"""

CALLED: Final = """\
`segue --help` and `segue <command> --help` say the same in a terminal. Where output is data, `--json`
prints it as JSON. Exit codes: 0 fine; 1 the command ran and the answer is no; 2 called or configured
wrongly; 3 something needed does not answer at the moment.
"""

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/log.md": log_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/commands.md": commands_page,
}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")


def _commands(group: Command, words: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "commands", None):
            yield from _commands(command, (*words, name))
        elif not command.hidden:
            yield " ".join((*words, name)), command


def _argument(param: Any) -> str:
    shown = (param.metavar or param.name).upper().strip("[]")
    return shown if param.required else f"[{shown}]"


def _help(param: Any) -> str:
    default = param.default
    shown = (
        default is not None
        and default is not False
        and not callable(default)
        and str(default) not in ("", ".", "()")
    )
    return (param.help or "") + (f" Default: `{default}`." if shown and param.show_default else "")


def _tree(kind: type, depth: int) -> Iterator[tuple[type, int]]:
    yield kind, depth
    child: type
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def _prose(kind: type) -> str:
    """A docstring as Markdown: its paragraphs, and what it says of each attribute as a list."""
    out: list[str] = []
    for line in (inspect.getdoc(kind) or "").replace("``", "`").splitlines():
        name, gap, meaning = line.partition("  ")
        if gap and name and not name.endswith((".", ",")) and " " not in name.replace(", ", ""):
            out.append(f"- `{name.replace(', ', '`, `')}`: {meaning.strip()}")
        else:
            out.append(line)
    return "\n".join(out)


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`" if value else "all"
    return "not set" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *(part.strip("\n") for part in parts)]) + "\n"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
