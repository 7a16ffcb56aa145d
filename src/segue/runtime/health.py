"""Is what the process stands on sound: its libraries and its disk."""

import platform
import tempfile
from pathlib import Path

import apsw

from segue.io import sqlite
from segue.io.claim import holder
from segue.io.log.sqlite import lock_of
from segue.io.storage.sqlite import claim_of
from segue.model.errors import LogUnavailable
from segue.runtime.archive import state_files
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER


def library_versions() -> str:
    """Python and SQLite in words. Raises UnsafeLibrary for an SQLite that may lose data."""
    sqlite.require_safe_library()
    return f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}"


def probe_folder(folder: Path) -> None:
    """Make sure that a folder, or the nearest one above it that exists, can be written.

    Raises LogUnavailable with the reason.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"segue")
            file.flush()
    except OSError as error:
        raise LogUnavailable(f'"{place}" cannot be written: {error.strerror or error}') from error


def owners(data: Path) -> list[str]:
    """The processes that have a data folder open, by their ids: receiver and couriers. Blocks."""
    states = [claim_of(path) for _, path in state_files(data / STATE_FOLDER)]
    held = {holder(path) for path in (lock_of(data / LOG_FOLDER), *states)}
    return sorted(process for process in held if process)
