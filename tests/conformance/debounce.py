"""The table of debounce cases, `debounce.yaml`, as any implementation plays it.

for case in cases("server"):
    case.name, case.events, case.sends, case.flags
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

TABLE = Path(__file__).with_name("debounce.yaml")


class Case(msgspec.Struct, frozen=True):
    """One case for one variant: an answer for each event.

    flags  what ``integrations`` must hold after each event; None: the table does not ask
    """

    name: str
    events: list[dict[str, Any]]
    sends: list[bool]
    flags: list[dict[str, Any] | None] | None


@cache
def table() -> dict[str, Any]:
    """The whole file."""
    read: dict[str, Any] = msgspec.yaml.decode(TABLE.read_text(encoding="utf-8"))
    return read


def cases(variant: str) -> list[Case]:
    """The cases that say something about a variant, in the order of the file."""
    found = []
    for case in table()["cases"]:
        sends = case["sends"].get(variant, case["sends"].get("every"))
        if sends is not None:
            found.append(Case(case["name"], case["events"], sends, case.get("flags", {}).get(variant)))
    return found


def parameters(variant: str) -> list[Any]:
    """The same as pytest parameters, named after the cases."""
    return [pytest.param(case, id=case.name) for case in cases(variant)]
