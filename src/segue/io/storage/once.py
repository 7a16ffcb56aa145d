"""A small file written once for ever: whole or not at all, whoever comes second keeps the first one's."""

import contextlib
import os
import tempfile
from pathlib import Path

from segue.io.names import sync_names


def write_once(path: Path, content: bytes) -> None:
    """Make the file unless it is there; only its owner may read it. Blocks for a sync of the disk.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        sync_names(path.parent)
    finally:
        os.unlink(name)
