"""The token of the control API: made at the first start, kept in the data folder, readable by its owner only.

    keep_token(Path("segue-data"))     # "st_…", the same at every start
    read_token(Path("segue-data"))     # the same, "" when no Segue has started there yet

Whoever can read the data folder may ask the control API; nobody else. Delete the file and start again to
have a new one.
"""

import secrets
from pathlib import Path
from typing import Final

from segue.io.names import make_folder
from segue.io.sqlite import explain
from segue.io.storage.once import write_once
from segue.model.errors import StorageUnavailable

FILE: Final = "token"
RANDOM_BYTES: Final = 32


def keep_token(folder: Path) -> str:
    """Give the folder's token, making it when there is none. Raises StorageUnavailable."""
    path = folder / FILE
    try:
        if not path.exists():
            make_folder(folder)
            write_once(path, f"st_{secrets.token_urlsafe(RANDOM_BYTES)}\n".encode())
    except OSError as error:
        raise StorageUnavailable(f'the token "{path}" cannot be written: {explain(error)}') from error
    token = read_token(folder)
    if not token:
        raise StorageUnavailable(f'the token "{path}" is empty. Delete it and start again.')
    return token


def read_token(folder: Path) -> str:
    """Give the folder's token; "" when there is none. Raises StorageUnavailable when it cannot be read."""
    path = folder / FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise StorageUnavailable(f'the token "{path}" cannot be read: {error}') from error
