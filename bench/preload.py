"""A log full of events, written as the receiver writes them.

python -m bench.preload DATA 100000      # {"events": 100000, "objects": 120012, "seconds": 4.1}
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.process import SOURCE, WRITE_KEY
from bench.traffic import Event, Pool, make, objects
from segue.engine import intake
from segue.io.log.sqlite import SqliteLog
from segue.io.storage.origins import settle_origins
from segue.model.workspace import Source
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER

BATCH = 100
AT_ONCE = 8
"""Batches that share a commit, as eight busy senders would make them."""


async def fill(data: Path, events: list[Event]) -> None:
    """Append the events in batches; the destination ``braze`` begins before the first of them."""
    source = Source(id=SOURCE, write_keys=(WRITE_KEY,))
    pool = Pool(events, b"backlog-%08x" % (time.time_ns() & 0xFFFFFFFF))
    log = await SqliteLog.open(data / LOG_FOLDER)
    try:
        settle_origins(data / STATE_FOLDER, "braze", await log.heads())
        order = time.time_ns()
        batches = []
        for count in [BATCH] * (len(events) // BATCH) + [len(events) % BATCH]:
            if not count:
                continue
            admission = intake.read(
                pool.batch(count),
                kind="",
                client=False,
                write_key=WRITE_KEY,
                sources=lambda _: source,
                now_ms=order // 1_000_000,
                order=order,
                mark="bench",
            )
            assert len(admission.accepted) == count, admission.rejected[:1]
            batches.append(admission.accepted)
            order += 10_000_000  # a batch every ten milliseconds
        for start in range(0, len(batches), AT_ONCE):
            await asyncio.gather(*(log.append(batch) for batch in batches[start : start + AT_ONCE]))
    finally:
        await log.close()


def main() -> None:
    """Fill the folder given with as many events as asked for."""
    data, count = Path(sys.argv[1]), int(sys.argv[2])
    events = make(count)
    began = time.perf_counter()
    asyncio.run(fill(data, events))
    took = time.perf_counter() - began
    print(json.dumps({"events": count, "objects": sum(map(objects, events)), "seconds": took}))


if __name__ == "__main__":
    main()
