"""A log full of events, written as the receiver writes them.

python -m bench.preload DATA 100000      # {"events": 100000, "objects": 120012, "seconds": 4.1}
"""

import asyncio
import json
import sys
import time
from itertools import islice
from pathlib import Path

from bench.process import SOURCE, WRITE_KEY
from bench.traffic import Pool, stream
from segue.engine import intake
from segue.io.log.sqlite import SqliteLog
from segue.io.storage.origins import settle_origins
from segue.model.workspace import Source
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER

BATCH = 100
AT_ONCE = 8
"""Batches that share a commit, as eight busy senders would make them."""


async def fill(data: Path, count: int) -> int:
    """Append so many events in batches; the destination ``braze`` begins before the first of them. Gives how
    many Braze objects they become."""
    source = Source(id=SOURCE, write_keys=(WRITE_KEY,))
    events, made = stream(count), 0
    log = await SqliteLog.open(data / LOG_FOLDER)
    try:
        settle_origins(data / STATE_FOLDER, "braze", await log.heads())
        order = started = time.time_ns()
        while company := list(islice(events, BATCH * AT_ONCE)):
            pool = Pool(company, b"backlog-%08x" % (started + made & 0xFFFFFFFF))
            batches = []
            for start in range(0, len(company), BATCH):
                size = len(company[start : start + BATCH])
                admission = intake.read(
                    pool.batch(size),
                    kind="",
                    client=False,
                    write_key=WRITE_KEY,
                    sources=lambda _: source,
                    now_ms=order // 1_000_000,
                    order=order,
                    mark="bench",
                )
                assert len(admission.accepted) == size, admission.rejected[:1]
                batches.append(admission.accepted)
                order += 10_000_000  # a batch every ten milliseconds
            await asyncio.gather(*map(log.append, batches))
            made += pool.objects
    finally:
        await log.close()
    return made


def main() -> None:
    """Fill the folder given with as many events as asked for."""
    data, count = Path(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    made = asyncio.run(fill(data, count))
    took = time.perf_counter() - began
    print(json.dumps({"events": count, "objects": made, "seconds": took}))


if __name__ == "__main__":
    main()
