"""A log full of events, written as the receiver writes them.

python -m bench.preload DATA 100000               # {"events": 100000, "objects": 120012, "seconds": 4.1, …}
python -m bench.preload DATA 4000 --rate 1000     # one by one, a thousand a second
"""

import argparse
import asyncio
import json
import time
from itertools import islice
from pathlib import Path

from bench.process import SOURCE, WRITE_KEY
from bench.traffic import Pool, make, stream
from segue.engine import intake
from segue.io.log.sqlite import SqliteLog
from segue.io.storage.origins import settle_origins
from segue.model.event import Record
from segue.model.workspace import Source
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER

BENCH_SOURCE = Source(id=SOURCE, write_keys=(WRITE_KEY,))
BATCH = 100
AT_ONCE = 8
"""Batches that share a commit, as eight busy senders would make them."""


async def fill(data: Path, count: int) -> int:
    """Append so many events in batches; the destination ``braze`` begins before the first of them. Gives how
    many Braze objects they become."""
    events, made = stream(count), 0
    log = await _opened(data)
    try:
        order = started = time.time_ns()
        while company := list(islice(events, BATCH * AT_ONCE)):
            pool = Pool(company, b"backlog-%08x" % (started + made & 0xFFFFFFFF))
            batches = []
            for start in range(0, len(company), BATCH):
                size = len(company[start : start + BATCH])
                batches.append(_admitted(pool.batch(size), order, size))
                order += 10_000_000  # a batch every ten milliseconds
            await asyncio.gather(*map(log.append, batches))
            made += pool.objects
    finally:
        await log.close()
    return made


async def trickle(data: Path, count: int, rate: float) -> tuple[int, float]:
    """Append so many events one by one, so many a second, as requests of one event do: those that come while
    others are written share a commit. Gives how many Braze objects they become, and by how many milliseconds
    one came late at the most."""
    log = await _opened(data)
    try:
        pool, order = Pool(make(count), b"trickle-%08x" % (time.time_ns() & 0xFFFFFFFF)), time.time_ns()
        records = [_admitted(pool.batch(1), order + number, 1) for number in range(count)]
        late, began = 0.0, time.perf_counter()
        async with asyncio.TaskGroup() as appends:
            for number, admitted in enumerate(records):
                ahead = began + number / rate - time.perf_counter()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                late = max(late, -ahead)
                appends.create_task(log.append(admitted))
    finally:
        await log.close()
    return pool.objects, late * 1000


async def _opened(data: Path) -> SqliteLog:
    log = await SqliteLog.open(data / LOG_FOLDER)
    settle_origins(data / STATE_FOLDER, "braze", await log.heads())
    return log


def _admitted(body: bytes, order: int, size: int) -> list[Record]:
    """The events of a batch, as the receiver takes them in."""
    admission = intake.read(
        body,
        kind="",
        client=False,
        write_key=WRITE_KEY,
        sources=lambda _: BENCH_SOURCE,
        now_ms=order // 1_000_000,
        order=order,
        mark="bench",
    )
    assert len(admission.accepted) == size, admission.rejected[:1]
    return admission.accepted


def main() -> None:
    """Fill the folder given with as many events as asked for, at once or at a rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args()
    began, late_ms = time.perf_counter(), 0.0
    if given.rate:
        made, late_ms = asyncio.run(trickle(given.data, given.count, given.rate))
    else:
        made = asyncio.run(fill(given.data, given.count))
    took = time.perf_counter() - began
    print(json.dumps({"events": given.count, "objects": made, "seconds": took, "late_ms": late_ms}))


if __name__ == "__main__":
    main()
