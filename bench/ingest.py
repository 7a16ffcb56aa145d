"""How fast events come in: `segue run --roles receiver`, every answer after its fsync.

At saturation the machine has no idle core left (the loader needs one too), so waiting is all queueing;
the times that say something about the receiver are those at half load.
"""

from typing import Final

from bench.process import Bench, Process
from bench.result import Result, Table

CASES: Final = (
    ("single, 64 connections", 64, 1),
    ("single, 256 connections", 256, 1),
    ("batches of 100, 8 connections", 8, 100),
)


def run(seconds: float) -> Result:
    """Measure each case as fast as it goes, then again at half that rate."""
    rows = []
    figures: dict[str, float] = {}
    with Bench() as bench:
        receiver = bench.segue(roles="receiver")
        sent = 0.0
        for title, connections, batch in CASES:
            name = f"{'single' if batch == 1 else 'batch'}_{connections}"
            for label, share in (("full", None), ("half", 0.5)):
                wanted = share and figures[f"{name}_full_per_second"] * share / batch
                used = receiver.cpu_seconds()
                found = bench.tool(
                    "load",
                    receiver.address,
                    *("--connections", str(connections), "--batch", str(batch), "--seconds", str(seconds)),
                    *(("--rate", f"{wanted:.0f}") if wanted else ()),
                )
                assert not found["refused"], f"{found['refused']} requests were refused"
                sent += found["all_events"]
                used = receiver.cpu_seconds() - used
                per_second = found["events"] / found["seconds"]
                figures[f"{name}_{label}_per_second"] = per_second
                figures[f"{name}_{label}_p50_ms"] = found["p50_ms"]
                figures[f"{name}_{label}_p99_ms"] = found["p99_ms"]
                each = used * 1e6 / found["all_events"]
                rows.append([f"{title}, {label} load", per_second, found["p50_ms"], found["p99_ms"], each])
        kept = accepted(receiver)
        assert kept == sent, f"{sent:.0f} events were acknowledged, the log took {kept:.0f}"
        figures["receiver_memory_mb"] = receiver.memory_bytes() / 1e6
    table = Table(
        title="Ingest, acknowledged after fsync",
        columns=["", "events/s", "ack p50 ms", "ack p99 ms", "CPU µs/event"],
        rows=rows,
        note="CPU is the receiver's alone; the loader shares the machine with it.",
    )
    return Result(name="ingest", tables=[table], figures=figures)


def accepted(receiver: Process) -> float:
    """Events the receiver says it took."""
    lines = receiver.ask("/metrics").decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("segue_events_accepted_total{"))
