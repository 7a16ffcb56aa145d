"""Recorded cases, one JSON object a line: {"case": {"id", "tag", …input}, "expected": {…outcome}}.

Those of this folder, and their variations in `varied`. `SEGUE_CONFORMANCE_DIR` names another folder to take
instead, with files of the same names and format.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
OTHER = os.environ.get("SEGUE_CONFORMANCE_DIR")
FOLDER = Path(OTHER) if OTHER else HERE
FOLDERS = (FOLDER,) if OTHER else (HERE, HERE / "varied")


def cases(name: str) -> list[Any]:
    """One pytest parameter per line of the file, its id the case's own; none when there is no such file."""
    paths = [folder / f"{name}.ndjson" for folder in FOLDERS]
    lines = [line for path in paths if path.exists() for line in path.read_text(encoding="utf-8").split("\n")]
    entries = [json.loads(line) for line in lines if line.strip()]
    return [pytest.param(entry["case"], entry["expected"], id=entry["case"]["id"]) for entry in entries]
