"""Claim: one process at a time owns a file of ours, and whoever comes second learns who is first.

Claim(path, taken)
tell(path, "http://127.0.0.1:9000", "host-a")     # whoever holds it may say where it listens
owner(path)                                      # Owner("4711", "http://127.0.0.1:9000", "host-a")
"""

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

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
            first = _read(self._descriptor).process
            self.release()
            raise taken(first) from None
        try:
            if CAN_ASK:
                fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _WHOLE)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            self.release()
            raise

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


class Owner(msgspec.Struct, frozen=True):
    """Who holds a claim: process id, where it listens, on which machine; "" for what it did not say."""

    process: str
    address: str = ""
    machine: str = ""


def tell(path: Path, address: str, machine: str) -> None:
    """Write beside our process id where we listen. Only for who holds the claim. Blocks. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, f"{os.getpid()}\n{address}\n{machine}\n".encode(), 0)
    finally:
        os.close(descriptor)


def owner(path: Path) -> Owner | None:
    """Whoever holds a claim on a file now, process "" for nobody; None where that cannot be told.

    Takes nothing, not even for a moment, so it never stands in the way of a process that starts. Blocks.
    """
    if not CAN_ASK:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return Owner("")
    except OSError:
        return None
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE)
        return Owner("") if struct.unpack(_LOCK, found)[0] == fcntl.F_UNLCK else _read(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def holder(path: Path) -> str | None:
    """The process id of the `owner`, "" for nobody; None where that cannot be told."""
    found = owner(path)
    return found.process if found is not None else None


def _read(descriptor: int) -> Owner:
    """What a holder wrote; earlier versions wrote their process id only."""
    process, address, machine, *_ = [
        *os.pread(descriptor, _MOST_BYTES, 0).decode("utf-8", "replace").split("\n"),
        *("", "", ""),
    ]
    return Owner(process.strip() or "unknown", address, machine)


_MOST_BYTES: Final = 1024
