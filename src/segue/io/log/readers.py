"""Readers: the threads that read a log's files, so that the event loop never waits for the disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from segue.io import sqlite
from segue.io.log.block import join, unpack
from segue.io.log.shelf import Shelf
from segue.io.log.stream import Block
from segue.model.errors import CorruptBlock, LogUnavailable

THREADS: Final = 2

T = TypeVar("T")


class Readers:
    """Reading, from one event loop. Every call may raise LogUnavailable.

    follows  the files are written by another process: look at the folder before each call
    """

    def __init__(self, shelf: Shelf, *, follows: bool) -> None:
        self.shelf = shelf
        self._follows = follows
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="segue-log-reader")
        self._closed = False

    async def read(self, lane: int, offset: int, blocks: int, most_bytes: int) -> list[Block]:
        """As `segue.io.log.stream.Log.read`."""
        return await self.call(self._read, lane, offset, blocks, most_bytes)

    async def tails(self) -> list[int]:
        return await self.call(lambda: list(self.shelf.segments[0].starts))

    async def size_bytes(self) -> int:
        return await self.call(lambda: sum(segment.size_bytes() for segment in self.shelf.segments))

    async def call(self, work: Callable[..., T], *arguments: object) -> T:
        """Run work in a thread."""
        if self._closed:
            raise LogUnavailable(f'the log "{self.shelf.folder}" is closed')
        return await self._loop.run_in_executor(self._threads, partial(self._perform, work, *arguments))

    async def close(self) -> None:
        """Finish the reads under way. May be called twice."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._threads.shutdown)
            self.shelf.close()

    # What follows runs in a reader's thread.

    def _perform(self, work: Callable[..., T], *arguments: object) -> T:
        if self._follows:
            self.shelf.refresh()
        return explained(self.shelf.folder, work, *arguments)

    def _read(self, lane: int, offset: int, blocks: int, most_bytes: int) -> list[Block]:
        segments = self.shelf.segments
        for index in range(self.shelf.find(lane, offset), len(segments)):
            segment = segments[index]
            end = segments[index + 1].starts[lane] if index + 1 < len(segments) else 0
            self.shelf.touch(segment)
            found = []
            try:
                for columns in segment.read(lane, offset, blocks, end, most_bytes):
                    block = unpack(columns)
                    if block is not None:
                        found.append(block)
            except CorruptBlock:
                if not found:
                    raise
            except sqlite.Faults:
                if segment.path.exists():
                    raise
                continue  # trimmed while we read
            if found:
                return join(found)[:blocks]
        return []


def explained(folder: Path, call: Callable[..., T], *arguments: object) -> T:
    """Call, and put what a database or the system says into our words."""
    try:
        return call(*arguments)
    except sqlite.Faults as error:
        raise LogUnavailable(f'the log "{folder}" cannot be used: {sqlite.explain(error)}') from error
