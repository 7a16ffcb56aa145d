"""The embedded log on bad days: killed processes, full disks, damage, second writers, old libraries."""

import asyncio
import os
import shutil
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import apsw
import pytest
from tests.io.appender import append_for_ever, fill_and_recover, start, use_read_only_folder
from tests.io.log_contract import LANES, blocks_of, by_lane, everything, lane_of, record, records
from tests.io.test_log_sqlite import Folder

from segue.io import sqlite
from segue.io.log.sqlite import SqliteLog
from segue.model.errors import CorruptBlock, LogMissing, LogUnavailable, MisconfiguredError, UnsafeLibrary

ROUNDS = 25


def segments(folder: Path) -> list[Path]:
    """The files of a log, oldest first."""
    return sorted(folder.glob("events-*.db"))


async def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL at seeded random moments, again and again on the same log: it opens, holds every acknowledged
    event exactly once, its files are sound, and offsets have no gaps."""
    random = Random(20261124)
    folder = tmp_path / "log"
    acknowledged: set[int] = set()
    for round_ in range(ROUNDS):
        process, reports = start(append_for_ever, folder, round_ * 1_000_000)
        acknowledged |= _collect(reports, random.choice((0, 1, 5, 40, 150)))
        if reports.poll(random.random() * 0.004):
            acknowledged |= set(reports.recv())
        process.kill()
        process.join()
        acknowledged |= _drain(reports)
        log = await SqliteLog.open(folder, lanes=LANES, recent_bytes=0, segment_bytes=32 * 1024)
        lanes = await everything(log)
        assert await log.heads() == [len(lane) for lane in lanes]
        await log.close()
        present = [event.order for lane in lanes for event in lane]
        assert len(present) == len(set(present)), f"round {round_}: an event is there twice"
        missing = acknowledged - set(present)
        assert not missing, f"round {round_}: {len(missing)} acknowledged events are missing"
    assert len(acknowledged) > 1000
    for file in segments(folder):
        connection = apsw.Connection(os.fspath(file), flags=apsw.SQLITE_OPEN_READONLY)
        assert connection.pragma("integrity_check") == "ok"
        connection.close()


def _collect(reports: Connection, most: int) -> set[int]:
    found: set[int] = set()
    for _ in range(most):
        found |= set(reports.recv())
    return found


def _drain(reports: Connection) -> set[int]:
    """What was reported before the end; a report cut short by the kill counts as not made."""
    found: set[int] = set()
    while True:
        try:
            found |= set(reports.recv())
        except (EOFError, OSError):
            return found


def test_a_file_that_may_not_grow_refuses_appends_and_goes_on_when_it_may(tmp_path: Path) -> None:
    """A size limit of the system stands for the full disk; no restart is needed afterwards."""
    process, reports = start(fill_and_recover, tmp_path / "log", 300 * 1024)
    kept, failures, unready = reports.recv()
    process.join()
    assert process.exitcode == 0
    assert kept > 50
    assert len(failures) == 3
    assert all("cannot be written" in failure and "file size limits" in failure for failure in failures)
    assert "cannot be written" in unready


def test_a_full_disk_refuses_appends_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """A real file system of two megabytes, in a mount namespace of its own."""
    script = (
        "from pathlib import Path; from multiprocessing import Pipe; "
        "from tests.io.appender import run, fill_and_recover; "
        f"(r, s) = Pipe(False); run(fill_and_recover, s, Path({str(tmp_path / 'disk' / 'log')!r}), None); "
        "print(*r.recv(), sep='\\n')"
    )
    (tmp_path / "disk").mkdir()
    mount = f'mount -t tmpfs -o size=2m none "{tmp_path / "disk"}"'
    rights = [] if os.getuid() == 0 else ["--map-root-user"]
    if subprocess.run(["unshare", "--mount", *rights, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a small disk; the size limit above stands for it")
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            *rights,
            "sh",
            "-c",
            f'{mount} && exec "$@"',
            "sh",
            sys.executable,
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    kept, failures, unready = done.stdout.splitlines()
    assert int(kept) > 50
    assert failures.count("the disk is full") == 3
    assert "the disk is full" in unready


def test_a_folder_that_may_not_be_written_is_named_with_the_remedy() -> None:
    """Readiness notices while the log is open, and opening says so; with the right back all is well."""
    with TemporaryDirectory() as outer:  # not tmp_path: a user without rights must be able to enter it
        Path(outer).chmod(0o755)
        folder = Path(outer) / "log"
        folder.mkdir()
        process, reports = start(use_read_only_folder, folder)
        said = reports.recv()
        process.join()
    assert process.exitcode == 0
    assert len(said) == 2
    assert all("Permission denied" in words and str(folder) in words for words in said)
    assert "check owner, permissions and mount options (errno 13). SEGUE_DATA chooses another." in said[1]


async def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    """The message says which, and what to do."""
    (tmp_path / "log").write_text("not a folder")
    with pytest.raises(LogUnavailable, match=r'log".*File exists.*SEGUE_DATA chooses another'):
        await SqliteLog.open(tmp_path / "log")


async def test_a_folder_that_disappears_makes_the_log_unready(tmp_path: Path) -> None:
    """An unlinked file would still take events, and lose them: nothing is acknowledged."""
    log = await SqliteLog.open(tmp_path / "log", lanes=LANES)
    await log.append(records(0, 5))
    shutil.rmtree(tmp_path / "log")
    for call in (log.probe(), log.append(records(5, 5))):
        with pytest.raises(LogUnavailable, match=r"is gone.*Put the folder back"):
            await call
    await log.close()


async def test_a_file_that_was_replaced_makes_the_log_unready(tmp_path: Path) -> None:
    """Somebody restored a copy under a running process."""
    log = await SqliteLog.open(tmp_path / "log", lanes=LANES)
    await log.append(records(0, 5))
    (file,) = (tmp_path / "log").glob("events-*.db")
    shutil.copy(file, tmp_path / "copy")
    (tmp_path / "copy").replace(file)
    with pytest.raises(LogUnavailable, match=r"replaced while in use. Restart"):
        await log.append(records(5, 5))
    await log.close()


async def test_a_second_writer_learns_who_is_the_first(tmp_path: Path) -> None:
    """In the same process or another; when the first is closed, the second may write."""
    first = await SqliteLog.open(tmp_path, lanes=LANES)
    with pytest.raises(
        LogUnavailable, match=rf"open for writing in process {os.getpid()}\b.*Stop that process"
    ):
        await SqliteLog.open(tmp_path, lanes=LANES)
    await first.close()
    second = await SqliteLog.open(tmp_path, lanes=LANES)
    await second.close()


async def test_a_lock_held_by_somebody_else_is_unavailable_not_lost(tmp_path: Path) -> None:
    """A shell that sits in a transaction on the file; appends work again when it leaves."""
    log = await SqliteLog.open(tmp_path, lanes=LANES)
    (file,) = segments(tmp_path)
    shell = apsw.Connection(os.fspath(file))
    shell.execute("BEGIN IMMEDIATE")
    log._writer._connection.set_busy_timeout(1)  # type: ignore[union-attr] - not five seconds in a test
    with pytest.raises(LogUnavailable, match="another process holds its lock"):
        await log.append(records(0, 5))
    shell.execute("ROLLBACK")
    shell.close()
    await log.append(records(5, 5))
    assert await everything(log) == by_lane(records(5, 5))
    await log.close()


async def test_the_number_of_lanes_is_fixed_when_a_log_is_made(tmp_path: Path) -> None:
    """Another number would send a person's later events to another lane."""
    await (await SqliteLog.open(tmp_path, lanes=8)).close()
    with pytest.raises(
        MisconfiguredError, match=r"made with 8 lanes, the settings ask for 4.*Set lanes to 8"
    ):
        await SqliteLog.open(tmp_path, lanes=4)
    await (await SqliteLog.open(tmp_path, lanes=8)).close()


