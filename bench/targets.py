"""The targets of the project, each held against a peer of the same run.

The targets were set on another machine, as numbers; a number of one machine says nothing on another. What can
be checked anywhere is the ratio to a peer that was measured there and here: the npm original, a bare loop, a
bare pair of receiver and courier, the loop of look-up and write-back. Where each limit comes from is in
`docs/decisions/0009-targets-as-ratios.md`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from bench.result import Result, Table

Figures = Mapping[str, float]


class Target(msgspec.Struct, frozen=True):
    """What is wanted of one figure.

    bench   that measures it
    words   what is measured
    read    the figure, of those of its bench; KeyError where a short run left it out
    limit   the most it may be; or the least, where `is_floor`
    unit    of figure and limit
    """

    bench: str
    words: str
    read: Callable[[Figures], float]
    limit: float
    unit: str
    is_floor: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a figure is good enough."""
        return value >= self.limit if self.is_floor else value <= self.limit


def _figure(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name]


def _p99(figures: Figures) -> float:
    return max(figures[f"{case}_half_p99_ms"] for case in ("single_64", "single_256", "batch_8"))


def _mapping(kind: str) -> Target:
    read = _figure(f"{kind}_batch_ratio")
    return Target("mapping", f"{kind} in batches against npm", read, 10, "times as fast", is_floor=True)


def _layouts(load: str) -> Callable[[Figures], float]:
    names = (f"{layout}_{load}_times_bare" for layout in ("one_process", "two_processes"))
    return lambda figures, names=tuple(names): max(figures[name] for name in names)


def _delta(figures: Figures) -> float:
    return figures["yardstick_per_second"] / figures["cold_per_second"]


def _backlog(figures: Figures) -> float:
    costs = [value for name, value in figures.items() if name.startswith("us_per_event_")]
    return max(costs) / costs[0]


TARGETS: Final = (
    _mapping("identify"),
    _mapping("track"),
    _mapping("order"),
    Target("courier", "a courier against a bare loop", _figure("times_bare"), 4.0, "times its time"),
    Target("whole", "end to end in batches against a bare pair", _layouts("batch"), 2.6, "times its time"),
    Target("whole", "end to end one by one against a bare pair", _layouts("single"), 2.0, "times its time"),
    Target("ingest", "acknowledged at half load, p99", _p99, 25, "ms"),
    Target(
        "backlog", "an event of the largest backlog against the smallest", _backlog, 1.5, "times its time"
    ),
    Target("routing", "200 subscriptions against one", _figure("ratio_200_to_1"), 1.5, "times its time"),
    Target("delta", "decided from the state, against a look-up and a write", _delta, 0.87, "times its time"),
    Target("courier", "memory of a courier at the end of a backlog", _figure("memory_mb"), 300, "MB"),
    Target(
        "backlog", "memory of `segue run`, catching up after an outage", _figure("catching_up_mb"), 300, "MB"
    ),
    Target("courier", "from the start to the first answer", _figure("start_seconds"), 1.5, "s"),
    Target("governor", "use of a hidden limit", _figure("utilisation_percent_worst"), 95, "%", is_floor=True),
    Target("governor", "requests refused with 429", _figure("refused_percent_worst"), 0.1, "%"),
)


def judged(found: Mapping[str, Mapping[str, float]]) -> Result | None:
    """Each target that was measured, and whether it is met. found: figures by bench. None: there are none."""
    rows: list[list[Any]] = []
    figures: dict[str, float] = {}
    for target in TARGETS:
        try:
            value = target.read(found[target.bench])
        except KeyError:
            continue
        wanted = f"{'at least' if target.is_floor else 'at most'} {target.limit:g} {target.unit}"
        rows.append([target.words, value, wanted, "met" if target.is_met(value) else "NOT MET"])
        figures[f"{target.bench}: {target.words}"] = value
    if not rows:
        return None
    table = Table(
        title="Targets",
        columns=["", "found", "wanted", ""],
        rows=rows,
        note="Ratios to peers of the same run; why these, and these limits: docs/decisions/0009. "
        "Short runs and busy machines waver.",
    )
    return Result(name="targets", tables=[table], figures=figures)
