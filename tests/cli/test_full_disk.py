"""`segue run` started on a disk that is full: it says so, ends, and has lost nothing."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.cli.house import KEY, TRACK, Ran, segue, settled, started, workspace
from tests.io.disk import full_at

from segue.cli.post import post_events
from segue.io import sqlite
from segue.io.storage.journal import Journal, RowKey
from segue.io.storage.state import StateReader


@contextlib.contextmanager
def small(pages: int) -> Iterator[None]:
    """No database grows beyond so many pages: SQLITE_FULL."""

    def bound(connection: apsw.Connection) -> None:
        connection.pragma("max_page_count", pages)

    apsw.connection_hooks.append(bound)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(bound)


def refused(folder: Path) -> Ran:
    """A start that comes to nothing."""
    ran = segue("run", "--port", "0", folder=folder, SEGUE_SANDBOX_PORT="0")
    assert ran.code == 3
    assert "Traceback" not in ran.err
    assert ran.err.count("error ") == 1
    return ran


async def lived(folder: Path, event: dict[str, Any]) -> None:
    """Segue takes one event in and delivers it."""
    async with started(folder) as process:
        before = process.house.couriers["braze"].ledger.read
        await post_events(json.dumps(event).encode(), f"{process.addresses.door}/v1", KEY)
        await settled(process, before + 1)


ROOM = "the disk is full; free some space or lower the retention"
BOUND = "check the system's log, quotas and file size limits (SQLITE_IOERR_WRITE)"


@pytest.mark.parametrize(
    ("limit", "where", "says"),
    [
        (partial(small, 2), "log", ROOM),
        (partial(small, 12), "state/braze.db", ROOM),
        (partial(full_at, 12_000), "log", ROOM),
        (partial(full_at, 50_000), "state/braze.db", BOUND),
    ],
)
def test_a_first_start_without_room_names_the_file_and_the_remedy(
    tmp_path: Path, limit: Callable[[], AbstractContextManager[None]], where: str, says: str
) -> None:
    """Log or state, whichever comes to it; "no transaction is active" is not the reason. With room, all is
    well."""
    folder = workspace(tmp_path / "shop")
    with limit():
        said = refused(folder).err
    assert f'"segue-data/{where}" cannot be ' in said
    assert says in said
    asyncio.run(lived(folder, TRACK))


def test_a_start_on_a_full_disk_keeps_what_is_in_doubt(tmp_path: Path) -> None:
    """A row was on its way when Segue was killed. The start that finds no room decides nothing; the next one
    does, and the event arrives."""
    folder = workspace(tmp_path / "shop")
    state = folder / "segue-data/state/braze"
    asyncio.run(lived(folder, {**TRACK, "messageId": "first"}))
    lane, generation = asyncio.run(looked_up(state))
    journal, _ = Journal.open(state, generation)
    journal.leave(9, [RowKey(lane, 1, "track-calls", 0)])
    journal.close()
    with full_at(0):  # SQLite rolls back by itself upon that
        said = refused(folder).err
    assert "cannot be " in said
    assert "free some space" in said or "check quotas and file size limits" in said
    asyncio.run(lived(folder, TRACK))
    [doubt] = segue("uncertain", "--json", folder=folder).lines
    assert (doubt["doubt"]["message_id"], doubt["doubt"]["policy"]) == ("tr-1", "resend")


async def looked_up(state: Path) -> tuple[int, int]:
    """(lane of the only event, generation of the journal)."""
    reader = await StateReader.open(state.with_suffix(".db"))
    [(lane, _)] = await reader.places("first")
    generation = int(await reader.value("journal") or b"0")
    await reader.close()
    return lane, generation


def test_no_room_for_the_file_beside_a_database_is_a_full_disk() -> None:
    """SQLite calls it an error of input and output."""
    error: Any = apsw.IOError("disk I/O error")
    error.extendedresult = apsw.SQLITE_IOERR_SHMSIZE
    assert sqlite.explain(error) == f"{sqlite.FULL} (SQLITE_IOERR_SHMSIZE)"
    error.extendedresult = apsw.SQLITE_IOERR_READ
    assert sqlite.explain(error).startswith("the disk reports an input/output error")
