"""Is what the process stands on sound: its libraries and its disk."""

import platform
import tempfile
from pathlib import Path

import apsw

from segue.io import sqlite
from segue.model.errors import LogUnavailable


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
