"""What a courier costs while events come in one by one, beside the same events as a backlog.

`segue run --roles courier` follows a log to which another process appends at a fixed rate, an event a
request, and delivers into a sandbox that only counts.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench.courier import drain
from bench.process import Bench, calls
from bench.result import Result, Table
from bench.traffic import objects, stream

RATES: Final = (1_000, 4_000)
"""Events a second."""

MOST: Final = 12_000
"""Events of the backlog; the same come in live, as many as fit in the time."""


def run(seconds: float) -> Result:
    """Deliver a backlog, then each rate for so many seconds."""
    backlog, requests = _backlog()
    rows = [["a backlog", "", backlog, 1.0, requests]]
    figures = {"backlog_us": backlog}
    for rate in RATES:
        used, requests, late_ms = _live(rate, seconds)
        rows.append([f"{rate:,} a second", late_ms, used, used / backlog, requests])
        figures |= {f"live_{rate}_us": used, f"live_{rate}_ratio": used / backlog}
    table = Table(
        title="Courier, events one by one",
        columns=["", "latest ms", "CPU µs/event", "to a backlog's", "requests/1,000"],
        rows=rows,
        note="From the first object delivered to 95 % of all. Latest: how long after it was due an event was "
        "appended at most; a late one joins others.",
    )
    return Result(name="live", tables=[table], figures=figures)


def _backlog() -> tuple[float, float]:
    """Processor time an event, µs, and requests for a thousand."""
    with Bench() as bench:
        made = bench.tool("preload", str(bench.data), str(MOST))
        sandbox = bench.sandbox()
        courier = bench.segue(sandbox, roles="courier")
        _, used, answered, _ = drain(courier, sandbox, made["objects"])
        share = made["events"] / made["objects"]
        return used * 1e6 / (answered * share), calls(sandbox) * 1e3 / made["events"]


def _live(rate: int, seconds: float) -> tuple[float, float, float]:
    """The same while events come in, and by how much they came late at the most, milliseconds."""
    count = min(MOST, round(rate * seconds))
    expected = sum(objects(event) for event in stream(count))
    with Bench() as bench, ThreadPoolExecutor(1) as beside:
        bench.tool("preload", str(bench.data), "0")
        sandbox = bench.sandbox()
        courier = bench.segue(sandbox, roles="courier")
        made = beside.submit(bench.tool, "preload", str(bench.data), str(count), "--rate", str(rate))
        _, used, answered, _ = drain(courier, sandbox, expected)
        share = count / expected
        return used * 1e6 / (answered * share), calls(sandbox) * 1e3 / count, made.result()["late_ms"]
