"""Claim: one process at a time owns a file of ours, and whoever comes second learns who is first."""

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from segue.model.errors import UnavailableError


class Claim:
    """A lock that ends with the process at the latest.

    taken  makes the error to raise when somebody else holds the claim, from their process id
    Raises that error; OSError when the file cannot be made.
    """

    def __init__(self, path: Path, taken: Callable[[str], UnavailableError]) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            self.release()
            raise taken(holder or "unknown") from None
        if CAN_ASK:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _WHOLE)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


CAN_ASK: Final = hasattr(fcntl, "F_OFD_GETLK")
"""Whether this system tells of a lock without taking it: Linux does."""

_LOCK: Final = "hhqqi4x"
"""`struct flock` of a 64-bit Linux: type, whence, start, length, process."""

_WHOLE: Final = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def holder(path: Path) -> str | None:
    """The process id of whoever holds a claim on a file now, "" for nobody; None where that cannot be told.

    Takes nothing, not even for a moment, so it never stands in the way of a process that starts. Blocks.
    """
    if not CAN_ASK:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE)
        if struct.unpack(_LOCK, found)[0] == fcntl.F_UNLCK:
            return ""
        return os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
    except OSError:
        return None
    finally:
        os.close(descriptor)
