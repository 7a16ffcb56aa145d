"""Power cuts: what was acknowledged is there afterwards, and everything opens."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw
import pytest
from tests.io.log_contract import LANES, everything, record
from tests.io.power import Image, Machine, spread

from segue.io.log.sqlite import SqliteLog
from segue.io.storage.journal import Journal, RowKey, Settled
from segue.io.storage.state import Checkpoint, Cursor, State
from segue.model.event import Record

FIRST_MS = 1_790_000_000_000


class Known(NamedTuple):
    """What somebody has relied on: the number of events that were acknowledged, and what was read where."""

    acknowledged: frozenset[int] = frozenset()
    read: Mapping[tuple[int, int], bytes] = {}


class Story:
    """A log with small segments is filled, several appends at a time, and read beside."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder = folder
        self.chance = chance
        self.known = Known()
        self.told: dict[int, bytes] = {}
        self.tails = [0] * LANES

    async def play(self) -> None:
        log = await SqliteLog.open(self.folder, lanes=LANES, recent_bytes=0, segment_bytes=12 * 1024)
        reader = await SqliteLog.follow(self.folder)
        for turn in range(24):
            batches = [self._batch() for _ in range(self.chance.randint(1, 3))]
            for batch, done in [(batch, asyncio.ensure_future(log.append(batch))) for batch in batches]:
                await done
                self.known = self.known._replace(
                    acknowledged=self.known.acknowledged | {each.order for each in batch}
                )
            lane = self.chance.randrange(LANES)
            found = {
                (lane, block.first_offset + n): each.raw
                for block in await reader.read(lane, max(0, (await reader.heads())[lane] - 5))
                for n, each in enumerate(block.records)
            }
            self.known = self.known._replace(read={**self.known.read, **found})
            if turn == 12:
                await log.close()
                log = await SqliteLog.open(self.folder, lanes=LANES, recent_bytes=0, segment_bytes=12 * 1024)
        await reader.close()
        await log.close()

    def _batch(self) -> list[Record]:
        first, count = len(self.told), self.chance.randint(1, 12)
        batch = [
            record(n, raw=b"%d %s" % (n, self.chance.randbytes(60))) for n in range(first, first + count)
        ]
        self.told |= {each.order: each.raw for each in batch}
        return batch


@pytest.mark.parametrize("seed", range(4))
async def test_a_power_cut_takes_nothing_from_the_log_that_was_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    """Cut at any step, by whatever was not synced: the log opens, each acknowledged event is there once, byte
    for byte, what was read stands where it stood, and it goes on and is sound."""
    chance = Random(seed)
    (tmp_path / "disk").mkdir()
    story = Story(tmp_path / "disk" / "log", chance)
    cuts = spread(chance, 200, 10)
    with Machine(tmp_path / "disk", tmp_path / "cut", Random(-seed), cuts, lambda: story.known) as machine:
        await story.play()
    assert len(machine.images) == len(cuts)
    for image in machine.images:
        await check_log(image, story.told)


async def check_log(image: Image, told: Mapping[int, bytes]) -> None:
    """What a restart finds of the log."""
    known: Known = image.seen
    log = await SqliteLog.open(image.folder / "log", lanes=LANES, recent_bytes=0, segment_bytes=12 * 1024)
    lanes = await everything(log)
    orders = [each.order for lane in lanes for each in lane]
    assert len(orders) == len(set(orders)), f"step {image.step}: an event is there twice"
    missing = sorted(known.acknowledged - set(orders))
    assert not missing, f"step {image.step}: {missing} were acknowledged and are lost"
    assert all(each.raw == told[each.order] for lane in lanes for each in lane)
    assert await log.heads() == [len(lane) for lane in lanes]
    for (lane, offset), raw in known.read.items():
        assert lanes[lane][offset].raw == raw, f"step {image.step}: another event stands at {lane}-{offset}"
    await log.append([record(1_000_000 + n) for n in range(8)])
    await log.close()
    for path in image.folder.glob("log/events-*.db"):
        connection = apsw.Connection(os.fspath(path))
        assert connection.pragma("integrity_check") == "ok"
        connection.close()
    log = await SqliteLog.open(image.folder / "log", lanes=LANES, recent_bytes=0)
    assert sum(map(len, await everything(log))) == len(orders) + 8
    await log.close()


def row(offset: int) -> RowKey:
    return RowKey(0, offset, "s", 0)


async def test_a_power_cut_takes_nothing_from_the_state_that_was_committed(tmp_path: Path) -> None:
    """The state opens, at its last commit or one that was on its way, and the journal tells of that commit
    what it left to it: rows in doubt, and rows done of events that are open."""
    chance = Random(5)
    (tmp_path / "disk").mkdir()
    committed = [0]
    stem = tmp_path / "disk" / "braze"
    cuts = spread(chance, 600, 20)
    with Machine(tmp_path / "disk", tmp_path / "cut", Random(6), cuts, lambda: committed[0]) as machine:
        state = await State.open(stem.with_suffix(".db"))
        journal, _ = Journal.open(stem, 0)
        for number in range(1, 41):
            journal.leave(number, [row(number), row(-number)])
            journal.settle(number, [(row(-number), Settled(number, 0, 201))], doubt=[row(number)])
            done = [(row(-n), Settled(n, 0, 201)) for n in range(1, number + 1)]
            turn = journal.turn(counted=done)
            turn.sync()
            await state.fresh([(f"m{number}-{n}", 0, number * 100 + n, FIRST_MS) for n in range(40)])
            await state.commit(
                Checkpoint(
                    now_ms=FIRST_MS,
                    cursors={0: Cursor(next_offset=number)},
                    values={"journal": b"%d" % turn.generation},
                )
            )
            committed[0] = number
            journal.turned(turn)
        journal.close()
        await state.close()
    assert len(machine.images) == len(cuts)
    for image in machine.images:
        state = await State.open(image.folder / "braze.db")
        number = int(await state.value("journal") or b"0")
        assert image.seen <= number <= image.seen + 1
        cursors = await state.load()
        assert not number or cursors[0].next_offset == number
        last = [(f"m{number}-0", 0, 999_999, FIRST_MS)]
        assert await state.fresh(last) == [not number]
        journal, found = Journal.open(image.folder / "braze", number)
        assert set(found.uncertain) >= {row(n) for n in range(1, number + 1)}
        assert set(found.settled) >= {row(-n) for n in range(1, number + 1)}
        journal.close()
        await state.close()
