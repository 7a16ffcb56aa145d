"""The sandbox by itself: how fast it takes objects, how soon it is there, how much it holds.

    python -m bench sandbox      objects of /users/track in memory and with a state file, start, memory
    python -m bench million      a million people in a state file, and in how much memory; takes minutes

A person has five attributes, an event and a purchase: three objects. Requests carry 75 objects over one
connection each, from this process; rates by the clock include it, processor times do not.
"""

import asyncio
import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

from bench.process import Bench, Process, free_port
from bench.result import Result, Table
from segue.sandbox.app import create_app
from segue.sandbox.switches import Switches

PEOPLE_A_REQUEST = 25
CONNECTIONS = 2
MILLION = 1_000_000
IN_PROCESS = 20_000
"""People of the measurement without a server."""
WAYS = {"in memory": [], "with a state file": ["--state", "braze.sqlite"], "keeping nothing": ["--no-keep"]}
_HEADERS = {"authorization": "Bearer sandbox", "content-type": "application/json"}


def run(seconds: float) -> Result:
    """Rates, memory and starts; `seconds` sets how many people are sent each way."""
    people = max(5_000, round(25_000 * seconds) // 1_000 * 1_000)
    rows: list[list[object]] = []
    figures: dict[str, float] = {}
    for way, options in WAYS.items():
        with Bench() as bench:
            begun = [_start(bench, options) for _ in range(3)]
            sandbox = bench.sandbox(*options, "--set", "enforce_limits=false")
            empty, used = sandbox.memory_bytes(), sandbox.cpu_seconds()
            took = fill(sandbox, 0, people)
            used = sandbox.cpu_seconds() - used
            held = (sandbox.memory_bytes() - empty) / 1e6 * 100_000 / people
            alone = in_process(
                bench.folder / "alone.sqlite" if "--state" in options else None, "--no-keep" not in options
            )
        name = way.replace(" ", "_")
        figures |= {
            f"objects_per_second_{name}": 3 * people / took,
            f"objects_per_cpu_second_{name}": 3 * people / used,
            f"objects_per_cpu_second_in_process_{name}": alone,
            f"mb_per_100k_people_{name}": held,
            f"start_seconds_{name}": statistics.median(wall for wall, _ in begun),
            f"start_cpu_seconds_{name}": statistics.median(cpu for _, cpu in begun),
        }
        rows.append([way, *(figures[f"{key}_{name}"] for key in KEYS)])
    table = Table(
        title=f"Sandbox, {people:,} people of three objects each, 75 objects a request",
        columns=[
            "state",
            "objects/s",
            "objects/CPU s",
            "in-process",
            "MB per 100,000",
            "start s",
            "start CPU s",
        ],
        rows=rows,
        note="The loader shares the machine. In-process: objects/CPU s as an ASGI application, no server. "
        "With a file memory does not grow beyond 50,000 people in use.",
    )
    return Result(name="sandbox", tables=[table], figures=figures)


KEYS = (
    "objects_per_second",
    "objects_per_cpu_second",
    "objects_per_cpu_second_in_process",
    "mb_per_100k_people",
    "start_seconds",
    "start_cpu_seconds",
)


def million(seconds: float) -> Result:
    """A million people in a state file: memory, disk, rate on the way, and what asking everybody takes."""
    rows: list[list[object]] = []
    with Bench() as bench:
        sandbox = bench.sandbox("--state", "braze.sqlite", "--set", "enforce_limits=false")
        for first in range(0, MILLION, MILLION // 10):
            used = sandbox.cpu_seconds()
            took = fill(sandbox, first, MILLION // 10)
            used = sandbox.cpu_seconds() - used
            objects = 3 * MILLION // 10
            disk = sum(path.stat().st_size for path in bench.folder.glob("braze.sqlite*"))
            rows.append(
                [
                    first + MILLION // 10,
                    objects / took,
                    objects / used,
                    sandbox.memory_bytes() / 1e6,
                    disk / 1e6,
                ]
            )
            print(
                f"  {first + MILLION // 10:>9,} people, {sandbox.memory_bytes() / 1e6:.0f} MB",
                file=sys.stderr,
            )
        wanted = {"kind": "text_attribute", "name": "plan", "comparator": "equals", "value": "gold"}
        began = time.perf_counter()
        answer = _post(sandbox.address, "/_sandbox/segments/count", json.dumps({"filter": wanted}).encode())
        counted = time.perf_counter() - began
        people = json.loads(answer)["of"]
    figures = {
        "people": float(people),
        "memory_mb": float(str(rows[-1][3])),
        "disk_mb": float(str(rows[-1][4])),
        "objects_per_second_last": float(str(rows[-1][1])),
        "objects_per_cpu_second_last": float(str(rows[-1][2])),
        "segment_count_seconds": counted,
    }
    table = Table(
        title="A million people in a state file",
        columns=["people", "objects/s", "objects/CPU s", "memory MB", "disk MB"],
        rows=rows,
        note=f"Counting a segment over all {people:,}: {counted:.1f} s.",
    )
    return Result(name="million", tables=[table], figures=figures)


def fill(sandbox: Process, first: int, people: int) -> float:
    """Send people over a few connections; the seconds it took. Raises RuntimeError: one was refused."""
    batches = iter(range(first, first + people, PEOPLE_A_REQUEST))
    lock, faults = threading.Lock(), list[str]()

    def send() -> None:
        where = urlsplit(sandbox.address)
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=60)
        while not faults:
            with lock:
                start = next(batches, None)
            if start is None:
                break
            connection.request("POST", "/users/track", _body(start), _HEADERS)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 201 or b"errors" in said:
                faults.append(said.decode())
        connection.close()

    began = time.perf_counter()
    senders = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if faults:
        raise RuntimeError(f"the sandbox refused people: {faults[0][:300]}")
    return time.perf_counter() - began


def in_process(state_file: Path | None, keep: bool) -> float:
    """Objects a processor second of an ASGI application in this process, without a server."""
    app = create_app(keep=keep, state_file=state_file, switches=Switches(enforce_limits=False))
    bodies = [_body(start) for start in range(0, IN_PROCESS, PEOPLE_A_REQUEST)]
    headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/users/track",
        "raw_path": b"/users/track",
        "query_string": b"",
        "headers": headers,
    }

    async def work() -> float:
        began = time.process_time()
        for body in bodies:
            message = {"type": "http.request", "body": body}

            async def receive(message: dict[str, object] = message) -> dict[str, object]:
                return message

            await app(scope, receive, _nowhere)
        app.world.save()
        return time.process_time() - began

    took = asyncio.run(work())
    app.world.close()
    return 3 * IN_PROCESS / took


async def _nowhere(message: MutableMapping[str, object]) -> None:
    """Where answers go that nobody reads."""


def _body(start: int) -> bytes:
    numbers = range(start, start + PEOPLE_A_REQUEST)
    return json.dumps({name: list(make(numbers)) for name, make in _MAKERS.items()}).encode()


def _attributes(numbers: range) -> Iterator[dict[str, object]]:
    for number in numbers:
        yield {
            "external_id": f"user-{number}",
            "email": f"user-{number}@example.com",
            "first_name": f"Name {number % 1_000}",
            "country": "NO",
            "plan": ("gold", "plus", "free")[number % 3],
            "visits": number % 50,
        }


def _events(numbers: range) -> Iterator[dict[str, object]]:
    for number in numbers:
        time_ = f"2026-01-{number % 28 + 1:02d}T10:00:00Z"
        yield {
            "external_id": f"user-{number}",
            "name": "Page Read",
            "time": time_,
            "properties": {"n": number},
        }


def _purchases(numbers: range) -> Iterator[dict[str, object]]:
    for number in numbers:
        yield {
            "external_id": f"user-{number}",
            "product_id": f"product-{number % 100}",
            "currency": "USD",
            "price": 9.5,
            "time": "2026-01-15T10:00:00Z",
        }


_MAKERS = {"attributes": _attributes, "events": _events, "purchases": _purchases}


def _start(bench: Bench, options: list[str]) -> tuple[float, float]:
    """Start a sandbox and end it again: seconds to its first answer, and processor seconds by then."""
    port = free_port()
    began = time.perf_counter()
    process = bench.begin(["sandbox", *options, "--port", str(port)], port, "/_sandbox/totals")
    found = time.perf_counter() - began, process.cpu_seconds()
    process.end()
    for path in Path(bench.folder).glob("braze.sqlite*"):
        path.unlink()
    return found


def _post(address: str, path: str, body: bytes) -> bytes:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=300)
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse().read()
    connection.close()
    return answer
