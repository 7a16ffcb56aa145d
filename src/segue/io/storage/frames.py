"""Frames: a file of checksummed pieces that only grows, and is whole wherever it is cut off.

    frames = Frames.make(path)
    frames.append(b"…")         # kept as a whole, or not at all
    frames.owe(b"…")            # the same, if need be later
    pieces, whole = read(path.read_bytes())

Nothing is synced unless `sync` is called: what was written survives a killed process, not a power cut. What a
cut leaves of the end, torn or of zeros, is left out by `read`.
"""

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from segue.io import sqlite
from segue.io.names import sync_names
from segue.model.errors import StorageUnavailable

_HEAD: Final = struct.Struct("<II")
"""Length and checksum of the piece behind it."""


class Frames:
    """An open file. size_bytes: of its whole pieces. Calls block for a write to the page cache."""

    def __init__(self, path: Path, handle: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._path = path
        self._handle = handle
        self._is_torn = False
        self._owed: list[bytes] = []

    @classmethod
    def make(cls, path: Path) -> Self:
        """An empty one, in the place of what is there. Raises StorageUnavailable."""
        return cls.open(path, 0)

    @classmethod
    def open(cls, path: Path, size_bytes: int) -> Self:
        """Go on behind so many bytes of whole pieces; what comes after goes. Raises StorageUnavailable."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.ftruncate(handle, size_bytes)  # a torn end would swallow what comes after it
        except OSError as error:
            raise _unavailable(path, error) from error
        return cls(path, handle, size_bytes)

    def append(self, piece: bytes) -> None:
        """Write a piece, and what is owed before it. Raises StorageUnavailable: it is not kept."""
        self.pay()
        self._write(piece)

    def pay(self) -> None:
        """Write what is owed. Raises StorageUnavailable: some of it is owed still."""
        while self._owed:
            self._write(self._owed[0])
            del self._owed[0]

    def owe(self, piece: bytes) -> None:
        """Write a piece that must not be missing: now, or before the next one that can be written."""
        try:
            self.append(piece)
        except StorageUnavailable:
            self._owed.append(piece)

    def take_back(self, piece: bytes) -> None:
        """Take out the piece that was written last."""
        self.size_bytes -= _HEAD.size + len(piece)
        self._tear()

    def sync(self) -> None:
        """What is written survives a power cut, and so does the name of the file. Raises
        StorageUnavailable."""
        try:
            os.fsync(self._handle)
            sync_names(self._path.parent)
        except OSError as error:
            raise _unavailable(self._path, error) from error

    def close(self) -> None:
        """Release the file. What it says stays; what is still owed is lost."""
        os.close(self._handle)

    def remove(self) -> None:
        """Release the file and delete it."""
        os.close(self._handle)
        self._path.unlink(missing_ok=True)

    def _write(self, piece: bytes) -> None:
        frame = _HEAD.pack(len(piece), zlib.crc32(piece)) + piece
        try:
            if self._is_torn:
                self._mend()
            written = os.write(self._handle, frame)
            while written < len(frame):  # the disk is nearly full: the rest says why
                written += os.write(self._handle, frame[written:])
        except OSError as error:
            self._tear()
            raise _unavailable(self._path, error) from error
        self.size_bytes += len(frame)

    def _tear(self) -> None:
        """Behind the whole pieces is something that must go: now, or before the next piece is written."""
        self._is_torn = True
        with suppress(OSError):
            self._mend()

    def _mend(self) -> None:
        os.ftruncate(self._handle, self.size_bytes)
        self._is_torn = False


def read(content: bytes) -> tuple[list[bytes], int]:
    """The whole pieces at the beginning of a file, and how many bytes they take."""
    pieces: list[bytes] = []
    at = 0
    while at + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, at)
        piece = content[at + _HEAD.size : at + _HEAD.size + length]
        # No piece is empty: zeros are what a file system shows of what it had no time to write.
        if not length or len(piece) < length or zlib.crc32(piece) != checksum:
            break
        at += _HEAD.size + length
        pieces.append(piece)
    return pieces, at


def _unavailable(path: Path, error: OSError) -> StorageUnavailable:
    return StorageUnavailable(f'the journal "{path}" cannot be written: {sqlite.explain(error)}')
