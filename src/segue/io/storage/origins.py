"""Origins: where in each lane of the log a destination began, written once for ever.

A destination begins at the log's head when it is first seen, not at events from before it existed. The
first process that sees it writes the file, before it takes any event in; every other one reads it.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from segue.io.names import make_folder
from segue.io.sqlite import explain
from segue.io.storage.once import write_once
from segue.model.errors import StorageUnavailable


def settle_origins(folder: Path, destination: str, heads: Sequence[int]) -> dict[int, int]:
    """Give lane -> first offset that concerns the destination; `heads` are kept when it is new.

    Blocks for a sync of the disk when it is new. Raises StorageUnavailable.
    """
    path = folder / f"{destination}.origins"
    try:
        make_folder(folder)
        if not path.exists():
            write_once(path, msgspec.json.encode(list(heads)))
        offsets = msgspec.json.decode(path.read_bytes(), type=list[int])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StorageUnavailable(f'"{path}" cannot be read or written: {explain(error)}') from error
    return dict(enumerate(offsets))


def read_origins(folder: Path, destination: str) -> dict[int, int]:
    """Lane -> first offset that concerns the destination; empty when it was never seen.

    Blocks. Raises StorageUnavailable.
    """
    path = folder / f"{destination}.origins"
    try:
        return dict(enumerate(msgspec.json.decode(path.read_bytes(), type=list[int])))
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StorageUnavailable(f'"{path}" cannot be read: {error}') from error