async def test_a_log_written_by_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """Formats only go forward."""
    await (await SqliteLog.open(tmp_path, lanes=LANES)).close()
    (file,) = segments(tmp_path)
    connection = apsw.Connection(os.fspath(file))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(MisconfiguredError, match=r"format 99.*a newer version wrote it"):
        await SqliteLog.open(tmp_path, lanes=LANES)


async def test_following_a_log_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    """An empty folder and none at all."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(LogMissing, match=r"there is no log in .*segue run"):
            await SqliteLog.follow(folder)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.0"])
def test_an_sqlite_that_may_damage_files_is_refused(version: str) -> None:
    """With the version found, the one needed, and the command that gets it."""
    with pytest.raises(UnsafeLibrary, match=rf"SQLite {version} is in use, 3\.51\.3 or newer.*pip install"):
        sqlite.require_safe_library(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52", "4.0.0"])
def test_an_sqlite_that_is_new_enough_is_accepted(version: str) -> None:
    """Numbers are compared as numbers."""
    sqlite.require_safe_library(version)


class TestDamage:
    """Three commits of one person, the middle one damaged."""

    lane = lane_of("u:1", LANES)

    @pytest.fixture
    async def folder(self, tmp_path: Path) -> Folder:
        store = Folder(tmp_path / "log")
        log = await store.open(small_steps=True)
        for first in (0, 300, 600):
            await log.append(records(first, 300, person="u:1"))
        await log.close()
        return store

    @staticmethod
    def body(file: Path, first_offset: int) -> bytes:
        connection = apsw.Connection(os.fspath(file), flags=apsw.SQLITE_OPEN_READONLY)
        rows = connection.execute("SELECT body FROM block WHERE first_offset = ?", (first_offset,)).fetchall()
        connection.close()
        return bytes(rows[0][0]) if rows else b""

    async def test_a_damaged_block_is_named_and_the_rest_stays_readable(self, folder: Folder) -> None:
        """One flipped bit; by reading and by scanning; whoever reads may go on behind it."""
        for file in segments(folder.path):
            content, body = bytearray(file.read_bytes()), self.body(file, 300)
            if body:
                content[content.index(body[:400]) + 200] ^= 0x10
                file.write_bytes(content)
        log = await folder.open(small_steps=True)
        assert [event.order for block in await log.read(self.lane, 0) for event in block.records] == [
            *range(300)
        ]
        with pytest.raises(
            CorruptBlock, match=rf"log lane {self.lane}: the block of events 300 to 599"
        ) as caught:
            await log.read(self.lane, 300)
        damage = caught.value
        assert (damage.lane, damage.first_offset, damage.count) == (self.lane, 300, 300)
        after = await blocks_of(log, self.lane, damage.first_offset + damage.count)
        assert [event.order for block in after for event in block.records] == [*range(600, 900)]

        scan, scanned, damages = log.scan(), [], []
        while True:
            try:
                scanned += [event.order for event in (await anext(scan)).records]
            except CorruptBlock as error:
                damages.append((error.lane, error.first_offset, error.count))
            except StopAsyncIteration:
                break
        assert scanned == [*range(300), *range(600, 900)]
        assert damages == [(self.lane, 300, 300)]
        await log.append([record(900, person="u:1")])
        assert (await log.heads())[self.lane] == 901
        await log.close()

    async def test_a_lost_page_costs_the_blocks_on_it_and_no_others(self, tmp_path: Path) -> None:
        """Each of them is named, a reader gets by, and the log can still be written."""
        log = await SqliteLog.open(tmp_path, lanes=LANES, recent_bytes=0)
        for first in range(0, 6000, 20):
            await log.append(
                [record(n, person="u:1", raw=Random(n).randbytes(50)) for n in range(first, first + 20)]
            )
        await log.close()
        (file,) = segments(tmp_path)
        content = bytearray(file.read_bytes())
        page = content.index(self.body(file, 3000)[:200]) // 4096 * 4096
        content[page : page + 4096] = bytes(4096)
        file.write_bytes(content)

        log = await SqliteLog.open(tmp_path, lanes=LANES, recent_bytes=0)
        offset, read, lost = 0, [], []
        while True:
            try:
                blocks = await log.read(self.lane, offset)
            except CorruptBlock as damage:
                lost += range(damage.first_offset, damage.first_offset + damage.count)
                offset = damage.first_offset + damage.count
                continue
            if not blocks:
                break
            read += [event.order for block in blocks for event in block.records]
            offset = blocks[-1].next_offset
        assert sorted(read + lost) == [*range(6000)]
        assert 3000 in lost
        assert len(lost) <= 100
        await log.append([record(6000, person="u:1")])
        assert (await log.read(self.lane, 6000))[0].records[-1].order == 6000
        await log.close()

    async def test_a_file_that_is_no_database_any_more_is_named_when_the_log_is_opened(
        self, folder: Folder
    ) -> None:
        """Nothing is guessed: offsets given out twice would be events nobody reads."""
        newest = segments(folder.path)[-1]
        newest.write_bytes(b"something else entirely" * 1000)
        with pytest.raises(LogUnavailable, match=rf"{newest.name}.*not a database"):
            await folder.open()

    async def test_a_file_damaged_while_it_is_written_is_left_and_a_new_one_begun(
        self, tmp_path: Path
    ) -> None:
        """One append fails, the next is kept, offsets go on, and no acknowledged offset is given twice."""
        log = await SqliteLog.open(tmp_path, lanes=LANES, recent_bytes=0)
        await log.append(records(0, 40))
        heads = await log.heads()
        await log.close()
        (file,) = segments(tmp_path)
        log = await SqliteLog.open(tmp_path, lanes=LANES, recent_bytes=0)
        content = bytearray(file.read_bytes())
        content[4096 : len(content)] = bytes(len(content) - 4096)
        file.write_bytes(content)
        with pytest.raises(LogUnavailable, match="the file is damaged"):
            await log.append(records(40, 40))
        await log.append(records(40, 40))
        assert await log.heads() == [
            head + len(share) for head, share in zip(heads, by_lane(records(40, 40)), strict=True)
        ]
        for lane, share in enumerate(by_lane(records(40, 40))):
            found = await log.read(lane, heads[lane])
            assert [event for block in found for event in block.records] == share
        assert len(segments(tmp_path)) == 2
        await log.close()


async def test_what_a_crash_left_is_cleared_away_when_the_log_opens(tmp_path: Path) -> None:
    """A file whose creation was cut short, and write-ahead files without their database."""
    log = await SqliteLog.open(tmp_path, lanes=LANES)
    await log.append(records(0, 10))
    await log.close()
    (tmp_path / "events-00000002.db").touch()
    (tmp_path / "events-00000000.db-wal").write_bytes(b"left over")
    (tmp_path / "notes.txt").write_text("not ours")
    log = await SqliteLog.open(tmp_path, lanes=LANES)
    assert await everything(log) == by_lane(records(0, 10))
    assert not (tmp_path / "events-00000000.db-wal").exists()
    assert (tmp_path / "notes.txt").exists()
    await log.close()


async def test_appends_at_the_same_time_share_a_commit(tmp_path: Path) -> None:
    """A hundred callers wait for a few syncs, not for a hundred."""
    log = await SqliteLog.open(tmp_path, lanes=LANES, linger_seconds=0.05)
    await asyncio.gather(*(log.append([record(number, person="u:1")]) for number in range(100)))
    await log.close()
    (file,) = segments(tmp_path)
    connection = apsw.Connection(os.fspath(file))
    assert connection.execute("SELECT count(*) FROM block").get <= 3
    connection.close()
