"""How well the rate governor uses limits nobody tells it: hours of simulated time, limits that change.

At least 95 % of what was possible, and less than one refusal in a thousand requests, in every run.
"""

import time
from random import Random

from tests.engine.limited_partner import any_limits

from bench.result import Result, Table


def run(seconds: float) -> Result:
    """Four runs for each second asked for."""
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
    return Result(name="governor", tables=[table], figures=figures)
