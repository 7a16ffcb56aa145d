"""The npm original in a Node process of its own, asked line by line; see node/peer.js.

with Peer(events) as peer:                 # {"track": [...], "identify": [...], "order": [...]}
    peer.microseconds("track", 75, 1.0)    # per event
    peer.bodies("track", 75, 2)            # what it would have sent
"""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import IO, Any, Final, Self, cast

from bench.traffic import Event

THREADS: Final = "/proc/{process}/task/{thread}/schedstat"
"""Where Linux tells the nanoseconds a thread has run."""

COUNTS_PROCESSOR: Final = Path("/proc/self/schedstat").exists()
"""Whether both sides can be measured by processor time; else both are by the clock on the wall."""

clock: Final = time.thread_time if COUNTS_PROCESSOR else time.perf_counter
"""Seconds, for our side."""

FOLDER: Final = Path(__file__).parent / "node"


def is_installed() -> bool:
    """Whether Node and the original are there; `make bench` installs the original."""
    return which("node") is not None and (FOLDER / "node_modules").is_dir()


class Peer:
    """A context manager; leaving it ends the process."""

    def __init__(self, events: Mapping[str, list[Event]], folder: Path) -> None:
        self._path = folder / "events.json"
        self._path.write_text(json.dumps(events))

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            ["node", "peer.js"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._ask({"events": str(self._path)})
        return self

    def __exit__(self, *_: object) -> None:
        self._in.close()
        self._child.wait(20)
        self._out.close()

    def microseconds(self, kind: str, size: int, seconds: float) -> float:
        """Time per event of calls with so many events: the main thread's on a processor where that can be
        told, else by the clock."""
        began = self._ran_ns()
        answer = self._ask({"kind": kind, "size": size, "seconds": seconds})
        if not COUNTS_PROCESSOR:
            return float(answer["us"])
        return (self._ran_ns() - began) / 1e3 / int(answer["events"])

    def bodies(self, kind: str, size: int, count: int) -> list[Any]:
        """The request bodies of so many calls."""
        return list(self._ask({"kind": kind, "size": size, "bodies": count})["bodies"])

    def _ran_ns(self) -> int:
        pid = self._child.pid
        if not COUNTS_PROCESSOR:
            return 0
        return int(Path(THREADS.format(process=pid, thread=pid)).read_text().split()[0])

    @property
    def _in(self) -> IO[str]:
        return cast(IO[str], self._child.stdin)

    @property
    def _out(self) -> IO[str]:
        return cast(IO[str], self._child.stdout)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._in.write(json.dumps(order) + "\n")
        self._in.flush()
        line = self._out.readline()
        if not line:
            raise RuntimeError(f"the peer ended without an answer to {order}")
        found: dict[str, Any] = json.loads(line)
        return found
