"""How fast events come in: `segue run --roles receiver`, every answer after its fsync.

At saturation the machine has no idle core left (the loader needs one too), so waiting is all queueing;
the times that say something about the receiver are those at half load. Beside each case stands what a
server costs that does nothing at all (`bench.yes`), measured right after it: the ratio of the two can be
read on any machine.
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
    """Measure each case as fast as it goes, then again at half that rate; after each the peer, likewise."""
    rows = []
    figures: dict[str, float] = {}
    with Bench() as bench:
        receiver, bare = bench.segue(roles="receiver"), bench.bare()
        sent = 0.0
        for title, connections, batch in CASES:
            name = f"{'single' if batch == 1 else 'batch'}_{connections}"
            for label, share in (("full", None), ("half", 0.5)):
                wanted = share and figures[f"{name}_full_per_second"] * share / batch
                found, each = load(bench, receiver, connections, batch, seconds, wanted)
                sent += found["all_events"]
                _, least = load(bench, bare, connections, batch, seconds, wanted)
                per_second = found["events"] / found["seconds"]
                shown = {
                    "per_second": per_second,
                    "p50_ms": found["p50_ms"],
                    "p99_ms": found["p99_ms"],
                    "cpu_us": each,
                    "bare_cpu_us": least,
                    "cpu_to_bare": each / least,
                }
                figures |= {f"{name}_{label}_{key}": value for key, value in shown.items()}
                rows.append([f"{title}, {label} load", *shown.values()])
        kept = accepted(receiver)
        assert kept == sent, f"{sent:.0f} events were acknowledged, the log took {kept:.0f}"
        figures["receiver_memory_mb"] = receiver.memory_bytes() / 1e6
    table = Table(
        title="Ingest, acknowledged after fsync",
        columns=["", "events/s", "ack p50 ms", "ack p99 ms", "CPU µs/event", "bare uvicorn", "ours / bare"],
        rows=rows,
        note="CPU is the server's alone; the loader shares the machine with it. Bare uvicorn reads the same "
        "bodies and answers 200; at half load it is sent as many as ours.",
    )
    return Result(name="ingest", tables=[table], figures=figures)


def load(
    bench: Bench, server: Process, connections: int, batch: int, seconds: float, rate: float | None
) -> tuple[dict[str, float], float]:
    """Load a server: what the loader found, and the server's processor time in microseconds an event."""
    used = server.cpu_seconds()
    found = bench.tool(
        "load",
        server.address,
        *("--connections", str(connections), "--batch", str(batch), "--seconds", str(seconds)),
        *(("--rate", f"{rate:.0f}") if rate else ()),
    )
    assert not found["refused"], f"{found['refused']} requests were refused"
    return found, (server.cpu_seconds() - used) * 1e6 / found["all_events"]


def accepted(receiver: Process) -> float:
    """Events the receiver says it took."""
    lines = receiver.ask("/metrics").decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("segue_events_accepted_total{"))
