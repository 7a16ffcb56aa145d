"""What a benchmark found: figures for machines, tables for people."""

from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table as Shown


class Table(msgspec.Struct, kw_only=True):
    """Rows under a title; cells are text or numbers, a number is shown with three digits that matter."""

    title: str
    columns: list[str]
    rows: list[list[Any]]
    note: str = ""


class Result(msgspec.Struct, kw_only=True):
    """One benchmark's outcome.

    figures  name -> number, the unit in the name
    """

    name: str
    tables: list[Table]
    figures: dict[str, float]


def show(result: Result, console: Console) -> None:
    """Print the tables of a result."""
    for table in result.tables:
        shown = Shown(
            title=table.title, title_justify="left", caption=table.note or None, box=box.SIMPLE_HEAD
        )
        shown.caption_justify = "left"
        for index, column in enumerate(table.columns):
            shown.add_column(column, justify="left" if index == 0 else "right")
        for row in table.rows:
            shown.add_row(*map(written, row))
        console.print(shown)


def written(cell: Any) -> str:
    """A cell as it is printed: 12,345 and 8.13 and 0.654."""
    if not isinstance(cell, float | int) or isinstance(cell, bool):
        return str(cell)
    if cell != cell:
        return "-"
    if isinstance(cell, int) or abs(cell) >= 1000:
        return f"{cell:,.0f}"
    return f"{cell:.{3 - len(str(int(abs(cell)))) if abs(cell) >= 1 else 3}f}"
