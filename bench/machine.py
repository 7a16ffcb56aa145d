"""What the figures were made on, and how much the machine wavers while they are made.

    noise = Noise(folder)
    noise.probe()            # before and after each benchmark
    noise.spread()           # {"spin_ms": {"median": …, "spread": 0.08}, "fsync_ms": {…}}

A spread is (largest - smallest) / median of the probes. A figure that differs from another by less than
the spread of the probes beside it differs by nothing.
"""

import contextlib
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import apsw

SPIN_STEPS: Final = 400_000
SYNCS: Final = 25
SYNC_BYTES: Final = 4096


def facts() -> dict[str, Any]:
    """The machine in a few words."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _named("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _named("/proc/meminfo", "MemTotal"),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
    }


class Noise:
    """Repeats the same small work and remembers how long it took each time."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "fsync-probe"
        self._spins: list[float] = []
        self._syncs: list[float] = []

    def probe(self) -> None:
        """Spin three times, sync twenty-five times."""
        self._spins += [_spin() for _ in range(3)]
        self._syncs.append(_sync(self._file))

    def spread(self) -> dict[str, dict[str, float]]:
        """Median and spread of both probes, milliseconds."""
        return {"spin_ms": _summary(self._spins), "fsync_ms": _summary(self._syncs)}

    def __str__(self) -> str:
        said = self.spread()
        spin, sync = said["spin_ms"], said["fsync_ms"]
        return (
            f"noise: a fixed loop took {spin['median']:.1f} ms ± {spin['spread'] / 2:.0%}, "
            f"an fsync {sync['median']:.2f} ms ± {sync['spread'] / 2:.0%}"
        )


def _spin() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(SPIN_STEPS):
        total += number & 7
    return (time.perf_counter() - began) * 1000


def _sync(path: Path) -> float:
    """Median milliseconds of a small write and its fsync."""
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(b"x" * SYNC_BYTES)
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _summary(samples: list[float]) -> dict[str, float]:
    middle = statistics.median(samples)
    return {"median": round(middle, 3), "spread": round((max(samples) - min(samples)) / middle, 3)}


def _named(path: str, name: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.split(":", 1)[1].strip()
    return ""
