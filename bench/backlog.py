"""Memory and cost with a backlog.

    python -m bench backlog          an outage at five destinations while events come in (5,000 for each of
                                     --seconds), and what follows; then backlogs of two sizes, drained
    python -m bench backlog-million  backlogs up to a million events; takes minutes

Constant memory means that a column of megabytes does not grow with the backlog; flat cost, that the last
column stays below 1.5.
"""

import base64
import http.client
import json
import time
import urllib.request
from typing import Final
from urllib.parse import urlsplit

from bench.courier import drain
from bench.process import WRITE_KEY, Bench, Process, calls, delivered
from bench.result import Result, Table
from bench.traffic import Event, Pool, make

DESTINATIONS: Final = tuple(f"braze-{number}" for number in range(1, 6))

EVENTS_A_SECOND: Final = 5_000
BATCH: Final = 100
EVENTS: Final = 20_000
"""So many are made; they are sent again and again under new messageIds."""

USUAL_BYTES: Final = 2_000
LARGE_BYTES: Final = 30_000
LARGE_EVERY: Final = 50

SIZES: Final = (10_000, 100_000)
MILLION: Final = 1_000_000

TICK_SECONDS: Final = 0.1
CHECKPOINT_SECONDS: Final = 1.5
"""After so long everything that arrived is written down."""

CALM_SECONDS: Final = 3.0
MOST_SECONDS: Final = 900.0
BUDGET_MB: Final = 300


def run(seconds: float) -> Result:
    """The outage, with 5,000 events for each of `seconds`, and two backlogs."""
    tables: list[Table] = []
    figures: dict[str, float] = {}
    for result in (outage(round(seconds * EVENTS_A_SECOND)), sizes(SIZES)):
        tables += result.tables
        figures |= result.figures
    return Result(name="backlog", tables=tables, figures=figures)


def million(_: float) -> Result:
    """Backlogs up to a million events."""
    return sizes((*SIZES, MILLION))


# -- an outage


def outage(count: int) -> Result:
    """Let events come in while every destination is answered 503, then let them be delivered."""
    with Bench() as bench:
        sandbox = bench.sandbox()
        segue = bench.segue(sandbox, roles="receiver,courier", names=DESTINATIONS, in_flight=16)
        idle = segue.memory_bytes()
        fault(sandbox, status=503)
        pool = Pool([widened(event, index) for index, event in enumerate(make(EVENTS))], b"outage--------00")
        most = post(segue, pool, count)
        held = settled_memory(segue)
        fault(sandbox)
        began, used = time.perf_counter(), segue.cpu_seconds()
        peak = catch_up(segue, sandbox, pool.objects * len(DESTINATIONS))
        took, used = time.perf_counter() - began, segue.cpu_seconds() - used
        full = pool.objects * len(DESTINATIONS) / calls(sandbox)
    figures = {
        "idle_mb": idle / 1e6,
        "coming_in_mb": most / 1e6,
        "held_mb": held / 1e6,
        "catching_up_mb": peak / 1e6,
        "catching_up_us": used * 1e6 / (count * len(DESTINATIONS)),
        "objects_per_request": full,
        "catching_up_seconds": took,
    }
    table = Table(
        title=f"{len(DESTINATIONS)} destinations answered 503 while {count:,} events of 2 and 30 kB come in",
        columns=["", "MB idle", "coming in", "held", "catching up", "CPU µs/event", "objects/request", "s"],
        rows=[["segue run", *figures.values()]],
        note=f"The most of each time; the target is {BUDGET_MB} MB. Cost: of an event at one destination.",
    )
    return Result(name="backlog", tables=[table], figures=figures)


def widened(event: Event, index: int) -> Event:
    """The event with a text that brings it to its size."""
    size = LARGE_BYTES if index % LARGE_EVERY == 0 else USUAL_BYTES
    name = "traits" if event["type"] == "identify" else "properties"
    missing = size - len(json.dumps(event))
    # No property may be longer than this at Braze, but no event is refused for it by a sandbox that counts.
    return event | {name: event[name] | {"remark": f"{index:08d}" * (missing // 8)}}


def fault(sandbox: Process, **fields: object) -> None:
    """Disturb every request from now on, or none."""
    url, headers = f"{sandbox.address}/_sandbox/faults", {"content-type": "application/json"}
    if fields:
        asked = urllib.request.Request(url, json.dumps(fields).encode(), headers)  # noqa: S310 - loopback
    else:
        asked = urllib.request.Request(url, headers=headers, method="DELETE")  # noqa: S310 - loopback
    urllib.request.urlopen(asked, timeout=10).close()  # noqa: S310 - loopback


def post(segue: Process, pool: Pool, count: int) -> int:
    """Post so many events in batches; gives the most memory seen meanwhile."""
    connection = http.client.HTTPConnection(urlsplit(segue.address).netloc, timeout=60)
    key = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    headers = {"authorization": f"Basic {key}", "content-type": "application/json"}
    most = 0
    for start in range(0, count, BATCH):
        connection.request("POST", "/v1/batch", pool.batch(min(BATCH, count - start)), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        most = max(most, segue.memory_bytes())
    connection.close()
    return most


def settled_memory(segue: Process) -> int:
    """What is held once nothing comes in any more."""
    until, most = time.perf_counter() + CALM_SECONDS, 0
    while time.perf_counter() < until:
        most = max(most, segue.memory_bytes())
        time.sleep(TICK_SECONDS)
    return most


def catch_up(segue: Process, sandbox: Process, objects: int) -> int:
    """Wait until exactly so many objects arrived; gives the most memory seen meanwhile."""
    until, most = time.perf_counter() + MOST_SECONDS, 0
    while time.perf_counter() < until:
        most = max(most, segue.memory_bytes())
        found = delivered(sandbox)
        if found >= objects:
            assert found == objects, f"{objects} objects were expected, {found} arrived"
            return most
        time.sleep(TICK_SECONDS)
    raise RuntimeError(f"{delivered(sandbox)} of {objects} objects arrived in {MOST_SECONDS:.0f} seconds")


# -- sizes


def sizes(counts: tuple[int, ...]) -> Result:
    """Drain backlogs of several sizes, each from a log of its own."""
    rows: list[list[object]] = []
    figures: dict[str, float] = {}
    for count in counts:
        with Bench() as bench:
            backlog = bench.tool("preload", str(bench.data), str(count))
            sandbox = bench.sandbox()
            courier = bench.segue(sandbox, roles="courier")
            began = courier.cpu_seconds()
            _, used, answered, _ = drain(courier, sandbox, backlog["objects"], MOST_SECONDS)
            time.sleep(CHECKPOINT_SECONDS)
            cost = (courier.cpu_seconds() - began) * 1e6 / backlog["events"]
            memory = courier.memory_bytes() / 1e6
        steady = used * 1e6 / (answered * backlog["events"] / backlog["objects"])
        figures |= {f"us_per_event_{count}": cost, f"steady_us_{count}": steady, f"mb_{count}": memory}
        rows.append([f"{count:,} events", memory, memory / figures[f"mb_{counts[0]}"], cost])
        rows[-1] += [cost / figures[f"us_per_event_{counts[0]}"], steady]
    table = Table(
        title="Backlogs of several sizes, drained by one courier",
        columns=["", "MB at the end", "to the first", "CPU µs/event", "to the first", "in between"],
        rows=rows,
        note="Cost: from the moment the courier answers until everything has arrived and is written down. In "
        "between: from the first delivered object to 95 % of all; a small backlog has been read by then, and "
        "is over before its checkpoint.",
    )
    return Result(name="backlog", tables=[table], figures=figures)
