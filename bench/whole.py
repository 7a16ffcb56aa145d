"""End to end: events posted, kept, mapped, sent and answered, in one process and in two.

Delivery runs while events come in. Where less goes out meanwhile than is accepted, the log holds the
difference and delivery goes on afterwards; acknowledgements never wait for Braze.
"""

import time
from typing import Any, Final

from bench.process import Bench, Process, delivered
from bench.result import Result, Table

LAYOUTS: Final = (("one process", ("receiver,courier",)), ("two processes", ("receiver", "courier")))
LOADS: Final = (("batches of 100", 8, 100), ("single", 64, 1))

TICK_SECONDS: Final = 0.1
MOST_SECONDS: Final = 60.0
WHOLE_SECONDS: Final = 2.0
"""Shorter runs leave the single events out."""


def run(seconds: float) -> Result:
    """Load each layout in batches and one by one, and wait until all of it arrived."""
    rows = []
    figures: dict[str, float] = {}
    with Bench() as bench:
        sandbox = bench.sandbox()
        for load, connections, batch in LOADS if seconds >= WHOLE_SECONDS else LOADS[:1]:
            peer = measure(bench, bench.bare_pair(sandbox), sandbox, connections, batch, seconds)
            measured = {"a bare pair": peer}
            for layout, processes in LAYOUTS:
                running = [bench.segue(sandbox, roles=roles) for roles in processes]
                measured[layout] = measure(bench, running, sandbox, connections, batch, seconds)
            for layout, found in measured.items():
                found["times_bare"] = found["cpu_us"] / peer["cpu_us"]
                name = f"{layout.replace(' ', '_')}_{'batch' if batch > 1 else 'single'}"
                figures |= {f"{name}_{key}": value for key, value in found.items()}
                rows.append([f"{layout}, {load}", *(found[key] for key in SHOWN)])
    table = Table(
        title="End to end, HTTP to acknowledged by the sandbox",
        columns=[
            *("", "accepted/s", "out/s meanwhile", "out/s overall", "p50 ms", "p99 ms"),
            *("CPU µs/event", "times bare"),
        ],
        rows=rows,
        note="Loader and sandbox run on the same cores; the whole of Segue's CPU per event is given. The "
        "bare pair takes in for good, maps and sends the same, and promises nothing else.",
    )
    return Result(name="whole", tables=[table], figures=figures)


SHOWN: Final = (
    "accepted",
    "delivered_live",
    "delivered_overall",
    "p50_ms",
    "p99_ms",
    "cpu_us",
    "times_bare",
)


def measure(
    bench: Bench, running: list[Process], sandbox: Process, connections: int, batch: int, seconds: float
) -> dict[str, float]:
    """Load processes once, the first of which receives; they are gone afterwards."""
    before, used = delivered(sandbox), cpu(running)
    load: dict[str, Any] = bench.tool(
        "load",
        running[0].address,
        *("--connections", str(connections), "--batch", str(batch), "--seconds", str(seconds)),
    )
    assert not load["refused"], f"{load['refused']} requests were refused"
    live, loaded = delivered(sandbox) - before, time.perf_counter() - load["first"]
    took = wait_for(sandbox, before + load["all_objects"]) - load["first"]
    used = cpu(running) - used
    for process in reversed(running):
        process.end()
    return {
        "accepted": load["events"] / load["seconds"],
        "delivered_live": live / load["all_objects"] * load["all_events"] / loaded,
        "delivered_overall": load["all_events"] / took,
        "p50_ms": load["p50_ms"],
        "p99_ms": load["p99_ms"],
        "cpu_us": used * 1e6 / load["all_events"],
    }


def cpu(running: list[Process]) -> float:
    """Processor seconds of all processes so far."""
    return sum(process.cpu_seconds() for process in running)


def wait_for(sandbox: Process, objects: int) -> float:
    """Wait until exactly so many objects arrived; gives when they had."""
    until = time.perf_counter() + MOST_SECONDS
    while (now := time.perf_counter()) < until:
        found = delivered(sandbox)
        if found >= objects:
            assert found == objects, f"{objects} objects were expected, {found} arrived"
            return now
        time.sleep(TICK_SECONDS)
    raise RuntimeError(f"{delivered(sandbox)} of {objects} objects arrived in {MOST_SECONDS:.0f} seconds")
