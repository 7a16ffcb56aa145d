"""Names on the disk: a file that is synced is found after a power cut only if its name is, too.

Everything here blocks for the disk and raises OSError.
"""

import os
from pathlib import Path


def sync_names(folder: Path) -> None:
    """The names in a folder, as they are now, survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder unless it is there, with those above it, so that it survives a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_names(folder.parent)
