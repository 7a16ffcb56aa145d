"""How well the rate governor uses limits nobody tells it: hours of simulated time, limits that change.

Then two processes of the system that share one limit through its file.

At least 95 % of what was possible, and less than one refusal in a thousand requests, in every run.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from random import Random
from typing import Final

from tests.engine.limited_partner import Partner, Run, any_limits, together
from tests.runtime.turns import Child

from bench.result import Result, Table

SHARED: Final = ((50, 1, "silent"), (100, 3, "retry-after"), (600, 60, "epoch"))
"""Limits two processes share: requests, seconds of a window, and how answers tell of it."""

SETTLING_SECONDS: Final = 60
"""In so long they have found the limit and one another; what is measured is as long."""


def run(seconds: float) -> Result:
    """Four runs for each second asked for, and three of two processes."""
    rows: list[list[object]] = []
    requests = 0
    began = time.process_time()
    for seed in range(max(3, round(4 * seconds))):
        simulated, words, (since, until), possible = any_limits(Random(seed), phase=300.0)
        simulated.until(until)
        used = simulated.granted(since, until) / possible
        rows.append([words, 100 * used, 100 * simulated.refused_share(since, until)])
        requests += len(simulated.answers)
    took = time.process_time() - began
    figures = {
        "utilisation_percent_worst": min(float(str(row[1])) for row in rows),
        "refused_percent_worst": max(float(str(row[2])) for row in rows),
        "us_per_request": took * 1e6 / requests,
    }
    table = Table(
        title=f"Governor, {requests:,} requests under limits it was not told",
        columns=["limits, each for five minutes; headers; slowest answer", "% used", "% refused"],
        rows=[*rows, ["worst", figures["utilisation_percent_worst"], figures["refused_percent_worst"]]],
        note=f"{figures['us_per_request']:.0f} µs of processor a request, the simulated partner included.",
    )
    shared, found = _shared()
    return Result(name="governor", tables=[table, shared], figures=figures | found)


def _shared() -> tuple[Table, dict[str, float]]:
    """Two processes and one limit: how much of it they use together, and how much of that the lesser has."""
    rows: list[list[object]] = []
    sent = 0
    since, until = SETTLING_SECONDS, 2 * SETTLING_SECONDS
    for limit, window, style in SHARED:
        with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder, _processes(folder) as children:
            partner = Partner([(0, limit, window)], style)
            runs = [Run(partner.answer, governor=child, seed=seed) for seed, child in enumerate(children)]
            together(runs, until, lambda now, both=children: [child.ask("round", now) for child in both])
            granted = [each.granted(since, until) for each in runs]
            shares = [each.refused_share(since, until) for each in runs]
            refused = sum(share / (1 - share) * n for share, n in zip(shares, granted, strict=True))
        sent += sum(len(each.answers) for each in runs)
        possible = limit * (until - since) / window
        rows.append(
            [
                f"{limit} a {f'{window} s' if window > 1 else 'second'}; {style}",
                100 * sum(granted) / possible,
                100 * refused / (sum(granted) + refused),
                100 * min(granted) / sum(granted),
            ]
        )
    figures = {
        "shared_utilisation_percent_worst": min(float(str(row[1])) for row in rows),
        "shared_refused_percent_worst": max(float(str(row[2])) for row in rows),
    }
    table = Table(
        title=f"The same, {sent:,} requests of two processes that share one limit through its file",
        columns=["limit; headers", "% used", "% refused", "% of it the lesser's"],
        rows=rows,
        note=f"{until - since} seconds of simulated time, after {since} to find the limit and one another.",
    )
    return table, figures


@contextlib.contextmanager
def _processes(folder: str) -> Iterator[list[Child]]:
    """Two processes of the system that take permits when they are told to."""
    command = [sys.executable, "-m", "tests.runtime.turns", folder]
    started = [
        subprocess.Popen(
            [*command, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for who in "12"
    ]
    try:
        yield [Child(process.stdin, process.stdout) for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()
