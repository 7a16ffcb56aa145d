"""Where in the data folder what is kept."""

from pathlib import Path
from typing import Final

from segue.runtime.settings import Settings

LOG_FOLDER: Final = "log"
STATE_FOLDER: Final = "state"
REVISIONS_FOLDER: Final = "revisions"
SDK_FOLDER: Final = "sdk"
PACE_FILE: Final = "pace.db"
REFUSALS_FILE: Final = "refusals.db"


def state_path(settings: Settings, destination: str) -> Path:
    """The state file of a destination; couriers that share its lanes between processes have one each."""
    lanes = f"@{'-'.join(map(str, settings.lanes))}" if settings.lanes else ""
    return settings.data / STATE_FOLDER / f"{destination}{lanes}.db"


def lanes_of(stem: str) -> frozenset[int] | None:
    """The lanes of a state file by its name without ending; None for all."""
    _, split, lanes = stem.partition("@")
    return frozenset(map(int, lanes.split("-"))) if split else None


def sdk_folder(settings: Settings) -> Path:
    """Where the installed versions of analytics.js are."""
    return settings.data / SDK_FOLDER
