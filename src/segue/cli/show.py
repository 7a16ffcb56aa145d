"""How the command line speaks: tables and colours for people, one JSON value for machines."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from segue.model.errors import Fault, MisconfiguredWorkspace, SegueError

WIDEST: Final = 10_000
"""Characters a table may be wide where no terminal bounds it."""

out: Final = Console(highlight=False, emoji=False)
err: Final = Console(stderr=True, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """Print one value as indented JSON; structs become objects, bytes that hold JSON become that JSON."""
    plain = msgspec.to_builtins(value, enc_hook=_plain, builtin_types=(bytes,))
    text = orjson.dumps(_readable(plain), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    out.print(text.decode(), soft_wrap=True, markup=False)


def print_line(value: Any) -> None:
    """Print one value as JSON on a line of its own, for streams."""
    plain = msgspec.to_builtins(value, enc_hook=_plain, builtin_types=(bytes,))
    out.print(
        orjson.dumps(_readable(plain), option=orjson.OPT_NON_STR_KEYS).decode(), soft_wrap=True, markup=False
    )


def table(*columns: str, title: str = "") -> Table:
    """An empty table in the house's look; a column that starts with ``>`` is right-aligned."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    return made


def print_table(made: Table) -> None:
    """Print a table; into a file or a pipe as wide as it is, so that nothing is cut off."""
    if out.is_terminal:
        out.print(made)
    else:
        Console(file=out.file, width=WIDEST, highlight=False, emoji=False).print(made)


def row(made: Table, *cells: object) -> None:
    """Add a row whose cells are shown as they are, whatever senders put into them."""
    made.add_row(*(Text(printable(str(cell))) for cell in cells))


def literal(value: object) -> str:
    """A value to put between markup: shown as it is, not read as markup."""
    return escape(printable(str(value)))


def printable(text: str) -> str:
    """A text without what a terminal would obey: an event's name may come from anybody."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def print_faults(faults: Iterable[Fault]) -> None:
    """Print faults, each with its place, what is wrong and what to do."""
    for fault in faults:
        where = f"{fault.file}:{fault.line}" if fault.file and fault.line else fault.place
        kind = "[yellow]warning[/]" if fault.warning else "[red]error[/]"
        err.print(f"{kind} [bold]{literal(where)}[/]", soft_wrap=True)
        err.print(f"  {fault.place}", style="dim", markup=False, soft_wrap=True)
        for line in fault.problem.splitlines():
            err.print(f"  {printable(line)}", markup=False, soft_wrap=True)
        if fault.remedy:
            err.print(f"  → {fault.remedy}", style="cyan", markup=False, soft_wrap=True)


def print_error(error: SegueError) -> None:
    """Print what stopped a command."""
    if isinstance(error, MisconfiguredWorkspace):
        print_faults(error.faults)
        return
    err.print("[red]error[/] ", end="")
    err.print(printable(str(error)), markup=False, soft_wrap=True)


def plural(count: int, noun: str) -> str:
    """``1 event``, ``2,140 events``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_readable(each) for each in value]
    if isinstance(value, bytes):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value.decode("utf-8", "replace")
    return value


def _plain(value: Any) -> Any:
    return str(value)


def span(ms: int) -> str:
    """A length of time in its largest unit: 3 d, 5 h, 12 min, 40 s."""
    seconds = max(0, ms) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
