"""Processes that write a log or a state and report what was acknowledged, so that a test can kill them."""

import asyncio
import os
import resource
from collections.abc import Callable, Coroutine
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.io.log_contract import LANES, START_MS, by_lane, everything, opened, record

from segue.io.log.sqlite import SqliteLog
from segue.model.errors import LogUnavailable

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload([__name__])  # a child is a fork of a process that has imported all this


def start(
    task: Callable[..., Coroutine[Any, Any, None]], *arguments: Any
) -> tuple[ForkServerProcess, Connection]:
    """Run a task in a process of its own; gives the process and the end of a pipe it reports to."""
    receiving, sending = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=run, args=(task, sending, *arguments), daemon=True)
    process.start()
    sending.close()
    return process, receiving


def run(task: Callable[..., Coroutine[Any, Any, None]], reports: Connection, *arguments: Any) -> None:
    asyncio.run(task(reports, *arguments))


async def append_for_ever(reports: Connection, folder: Path, first: int) -> None:
    """Append as fast as possible from four callers; report the number of each acknowledged event."""
    log = await SqliteLog.open(folder, lanes=LANES, segment_bytes=32 * 1024)
    numbers = iter(range(first, first + 10_000_000))

    async def caller(size: int) -> None:
        while True:
            batch = [record(next(numbers)) for _ in range(size)]
            await log.append(batch)
            reports.send([event.order for event in batch])

    await asyncio.gather(*(caller(size) for size in (1, 2, 7, 20)))


async def fill_and_recover(reports: Connection, folder: Path, disk_bytes: int | None) -> None:
    """Append until the disk is full, make room, and go on; report what happened.

    disk_bytes  None: the folder is on a small disk with a file to delete; else the largest size a file may
                have, by the limit of this process
    """
    filler = folder.parent / "filler"
    if disk_bytes is None:
        filler.write_bytes(bytes(512 * 1024))
    async with opened(_Here(folder)) as log:
        if disk_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (disk_bytes, resource.RLIM_INFINITY))
        kept = []
        failures = []
        for number in range(0, 100_000, 10):
            batch = [record(n, raw=os.urandom(2000), at_ms=START_MS) for n in range(number, number + 10)]
            try:
                await log.append(batch)
                kept += batch
            except LogUnavailable as error:
                failures.append(str(error))
                if len(failures) == 3:
                    break
        assert await everything(log) == by_lane(kept), "a failed append left something behind"
        unready = ""
        try:
            for _ in range(300):  # a probe may still find room in a page that was reserved before
                await log.probe()
        except LogUnavailable as error:
            unready = str(error)
        if disk_bytes is None:
            filler.unlink()
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await log.probe()
        more = [record(n, raw=os.urandom(2000)) for n in range(200_000, 200_020)]
        await log.append(more)
        kept += more
        assert await everything(log) == by_lane(kept), "the log did not go on where it stopped"
    async with opened(_Here(folder)) as log:
        assert await everything(log) == by_lane(kept), "reopening shows something else"
    reports.send((len(kept), failures, unready))


async def use_read_only_folder(reports: Connection, folder: Path) -> None:
    """As a user without special rights: lose the right to write the folder, before and after opening."""
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
        os.setgid(65534)
        os.setuid(65534)
    said = []
    async with opened(_Here(folder)) as log:
        await log.append([record(1)])
        _set_modes(folder, 0o500, 0o600)
        try:
            await log.probe()
        except LogUnavailable as error:
            said.append(str(error))
    _set_modes(folder, 0o500, 0o400)
    try:
        await SqliteLog.open(folder, lanes=LANES)
    except LogUnavailable as error:
        said.append(str(error))
    _set_modes(folder, 0o700, 0o600)
    async with opened(_Here(folder)) as log:
        assert sum(await log.heads()) == 1
    reports.send(said)


def _set_modes(folder: Path, mode: int, file_mode: int) -> None:
    folder.chmod(0o700)
    for file in folder.iterdir():
        file.chmod(file_mode)
    folder.chmod(mode)


class _Here:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def open(self) -> SqliteLog:
        return await SqliteLog.open(self.folder, lanes=LANES, recent_bytes=0)
