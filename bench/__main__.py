"""Measure Segue on this machine: python -m bench [name …] [--seconds N] [--quick].

    ingest    events in, durable before they are acknowledged
    courier   a backlog out
    live      events out while they come in, one by one
    whole     both at once, in one process and in two
    mapping   an event to its request, against the npm original
    routing   one subscription against two hundred
    governor  rate limits nobody tells of, used up; by two processes as by one
    packing   requests for a thousand events
    backlog   memory and cost with an outage, and by the size of a backlog
    sandbox   the sandbox by itself: objects in, start, memory
    million, backlog-million   a million people in a sandbox's file, a million events; only when asked for

Prints a table for each, and at the end which targets are met (`bench.targets`); writes everything to
bench/results as JSON, with the facts of the machine and how much it wavered meanwhile. Compare figures of one
run, not of two machines.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from bench import (
    backlog,
    courier,
    delta,
    governor,
    ingest,
    live,
    machine,
    mapping,
    packing,
    routing,
    sandbox,
    targets,
    whole,
)
from bench.result import Result, show
from segue.cli.serve import COLLECT_AFTER

BENCHES: Final[dict[str, Callable[[float], Result]]] = {
    "ingest": ingest.run,
    "courier": courier.run,
    "live": live.run,
    "whole": whole.run,
    "mapping": mapping.run,
    "routing": routing.run,
    "delta": delta.run,
    "governor": governor.run,
    "packing": packing.run,
    "backlog": backlog.run,
    "sandbox": sandbox.run,
}
ASKED: Final[dict[str, Callable[[float], Result]]] = {
    "million": sandbox.million,
    "backlog-million": backlog.million,
}
"""Only when named."""

SECONDS: Final = 4.0
QUICK_SECONDS: Final = 1.0

PAGE_WIDTH: Final = 120

RESULTS: Final = Path(__file__).parent / "results"


def main() -> None:
    """Run what was asked for and keep what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Segue on this machine.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"{', '.join(BENCHES)}; these when left out. And: {', '.join(ASKED)}",
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long each load lasts (%(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"loads of {QUICK_SECONDS:g} s: a first impression"
    )
    given = parser.parse_args()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)  # as `segue run` does, for what is measured in this process
    unknown = [name for name in given.names if name not in BENCHES | ASKED]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(BENCHES | ASKED)}")
    seconds = QUICK_SECONDS if given.quick else given.seconds
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PAGE_WIDTH)
    facts = machine.facts()
    console.print(
        f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, SQLite {facts['sqlite']}\n"
    )
    kept: dict[str, Any] = {"machine": facts, "seconds": seconds, "benches": {}}
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        for name in given.names or BENCHES:
            noise = machine.Noise(Path(folder))
            noise.probe()
            began = time.perf_counter()
            result = (BENCHES | ASKED)[name](seconds)
            took = time.perf_counter() - began
            noise.probe()
            show(result, console)
            console.print(f"{name}: {took:.0f} s; {noise}\n", style="dim")
            figures = {key: round(value, 4) for key, value in result.figures.items()}
            kept["benches"][name] = {
                "figures": figures,
                "tables": [msgspec.to_builtins(table) for table in result.tables],
                "noise": noise.spread(),
                "seconds": round(took, 1),
            }
    verdict = targets.judged({name: each["figures"] for name, each in kept["benches"].items()})
    if verdict is not None:
        show(verdict, console)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    console.print(f"Kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
