"""How fast a backlog is delivered.

`segue run --roles courier` drains a full log into a sandbox that only counts. Beside it stands what orjson
takes to read the JSON of the same events on the same machine: between two machines only that ratio says much.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from bench.process import Bench, Process, calls, delivered
from bench.result import Result, Table
from segue.io.log.sqlite import SqliteLog
from segue.runtime.folders import LOG_FOLDER

TICK_SECONDS = 0.05
MOST_SECONDS = 60.0

PARSED = 800
"""Events whose JSON is read for comparison, at each look: some 4 ms."""


def run(seconds: float) -> Result:
    """Drain a backlog: 100,000 events, fewer when a run is to be short."""
    count = min(100_000, max(20_000, round(seconds * 33_000)))
    with Bench() as bench:
        backlog = bench.tool("preload", str(bench.data), str(count))
        texts = asyncio.run(stored(bench.data, PARSED))
        parsing: list[float] = []
        sandbox = bench.sandbox()
        began = time.perf_counter()
        courier = bench.segue(sandbox, roles="courier")
        ready = time.perf_counter() - began
        took, used, answered, early = drain(
            courier, sandbox, backlog["objects"], meanwhile=lambda: parsing.append(parse(texts))
        )
        share = backlog["events"] / backlog["objects"]
        requests = calls(sandbox)
        memory = courier.memory_bytes() / 1e6
    cost, floor = used * 1e6 / (answered * share), statistics.median(parsing)
    figures = {
        "events_per_second": answered * share / took,
        "cpu_us_per_event": cost,
        "parsing_us_per_event": floor,
        "times_parsing": cost / floor,
        "requests": requests,
        "objects_per_request": backlog["objects"] / requests,
        "memory_mb_at_a_quarter": early / 1e6,
        "memory_mb": memory,
        "start_seconds": ready,
    }
    table = Table(
        title=f"Courier, draining {count:,} events ({requests:,} requests, 64 in flight)",
        columns=[
            *("", "events/s", "CPU µs/event", "reading JSON", "times that"),
            *("objects/request", "MB at 1/4", "MB at the end"),
        ],
        rows=[["one courier", *(figures[name] for name in SHOWN)]],
        note="Measured from the first delivered object to 95 % of all; the rest waits to fill its batch. "
        "Reading JSON: orjson alone, of the same events, again and again meanwhile.",
    )
    return Result(name="courier", tables=[table], figures=figures)


SHOWN = (
    "events_per_second",
    "cpu_us_per_event",
    "parsing_us_per_event",
    "times_parsing",
    "objects_per_request",
    "memory_mb_at_a_quarter",
    "memory_mb",
)


async def stored(data: Path, most: int) -> list[bytes]:
    """The JSON of events in the log, as many of each lane."""
    log = await SqliteLog.open(data / LOG_FOLDER)
    try:
        heads = await log.heads()
        texts: list[bytes] = []
        for lane in range(len(heads)):
            at, wanted = 0, most // len(heads)
            while wanted > 0 and at < heads[lane]:
                for block in await log.read(lane, at, blocks=16):
                    texts += [record.raw for record in block.records[:wanted]]
                    wanted -= len(block.records)
                    at = block.next_offset
        return texts
    finally:
        await log.close()


def parse(texts: list[bytes]) -> float:
    """Microseconds of this thread to read one of these, nothing kept."""
    began = time.thread_time()
    for text in texts:
        orjson.loads(text)
    return (time.thread_time() - began) * 1e6 / len(texts)


def drain(
    courier: Process,
    sandbox: Process,
    objects: int,
    most_seconds: float = MOST_SECONDS,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[float, float, int, int]:
    """Wait until everything arrived; gives seconds, processor seconds and objects of the steady part, and the
    bytes of memory held when a quarter had arrived. meanwhile: called at each look."""
    until = time.perf_counter() + most_seconds
    began = used = 0.0
    first = early = 0
    steady: tuple[float, float, int] | None = None
    while (now := time.perf_counter()) < until:
        found = delivered(sandbox)
        if found and not first:
            first, began, used = found, now, courier.cpu_seconds()
        elif steady is None and found >= objects * 0.95:
            steady = now - began, courier.cpu_seconds() - used, found - first
        if not early and found >= objects / 4:
            early = courier.memory_bytes()
        if found >= objects:
            assert found == objects, f"{objects} objects were expected, {found} arrived"
            assert steady is not None
            return *steady, early
        meanwhile()
        time.sleep(TICK_SECONDS)
    raise RuntimeError(f"{delivered(sandbox)} of {objects} objects arrived in {most_seconds:.0f} seconds")
