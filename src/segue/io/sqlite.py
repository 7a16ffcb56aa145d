"""The SQLite underneath the log and the state: which versions are safe, how to open, what errors mean.

Everything here blocks: call it from a thread that may wait for the disk.

Source  SQLite, "Write-Ahead Logging", section "The WAL-Reset Bug", read 2026-11-24: versions 3.7.0 to
        3.51.2 can corrupt a WAL database that several connections write and checkpoint at once.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from segue.model.errors import MisconfiguredError, UnsafeLibrary

SAFE_VERSION: Final = (3, 51, 3)

BUSY_MILLISECONDS: Final = 5000

GOES_ON: Final = "a Segue that runs goes on by itself"

FULL: Final = f"the disk is full; free some space or lower the retention; {GOES_ON}"

NO_ROOM: Final = frozenset({apsw.SQLITE_IOERR_SHMSIZE})
"""Errors of input and output that mean a full disk: no room for the file that SQLite keeps beside its own."""

REASONS: Final[tuple[tuple[type[apsw.Error], str], ...]] = (
    (apsw.FullError, FULL),
    (
        apsw.ReadOnlyError,
        "the file or its folder cannot be written; check owner, permissions and mount options",
    ),
    (
        apsw.CantOpenError,
        "the file cannot be opened; check that its folder exists and may be written by this user",
    ),
    (
        apsw.PermissionsError,
        "the system denies access; check owner and permissions of the file and its folder",
    ),
    (apsw.BusyError, "another process holds its lock; stop the other process or wait for it to finish"),
    (apsw.LockedError, "another connection holds its lock; wait for it to finish"),
    (
        apsw.CorruptError,
        "the file is damaged; check the disk and keep a copy of the file before anything else",
    ),
    (apsw.NotADBError, "the file is not a database; something else has overwritten it"),
    (
        apsw.IOError,
        "the disk reports an input/output error; check the system's log, quotas and file size limits",
    ),
)
"""Error class -> what happened and what to do."""

REMEDIES: Final = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "check owner, permissions and mount options"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), f"free some space; {GOES_ON}"),
    errno.EFBIG: "check quotas and file size limits",
}
"""What to do about an error of the system's."""

DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError)
"""Errors that stay however often the call is repeated."""

Faults: Final = (apsw.Error, OSError)
"""Everything a call on a database file may fail with."""


def require_safe_library(version: str = "") -> None:
    """Refuse an SQLite that can damage a file in WAL mode.

    version  "3.54.1"; by default that of the library in use
    Raises UnsafeLibrary, naming the version found and the one needed.
    """
    found = version or apsw.sqlite_lib_version()
    if tuple(int(part) for part in found.split(".")[:3]) < SAFE_VERSION:
        needed = ".".join(map(str, SAFE_VERSION))
        raise UnsafeLibrary(
            f"SQLite {found} is in use, {needed} or newer is needed: older ones can damage a WAL file. "
            f'Install a newer "apsw" (it brings its own SQLite): pip install --upgrade "apsw>={needed}".'
        )


def connect(path: Path, *, create: bool = False, readonly: bool = False) -> apsw.Connection:
    """Open a database file; it must exist unless `create` is set. Raises apsw.Error."""
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
    if create:
        flags |= apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(os.fspath(path), flags=flags)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    return connection


def use_wal(connection: apsw.Connection) -> None:
    """Write ahead, and make every commit durable before it returns."""
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All that is done inside or nothing. On a full disk SQLite rolls back by itself: asking it again would
    hide the reason behind another error, as apsw's own `with connection` does. Raises apsw.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrate(connection: apsw.Connection, steps: Sequence[str], what: str) -> None:
    """Bring a file to the newest format: run the steps its `user_version` has not seen yet, each in one
    transaction. Safe when two processes do it at once.

    what  how messages call the file
    Raises MisconfiguredError when a newer Segue wrote the file; apsw.Error.
    """
    while (found := format_of(connection)) < len(steps):
        with transaction(connection):
            if format_of(connection) == found:
                connection.execute(steps[found])
                connection.execute(f"PRAGMA user_version = {found + 1}")
    if found > len(steps):
        raise MisconfiguredError(
            f"{what} has format {found}, this Segue knows formats up to {len(steps)}: a newer version wrote "
            "it. Start that version, or restore a copy made before the upgrade."
        )


def format_of(connection: apsw.Connection) -> int:
    """The number of migration steps a file has seen; 0 for a new one."""
    return int(connection.pragma("user_version"))


def explain(error: BaseException) -> str:
    """Say in words what an error means and what to do about it."""
    if isinstance(error, apsw.Error):
        if getattr(error, "extendedresult", -1) in NO_ROOM:
            return f"{FULL} ({_name(error)})"
        for kind, reason in REASONS:
            if isinstance(error, kind):
                return f"{reason} ({_name(error)})"
        return f"SQLite says: {error} ({_name(error)})"
    if isinstance(error, OSError):
        remedy = REMEDIES.get(error.errno or 0)
        return f"{error.strerror or error}{f'; {remedy}' if remedy else ''} (errno {error.errno})"
    return f"{type(error).__name__}: {error}"


def _name(error: apsw.Error) -> str:
    code = getattr(error, "extendedresult", -1)
    name = apsw.mapping_extended_result_codes.get(code) or apsw.mapping_result_codes.get(code & 0xFF)
    return str(name or type(error).__name__)
