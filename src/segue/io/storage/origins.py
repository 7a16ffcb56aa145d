"""Origins: where in each lane of the log a destination began, written once for ever.

A destination begins at the log's head when it is first seen, not at events from before it existed. The
first process that sees it writes the file, before it takes any event in; every other one reads it.
"""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from segue.model.errors import StorageUnavailable


def settle_origins(folder: Path, destination: str, heads: Sequence[int]) -> dict[int, int]:
    """Give lane -> first offset that concerns the destination; `heads` are kept when it is new.

    Blocks for a sync of the disk when it is new. Raises StorageUnavailable.
    """
    path = folder / f"{destination}.origins"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, msgspec.json.encode(list(heads)))
        offsets = msgspec.json.decode(path.read_bytes(), type=list[int])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StorageUnavailable(f'"{path}" cannot be read or written: {error}') from error
    return dict(enumerate(offsets))


def _write_once(path: Path, content: bytes) -> None:
    """Make the file whole or not at all; whoever comes second leaves the first one's."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        os.unlink(name)
