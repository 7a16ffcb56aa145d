"""Claim: one process at a time owns a file of ours, and whoever comes second learns who is first."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

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
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
