"""Recorded cases, one JSON object a line: {"case": {"id", "tag", …input}, "expected": {…outcome}}.

`SEGUE_CONFORMANCE_DIR` names another folder with files of the same names and format.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("SEGUE_CONFORMANCE_DIR") or Path(__file__).parent)


def cases(name: str) -> list[Any]:
    """One pytest parameter per line of the file, its id the case's own; none when there is no such file."""
    path = FOLDER / f"{name}.ndjson"
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    entries = [json.loads(line) for line in lines if line.strip()]
    return [pytest.param(entry["case"], entry["expected"], id=entry["case"]["id"]) for entry in entries]
