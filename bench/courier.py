"""How fast a backlog is delivered.

`segue run --roles courier` drains a full log into a sandbox that only counts. Before and after it a bare loop
(`bench.bare`) does the least of the same: between two machines only the ratio of both says something.
"""

import statistics
import time

from bench.process import Bench, Process, calls, delivered
from bench.result import Result, Table

TICK_SECONDS = 0.05
MOST_SECONDS = 60.0

BARE = 33_000
"""Events of the bare loop's log."""

STARTS = 3
"""Of which the quickest counts: other jobs only make one slower."""


def run(seconds: float) -> Result:
    """Drain a backlog: 100,000 events, fewer when a run is to be short."""
    count = min(100_000, max(20_000, round(seconds * 33_000)))
    with Bench() as bench:
        sandbox = bench.sandbox()
        loops = [bare(bench), bare(bench)]
        ready = min(start(bench, sandbox) for _ in range(STARTS))
        backlog = bench.tool("preload", str(bench.data), str(count))
        courier = bench.segue(sandbox, roles="courier")
        took, used, answered, early = drain(courier, sandbox, backlog["objects"])
        share = backlog["events"] / backlog["objects"]
        requests = calls(sandbox)
        memory = courier.memory_bytes() / 1e6
        courier.end()
        loop = statistics.median([*loops, bare(bench), bare(bench)])
    cost = used * 1e6 / (answered * share)
    figures = {
        "events_per_second": answered * share / took,
        "cpu_us_per_event": cost,
        "bare_us_per_event": loop,
        "times_bare": cost / loop,
        "requests": requests,
        "objects_per_request": backlog["objects"] / requests,
        "memory_mb_at_a_quarter": early / 1e6,
        "memory_mb": memory,
        "start_seconds": ready,
    }
    table = Table(
        title=f"Courier, draining {count:,} events ({requests:,} requests, 64 in flight)",
        columns=[
            *("", "events/s", "CPU µs/event", "a bare loop", "times that"),
            *("objects/request", "MB at 1/4", "MB at the end"),
        ],
        rows=[["one courier", *(figures[name] for name in SHOWN)]],
        note="Measured from the first delivered object to 95 % of all; the rest waits to fill its batch. "
        "A bare loop reads, maps and sends the same events and promises nothing.",
    )
    return Result(name="courier", tables=[table], figures=figures)


SHOWN = (
    "events_per_second",
    "cpu_us_per_event",
    "bare_us_per_event",
    "times_bare",
    "objects_per_request",
    "memory_mb_at_a_quarter",
    "memory_mb",
)


def start(bench: Bench, sandbox: Process) -> float:
    """Seconds from the start of a process that does everything to its first answer; it is gone afterwards."""
    began = time.perf_counter()
    process = bench.segue(sandbox, roles="receiver,courier")
    took = time.perf_counter() - began
    process.end()
    return took


def bare(bench: Bench) -> float:
    """Microseconds of processor time an event that the bare loop takes, with a sandbox of its own."""
    sandbox, folder = bench.sandbox(), bench.folder / f"bare-{time.monotonic_ns()}"
    written = bench.tool("bare", "fill", str(folder), str(BARE))
    drained = bench.tool("bare", "drain", str(folder), sandbox.address)
    assert delivered(sandbox) == written["objects"] == drained["objects"]
    sandbox.end()
    return float(drained["cpu_seconds"]) * 1e6 / BARE


def drain(
    courier: Process, sandbox: Process, objects: int, most_seconds: float = MOST_SECONDS
) -> tuple[float, float, int, int]:
    """Wait until everything arrived; gives seconds, processor seconds and objects of the steady part, and the
    bytes of memory held when a quarter had arrived."""
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
        time.sleep(TICK_SECONDS)
    raise RuntimeError(f"{delivered(sandbox)} of {objects} objects arrived in {most_seconds:.0f} seconds")
