"""A lean load generator: keep-alive connections that post events and take the time until each answer.

    python -m bench.load http://127.0.0.1:8080 --connections 64 --batch 1 --seconds 3 [--rate 4000]

Without a rate every connection sends as soon as it has its answer. With one, requests fall due at even
distances and a request's time counts from when it was due, so that a stall is seen in every request it
delayed. Prints one JSON object: {"events": …, "seconds": …, "p50_ms": …, "p99_ms": …, "refused": …};
what happened while it warmed up and ran out is only in `all_events` and `all_objects`. `first` and
machine's monotonic clock.
"""

import argparse
import asyncio
import base64
import json
import os
import time
from collections import deque
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from bench.process import WRITE_KEY
from bench.traffic import Pool, make

EVENTS: Final = 20_000
WARM_SECONDS: Final = 0.5
TICK_SECONDS: Final = 0.001
LAST_SECONDS: Final = 5.0

_AUTHORIZATION: Final = base64.b64encode(f"{WRITE_KEY}:".encode())


class Run:
    """What all connections share: the events, the clock, the times taken."""

    def __init__(self, pool: Pool, batch: int, rate: float | None) -> None:
        self._pool = pool
        self._batch = batch
        self._rate = rate
        self.due: deque[float] = deque()
        self.idle: deque[Connection] = deque()
        self.times: list[float] = []
        self.done = 0
        self.refused = 0
        self.all_done = 0
        self.on_the_way = 0
        self.empty = asyncio.Event()
        self.is_over = False

    def request(self) -> bytes:
        """The next request, whole."""
        kind, body = (b"batch", self._pool.batch(self._batch)) if self._batch > 1 else self._pool.call()
        return (
            b"POST /v1/%b HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (kind, _AUTHORIZATION, len(body), body)
        )

    def next(self, connection: "Connection") -> None:
        """Give a free connection its next request, now or when one falls due."""
        if self.is_over:
            if not self.on_the_way:
                self.empty.set()
            return
        if self._rate is None:
            connection.post(time.perf_counter())
        elif self.due:
            connection.post(self.due.popleft())
        else:
            self.idle.append(connection)

    async def fall_due(self) -> None:
        """Let requests fall due at even distances until the run is over."""
        assert self._rate is not None
        began, count = time.perf_counter(), 0
        while not self.is_over:
            now = time.perf_counter()
            while (at := began + count / self._rate) <= now:
                count += 1
                if self.idle:
                    self.idle.popleft().post(at)
                else:
                    self.due.append(at)
            await asyncio.sleep(TICK_SECONDS)


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request on it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._since = 0.0
        self._got = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self._run.next(self)

    def post(self, since: float) -> None:
        assert self.transport is not None
        self._since = since
        self._run.on_the_way += 1
        self.transport.write(self._run.request())

    def data_received(self, data: bytes) -> None:
        self._got += data
        if b"\r\n\r\n" not in self._got or not self._got.rstrip().endswith(b"}"):
            return  # our answers are one small JSON object
        run = self._run
        run.on_the_way -= 1
        if self._got.startswith(b"HTTP/1.1 200"):
            run.done += 1
            run.all_done += 1
        else:
            run.refused += 1
        run.times.append(time.perf_counter() - self._since)
        self._got = b""
        run.next(self)


async def drive(address: str, run: Run, connections: int, seconds: float, *, paced: bool) -> dict[str, float]:
    """Load the address for so long; what happens while it warms up does not count."""
    url = urlsplit(address)
    loop = asyncio.get_running_loop()
    first = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: Connection(run), url.hostname or "", url.port or 80))[1]
        for _ in range(connections)
    ]
    pacer = asyncio.create_task(run.fall_due()) if paced else None
    await asyncio.sleep(WARM_SECONDS)
    run.times.clear()
    run.done = run.refused = 0
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    times, done, refused = sorted(run.times), run.done, run.refused
    late = len(run.due)
    run.is_over = True
    if pacer is not None:
        await pacer
    if run.on_the_way:
        await asyncio.wait_for(run.empty.wait(), LAST_SECONDS)
    ended = time.perf_counter()
    for connection in made:
        if connection.transport is not None:
            connection.transport.close()
    return {
        "requests": done,
        "all_requests": run.all_done,
        "seconds": took,
        "refused": refused,
        "late": late,
        "p50_ms": _at(times, 0.50),
        "p99_ms": _at(times, 0.99),
        "cpu_share": used / took,
        "first": first,
        "ended": ended,
    }


def _at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else float("nan")


def main() -> None:
    """Read the arguments, drive, print."""
    parser = argparse.ArgumentParser(prog="bench.load", description="Post events and time the answers.")
    parser.add_argument("address")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1, help="events in a request; 1 posts single events")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, help="requests a second; as fast as possible when left out")
    given = parser.parse_args()
    pool = Pool(make(EVENTS), b"%08x%08x" % (os.getpid(), time.time_ns() & 0xFFFFFFFF))
    run = Run(pool, given.batch, given.rate)
    said = uvloop.run(
        drive(given.address, run, given.connections, given.seconds, paced=given.rate is not None)
    )
    events = {
        "events": said["requests"] * given.batch,
        "all_events": said["all_requests"] * given.batch,
        "all_objects": pool.objects,
    }
    print(json.dumps(said | events))


if __name__ == "__main__":
    main()
