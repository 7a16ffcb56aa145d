"""Shelf: the segments of one log folder, oldest first, and where a lane's offset is to be found."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

from segue.io import sqlite
from segue.io.log.segment import Segment, remove_files
from segue.io.names import sync_names
from segue.model.errors import LogUnavailable, MisconfiguredError

NAME: Final = re.compile(r"events-(\d{8,})\.db")

WARM_SEGMENTS: Final = 4
"""Segments whose connections stay open between reads."""

SETTLED_NS: Final = 1_100_000_000
"""A folder that changed within so many nanoseconds before a look may change again without its time showing
it: file systems keep that to a few milliseconds, some to a second."""


class Shelf:
    """What files there are. `segments` is replaced, never changed in place: threads may walk it freely."""

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self.folder = folder
        self.readonly = readonly
        self.segments: tuple[Segment, ...] = ()
        self._warm: list[Segment] = []
        self._changed_ns = 0  # of the folder, when its files were found as they are known; 0: look again

    @property
    def lanes(self) -> int:
        return len(self.segments[0].starts) if self.segments else 0

    @property
    def is_current(self) -> bool:
        """Whether the folder is as it was at the last `refresh`."""
        try:
            return self._changed_ns == os.stat(self.folder).st_mtime_ns
        except OSError:
            return False  # `refresh` says what is wrong

    def refresh(self) -> None:
        """Look at the folder: learn of new segments, forget removed ones. Raises LogUnavailable,
        MisconfiguredError."""
        if self.is_current:
            return
        changed_ns, files = self._files()
        known = {segment.number: segment for segment in self.segments}
        found: list[Segment] = []
        for number, path in files:
            segment = known.get(number) or self._load(path, number)
            if segment is not None:
                found.append(segment)
        is_settled = len(found) == len(files) and time.time_ns() - changed_ns > SETTLED_NS
        self._changed_ns = changed_ns if is_settled else 0
        if self.segments and not found:
            raise LogUnavailable(f'the log folder "{self.folder}" is empty: somebody removed its files')
        for segment in self.segments:
            if segment not in found:
                segment.rest()
        self.segments = tuple(found)

    def tidy(self) -> None:
        """Remove what a crash left: a segment whose creation was never finished, write-ahead files
        without their database. Only for the one writer."""
        for number, path in self._files()[1]:
            if self._load(path, number) is None:
                remove_files(path)
        for name in os.listdir(self.folder):
            database = re.sub(r"-(wal|shm)$", "", name)
            if database != name and NAME.fullmatch(database) and not (self.folder / database).exists():
                (self.folder / name).unlink(missing_ok=True)

    def add(self, starts: Sequence[int]) -> Segment:
        """Make the next segment. Raises apsw.Error, OSError; then nothing has changed."""
        number = self.segments[-1].number + 1 if self.segments else 1
        segment = Segment.create(self.folder / f"events-{number:08d}.db", number, starts)
        sync_names(self.folder)  # the new one must survive a power cut as surely as what is written to it
        self.segments = (*self.segments, segment)
        return segment

    def drop(self, gone: Sequence[Segment]) -> None:
        """Take segments off the shelf; their files are removed by `Segment.remove`."""
        self.segments = tuple(segment for segment in self.segments if segment not in gone)

    def find(self, lane: int, offset: int) -> int:
        """Index of the segment that holds an offset of a lane, or the oldest if that was trimmed."""
        index = len(self.segments) - 1
        while index > 0 and self.segments[index].starts[lane] > offset:
            index -= 1
        return index

    def touch(self, segment: Segment) -> None:
        """Keep this segment's connections open and let those of segments not used lately go."""
        warm = self._warm
        if segment not in warm[-1:]:
            self._warm = [*(other for other in warm if other is not segment), segment][-WARM_SEGMENTS:]
            for other in warm:
                if other not in self._warm:
                    other.rest()

    def close(self) -> None:
        for segment in self.segments:
            segment.rest()

    def _files(self) -> tuple[int, list[tuple[int, Path]]]:
        """When the folder was changed last, nanoseconds since the epoch, and what is in it then or later."""
        try:
            changed_ns = os.stat(self.folder).st_mtime_ns
            names = os.listdir(self.folder)
        except OSError as error:
            raise LogUnavailable(
                f'the log folder "{self.folder}" cannot be read: {sqlite.explain(error)}'
            ) from error
        matches = filter(None, map(NAME.fullmatch, names))
        return changed_ns, sorted((int(match[1]), self.folder / match[0]) for match in matches)

    def _load(self, path: Path, number: int) -> Segment | None:
        try:
            segment = Segment.load(path, number, readonly=self.readonly)
        except apsw.CantOpenError:
            if not path.exists():
                return None  # trimmed while we looked
            raise LogUnavailable(f'the log file "{path}" cannot be opened; check who may read it') from None
        except apsw.Error as error:
            raise LogUnavailable(f'the log file "{path}" cannot be read: {sqlite.explain(error)}') from error
        if segment is not None and self.segments and len(segment.starts) != self.lanes:
            raise MisconfiguredError(
                f'the log file "{path}" has {len(segment.starts)} lanes and its neighbours {self.lanes}: '
                "it belongs to another log. Move it out of the folder."
            )
        return segment
